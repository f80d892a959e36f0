#pragma once

/* Steps from the nodes of a rule: a tree becomes one list with jumps. */

#include "core/rule_build.h"

extern const struct schema reply_schema, choose_schema, do_schema, set_schema, quiet_schema, goto_schema;

/* step_build: the steps of a map with the keys of a rule or branch, into rule->steps. False after adding errors. */
bool step_build(const struct node *map, struct rule_context *context, struct rule *rule) CHECKED;

/* step_visit: calls `visit` with each map of steps that stands in a rule's node, the node itself first: branches, lists, blocks.
   For what has to be known before steps can be built. */
void step_visit(const struct node *map, void (*visit)(void *context, const struct node *map), void *context);
