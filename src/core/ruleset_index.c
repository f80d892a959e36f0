#include "core/ruleset_index.h"

#include <stdint.h>
#include <stdlib.h>

#define PREFIX_MAX 32 /* bytes that are looked at */

struct entry_of {
    uint64_t hash;           /* of the pattern's literal prefix */
    const struct rule *rule; /* rules are an array: a lower address is an earlier rule */
    const struct pattern *pattern;
};

/* The entries of one hash. Should two prefixes have the same, a pattern is tried in vain. */
struct slot_of {
    uint64_t hash;
    uint32_t first, end; /* end 0: free */
};

struct ruleset_index {
    struct entry_of *entries; /* by hash, then in file order */
    size_t count;
    struct slot_of *slots; /* open addressing, at least half empty */
    size_t mask;
    bool lengths[PREFIX_MAX + 1]; /* which lengths of prefixes there are */
};

/* The entries of one prefix that are still to be tried. */
struct run_of {
    const struct entry_of *next, *end;
};

/* FNV-1a, so that the hashes of all heads of a text come with one walk over it. */
#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

static uint64_t hash_on(uint64_t hash, char c)
{
    return (hash ^ (unsigned char)c) * UINT64_C(0x100000001b3);
}

static uint64_t hash_of(struct text text)
{
    uint64_t hash = HASH_BEGIN;

    for (size_t i = 0; i < text.n; i++)
        hash = hash_on(hash, text.p[i]);
    return hash;
}

/* --- building -------------------------------------------------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b)
{
    const struct entry_of *left = a, *right = b;
    int order = (left->hash > right->hash) - (left->hash < right->hash);

    return order ? order : (left->rule > right->rule) - (left->rule < right->rule);
}

static void add_entries(struct ruleset_index *index, const struct rule *rules, size_t n, enum index_side side)
{
    for (size_t i = 0; i < n; i++) {
        const struct pattern *pattern = side == INDEX_TAP ? rules[i].tap : rules[i].text;
        struct text prefix;

        if (!pattern)
            continue;
        prefix = pattern_prefix(pattern);
        if (prefix.n > PREFIX_MAX)
            prefix.n = PREFIX_MAX;
        index->lengths[prefix.n] = true;
        index->entries[index->count++] = (struct entry_of){ hash_of(prefix), &rules[i], pattern };
    }
    if (index->count)
        qsort(index->entries, index->count, sizeof(*index->entries), compare_entries);
}

/* The slot where the hash is or would be. */
static struct slot_of *slot_of(const struct ruleset_index *index, uint64_t hash)
{
    size_t i = (size_t)(hash ^ hash >> 32) & index->mask;

    while (index->slots[i].end && index->slots[i].hash != hash)
        i = (i + 1) & index->mask;
    return &index->slots[i];
}

static bool make_slots(struct ruleset_index *index, struct arena *arena)
{
    size_t room = 2;

    while (room < 2 * index->count)
        room *= 2;
    index->mask = room - 1;
    index->slots = arena_array(arena, room, sizeof(*index->slots));
    for (size_t i = 0; index->slots && i < index->count; i++) {
        struct slot_of *slot = slot_of(index, index->entries[i].hash);

        if (!slot->end)
            *slot = (struct slot_of){ .hash = index->entries[i].hash, .first = (uint32_t)i };
        slot->end = (uint32_t)i + 1;
    }
    return index->slots != NULL;
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
    add_entries(index, rules, n, side);
    return make_slots(index, arena) ? index : NULL;
}

/* --- looking --------------------------------------------------------------------------------------------------------- */

static size_t collect(const struct ruleset_index *index, struct text subject, struct run_of *runs)
{
    uint64_t hash = HASH_BEGIN;
    size_t n = 0;

    for (size_t length = 0; length <= PREFIX_MAX && length <= subject.n; length++) {
        if (length)
            hash = hash_on(hash, subject.p[length - 1]);
        if (index->lengths[length]) {
            const struct slot_of *slot = slot_of(index, hash);

            runs[n] = (struct run_of){ index->entries + slot->first, index->entries + slot->end };
            n += slot->end > 0;
        }
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
