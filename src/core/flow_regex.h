#pragma once

/* The regular subset of PCRE2's syntax as a tree over sets of code points. PCRE2 with pattern_compile's options is what it must
   agree with; the parser knows structure only, single items are asked of PCRE2 (flow_set_item). */

#include "base/arena.h"
#include "core/flow_tree.h"

struct flow_regex {
    struct flow_node *top;
    const char *outside; /* what puts the pattern outside the subset ("a lookahead"); NULL: it is inside */
    size_t offset;       /* where */
};

/* flow_regex_parse: a pattern that pattern_compile took. The tree lives in the arena. When memory is out the pattern counts as
   outside. */
void flow_regex_parse(struct text pattern, struct flow_sets *sets, struct arena *arena,
                      struct flow_regex *out);
