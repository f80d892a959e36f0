#pragma once

/* Small changes of rule files, to see whether test cases notice them. */

#include "base/buf.h"
#include "core/ruleset.h"

enum mutant_kind {
    MUTANT_DROP, /* without the rule */
    MUTANT_SWAP, /* the rule after the next one; only where an example shows that their order matters */
    MUTANT_TAP,  /* its tap takes more */
    MUTANT_TEXT, /* its text takes more */
};

struct mutant {
    enum mutant_kind kind;
    const struct node *rule, *other; /* other: of MUTANT_SWAP */
    const char *pattern;             /* instead of its tap, its text */
};

struct mutants {
    struct mutant *items;
    size_t count;
};

/* mutate_list: all changes of one file's rules; `ruleset` is what the files make. In the arena; false when memory is out. */
bool mutate_list(const struct document *document, const struct ruleset *ruleset,
                 struct pattern_scratch *scratch, struct arena *arena, struct mutants *out) CHECKED;
/* mutate_print: the changed file, as JSON. */
void mutate_print(const struct document *document, const struct mutant *mutant, struct buf *out);
/* mutate_describe: "rule 'track' left out (rules/10.yaml:4)". */
void mutate_describe(const struct mutant *mutant, struct buf *out);
