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
