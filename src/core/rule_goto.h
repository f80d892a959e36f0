#pragma once

/* `goto`: which rule leads to which. Private to core/rule*.c and core/ruleset*.c. */

#include "core/rule_build.h"

/* rule_goto_origins: fills `origins` of all rules from their nodes; targets that do not exist are left out. False when memory
   is out. */
bool rule_goto_origins(struct rule_context *context) CHECKED;
/* rule_goto_target: the rule that is named; NULL after adding an error (no such rule, or it is guarded). */
const struct rule *rule_goto_target(struct rule_context *context, const struct node *name);
/* rule_goto_circles: adds an error for each circle in which nothing is sent. For rules whose steps are built. */
void rule_goto_circles(struct rule_context *context);
