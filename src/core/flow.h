#pragma once

/* The flow checker: where every button leads, which rules never win, what is too long. flow_*.h are its parts. */

#include "core/finding.h"
#include "core/ruleset.h"

/* flow_check: adds what it finds. Bounded in time and memory on any ruleset: what can be neither shown nor proved within the
   bounds becomes a note that says so. */
void flow_check(const struct ruleset *ruleset, struct findings *findings);
/* flow_check_within: with another bound on memory, in bytes. */
void flow_check_within(const struct ruleset *ruleset, size_t memory, struct findings *findings);
