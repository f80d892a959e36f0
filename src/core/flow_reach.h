#pragma once

/* Where everything leads: what each rule wins, what each button can lead to, which rules customers come to. */

#include "core/flow_real.h"

/* flow_reach_catches: marks the patterns that take everything. */
void flow_reach_catches(struct flow *flow);

/* What walks over a rule's own texts find. */
struct flow_won {
    enum flow_result result;
    bool wins;               /* it is the first for something */
    int first[4], n_first;   /* rules before it that take something of its */
    struct text common[4];   /* what: as many as first */
    int beside[4], n_beside; /* rules before it that take something of its under another condition */
    struct text shared[4];
};

/* flow_reach_won: of a side on which the rule's program is exact. */
void flow_reach_won(struct flow *flow, int rule, enum flow_side side, struct flow_won *out);
/* flow_reach_within: does b take all that a takes? */
enum flow_result flow_reach_within(struct flow *flow, int a, int b, enum flow_side side, bool *within);
/* flow_reach_leads: fills leads, taken and lost of a button. */
void flow_reach_leads(struct flow *flow, struct flow_button *button);
/* flow_reach_mark: marks the rules that customers come to. */
void flow_reach_mark(struct flow *flow);
/* flow_reach_word: what a walk took to come to a node, kept; TEXT_NONE when memory is out. */
struct text flow_reach_word(struct flow *flow, const struct flow_walk *walk, int node);
