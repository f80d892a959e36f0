#pragma once

/* Which rules can take a text at all: by the literal that their pattern begins with, so that ten thousand rules cost about
   what ten do. */

#include "core/rule.h"

struct ruleset_index;

enum index_side { INDEX_TAP, INDEX_TEXT };

/* ruleset_index_new: over the rules' tap or text patterns; rules and arena must outlive it. NULL when memory is out. */
struct ruleset_index *ruleset_index_new(const struct rule *rules, size_t n, enum index_side side,
                                        struct arena *arena) CHECKED;
/* What is looked for beside a pattern that fits. */
struct index_wish {
    const struct rule *after; /* only rules behind this one; NULL: all */
    /* Does the rule take it? The captures are in the scratch until then. */
    bool (*takes)(void *context, const struct rule *rule, const struct pattern *pattern);
    void *context;
};

/* ruleset_index_find: the first rule in file order whose pattern fits the subject and that takes it. NULL: none. *limited
   becomes true if a pattern reached its bound. */
const struct rule *ruleset_index_find(const struct ruleset_index *index, struct text subject,
                                      const struct index_wish *wish, struct pattern_scratch *scratch,
                                      bool *limited);
