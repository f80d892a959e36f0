#pragma once

/* The trace search: a rule is run on all inputs at once, with PCRE2's own priorities (an ordered list of threads), each thread
   carrying a record of what its captures do to the data. A walk in order of length over (threads, state of all rules on the
   input) finds the shortest input that the rule wins and whose captures render as wanted, or proves that there is none. */

#include "base/buf.h"
#include "core/flow_record.h"

/* flow_trace_search: FLOW_YES with the input at the end of `input`. On the tap side only data counts that some button leading to
   the rule may send, or any if the rule is an entry. What it finds is to be tried for real. */
enum flow_answer flow_trace_search(struct flow *flow, const struct flow_button *button, enum flow_side side,
                                   const struct flow_wanted *wanted, struct buf *input);
