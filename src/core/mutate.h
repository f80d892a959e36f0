#pragma once

/* Small changes of rule files, to see whether test cases notice them. */

#include "base/buf.h"
#include "core/ruleset.h"

enum mutant_kind {
    MUTANT_DROP, /* the item is left out */
    MUTANT_SWAP, /* it stands behind the next one of its list; only where their order may matter */
    MUTANT_PATTERN, /* it is another pattern: one that takes more, or of a `when` one that takes what it does not */
};

struct mutant {
    enum mutant_kind kind;
    const struct node *inside; /* a list or map */
    size_t item;               /* of these */
    const char *what;          /* "rule 'track' left out" */
    const char *pattern;       /* MUTANT_PATTERN: what stands there instead */
    struct place at;
};

struct mutants {
    struct mutant *items;
    size_t count;
};

/* mutate_list: all changes of one file's rules, in their order; `ruleset` is what the files make. Some make files that do not load.
   In the arena; false when memory is out. */
bool mutate_list(const struct document *document, const struct ruleset *ruleset,
                 struct pattern_scratch *scratch, struct arena *arena, struct mutants *out) CHECKED;
/* mutate_picks: where no more than `most` of `count` changes can be tried: is this one, from 0, among them? They are spread
   evenly. */
bool mutate_picks(size_t turn, size_t count, size_t most);
/* mutate_print: the changed file, as JSON. */
void mutate_print(const struct document *document, const struct mutant *mutant, struct buf *out);
/* mutate_describe: "rule 'track' left out (rules/10.yaml:4)". */
void mutate_describe(const struct mutant *mutant, struct buf *out);
