#include "core/flow_trace.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX 20000
#define THREADS_MEAN 50 /* threads of a spot that the budget counts on */

struct thread {
    int pc, record;
};

struct threads {
    struct thread *v;
    int n, cap;
};

/* A place of the walk. */
struct spot {
    int from, n; /* its threads, in pool */
    int state;   /* of all rules on the input */
    int sender;  /* counter in the program of what sends the input, -1: anything may */
    enum flow_class before;
    bool space, done;
    int parent, atom, bytes;
};

struct trace {
    struct flow *flow;
    const struct flow_button *button;
    enum flow_side side;
    int tap_most; /* bytes */
    struct flow_records records;
    struct flow_dfa *all;
    int start; /* of the rule's program */
    bool asserts;
    struct spot *spots;
    int n, cap;
    struct thread *pool;
    int n_pool, pool_cap;
    int *slots, n_slots;
    struct flow_ints rounds[5];
    int pending, hit;
    struct threads stack, next, closed[4]; /* closed: by the class of the next character */
    int *mark, mark_cap, mark_now;         /* by counter, from start */
    struct flow_ints cuts, changes;        /* changes: where atoms differ in length, class or space */
    struct flow_ints senders;
    bool limit;
};

static bool add_thread(struct trace *trace, struct threads *threads, int pc, int record)
{
    flow_work(&trace->flow->mem, 2);
    if (record < 0 ||
        !flow_grow(&trace->flow->mem, &threads->v, &threads->cap, threads->n + 1, sizeof(*threads->v))) {
        trace->limit = true;
        return false;
    }
    threads->v[threads->n++] = (struct thread){ pc, record };
    return true;
}

/* --- threads ---------------------------------------------------------------------------------------------------------- */

static bool is_new(struct trace *trace, int pc)
{
    int *mark;

    if (!flow_grow(&trace->flow->mem, &trace->mark, &trace->mark_cap, pc - trace->start + 1, sizeof(int))) {
        trace->limit = true;
        return false;
    }
    mark = &trace->mark[pc - trace->start];
    if (*mark == trace->mark_now)
        return false;
    *mark = trace->mark_now;
    return true;
}

static void follow(struct trace *trace, struct thread thread, enum flow_class before, enum flow_class behind,
                   struct threads *out)
{
    const struct flow_ins *ins = &trace->flow->code.ins[thread.pc];

    switch (ins->op) {
    case FLOW_OP_SET:
    case FLOW_OP_MATCH:
        (void)add_thread(trace, out, thread.pc, thread.record);
        break;
    case FLOW_OP_JUMP:
        (void)add_thread(trace, &trace->stack, ins->x, thread.record);
        break;
    case FLOW_OP_SPLIT: /* what is preferred is taken from the stack first */
        (void)add_thread(trace, &trace->stack, ins->y, thread.record);
        (void)add_thread(trace, &trace->stack, ins->x, thread.record);
        break;
    case FLOW_OP_ASSERT:
        if (flow_dfa_holds(ins->assertion, before, behind))
            (void)add_thread(trace, &trace->stack, thread.pc + 1, thread.record);
        break;
    case FLOW_OP_SAVE:
        (void)add_thread(trace, &trace->stack, thread.pc + 1,
                         ins->end ? thread.record
                                  : flow_records_open(&trace->records, thread.record, ins->group));
        break;
    }
}

/* In the order of PCRE2's preference. */
static void close_threads(struct trace *trace, const struct spot *spot, enum flow_class behind,
                          struct threads *out)
{
    out->n = 0;
    trace->mark_now++;
    for (int i = 0; i < spot->n && !trace->limit; i++) {
        const struct thread first = trace->pool[spot->from + i];

        trace->stack.n = 0;
        (void)add_thread(trace, &trace->stack, first.pc, first.record);
        while (trace->stack.n && !trace->limit) {
            struct thread thread = trace->stack.v[--trace->stack.n];

            if (is_new(trace, thread.pc))
                follow(trace, thread, spot->before, behind, out);
        }
    }
}

/* --- spots ------------------------------------------------------------------------------------------------------------ */

static uint64_t hash_of(const struct trace *trace, const struct spot *spot)
{
    const int key[4] = { spot->state, spot->sender, (int)spot->before, spot->space };

    return flow_hash(flow_hash(7, key, sizeof(key)), trace->pool + spot->from,
                     (size_t)spot->n * sizeof(struct thread));
}

static bool same(const struct trace *trace, const struct spot *a, const struct spot *b)
{
    return a->state == b->state && a->sender == b->sender && a->before == b->before && a->space == b->space &&
           a->n == b->n &&
           memcmp(trace->pool + a->from, trace->pool + b->from, (size_t)a->n * sizeof(struct thread)) == 0;
}

static bool index_spots(struct trace *trace)
{
    bool fresh;

    if (!flow_slots(&trace->flow->mem, &trace->slots, &trace->n_slots, trace->n + 1, &fresh))
        return false;
    for (int i = 0; fresh && i < trace->n; i++) {
        uint64_t h = hash_of(trace, &trace->spots[i]);

        while (trace->slots[h & (uint64_t)(trace->n_slots - 1)] >= 0)
            h++;
        trace->slots[h & (uint64_t)(trace->n_slots - 1)] = i;
    }
    return true;
}

/* The number of the spot with the threads of `next`; -1: a limit. */
static int find(struct trace *trace, struct spot spot)
{
    struct flow_mem *mem = &trace->flow->mem;
    const int n = trace->next.n;

    flow_work(mem, 10 + (size_t)n);
    if (flow_spent(mem) || trace->n > NODES_MAX || trace->n_pool / THREADS_MEAN > NODES_MAX ||
        !index_spots(trace) || !flow_grow(mem, &trace->spots, &trace->cap, trace->n + 1, sizeof(spot)) ||
        !flow_grow(mem, &trace->pool, &trace->pool_cap, trace->n_pool + n + 1, sizeof(struct thread)))
        return -1;
    memcpy(trace->pool + trace->n_pool, trace->next.v, (size_t)n * sizeof(struct thread));
    spot.from = trace->n_pool;
    spot.n = n;
    for (uint64_t h = hash_of(trace, &spot);; h++) {
        int *slot = &trace->slots[h & (uint64_t)(trace->n_slots - 1)];

        if (*slot >= 0 && same(trace, &trace->spots[*slot], &spot))
            return *slot;
        if (*slot >= 0)
            continue;
        spot.bytes = INT_MAX;
        spot.parent = -1;
        trace->n_pool += n;
        trace->spots[trace->n] = spot;
        *slot = trace->n;
        return trace->n++;
    }
}

static void arrive(struct trace *trace, int spot, int parent, int atom, int bytes)
{
    struct spot *reached;

    if (spot < 0) {
        trace->limit = true;
        return;
    }
    reached = &trace->spots[spot];
    if (reached->done || reached->bytes < bytes ||
        (reached->bytes == bytes &&
         (reached->parent < 0 ||
          flow_atoms_rank(trace->flow->atoms, atom) >= flow_atoms_rank(trace->flow->atoms, reached->atom))))
        return;
    if (reached->bytes != bytes) {
        trace->limit |= !flow_push(&trace->flow->mem, &trace->rounds[bytes % 5], spot);
        trace->pending++;
    }
    reached->parent = parent;
    reached->atom = atom;
    reached->bytes = bytes;
}

/* --- where it ends ---------------------------------------------------------------------------------------------------- */

/* Does the rule win the input, as far as that is certain? */
static bool wins(const struct trace *trace, const struct spot *spot)
{
    const struct flow_rule *rules = trace->flow->rules;
    const int *names;
    int n = flow_dfa_accepts(trace->all, spot->state, &names);

    for (int i = 0; i < n; i++)
        if (names[i] == trace->button->entered || flow_model_certain(&rules[names[i]], trace->side))
            return names[i] == trace->button->entered;
    return false;
}

static bool may_be_sent(struct trace *trace, const struct spot *spot)
{
    const int *closure = NULL;
    int n;

    if (spot->sender < 0)
        return true;
    n = flow_dfa_closure(trace->all, spot->sender, FLOW_OTHER, FLOW_EDGE, &closure);
    for (int i = 0; i < n; i++)
        if (trace->flow->code.ins[closure[i]].op == FLOW_OP_MATCH)
            return true;
    return false;
}

static bool ends_well(struct trace *trace, const struct spot *spot)
{
    struct threads *closed = &trace->closed[FLOW_EDGE];

    if (spot->bytes == 0 || spot->space)
        return false;
    close_threads(trace, spot, FLOW_EDGE, closed);
    for (int i = 0; i < closed->n && !trace->limit; i++) {
        enum flow_answer answer;

        if (trace->flow->code.ins[closed->v[i].pc].op != FLOW_OP_MATCH)
            continue;
        if (!wins(trace, spot) || !may_be_sent(trace, spot))
            return false;
        answer = flow_records_fits(&trace->records, closed->v[i].record);
        trace->limit |= answer == FLOW_UNKNOWN;
        return answer == FLOW_YES;
    }
    return false;
}

/* --- where it goes on ------------------------------------------------------------------------------------------------- */

static int compare_ints(const void *a, const void *b)
{
    const int x = *(const int *)a, y = *(const int *)b;

    return (x > y) - (x < y);
}

static void cut(struct trace *trace, int at)
{
    trace->limit |= !flow_push(&trace->flow->mem, &trace->cuts, at);
}

static void cut_set(struct trace *trace, int set)
{
    int n;
    const struct flow_run *runs = flow_atoms_runs(trace->flow->atoms, set, &n);

    for (int i = 0; i < n; i++) {
        cut(trace, runs[i].lo);
        cut(trace, runs[i].hi + 1);
    }
}

/* Atoms between two cuts are alike for all that follows. */
static void make_cuts(struct trace *trace, const struct spot *spot, const int *sender, int n_sender)
{
    const struct flow_move *moves = NULL;
    int n = flow_dfa_moves(trace->all, spot->state, &moves), m = 0;

    trace->cuts.n = 0;
    trace->limit |= n == FLOW_LIMIT;
    for (int i = 0; i < n; i++) {
        cut(trace, moves[i].lo);
        cut(trace, moves[i].hi + 1);
    }
    for (int i = 0; i < trace->changes.n; i++)
        cut(trace, trace->changes.v[i]);
    for (int i = 0; i < n_sender; i++)
        if (trace->flow->code.ins[sender[i]].op == FLOW_OP_SET)
            cut_set(trace, trace->flow->code.ins[sender[i]].x);
    for (int class = FLOW_WORD; class <= FLOW_OTHER; class ++)
        for (int i = 0; i < trace->closed[class].n && !trace->limit; i++) {
            const struct thread *thread = &trace->closed[class].v[i];
            const struct flow_ins *ins = &trace->flow->code.ins[thread->pc];

            if (ins->op != FLOW_OP_SET)
                continue;
            cut_set(trace, ins->x);
            trace->limit |= !flow_records_cut(&trace->records, thread->record, ins->groups, &trace->cuts);
        }
    flow_sorted(&trace->flow->mem, trace->cuts.n);
    if (trace->cuts.n)
        qsort(trace->cuts.v, (size_t)trace->cuts.n, sizeof(int), compare_ints);
    for (int i = 0; i < trace->cuts.n; i++)
        if (!m || trace->cuts.v[m - 1] != trace->cuts.v[i])
            trace->cuts.v[m++] = trace->cuts.v[i];
    trace->cuts.n = m;
}

static int best_atom(const struct trace *trace, int lo, int hi)
{
    const struct flow_atoms *atoms = trace->flow->atoms;
    int best = lo;

    flow_work(&trace->flow->mem, (size_t)(hi - lo));
    for (int atom = lo + 1; atom < hi; atom++)
        if (flow_atoms_rank(atoms, atom) < flow_atoms_rank(atoms, best))
            best = atom;
    return best;
}

/* The threads behind one atom, in `next`. */
static void advance(struct trace *trace, const struct threads *closed, int atom)
{
    trace->next.n = 0;
    trace->mark_now++;
    flow_work(&trace->flow->mem, 4 * (size_t)closed->n);
    trace->limit |= flow_spent(&trace->flow->mem);
    for (int i = 0; i < closed->n && !trace->limit; i++) {
        const struct flow_ins *ins = &trace->flow->code.ins[closed->v[i].pc];

        if (ins->op != FLOW_OP_SET || !flow_atoms_in(trace->flow->atoms, ins->x, atom) ||
            !is_new(trace, closed->v[i].pc + 1))
            continue;
        (void)add_thread(trace, &trace->next, closed->v[i].pc + 1,
                         flow_records_step(&trace->records, closed->v[i].record, ins->groups, atom));
    }
}

static void step(struct trace *trace, int from, int atom, const int *sender, int n_sender)
{
    const struct spot spot = trace->spots[from];
    const struct flow_atoms *atoms = trace->flow->atoms;
    enum flow_class class = trace->asserts ? flow_atoms_class(atoms, atom) : FLOW_WORD;
    const int bytes = spot.bytes + flow_atoms_bytes(atoms, atom);
    struct spot next = { .sender = -1, .before = trace->asserts ? class : FLOW_OTHER };

    if (trace->side == FLOW_TEXT) {
        next.space = flow_atoms_space(atoms, atom);
        if (next.space && spot.bytes == 0)
            return;
    }
    if (bytes > (trace->side == FLOW_TAP ? trace->tap_most : FLOW_TEXT_MAX))
        return;
    advance(trace, &trace->closed[class], atom);
    next.state = flow_dfa_step(trace->all, spot.state, atom);
    trace->limit |= next.state == FLOW_LIMIT;
    if (trace->limit || trace->next.n == 0)
        return;
    if (spot.sender < 0) {
        arrive(trace, find(trace, next), from, atom, bytes);
        return;
    }
    flow_work(&trace->flow->mem, 4 * (size_t)n_sender);
    for (int i = 0; i < n_sender && !trace->limit; i++) {
        const struct flow_ins *ins = &trace->flow->code.ins[sender[i]];

        if (ins->op != FLOW_OP_SET || !flow_atoms_in(atoms, ins->x, atom))
            continue;
        next.sender = flow_code_skip(&trace->flow->code, sender[i] + 1);
        arrive(trace, find(trace, next), from, atom, bytes);
    }
}

static void expand(struct trace *trace, int at)
{
    const struct spot spot = trace->spots[at];
    const int *closure = NULL;
    int n_sender = 0;

    trace->spots[at].done = true;
    if (ends_well(trace, &spot)) {
        trace->hit = at;
        return;
    }
    for (int class = FLOW_WORD; class <= (trace->asserts ? FLOW_OTHER : FLOW_WORD); class ++)
        close_threads(trace, &spot, (enum flow_class) class, &trace->closed[class]);
    if (spot.sender >= 0)
        n_sender = flow_dfa_closure(trace->all, spot.sender, FLOW_OTHER, FLOW_OTHER, &closure);
    trace->senders.n = 0;
    for (int i = 0; i < n_sender; i++)
        trace->limit |= !flow_push(&trace->flow->mem, &trace->senders, closure[i]);
    if (!trace->limit)
        make_cuts(trace, &spot, trace->senders.v, trace->senders.n);
    for (int i = 0; i + 1 < trace->cuts.n && !trace->limit; i++)
        step(trace, at, best_atom(trace, trace->cuts.v[i], trace->cuts.v[i + 1]), trace->senders.v,
             trace->senders.n);
}

/* --- the whole -------------------------------------------------------------------------------------------------------- */

static bool find_changes(struct trace *trace)
{
    const struct flow_atoms *atoms = trace->flow->atoms;
    const int n = flow_atoms_count(atoms);
    bool good =
        flow_push(&trace->flow->mem, &trace->changes, 0) && flow_push(&trace->flow->mem, &trace->changes, n);

    for (int i = 1; i < n && good; i++)
        if (flow_atoms_bytes(atoms, i) != flow_atoms_bytes(atoms, i - 1) ||
            (trace->asserts && flow_atoms_class(atoms, i) != flow_atoms_class(atoms, i - 1)) ||
            (trace->side == FLOW_TEXT && flow_atoms_space(atoms, i) != flow_atoms_space(atoms, i - 1)))
            good = flow_push(&trace->flow->mem, &trace->changes, i);
    return good;
}

static void begin_at(struct trace *trace, int sender)
{
    int spot = find(trace, (struct spot){ .state = trace->flow->start[trace->side],
                                          .sender = sender,
                                          .before = trace->asserts ? FLOW_EDGE : FLOW_OTHER });

    if (spot < 0) {
        trace->limit = true;
    } else if (trace->spots[spot].bytes) {
        trace->spots[spot].bytes = 0;
        trace->limit |= !flow_push(&trace->flow->mem, &trace->rounds[0], spot);
        trace->pending++;
    }
}

static void begin(struct trace *trace)
{
    const struct flow *flow = trace->flow;
    const int rule = trace->button->entered;

    trace->next.n = 0;
    if (!find_changes(trace) || flow->start[trace->side] == FLOW_LIMIT ||
        !add_thread(trace, &trace->next, trace->start, flow_records_first(&trace->records))) {
        trace->limit = true;
        return;
    }
    if (trace->side == FLOW_TEXT || flow->rules[rule].rule->entry) {
        begin_at(trace, -1);
        return;
    }
    for (int i = 0; i < flow->rules[rule].senders.n && !trace->limit; i++) {
        const struct flow_button *button = &flow->buttons[flow->rules[rule].senders.v[i]];

        for (int side = 0; side < 3 && button->to == FLOW_TAP; side++)
            if (button->start[side] >= 0 && flow->rules[button->entered].reached)
                begin_at(trace, button->start[side]);
    }
}

static void run(struct trace *trace)
{
    for (int bytes = 0; trace->pending && trace->hit < 0 && !trace->limit; bytes++) {
        struct flow_ints *round = &trace->rounds[bytes % 5];

        for (int i = 0; i < round->n && trace->hit < 0 && !trace->limit; i++, trace->pending--)
            if (trace->spots[round->v[i]].bytes == bytes && !trace->spots[round->v[i]].done)
                expand(trace, round->v[i]);
        round->n = 0;
    }
}

static void print_input(struct trace *trace, struct buf *input)
{
    char bytes[4];

    trace->cuts.n = 0;
    for (int i = trace->hit; trace->spots[i].parent >= 0; i = trace->spots[i].parent)
        cut(trace, trace->spots[i].atom);
    for (int i = trace->cuts.n - 1; i >= 0; i--)
        buf_add(input, bytes, flow_encode(flow_atoms_char(trace->flow->atoms, trace->cuts.v[i]), bytes));
}

static void drop(struct trace *trace)
{
    struct flow_mem *mem = &trace->flow->mem;
    struct threads *lists[] = { &trace->stack,     &trace->next,      &trace->closed[0],
                                &trace->closed[1], &trace->closed[2], &trace->closed[3] };

    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        flow_drop(mem, &lists[i]->v, &lists[i]->cap, sizeof(struct thread));
    for (int i = 0; i < 5; i++)
        flow_ints_drop(mem, &trace->rounds[i]);
    flow_drop(mem, &trace->spots, &trace->cap, sizeof(struct spot));
    flow_drop(mem, &trace->pool, &trace->pool_cap, sizeof(struct thread));
    flow_drop(mem, &trace->slots, &trace->n_slots, sizeof(int));
    flow_drop(mem, &trace->mark, &trace->mark_cap, sizeof(int));
    flow_ints_drop(mem, &trace->cuts);
    flow_ints_drop(mem, &trace->changes);
    flow_ints_drop(mem, &trace->senders);
    flow_records_free(&trace->records);
}

enum flow_answer flow_trace_search(struct flow *flow, const struct flow_button *button, enum flow_side side,
                                   const struct flow_wanted *wanted, struct buf *input)
{
    const struct flow_rule *rule = &flow->rules[button->entered];
    struct trace trace = { .flow = flow, .button = button, .side = side, .hit = -1 };
    enum flow_answer answer;

    trace.tap_most = flow_model_tap(flow, button->entered);
    if (rule->start[side] < 0 || button->start[side] < 0)
        return button->vague[side] ? FLOW_UNKNOWN : FLOW_NO;
    if (!rule->exact[side] || flow_spent(&flow->mem) || flow_tree_empty_loop(rule->regex[side].top))
        return FLOW_UNKNOWN;
    trace.all = flow->all[side];
    trace.start = rule->start[side];
    trace.asserts = flow_code_asserts(&flow->code, trace.start);
    answer = flow_records_begin(&trace.records, flow, button, side, wanted);
    if (answer == FLOW_YES) {
        begin(&trace);
        run(&trace);
        answer = trace.hit >= 0 ? FLOW_YES : trace.limit || flow->mem.out ? FLOW_UNKNOWN : FLOW_NO;
    }
    if (answer == FLOW_YES)
        print_input(&trace, input);
    drop(&trace);
    return answer;
}
