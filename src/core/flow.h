#pragma once

/* The flow checker: where every button leads, which rules never win, what is too long. flow_*.h are its parts. */

#include "core/finding.h"
#include "core/ruleset.h"

/* flow_check: adds what it finds. Bounded in work and memory on any ruleset: what can be neither shown nor proved within the
   bounds becomes a note that says so. */
void flow_check(const struct ruleset *ruleset, struct findings *findings);

/* Bounds, and what was used. */
struct flow_bounds {
    size_t memory;  /* bytes */
    uint64_t steps; /* work is counted, not timed: the same rules have the same findings everywhere */
    uint64_t done;  /* out: steps */
};

#define FLOW_MEMORY_MAX ((size_t)400 << 20)
#define FLOW_STEPS_MAX 600000000u

/* flow_check_within: with other bounds. */
void flow_check_within(const struct ruleset *ruleset, struct flow_bounds *bounds, struct findings *findings);

/* What else it comes to, for a picture of the flow. */
struct flow_view {
    /* What the button of the rule can send may be taken by that rule, which does not take everything. May be told twice, in any order. */
    void (*lead)(void *context, size_t rule, const struct message_button *button, size_t to);
    /* Do customers come to the rule? Not called if the bounds left that open. */
    void (*reached)(void *context, size_t rule, bool reached);
    void *context;
};
/* flow_check_view: flow_check, and tells what else it came to; nothing if it gave up on anything. NULL: nobody is told. */
void flow_check_view(const struct ruleset *ruleset, struct findings *findings, const struct flow_view *view);
