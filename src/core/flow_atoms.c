#include "core/flow_atoms.h"

#include <stdlib.h>
#include <string.h>

struct atom {
    uint32_t lo, best;
    uint64_t key;
    int rank;
    enum flow_class class;
    bool space;
};

struct runs {
    struct flow_run *v;
    int n, cap;
};

/* Where a set begins or ends; the keys of all sets that cover a place make its key. */
struct edge {
    uint32_t at;
    uint64_t key;
};

struct flow_atoms {
    struct flow_mem *mem;
    struct flow_interval *intervals;
    int n_intervals, intervals_cap;
    struct atom *atoms;
    int n, cap;
    struct runs *runs; /* by set */
    int n_runs, runs_cap;
    struct flow_run *selves; /* by atom */
    int selves_cap;
    struct edge *edges; /* while it is built */
    int n_edges, edges_cap;
    int *slots, n_slots;
    unsigned char *used;
    int used_cap;
};

/* What reads best in an example, first. */
static const struct flow_range nice[] = {
    { 'a', 'z' },     { '0', '9' },       { 'A', 'Z' },         { '-', '-' },   { '_', '_' },
    { '.', '.' },     { ':', ':' },       { 33, 126 },          { ' ', ' ' },   { 0xA1, 0x24F },
    { 0x391, 0x44F }, { 0x4E00, 0x9FFF }, { 0x1F600, 0x1F64F }, { '\n', '\n' }, { '\t', '\t' },
};
#define NICE (int)(sizeof(nice) / sizeof(*nice))

static int rank_of(uint32_t lo, uint32_t hi, uint32_t *best)
{
    for (int i = 0; i < NICE; i++) {
        uint32_t from = lo > nice[i].lo ? lo : nice[i].lo, to = hi < nice[i].hi ? hi : nice[i].hi;

        if (from <= to) {
            *best = from;
            return i;
        }
    }
    *best = hi;
    return NICE;
}

static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static int compare(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

static bool add_edge(struct flow_atoms *atoms, uint32_t at, uint64_t key)
{
    if (!flow_grow(atoms->mem, &atoms->edges, &atoms->edges_cap, atoms->n_edges + 1, sizeof(struct edge)))
        return false;
    atoms->edges[atoms->n_edges++] = (struct edge){ at, key };
    return true;
}

static bool collect_edges(struct flow_atoms *atoms, struct flow_sets *sets)
{
    static const uint32_t cuts[] = { 0, 0x80, 0x800, 0xD800, 0xE000, 0x10000, FLOW_CODE_MAX + 1 };

    for (uint32_t i = 0; i < 7; i++)
        if (!add_edge(atoms, cuts[i], mix(~(uint64_t)i)))
            return false;
    for (int set = 0; set < atoms->n_runs; set++) {
        int n;
        const struct flow_range *ranges = flow_set_ranges(sets, set, &n);

        for (int i = 0; i < n && atoms->used[set]; i++)
            if (!add_edge(atoms, ranges[i].lo, mix((uint64_t)set)) ||
                !add_edge(atoms, ranges[i].hi + 1, mix((uint64_t)set)))
                return false;
    }
    flow_sorted(atoms->mem, atoms->n_edges);
    qsort(atoms->edges, (size_t)atoms->n_edges, sizeof(struct edge), compare);
    return true;
}

static uint64_t slot_of(const struct flow_atoms *atoms, uint64_t key)
{
    uint64_t h = key;

    for (;; h++) {
        int atom = atoms->slots[h & (uint64_t)(atoms->n_slots - 1)];

        if (atom < 0 || atoms->atoms[atom].key == key)
            return h & (uint64_t)(atoms->n_slots - 1);
    }
}

static bool add_interval(struct flow_atoms *atoms, uint32_t lo, uint32_t hi, uint64_t key)
{
    struct atom *atom;
    uint32_t best;
    int at, rank = rank_of(lo, hi, &best);
    bool fresh;
    uint64_t slot;

    if (!flow_slots(atoms->mem, &atoms->slots, &atoms->n_slots, atoms->n + 1, &fresh) ||
        !flow_grow(atoms->mem, &atoms->atoms, &atoms->cap, atoms->n + 1, sizeof(*atom)) ||
        !flow_grow(atoms->mem, &atoms->intervals, &atoms->intervals_cap, atoms->n_intervals + 1,
                   sizeof(*atoms->intervals)))
        return false;
    for (int i = 0; fresh && i < atoms->n; i++)
        atoms->slots[slot_of(atoms, atoms->atoms[i].key)] = i;
    slot = slot_of(atoms, key);
    at = atoms->slots[slot];
    if (at < 0) {
        at = atoms->slots[slot] = atoms->n++;
        atoms->atoms[at] = (struct atom){ .lo = lo, .best = best, .key = key, .rank = rank };
    }
    atom = &atoms->atoms[at];
    if (rank < atom->rank) {
        atom->rank = rank;
        atom->best = best;
    }
    atoms->intervals[atoms->n_intervals++] = (struct flow_interval){ lo, hi, at };
    return true;
}

static bool cut_up(struct flow_atoms *atoms)
{
    uint64_t key = 0;

    for (int i = 0; i < atoms->n_edges;) {
        uint32_t at = atoms->edges[i].at;

        for (; i < atoms->n_edges && atoms->edges[i].at == at; i++)
            key ^= atoms->edges[i].key;
        if (i == atoms->n_edges)
            break;
        if ((at < 0xD800 || at > 0xDFFF) && !add_interval(atoms, at, atoms->edges[i].at - 1, key))
            return false;
    }
    return true;
}

static int interval_of(const struct flow_atoms *atoms, uint32_t code)
{
    int low = 0, high = atoms->n_intervals - 1;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (atoms->intervals[middle].hi < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int compare_ints(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static bool make_runs(struct flow_atoms *atoms, struct flow_sets *sets, int set)
{
    struct flow_ints found = { NULL, 0, 0 };
    struct runs *runs = &atoms->runs[set];
    int n;
    const struct flow_range *ranges = flow_set_ranges(sets, set, &n);
    bool good = true;

    for (int i = 0; i < n && good; i++)
        for (int k = interval_of(atoms, ranges[i].lo);
             k < atoms->n_intervals && atoms->intervals[k].lo <= ranges[i].hi && good; k++)
            good = flow_push(atoms->mem, &found, atoms->intervals[k].atom);
    flow_work(atoms->mem, (size_t)n);
    flow_sorted(atoms->mem, found.n);
    if (found.n)
        qsort(found.v, (size_t)found.n, sizeof(int), compare_ints);
    for (int i = 0; i < found.n && good; i++) {
        if (runs->n && found.v[i] <= runs->v[runs->n - 1].hi + 1) {
            runs->v[runs->n - 1].hi = found.v[i];
            continue;
        }
        good = flow_grow(atoms->mem, &runs->v, &runs->cap, runs->n + 1, sizeof(*runs->v));
        if (good)
            runs->v[runs->n++] = (struct flow_run){ found.v[i], found.v[i] };
    }
    flow_ints_drop(atoms->mem, &found);
    return good;
}

struct basic {
    int word, line, space, all;
};

static bool make_basic(struct flow_sets *sets, struct basic *basic)
{
    static const struct flow_range words[] = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
    static const struct flow_range newline = { '\n', '\n' }, spaces[] = { { 9, 13 }, { ' ', ' ' } };
    static const struct flow_range all = { 0, FLOW_CODE_MAX };

    basic->word = flow_set_make(sets, words, 4);
    basic->line = flow_set_make(sets, &newline, 1);
    basic->space = flow_set_make(sets, spaces, 2);
    basic->all = flow_set_make(sets, &all, 1);
    return basic->word >= 0 && basic->line >= 0 && basic->space >= 0 && basic->all >= 0;
}

bool flow_atoms_prepare(struct flow_sets *sets)
{
    struct basic basic;

    return make_basic(sets, &basic);
}

static bool build(struct flow_atoms *atoms, struct flow_sets *sets, const struct flow_code *code)
{
    struct basic basic;

    if (!make_basic(sets, &basic))
        return false;
    atoms->n_runs = flow_set_count(sets);
    if (!flow_grow(atoms->mem, &atoms->runs, &atoms->runs_cap, atoms->n_runs, sizeof(*atoms->runs)) ||
        !flow_grow(atoms->mem, &atoms->used, &atoms->used_cap, atoms->n_runs, 1))
        return false;
    atoms->used[basic.word] = atoms->used[basic.line] = atoms->used[basic.space] = 1;
    for (int i = 0; i < code->n; i++)
        if (code->ins[i].op == FLOW_OP_SET && code->ins[i].x < FLOW_ATOM)
            atoms->used[code->ins[i].x] = 1;
    if (!collect_edges(atoms, sets) || !cut_up(atoms) ||
        !flow_grow(atoms->mem, &atoms->selves, &atoms->selves_cap, atoms->n, sizeof(*atoms->selves)))
        return false;
    for (int i = 0; i < atoms->n; i++) {
        struct atom *atom = &atoms->atoms[i];

        atoms->selves[i] = (struct flow_run){ i, i };
        atom->space = flow_set_has(sets, basic.space, atom->lo);
        atom->class = flow_set_has(sets, basic.line, atom->lo)   ? FLOW_NEWLINE
                      : flow_set_has(sets, basic.word, atom->lo) ? FLOW_WORD
                                                                 : FLOW_OTHER;
    }
    for (int set = 0; set < atoms->n_runs; set++)
        if (atoms->used[set] && !make_runs(atoms, sets, set))
            return false;
    return true;
}

struct flow_atoms *flow_atoms_build(struct flow_mem *mem, struct flow_sets *sets,
                                    const struct flow_code *code)
{
    struct flow_atoms *atoms = calloc(1, sizeof(*atoms));
    bool good;

    if (!atoms)
        return NULL;
    atoms->mem = mem;
    good = build(atoms, sets, code);
    flow_drop(mem, &atoms->edges, &atoms->edges_cap, sizeof(struct edge));
    flow_drop(mem, &atoms->slots, &atoms->n_slots, sizeof(int));
    flow_drop(mem, &atoms->used, &atoms->used_cap, 1);
    if (good)
        return atoms;
    flow_atoms_free(atoms);
    return NULL;
}

void flow_atoms_free(struct flow_atoms *atoms)
{
    if (!atoms)
        return;
    for (int i = 0; atoms->runs && i < atoms->n_runs; i++)
        flow_drop(atoms->mem, &atoms->runs[i].v, &atoms->runs[i].cap, sizeof(struct flow_run));
    flow_drop(atoms->mem, &atoms->runs, &atoms->runs_cap, sizeof(*atoms->runs));
    flow_drop(atoms->mem, &atoms->intervals, &atoms->intervals_cap, sizeof(*atoms->intervals));
    flow_drop(atoms->mem, &atoms->atoms, &atoms->cap, sizeof(*atoms->atoms));
    flow_drop(atoms->mem, &atoms->selves, &atoms->selves_cap, sizeof(*atoms->selves));
    free(atoms);
}

int flow_atoms_count(const struct flow_atoms *atoms)
{
    return atoms->n;
}

int flow_atoms_of(const struct flow_atoms *atoms, uint32_t code)
{
    return atoms->intervals[interval_of(atoms, code)].atom;
}

const struct flow_run *flow_atoms_runs(const struct flow_atoms *atoms, int set, int *n)
{
    *n = 1;
    if (set >= FLOW_ATOM)
        return &atoms->selves[set - FLOW_ATOM];
    *n = atoms->runs[set].n;
    return atoms->runs[set].v;
}

bool flow_atoms_in(const struct flow_atoms *atoms, int set, int atom)
{
    int n, low = 0, high;
    const struct flow_run *runs = flow_atoms_runs(atoms, set, &n);

    for (high = n; low < high;) {
        int middle = low + (high - low) / 2;

        if (atom >= runs[middle].lo && atom <= runs[middle].hi)
            return true;
        if (atom < runs[middle].lo)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

uint32_t flow_atoms_char(const struct flow_atoms *atoms, int atom)
{
    return atoms->atoms[atom].best;
}

int flow_atoms_rank(const struct flow_atoms *atoms, int atom)
{
    return atoms->atoms[atom].rank;
}

int flow_atoms_bytes(const struct flow_atoms *atoms, int atom)
{
    return flow_bytes(atoms->atoms[atom].lo);
}

enum flow_class flow_atoms_class(const struct flow_atoms *atoms, int atom)
{
    return atoms->atoms[atom].class;
}

bool flow_atoms_space(const struct flow_atoms *atoms, int atom)
{
    return atoms->atoms[atom].space;
}

const struct flow_interval *flow_atoms_intervals(const struct flow_atoms *atoms, int *n)
{
    *n = atoms->n_intervals;
    return atoms->intervals;
}
