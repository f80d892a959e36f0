#include "core/flow_dfa.h"

#include <stdlib.h>
#include <string.h>

#define CLOSURE_STEPS 3 /* for a counter: all over the memory */

struct state {
    int from, n; /* its counters, in pool */
    enum flow_class before;
    bool asserts, known, moved; /* known: accepts is filled; moved: moves is */
    struct flow_move *moves;
    int n_moves, moves_cap;
    struct flow_ints accepts;
};

/* A set that begins or ends to be crossed by a sweep over the atoms. */
struct event {
    int at, set, change;
};

struct flow_dfa {
    struct flow_mem *mem;
    const struct flow_code *code;
    const struct flow_atoms *atoms;
    struct state *states;
    int n, cap, limit;
    struct flow_ints pool;
    int *slots, n_slots;
    size_t bytes, bytes_limit;
    /* working room, by program counter */
    int *mark, mark_cap, mark_now;
    struct flow_ints stack, reached, lent;
    unsigned char *asserting; /* 0 unknown, 1 no, 2 yes */
    int asserting_cap;
    struct flow_ints kernel, counters, groups, active;
    struct event *events;
    int events_cap;
    struct flow_move *row;
    int n_row, row_cap;
};

struct flow_dfa *flow_dfa_new(struct flow_mem *mem, const struct flow_code *code,
                              const struct flow_atoms *atoms)
{
    struct flow_dfa *dfa = calloc(1, sizeof(*dfa));

    if (!dfa)
        return NULL;
    *dfa = (struct flow_dfa){
        .mem = mem, .code = code, .atoms = atoms, .limit = 1 << 30, .bytes_limit = SIZE_MAX
    };
    return dfa;
}

void flow_dfa_reset(struct flow_dfa *dfa)
{
    for (int i = 0; i < dfa->n; i++) {
        flow_drop(dfa->mem, &dfa->states[i].moves, &dfa->states[i].moves_cap, sizeof(struct flow_move));
        flow_ints_drop(dfa->mem, &dfa->states[i].accepts);
    }
    flow_drop(dfa->mem, &dfa->states, &dfa->cap, sizeof(struct state));
    flow_drop(dfa->mem, &dfa->slots, &dfa->n_slots, sizeof(int));
    flow_ints_drop(dfa->mem, &dfa->pool);
    dfa->n = 0;
    dfa->bytes = 0;
}

void flow_dfa_free(struct flow_dfa *dfa)
{
    if (!dfa)
        return;
    flow_dfa_reset(dfa);
    flow_drop(dfa->mem, &dfa->mark, &dfa->mark_cap, sizeof(int));
    flow_drop(dfa->mem, &dfa->asserting, &dfa->asserting_cap, 1);
    flow_ints_drop(dfa->mem, &dfa->stack);
    flow_ints_drop(dfa->mem, &dfa->reached);
    flow_ints_drop(dfa->mem, &dfa->lent);
    flow_ints_drop(dfa->mem, &dfa->kernel);
    flow_ints_drop(dfa->mem, &dfa->counters);
    flow_ints_drop(dfa->mem, &dfa->groups);
    flow_ints_drop(dfa->mem, &dfa->active);
    flow_drop(dfa->mem, &dfa->events, &dfa->events_cap, sizeof(struct event));
    flow_drop(dfa->mem, &dfa->row, &dfa->row_cap, sizeof(struct flow_move));
    free(dfa);
}

void flow_dfa_limit(struct flow_dfa *dfa, int states, size_t bytes)
{
    dfa->limit = dfa->n + states;
    dfa->bytes_limit = dfa->bytes + bytes;
}

int flow_dfa_states(const struct flow_dfa *dfa)
{
    return dfa->n;
}

size_t flow_dfa_bytes(const struct flow_dfa *dfa)
{
    return dfa->bytes;
}

/* By program counter; programs may have been added. */
static bool make_room(struct flow_dfa *dfa)
{
    return flow_grow(dfa->mem, &dfa->mark, &dfa->mark_cap, dfa->code->n, sizeof(int)) &&
           flow_grow(dfa->mem, &dfa->asserting, &dfa->asserting_cap, dfa->code->n, 1);
}

/* --- closures ----------------------------------------------------------------------------------------------------- */

bool flow_dfa_holds(enum flow_assert assertion, enum flow_class before, enum flow_class behind)
{
    switch (assertion) {
    case FLOW_AT_START:
        return before == FLOW_EDGE;
    case FLOW_AT_END:
        return behind == FLOW_EDGE || (FLOW_MUTANT(24) && behind == FLOW_NEWLINE);
    case FLOW_AT_LINE:
        return before == FLOW_EDGE || (before == FLOW_NEWLINE && behind != FLOW_EDGE);
    case FLOW_AT_LINE_END:
        return behind == FLOW_EDGE || behind == FLOW_NEWLINE;
    case FLOW_AT_WORD:
        return (before == FLOW_WORD) != (behind == FLOW_WORD);
    default:
        return (before == FLOW_WORD) == (behind == FLOW_WORD);
    }
}

/* Into `out`; false: memory is out. */
static bool closure(struct flow_dfa *dfa, const int *kernel, int n, enum flow_class before,
                    enum flow_class behind, struct flow_ints *out)
{
    const struct flow_ins *ins = dfa->code->ins;
    struct flow_ints *stack = &dfa->stack;
    size_t steps = (size_t)n;

    dfa->mark_now++;
    out->n = stack->n = 0;
    for (int i = n - 1; i >= 0; i--)
        (void)flow_push(dfa->mem, stack, kernel[i]);
    while (stack->n && !dfa->mem->out) {
        int pc = stack->v[--stack->n];

        steps += CLOSURE_STEPS;
        if (dfa->mark[pc] == dfa->mark_now)
            continue;
        dfa->mark[pc] = dfa->mark_now;
        switch (ins[pc].op) {
        case FLOW_OP_JUMP:
            (void)flow_push(dfa->mem, stack, ins[pc].x);
            break;
        case FLOW_OP_SAVE:
            (void)flow_push(dfa->mem, stack, pc + 1);
            break;
        case FLOW_OP_SPLIT:
            (void)flow_push(dfa->mem, stack, ins[pc].y);
            (void)flow_push(dfa->mem, stack, ins[pc].x);
            break;
        case FLOW_OP_ASSERT:
            if (flow_dfa_holds(ins[pc].assertion, before, behind))
                (void)flow_push(dfa->mem, stack, pc + 1);
            break;
        default:
            (void)flow_push(dfa->mem, out, pc);
        }
    }
    flow_work(dfa->mem, steps);
    return !dfa->mem->out;
}

int flow_dfa_closure(struct flow_dfa *dfa, int pc, enum flow_class before, enum flow_class behind,
                     const int **out)
{
    if (!make_room(dfa) || !closure(dfa, &pc, 1, before, behind, &dfa->lent))
        return 0;
    *out = dfa->lent.v;
    return dfa->lent.n;
}

/* Where a run may be without taking a character. */
static void push_next(struct flow_dfa *dfa, int pc)
{
    const struct flow_ins *ins = &dfa->code->ins[pc];

    if (ins->op == FLOW_OP_SAVE)
        (void)flow_push(dfa->mem, &dfa->stack, pc + 1);
    else if (ins->op == FLOW_OP_JUMP || ins->op == FLOW_OP_SPLIT)
        (void)flow_push(dfa->mem, &dfa->stack, ins->x);
    if (ins->op == FLOW_OP_SPLIT)
        (void)flow_push(dfa->mem, &dfa->stack, ins->y);
}

/* Whatever is seen on the way to nothing leads to nothing either, and need not be asked again: thousands of items that may each be
   left out would else be gone through once for each of them. */
static bool reaches_assert(struct flow_dfa *dfa, int pc)
{
    bool found = false;

    if (dfa->asserting[pc])
        return dfa->asserting[pc] == 2;
    dfa->mark_now++;
    dfa->reached.n = dfa->stack.n = 0;
    (void)flow_push(dfa->mem, &dfa->stack, pc);
    while (dfa->stack.n && !found && !dfa->mem->out) {
        int at = dfa->stack.v[--dfa->stack.n];

        flow_work(dfa->mem, CLOSURE_STEPS);
        if (dfa->mark[at] == dfa->mark_now || dfa->asserting[at] == 1)
            continue;
        dfa->mark[at] = dfa->mark_now;
        (void)flow_push(dfa->mem, &dfa->reached, at);
        found = dfa->asserting[at] == 2 || dfa->code->ins[at].op == FLOW_OP_ASSERT;
        push_next(dfa, at);
    }
    for (int i = 0; i < dfa->reached.n && !found && !dfa->mem->out; i++)
        dfa->asserting[dfa->reached.v[i]] = 1;
    dfa->asserting[pc] = found ? 2 : 1;
    return found;
}

/* --- states ------------------------------------------------------------------------------------------------------- */

static int compare_ints(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static int unique(int *v, int n)
{
    int m = 0;

    qsort(v, (size_t)n, sizeof(int), compare_ints);
    for (int i = 0; i < n; i++)
        if (!m || v[m - 1] != v[i])
            v[m++] = v[i];
    return m;
}

static uint64_t hash_of(const int *kernel, int n, enum flow_class before)
{
    return flow_hash((uint64_t)before, kernel, (size_t)n * sizeof(int));
}

static bool index_states(struct flow_dfa *dfa)
{
    bool fresh;

    if (!flow_slots(dfa->mem, &dfa->slots, &dfa->n_slots, dfa->n + 1, &fresh))
        return false;
    for (int i = 1; fresh && i < dfa->n; i++) {
        const struct state *state = &dfa->states[i];
        uint64_t h = hash_of(dfa->pool.v + state->from, state->n, state->before);

        while (dfa->slots[h & (uint64_t)(dfa->n_slots - 1)] >= 0)
            h++;
        dfa->slots[h & (uint64_t)(dfa->n_slots - 1)] = i;
    }
    return true;
}

static bool begin(struct flow_dfa *dfa)
{
    if (!make_room(dfa) || !flow_grow(dfa->mem, &dfa->states, &dfa->cap, dfa->n + 2, sizeof(struct state)))
        return false;
    if (dfa->n == 0) {
        dfa->states[0] = (struct state){ .known = true, .moved = true };
        dfa->n = 1;
    }
    return true;
}

/* Of a kernel, which is sorted in place. */
static int intern(struct flow_dfa *dfa, int *kernel, int n, enum flow_class before)
{
    bool asserts = false;
    uint64_t h;

    if (n == 0)
        return FLOW_DEAD;
    flow_sorted(dfa->mem, n);
    if (flow_spent(dfa->mem))
        return FLOW_LIMIT;
    n = unique(kernel, n);
    for (int i = 0; i < n && !asserts; i++)
        asserts = reaches_assert(dfa, kernel[i]);
    if (!asserts)
        before = FLOW_OTHER;
    if (!index_states(dfa))
        return FLOW_LIMIT;
    for (h = hash_of(kernel, n, before);; h++) {
        int at = dfa->slots[h & (uint64_t)(dfa->n_slots - 1)];
        const struct state *state = &dfa->states[at < 0 ? 0 : at];

        if (at < 0)
            break;
        if (state->n == n && state->before == before &&
            memcmp(dfa->pool.v + state->from, kernel, (size_t)n * sizeof(int)) == 0)
            return at;
    }
    if (dfa->n >= dfa->limit || dfa->bytes > dfa->bytes_limit || !begin(dfa) ||
        !flow_grow(dfa->mem, &dfa->pool.v, &dfa->pool.cap, dfa->pool.n + n, sizeof(int)))
        return FLOW_LIMIT;
    memcpy(dfa->pool.v + dfa->pool.n, kernel, (size_t)n * sizeof(int));
    dfa->states[dfa->n] = (struct state){ .from = dfa->pool.n, .n = n, .before = before, .asserts = asserts };
    dfa->pool.n += n;
    dfa->slots[h & (uint64_t)(dfa->n_slots - 1)] = dfa->n;
    dfa->bytes += sizeof(struct state) + (size_t)n * sizeof(int) + 16;
    return dfa->n++;
}

int flow_dfa_start(struct flow_dfa *dfa, const int *starts, int n)
{
    dfa->kernel.n = 0;
    for (int i = 0; i < n; i++)
        (void)flow_push(dfa->mem, &dfa->kernel, starts[i]);
    return begin(dfa) ? intern(dfa, dfa->kernel.v, n, FLOW_EDGE) : FLOW_LIMIT;
}

/* --- moves -------------------------------------------------------------------------------------------------------- */

static int compare_events(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

static int compare_moves(const void *a, const void *b)
{
    const struct flow_move *x = a, *y = b;

    return (x->lo > y->lo) - (x->lo < y->lo);
}

/* Counters (x the set, y the counter), by set. */
struct by_set {
    int set, pc;
};

static int compare_sets(const void *a, const void *b)
{
    const struct by_set *x = a, *y = b;

    return x->set != y->set ? (x->set > y->set) - (x->set < y->set) : (x->pc > y->pc) - (x->pc < y->pc);
}

static bool sort_by_set(struct flow_dfa *dfa, int n)
{
    struct by_set *pairs;
    int cap = 0;

    pairs = NULL;
    if (!flow_grow(dfa->mem, &pairs, &cap, n, sizeof(*pairs)))
        return false;
    for (int i = 0; i < n; i++)
        pairs[i] = (struct by_set){ dfa->code->ins[dfa->counters.v[i]].x, dfa->counters.v[i] };
    flow_sorted(dfa->mem, n);
    qsort(pairs, (size_t)n, sizeof(*pairs), compare_sets);
    for (int i = 0; i < n; i++)
        dfa->counters.v[i] = pairs[i].pc;
    flow_drop(dfa->mem, &pairs, &cap, sizeof(*pairs));
    return true;
}

/* Where each distinct set of the counters begins and ends, within atoms from..to; gives the number of events, -1. */
static int make_events(struct flow_dfa *dfa, int n_groups, int from, int to)
{
    int n = 0;

    for (int g = 0; g < n_groups; g++) {
        int n_runs;
        const struct flow_run *runs =
            flow_atoms_runs(dfa->atoms, dfa->code->ins[dfa->counters.v[dfa->groups.v[g]]].x, &n_runs);

        flow_work(dfa->mem, (size_t)n_runs);
        for (int i = 0; i < n_runs; i++) {
            int lo = runs[i].lo < from ? from : runs[i].lo, hi = runs[i].hi > to ? to : runs[i].hi;

            if (lo > hi)
                continue;
            if (!flow_grow(dfa->mem, &dfa->events, &dfa->events_cap, n + 2, sizeof(struct event)))
                return -1;
            dfa->events[n++] = (struct event){ lo, g, 1 };
            dfa->events[n++] = (struct event){ hi + 1, g, -1 };
        }
    }
    flow_sorted(dfa->mem, n);
    if (n)
        qsort(dfa->events, (size_t)n, sizeof(struct event), compare_events);
    return n;
}

static bool add_move(struct flow_dfa *dfa, int lo, int hi, int to)
{
    struct flow_move *last = dfa->n_row ? &dfa->row[dfa->n_row - 1] : NULL;

    if (last && last->to == to && last->hi + 1 == lo) {
        last->hi = hi;
        return true;
    }
    if (!flow_grow(dfa->mem, &dfa->row, &dfa->row_cap, dfa->n_row + 1, sizeof(*dfa->row)))
        return false;
    dfa->row[dfa->n_row++] = (struct flow_move){ lo, hi, to };
    return true;
}

static bool sweep_events(struct flow_dfa *dfa, int n_events, int n_groups, enum flow_class class)
{
    int live = 0;

    for (int i = 0; i < n_events;) {
        int at = dfa->events[i].at, to;

        for (; i < n_events && dfa->events[i].at == at; i++) {
            dfa->active.v[dfa->events[i].set] += dfa->events[i].change;
            live += dfa->events[i].change;
        }
        if (!live || i == n_events)
            continue;
        dfa->kernel.n = 0;
        flow_work(dfa->mem, (size_t)n_groups);
        for (int g = 0; g < n_groups; g++)
            for (int k = dfa->groups.v[g]; dfa->active.v[g] && k < dfa->groups.v[g + 1]; k++)
                (void)flow_push(dfa->mem, &dfa->kernel, flow_code_skip(dfa->code, dfa->counters.v[k] + 1));
        to = dfa->mem->out ? FLOW_LIMIT : intern(dfa, dfa->kernel.v, dfa->kernel.n, class);
        if (to == FLOW_LIMIT || !add_move(dfa, at, dfa->events[i].at - 1, to))
            return false;
    }
    return true;
}

/* Moves on atoms from..to, all of one class (or the class does not matter). */
static bool sweep(struct flow_dfa *dfa, int n, int from, int to, enum flow_class class)
{
    int n_groups, n_events;

    if (n == 0)
        return true;
    if (!sort_by_set(dfa, n))
        return false;
    dfa->groups.n = dfa->active.n = 0;
    for (int i = 0; i < n; i++)
        if (i == 0 || dfa->code->ins[dfa->counters.v[i]].x != dfa->code->ins[dfa->counters.v[i - 1]].x) {
            (void)flow_push(dfa->mem, &dfa->groups, i);
            (void)flow_push(dfa->mem, &dfa->active, 0);
        }
    n_groups = dfa->groups.n;
    if (!flow_push(dfa->mem, &dfa->groups, n))
        return false;
    n_events = make_events(dfa, n_groups, from, to);
    return n_events >= 0 && sweep_events(dfa, n_events, n_groups, class);
}

/* The SET counters of the closure, in counters. */
static int reach(struct flow_dfa *dfa, int state, enum flow_class behind)
{
    const struct state *s = &dfa->states[state];
    struct flow_ints *counters = &dfa->counters;
    int m = 0;

    (void)closure(dfa, dfa->pool.v + s->from, s->n, s->before, behind, counters);
    for (int i = 0; i < counters->n; i++)
        if (dfa->code->ins[counters->v[i]].op == FLOW_OP_SET)
            counters->v[m++] = counters->v[i];
    return m;
}

static bool make_moves(struct flow_dfa *dfa, int state)
{
    const int count = flow_atoms_count(dfa->atoms);
    bool by_class = dfa->states[state].asserts;
    int n = reach(dfa, state, FLOW_OTHER);

    dfa->n_row = 0;
    for (int i = 0; i < n && !by_class; i++)
        by_class = reaches_assert(dfa, dfa->counters.v[i] + 1);
    if (!by_class)
        return sweep(dfa, n, 0, count - 1, FLOW_OTHER);
    for (int lo = 0, hi; lo < count; lo = hi + 1) {
        enum flow_class class = flow_atoms_class(dfa->atoms, lo);

        for (hi = lo; hi + 1 < count && flow_atoms_class(dfa->atoms, hi + 1) == class;)
            hi++;
        n = reach(dfa, state, class);
        if (!sweep(dfa, n, lo, hi, class))
            return false;
    }
    return true;
}

int flow_dfa_moves(struct flow_dfa *dfa, int state, const struct flow_move **moves)
{
    struct state *s;

    if (state == FLOW_LIMIT)
        return FLOW_LIMIT;
    flow_work(dfa->mem, 4);
    *moves = dfa->states[state].moves;
    if (dfa->states[state].moved)
        return dfa->states[state].n_moves;
    if (!make_room(dfa) || !make_moves(dfa, state))
        return FLOW_LIMIT;
    s = &dfa->states[state];
    if (dfa->n_row)
        qsort(dfa->row, (size_t)dfa->n_row, sizeof(*dfa->row), compare_moves);
    if (dfa->n_row && !flow_grow(dfa->mem, &s->moves, &s->moves_cap, dfa->n_row, sizeof(*s->moves)))
        return FLOW_LIMIT;
    if (dfa->n_row)
        memcpy(s->moves, dfa->row, (size_t)dfa->n_row * sizeof(*s->moves));
    s->n_moves = dfa->n_row;
    s->moved = true;
    dfa->bytes += (size_t)s->moves_cap * sizeof(*s->moves);
    *moves = s->moves;
    return s->n_moves;
}

int flow_dfa_accepts(struct flow_dfa *dfa, int state, const int **names)
{
    struct state *s = &dfa->states[state];
    int m = 0;

    if (!s->known && make_room(dfa)) {
        (void)closure(dfa, dfa->pool.v + s->from, s->n, s->before, FLOW_EDGE, &dfa->reached);
        for (int i = 0; i < dfa->reached.n; i++)
            if (dfa->code->ins[dfa->reached.v[i]].op == FLOW_OP_MATCH)
                dfa->reached.v[m++] = dfa->code->ins[dfa->reached.v[i]].x;
        m = m ? unique(dfa->reached.v, m) : 0;
        for (int i = 0; i < m; i++)
            (void)flow_push(dfa->mem, &s->accepts, dfa->reached.v[i]);
        s->known = true;
        dfa->bytes += (size_t)s->accepts.cap * sizeof(int);
    }
    *names = s->accepts.v;
    return s->accepts.n;
}

int flow_dfa_step(struct flow_dfa *dfa, int state, int atom)
{
    const struct flow_move *moves;
    int low = 0, high = flow_dfa_moves(dfa, state, &moves);

    if (high < 0)
        return FLOW_LIMIT;
    while (low < high) {
        int middle = low + (high - low) / 2;

        if (atom >= moves[middle].lo && atom <= moves[middle].hi)
            return moves[middle].to;
        if (atom < moves[middle].lo)
            high = middle;
        else
            low = middle + 1;
    }
    return FLOW_DEAD;
}

int flow_dfa_text(struct flow_dfa *dfa, int state, struct text text)
{
    for (size_t i = 0; i < text.n && state > 0;) {
        uint32_t code;

        i += flow_decode(text.p + i, &code);
        state = flow_dfa_step(dfa, state, flow_atoms_of(dfa->atoms, code));
    }
    return state;
}
