#include "core/ruleset_index.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX 32 /* bytes that are looked at */

struct entry_of {
    struct text prefix;
    const struct rule *rule; /* rules are an array: a lower address is an earlier rule */
    const struct pattern *pattern;
};

struct ruleset_index {
    struct entry_of *entries; /* by prefix, then in file order */
    size_t count;
    bool lengths[PREFIX_MAX + 1]; /* which lengths of prefixes there are */
};

/* The entries of one prefix that are still to be tried. */
struct run_of {
    const struct entry_of *next, *end;
};

static int compare_prefix(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry_of *left = a, *right = b;
    int order = compare_prefix(left->prefix, right->prefix);

    return order ? order : (left->rule > right->rule) - (left->rule < right->rule);
}

struct ruleset_index *ruleset_index_new(const struct rule *rules, size_t n, enum index_side side,
                                        struct arena *arena)
{
    struct ruleset_index *index = arena_alloc(arena, sizeof(*index));

    if (!index)
        return NULL;
    index->entries = arena_array(arena, n, sizeof(*index->entries));
    if (!index->entries)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const struct pattern *pattern = side == INDEX_TAP ? rules[i].tap : rules[i].text;
        struct text prefix;

        if (!pattern)
            continue;
        prefix = pattern_prefix(pattern);
        if (prefix.n > PREFIX_MAX)
            prefix.n = PREFIX_MAX;
        index->lengths[prefix.n] = true;
        index->entries[index->count++] = (struct entry_of){ prefix, &rules[i], pattern };
    }
    if (index->count)
        qsort(index->entries, index->count, sizeof(*index->entries), compare_entries);
    return index;
}

/* The first entry whose prefix is not below `prefix` (or, with `above`, is above it). */
static const struct entry_of *bound(const struct ruleset_index *index, struct text prefix, bool above)
{
    size_t low = 0, high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_prefix(index->entries[middle].prefix, prefix);

        if (order < 0 || (above && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return index->entries + low;
}

static size_t collect(const struct ruleset_index *index, struct text subject, struct run_of *runs)
{
    size_t n = 0;

    for (size_t length = 0; length <= PREFIX_MAX && length <= subject.n; length++) {
        struct text prefix = text_make(subject.p, length);

        if (!index->lengths[length])
            continue;
        runs[n] = (struct run_of){ bound(index, prefix, false), bound(index, prefix, true) };
        n += runs[n].next < runs[n].end;
    }
    return n;
}

/* The earliest rule of all runs, NULL when they are used up. */
static const struct entry_of *next_entry(struct run_of *runs, size_t n)
{
    struct run_of *first = NULL;

    for (size_t i = 0; i < n; i++)
        if (runs[i].next < runs[i].end && (!first || runs[i].next->rule < first->next->rule))
            first = &runs[i];
    return first ? first->next++ : NULL;
}

const struct rule *ruleset_index_find(const struct ruleset_index *index, struct text subject,
                                      const struct index_wish *wish, struct pattern_scratch *scratch,
                                      bool *limited)
{
    struct run_of runs[PREFIX_MAX + 1];
    const size_t n = collect(index, subject, runs);
    const struct entry_of *entry;

    while ((entry = next_entry(runs, n))) {
        enum pattern_result result;

        if (wish->after && entry->rule <= wish->after)
            continue;
        result = pattern_match(entry->pattern, scratch, subject);
        if (result == PATTERN_YES && wish->takes(wish->context, entry->rule, entry->pattern))
            return entry->rule;
        *limited |= result == PATTERN_LIMIT;
    }
    return NULL;
}
