#pragma once

/* Patterns that take the matcher exponentially many steps. A loop whose text can be taken in two ways is looked for in the
   pattern's positions (Glushkov's automaton); then texts that go round it are tried with PCRE2 and the matcher's own limits,
   so that only what really reaches them is said. */

#include "base/buf.h"
#include "core/flow_regex.h"
#include "core/pattern.h"

struct flow_effort;

/* flow_effort_new: its work is counted in `mem`. NULL when memory is out. */
struct flow_effort *flow_effort_new(struct flow_mem *mem, struct flow_sets *sets) CHECKED;
void flow_effort_free(struct flow_effort *effort);
/* flow_effort_find: FLOW_YES: a text of `most` bytes at most at which the pattern reaches the limit; FLOW_NO: none was found;
   FLOW_UNKNOWN: the pattern was not looked at to the end. `tree` is the pattern's; `trimmed`: white space at the ends is cut
   before it is matched. */
enum flow_answer flow_effort_find(struct flow_effort *effort, const struct pattern *pattern,
                                  const struct flow_node *tree, size_t most, bool trimmed, struct buf *text);
