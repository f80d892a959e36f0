#pragma once

/* What the captures of a match do to the data that a button sends: instead of where a capture begins and ends, a record keeps
   what the captured text makes of the automaton of the data, from each state in which it may be met, or how long it is. */

#include "core/flow_model.h"

enum flow_wish {
    FLOW_WISH_LOST, /* data that no rule takes (but those that take everything) */
    FLOW_WISH_RULE, /* data that this rule wins */
    FLOW_WISH_TEXT, /* data that the target accepts */
    FLOW_WISH_LONG, /* more than `bytes` */
    FLOW_WISH_EMPTY,
};

struct flow_wanted {
    enum flow_wish wish;
    int rule;                /* WISH_RULE */
    long bytes;              /* WISH_LONG */
    struct flow_dfa *target; /* WISH_LOST, _RULE: of all rules; _TEXT */
    int target_start;
};

struct flow_occurrence {
    int part, group;          /* group 0: none on this side */
    int at;                   /* in a record: 1 if the group is set, then a state for each of `entries` */
    bool flag;                /* only the first: the group must be set, or nothing is sent */
    struct flow_ints entries; /* states in which it may begin */
};

struct flow_records {
    struct flow *flow;
    const struct flow_button *button;
    enum flow_side side;
    struct flow_wanted wanted;
    struct flow_occurrence *occurrences;
    int n, cap;
    bool measure, sum; /* lengths instead of states; one for all instead of one each */
    int size, sum_at;
    int *pool, n_records, pool_cap;
    int *slots, n_slots;
    int *room, room_cap;
};

/* flow_records_begin: FLOW_NO: the button sends nothing from this side; FLOW_UNKNOWN: a limit. */
enum flow_answer flow_records_begin(struct flow_records *records, struct flow *flow,
                                    const struct flow_button *button, enum flow_side side,
                                    const struct flow_wanted *wanted);
void flow_records_free(struct flow_records *records);

/* Records are numbers; -1: a limit. */
int flow_records_first(struct flow_records *records);
int flow_records_open(struct flow_records *records, int record, int group); /* the group begins */
int flow_records_step(struct flow_records *records, int record, uint32_t groups, int atom);
/* flow_records_cut: the atoms at which something changes inside these groups, into cuts. */
bool flow_records_cut(struct flow_records *records, int record, uint32_t groups, struct flow_ints *cuts);
/* flow_records_fits: is what is sent as wanted? */
enum flow_answer flow_records_fits(struct flow_records *records, int record);
