#pragma once

/* How a run may go through a rule, as far as its captures say: what only a run knows may be anything. */

#include "core/rule.h"

/* In all of them `entered` is the rule that took the input, whose names are known: a `goto` may lead on to `rule`. */

/* flow_steps_holds: 1: the condition holds, 0: it does not, -1: it looks at what only a run knows. */
int flow_steps_holds(const struct rule *entered, const struct condition *condition,
                     struct json_object *captures, struct pattern_scratch *scratch);
/* flow_steps_reach: for each step whether a run may come to it; in the arena, NULL when memory is out. */
const bool *flow_steps_reach(const struct rule *rule, const struct rule *entered,
                             struct json_object *captures, struct pattern_scratch *scratch,
                             struct arena *arena);
/* flow_steps_captured: has the message all captures that it cannot do without? */
bool flow_steps_captured(const struct message *message, struct json_object *captures);
/* flow_steps_shows: may a button of the message be shown? */
bool flow_steps_shows(const struct rule *entered, const struct message_row *row,
                      const struct message_button *button, struct json_object *captures,
                      struct pattern_scratch *scratch);
