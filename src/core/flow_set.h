#pragma once

/* Sets of code points, each kept once and named by a number. What an item of a pattern matches is asked of PCRE2 itself. */

#include "core/flow_base.h"

struct flow_range {
    uint32_t lo, hi;
};

struct flow_sets;

struct flow_sets *flow_sets_new(struct flow_mem *mem) CHECKED; /* NULL when memory is out */
void flow_sets_free(struct flow_sets *sets);
int flow_set_count(const struct flow_sets *sets);

/* All that give a set give -1 when memory is out, or take one that is -1. */

/* flow_set_make: in any order, overlapping or not; surrogates are left out. */
int flow_set_make(struct flow_sets *sets, const struct flow_range *ranges, int n);
/* flow_set_ranges: sorted, apart from each other; lends until the next set is made. */
const struct flow_range *flow_set_ranges(const struct flow_sets *sets, int set, int *n);
int flow_set_union(struct flow_sets *sets, int a, int b);
int flow_set_common(struct flow_sets *sets, int a, int b);
int flow_set_not(struct flow_sets *sets, int a);
bool flow_set_has(const struct flow_sets *sets, int set, uint32_t code);

/* flow_set_item: what this item of a pattern (a class, \p{...}) matches, by trying it on every character, once for each
   distinct item; -1 also when PCRE2 refuses it or there are too many different ones. */
int flow_set_item(struct flow_sets *sets, struct text item, bool caseless, bool extended);
/* flow_set_cases: a character and its other cases. */
int flow_set_cases(struct flow_sets *sets, uint32_t code);
