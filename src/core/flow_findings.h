#pragma once

/* How the checker says what it found. */

#include "core/flow_model.h"

/* What a rule's own pattern is. */
void flow_say_outside(struct flow *flow, const struct flow_rule *rule, enum flow_side side);
void flow_say_effort(struct flow *flow, struct place at, struct text text);
void flow_say_never(struct flow *flow, int rule, enum flow_side side, const int *first, int n,
                    struct text example);
void flow_say_second_default(struct flow *flow, int rule, int first);
void flow_say_overlap(struct flow *flow, int rule, int first, enum flow_side side, struct text common);
void flow_say_unreached(struct flow *flow, int rule);
void flow_say_dead_end(struct flow *flow, int rule);
/* flow_say_no_set: `values`: some that there are, quoted. */
void flow_say_no_set(struct flow *flow, const struct condition_part *part, struct text values, bool more);

/* Of buttons; each is said once of the same place in the file. */
void flow_say_nowhere(struct flow *flow, struct flow_button *button, struct text data, bool always);
void flow_say_can_nowhere(struct flow *flow, struct flow_button *button, const struct flow_shown *shown);
void flow_say_long(struct flow *flow, struct flow_button *button, long bytes, bool more);
void flow_say_empty(struct flow *flow, struct flow_button *button, const struct flow_shown *shown);
void flow_say_split(struct flow *flow, struct flow_button *button, struct text a, int rule_a, struct text b,
                    int rule_b);
void flow_say_doubtful(struct flow *flow, struct flow_button *button);
void flow_say_open(struct flow *flow, struct flow_button *button);
/* flow_say_unbounded: a lookup's value may make the data too long; `known`: there is a pattern for it. */
void flow_say_unbounded(struct flow *flow, struct flow_button *button, struct text path, bool known);

/* flow_say_undecided: a note; `what` ends "it is undecided whether ". */
void flow_say_undecided(struct flow *flow, struct place at, const char *format, ...) PRINTF(3, 4);
/* flow_say_label: how a button is called: its label as written. */
struct text flow_say_label(const struct flow_button *button);

/* Old rules against new ones. `now`: the new rule, -1: none. */
void flow_say_against(struct flow *old, const struct flow *new, struct flow_button *button, struct text data,
                      int before, int now);
void flow_say_in_chats(struct flow *old, const struct flow *new, struct text data, int before, int now,
                       int64_t buttons, int64_t chats);
