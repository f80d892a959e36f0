#include "core/flow_set.h"

#include "core/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_MAX 2000   /* bytes of an item */
#define ITEMS_MAX 400   /* different items that are tried on every character: some ms each */
#define CASES_MAX 20000 /* different characters whose cases are asked for */
#define ALL_BYTES 4500000
#define SETS_WORK 100000000 /* sets times ranges: what it takes to make atoms of them */
#define ASK_STEPS 2000      /* to compile an item */

struct set {
    struct flow_range *ranges;
    int n, cap;
};

struct asked {
    char *item;
    size_t n;
    int set;
};

struct flow_sets {
    struct flow_mem *mem;
    struct set *sets;
    int n, cap;
    int *slots, n_slots;
    struct flow_range *room; /* where sets are worked out */
    int room_cap;
    struct flow_range *found; /* by the scan that is under way */
    int n_found, found_cap;
    char *all, *cased; /* every character, every character with cases */
    size_t all_len, cased_len, n_ranges;
    int all_cap, cased_cap;
    struct asked *asked;
    int n_asked, asked_cap;
    int *cases; /* code point -> set + 1 */
    int cases_cap, n_cases;
};

struct flow_sets *flow_sets_new(struct flow_mem *mem)
{
    struct flow_sets *sets = calloc(1, sizeof(*sets));

    if (sets)
        sets->mem = mem;
    return sets;
}

void flow_sets_free(struct flow_sets *sets)
{
    struct flow_mem *mem;

    if (!sets)
        return;
    mem = sets->mem;
    for (int i = 0; i < sets->n; i++)
        flow_drop(mem, &sets->sets[i].ranges, &sets->sets[i].cap, sizeof(struct flow_range));
    for (int i = 0; i < sets->n_asked; i++)
        free(sets->asked[i].item);
    flow_drop(mem, &sets->sets, &sets->cap, sizeof(*sets->sets));
    flow_drop(mem, &sets->slots, &sets->n_slots, sizeof(int));
    flow_drop(mem, &sets->room, &sets->room_cap, sizeof(*sets->room));
    flow_drop(mem, &sets->found, &sets->found_cap, sizeof(*sets->found));
    flow_drop(mem, &sets->all, &sets->all_cap, 1);
    flow_drop(mem, &sets->cased, &sets->cased_cap, 1);
    flow_drop(mem, &sets->asked, &sets->asked_cap, sizeof(*sets->asked));
    flow_drop(mem, &sets->cases, &sets->cases_cap, sizeof(int));
    free(sets);
}

int flow_set_count(const struct flow_sets *sets)
{
    return sets->n;
}

/* --- keeping ------------------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const struct flow_range *ranges, int n)
{
    return flow_hash(1, ranges, (size_t)n * sizeof(*ranges));
}

static bool index_sets(struct flow_sets *sets)
{
    bool fresh;

    if (!flow_slots(sets->mem, &sets->slots, &sets->n_slots, sets->n + 1, &fresh))
        return false;
    for (int i = 0; fresh && i < sets->n; i++) {
        uint64_t h = hash_of(sets->sets[i].ranges, sets->sets[i].n);

        while (sets->slots[h & (uint64_t)(sets->n_slots - 1)] >= 0)
            h++;
        sets->slots[h & (uint64_t)(sets->n_slots - 1)] = i;
    }
    return true;
}

/* Sorted, merged ranges. */
static int keep(struct flow_sets *sets, const struct flow_range *ranges, int n)
{
    uint64_t h = hash_of(ranges, n);
    struct set *set;
    int at;

    flow_work(sets->mem, 10 + (size_t)n);
    if (!index_sets(sets))
        return -1;
    for (;; h++) {
        at = sets->slots[h & (uint64_t)(sets->n_slots - 1)];
        if (at < 0)
            break;
        if (sets->sets[at].n == n &&
            (n == 0 || memcmp(sets->sets[at].ranges, ranges, (size_t)n * sizeof(*ranges)) == 0))
            return at;
    }
    if (flow_spent(sets->mem) || (size_t)sets->n * (sets->n_ranges + (size_t)n) > SETS_WORK ||
        !flow_grow(sets->mem, &sets->sets, &sets->cap, sets->n + 1, sizeof(*sets->sets)))
        return -1;
    set = &sets->sets[sets->n];
    if (!flow_grow(sets->mem, &set->ranges, &set->cap, n, sizeof(*ranges)))
        return -1;
    if (n)
        memcpy(set->ranges, ranges, (size_t)n * sizeof(*ranges));
    set->n = n;
    sets->n_ranges += (size_t)n;
    sets->slots[h & (uint64_t)(sets->n_slots - 1)] = sets->n;
    return sets->n++;
}

static int compare(const void *a, const void *b)
{
    const struct flow_range *x = a, *y = b;

    return x->lo != y->lo ? (x->lo > y->lo) - (x->lo < y->lo) : (x->hi > y->hi) - (x->hi < y->hi);
}

/* Without surrogates: one range becomes none, one or two. */
static int cut_surrogates(struct flow_range in, struct flow_range out[2])
{
    int n = 0;

    if (in.hi > FLOW_CODE_MAX)
        in.hi = FLOW_CODE_MAX;
    if (in.lo > in.hi)
        return 0;
    if (in.lo < 0xD800)
        out[n++] = (struct flow_range){ in.lo, in.hi < 0xD800 ? in.hi : 0xD7FF };
    if (in.hi > 0xDFFF)
        out[n++] = (struct flow_range){ in.lo > 0xDFFF ? in.lo : 0xE000, in.hi };
    return n;
}

int flow_set_make(struct flow_sets *sets, const struct flow_range *ranges, int n)
{
    struct flow_range *room;
    int m = 0, k = 0;

    if (!flow_grow(sets->mem, &sets->room, &sets->room_cap, 2 * n + 2, sizeof(*sets->room)))
        return -1;
    room = sets->room;
    for (int i = 0; i < n; i++)
        m += cut_surrogates(ranges[i], room + m);
    flow_sorted(sets->mem, m);
    qsort(room, (size_t)m, sizeof(*room), compare);
    for (int i = 0; i < m; i++) {
        if (k && room[i].lo <= room[k - 1].hi + 1) {
            if (room[i].hi > room[k - 1].hi)
                room[k - 1].hi = room[i].hi;
        } else {
            room[k++] = room[i];
        }
    }
    return keep(sets, room, k);
}

const struct flow_range *flow_set_ranges(const struct flow_sets *sets, int set, int *n)
{
    *n = set < 0 ? 0 : sets->sets[set].n;
    return set < 0 ? NULL : sets->sets[set].ranges;
}

/* --- working out -------------------------------------------------------------------------------------------------- */

/* Room beside the one that flow_set_make sorts in. */
static struct flow_range *working_room(struct flow_sets *sets, int n)
{
    return flow_grow(sets->mem, &sets->found, &sets->found_cap, n, sizeof(*sets->found)) ? sets->found : NULL;
}

int flow_set_union(struct flow_sets *sets, int a, int b)
{
    struct flow_range *room;
    int n, m;

    if (a < 0 || b < 0 || a == b)
        return a < b ? a : b;
    n = sets->sets[a].n;
    m = sets->sets[b].n;
    room = working_room(sets, n + m + 1);
    if (!room)
        return -1;
    if (n)
        memcpy(room, sets->sets[a].ranges, (size_t)n * sizeof(*room));
    if (m)
        memcpy(room + n, sets->sets[b].ranges, (size_t)m * sizeof(*room));
    return flow_set_make(sets, room, n + m);
}

int flow_set_common(struct flow_sets *sets, int a, int b)
{
    struct flow_range *room;
    int m = 0;

    if (a < 0 || b < 0)
        return -1;
    room = working_room(sets, sets->sets[a].n + sets->sets[b].n + 1);
    if (!room)
        return -1;
    for (int i = 0, j = 0; i < sets->sets[a].n && j < sets->sets[b].n;) {
        struct flow_range x = sets->sets[a].ranges[i], y = sets->sets[b].ranges[j];
        uint32_t lo = x.lo > y.lo ? x.lo : y.lo, hi = x.hi < y.hi ? x.hi : y.hi;

        if (lo <= hi)
            room[m++] = (struct flow_range){ lo, hi };
        if (x.hi < y.hi)
            i++;
        else
            j++;
    }
    return flow_set_make(sets, room, m);
}

int flow_set_not(struct flow_sets *sets, int a)
{
    struct flow_range *room;
    uint32_t at = 0;
    int m = 0;

    if (a < 0)
        return -1;
    room = working_room(sets, sets->sets[a].n + 2);
    if (!room)
        return -1;
    for (int i = 0; i < sets->sets[a].n; i++) {
        if (sets->sets[a].ranges[i].lo > at)
            room[m++] = (struct flow_range){ at, sets->sets[a].ranges[i].lo - 1 };
        at = sets->sets[a].ranges[i].hi + 1;
    }
    if (at <= FLOW_CODE_MAX)
        room[m++] = (struct flow_range){ at, FLOW_CODE_MAX };
    return flow_set_make(sets, room, m);
}

bool flow_set_has(const struct flow_sets *sets, int set, uint32_t code)
{
    int low = 0, high = set < 0 ? 0 : sets->sets[set].n;

    while (low < high) {
        int middle = low + (high - low) / 2;
        struct flow_range range = sets->sets[set].ranges[middle];

        if (code >= range.lo && code <= range.hi)
            return true;
        if (code < range.lo)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* --- asking PCRE2 ------------------------------------------------------------------------------------------------- */

static bool take_run(void *arg, struct text run)
{
    struct flow_sets *sets = arg;
    struct flow_range *range;
    size_t last = run.n - 1;

    if (!flow_grow(sets->mem, &sets->found, &sets->found_cap, sets->n_found + 1, sizeof(*sets->found)))
        return false;
    while (last > 0 && ((unsigned char)run.p[last] & 0xC0) == 0x80)
        last--;
    range = &sets->found[sets->n_found++];
    (void)flow_decode(run.p, &range->lo);
    (void)flow_decode(run.p + last, &range->hi);
    return true;
}

/* The runs of characters of `subject` that `source` finds. */
static int scan(struct flow_sets *sets, struct text source, const char *subject, size_t n)
{
    sets->n_found = 0;
    flow_work(sets->mem, ASK_STEPS + n / 8);
    if (!pattern_scan(source, text_make(subject, n), take_run, sets))
        return -1;
    return flow_set_make(sets, sets->found, sets->n_found);
}

static bool write_all(struct flow_sets *sets)
{
    if (sets->all_len)
        return true;
    if (!flow_grow(sets->mem, &sets->all, &sets->all_cap, ALL_BYTES, 1))
        return false;
    for (uint32_t code = 0; code <= FLOW_CODE_MAX; code++)
        if (code < 0xD800 || code > 0xDFFF)
            sets->all_len += flow_encode(code, sets->all + sets->all_len);
    return true;
}

int flow_set_item(struct flow_sets *sets, struct text item, bool caseless, bool extended)
{
    char source[ITEM_MAX + 64];
    struct asked *asked;
    int n;

    if (item.n > ITEM_MAX)
        return -1;
    n = snprintf(source, sizeof(source), "(?:%s%s", caseless ? "(?i)" : "", extended ? "(?xx)" : "");
    memcpy(source + n, item.p, item.n);
    n += (int)item.n;
    memcpy(source + n, ")++", 3);
    n += 3;
    for (int i = 0; i < sets->n_asked; i++)
        if (sets->asked[i].n == (size_t)n && memcmp(sets->asked[i].item, source, (size_t)n) == 0)
            return sets->asked[i].set;
    if (sets->n_asked == ITEMS_MAX || !write_all(sets) ||
        !flow_grow(sets->mem, &sets->asked, &sets->asked_cap, sets->n_asked + 1, sizeof(*asked)))
        return -1;
    asked = &sets->asked[sets->n_asked];
    asked->item = text_dup(text_make(source, (size_t)n));
    asked->n = (size_t)n;
    if (!asked->item)
        return -1;
    sets->n_asked++;
    asked->set = scan(sets, text_make(source, (size_t)n), sets->all, sets->all_len);
    return sets->asked[sets->n_asked - 1].set;
}

/* Every character that has another case: few, so that each can be asked for quickly. */
static bool write_cased(struct flow_sets *sets)
{
    static const char item[] = "[\\p{Ll}\\p{Lu}\\p{Lt}\\p{M}\\p{Nl}\\p{So}]";
    int n, set = flow_set_item(sets, text_of(item), false, false);
    const struct flow_range *ranges = flow_set_ranges(sets, set, &n);

    if (set < 0)
        return false;
    for (int i = 0; i < n; i++)
        for (uint32_t code = ranges[i].lo; code <= ranges[i].hi; code++) {
            if (!flow_grow(sets->mem, &sets->cased, &sets->cased_cap, (int)sets->cased_len + 4, 1))
                return false;
            sets->cased_len += flow_encode(code, sets->cased + sets->cased_len);
        }
    return true;
}

int flow_set_cases(struct flow_sets *sets, uint32_t code)
{
    const struct flow_range self = { code, code };
    char source[40];
    int found, n;

    if (!flow_grow(sets->mem, &sets->cases, &sets->cases_cap, (int)FLOW_CODE_MAX + 1, sizeof(int)))
        return -1;
    if (sets->cases[code])
        return sets->cases[code] - 1;
    if (++sets->n_cases > CASES_MAX || (!sets->cased_len && !write_cased(sets)))
        return -1;
    n = snprintf(source, sizeof(source), "(?i)\\x{%x}", (unsigned)code);
    found = scan(sets, text_make(source, (size_t)n), sets->cased, sets->cased_len);
    found = flow_set_union(sets, found, flow_set_make(sets, &self, 1));
    sets->cases[code] = found + 1;
    return found;
}
