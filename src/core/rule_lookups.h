#pragma once

/* What a rule's lookups mean for the whole of it. Private to core/rule_build.c and core/step_build.c. */

#include "core/names.h"
#include "core/rule_build.h"

/* rule_lookups_carried: the answers that rules have which lead here by `goto`. False when memory is out. */
bool rule_lookups_carried(struct rule_context *context, const struct rule *rule,
                          struct names_lookups *lookups) CHECKED;
/* rule_lookups_warn: a lookup without on_error, a POST that two presses would repeat. */
void rule_lookups_warn(struct rule_context *context, const struct rule *rule);
/* rule_lookups_leave: what was asked since `before` was asked on one way of several. */
void rule_lookups_leave(struct names_lookups *lookups, const struct names_lookup *before);
