#pragma once

/* What the targets that have rules share. */

#include "fuzz.h"

#include "core/ruleset.h"

/* kit_rules: a ruleset of these rules, which load. */
struct ruleset *kit_rules(const char *yaml);
/* kit_render: each message of each rule with this scope; what is rendered must hold to all limits, and read back from either
   dialect as what it was. */
void kit_render(const struct ruleset *ruleset, struct json_object *scope, struct pattern_scratch *scratch);
