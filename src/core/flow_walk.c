#include "core/flow_walk.h"

#include <limits.h>
#include <string.h>

static uint64_t hash_of(const struct flow_pair *pair)
{
    const int key[4] = { pair->pc, pair->state, (int)pair->before, pair->space };

    return flow_hash(3, key, sizeof(key));
}

static bool same(const struct flow_pair *a, const struct flow_pair *b)
{
    return a->pc == b->pc && a->state == b->state && a->before == b->before && a->space == b->space;
}

static bool index_pairs(struct flow_walk *walk)
{
    bool fresh;

    if (!flow_slots(walk->mem, &walk->slots, &walk->n_slots, walk->n + 1, &fresh))
        return false;
    for (int i = 0; fresh && i < walk->n; i++) {
        uint64_t h = hash_of(&walk->pairs[i]);

        while (walk->slots[h & (uint64_t)(walk->n_slots - 1)] >= 0)
            h++;
        walk->slots[h & (uint64_t)(walk->n_slots - 1)] = i;
    }
    return true;
}

/* The pair's number; new pairs have INT_MAX bytes. -1: a limit. */
static int find(struct flow_walk *walk, struct flow_pair pair)
{
    uint64_t h = hash_of(&pair);

    flow_work(walk->mem, 10);
    if (flow_spent(walk->mem) || !index_pairs(walk) ||
        !flow_grow(walk->mem, &walk->pairs, &walk->cap, walk->n + 1, sizeof(*walk->pairs)) ||
        !flow_grow(walk->mem, &walk->done, &walk->done_cap, walk->n + 1, 1))
        return -1;
    for (;; h++) {
        int at = walk->slots[h & (uint64_t)(walk->n_slots - 1)];

        if (at >= 0 && same(&walk->pairs[at], &pair))
            return at;
        if (at >= 0)
            continue;
        walk->slots[h & (uint64_t)(walk->n_slots - 1)] = walk->n;
        pair.bytes = INT_MAX;
        pair.parent = -1;
        walk->done[walk->n] = 0;
        walk->pairs[walk->n] = pair;
        return walk->n++;
    }
}

static bool schedule(struct flow_walk *walk, int node, int bytes)
{
    walk->pairs[node].bytes = bytes;
    walk->pending++;
    return flow_push(walk->mem, &walk->rounds[bytes % 5], node);
}

/* The atom of lo..hi (all alike for both sides) that is shortest and reads best; -1: none fits. */
static int best_atom(const struct flow_walk *walk, const struct flow_pair *from, int lo, int hi,
                     enum flow_class class, int space)
{
    int best = -1;

    flow_work(walk->mem, (size_t)(hi - lo) + 1);
    for (int atom = lo; atom <= hi; atom++) {
        if (walk->asserts && flow_atoms_class(walk->atoms, atom) != class)
            continue;
        if (walk->trimmed &&
            ((int)flow_atoms_space(walk->atoms, atom) != space || (space && from->bytes == 0)))
            continue;
        if (best >= 0 && flow_atoms_bytes(walk->atoms, atom) > flow_atoms_bytes(walk->atoms, best))
            break;
        if (best < 0 || flow_atoms_rank(walk->atoms, atom) < flow_atoms_rank(walk->atoms, best))
            best = atom;
    }
    return best;
}

static bool reach(struct flow_walk *walk, int node, int pc, int state, int lo, int hi, enum flow_class class)
{
    for (int space = 0; space <= (walk->trimmed ? 1 : 0); space++) {
        const struct flow_pair from = walk->pairs[node];
        int atom = best_atom(walk, &from, lo, hi, class, space), next, bytes;

        if (atom < 0)
            continue;
        next = find(walk, (struct flow_pair){ .pc = pc,
                                              .state = state,
                                              .before = walk->asserts ? class : FLOW_OTHER,
                                              .space = space });
        if (next < 0 || walk->n > walk->nodes_max)
            return false;
        bytes = from.bytes + flow_atoms_bytes(walk->atoms, atom);
        if (walk->pairs[next].bytes < bytes || walk->done[next])
            continue;
        if (walk->pairs[next].bytes == bytes) { /* as short, but does it read better? */
            if (walk->pairs[next].parent >= 0 &&
                flow_atoms_rank(walk->atoms, atom) < flow_atoms_rank(walk->atoms, walk->pairs[next].atom)) {
                walk->pairs[next].parent = node;
                walk->pairs[next].atom = atom;
            }
            continue;
        }
        walk->pairs[next].parent = node;
        walk->pairs[next].atom = atom;
        if (!schedule(walk, next, bytes))
            return false;
    }
    return true;
}

/* All moves of one SET counter. */
static bool expand_set(struct flow_walk *walk, int node, int pc, const struct flow_move *moves, int n_moves,
                       enum flow_class class)
{
    const int behind = flow_code_skip(walk->code, pc + 1);
    int n_runs, k = 0;
    const struct flow_run *runs = flow_atoms_runs(walk->atoms, walk->code->ins[pc].x, &n_runs);

    flow_work(walk->mem, (size_t)n_runs + (size_t)n_moves);
    for (int i = 0; i < n_runs; i++)
        for (int at = runs[i].lo, to; at <= runs[i].hi; at = to + 1) {
            int state = FLOW_DEAD;

            while (k < n_moves && moves[k].hi < at)
                k++;
            to = runs[i].hi;
            if (k < n_moves && moves[k].lo <= at) {
                state = moves[k].to;
                to = moves[k].hi < to ? moves[k].hi : to;
            } else if (k < n_moves && moves[k].lo <= to) {
                to = moves[k].lo - 1;
            }
            if ((state != FLOW_DEAD || walk->keep_dead) && !reach(walk, node, behind, state, at, to, class))
                return false;
        }
    return true;
}

static bool can_end(struct flow_walk *walk, const struct flow_pair *pair)
{
    const int *closure = NULL;
    int n;

    if (pair->space)
        return false;
    n = flow_dfa_closure(walk->dfa, pair->pc, pair->before, FLOW_EDGE, &closure);
    for (int i = 0; i < n; i++)
        if (walk->code->ins[closure[i]].op == FLOW_OP_MATCH)
            return true;
    return false;
}

static enum flow_result expand(struct flow_walk *walk, int node)
{
    const struct flow_pair pair = walk->pairs[node];
    const struct flow_move *moves = NULL;
    int n_moves;

    walk->done[node] = 1;
    if (can_end(walk, &pair) && !walk->visit(walk->arg, walk, node))
        return FLOW_STOPPED;
    n_moves = flow_dfa_moves(walk->dfa, pair.state, &moves);
    if (n_moves == FLOW_LIMIT)
        return FLOW_UNDECIDED;
    for (int class = walk->asserts ? FLOW_WORD : FLOW_OTHER; class <= FLOW_OTHER; class ++) {
        const int *closure = NULL;
        int n = flow_dfa_closure(walk->dfa, pair.pc, pair.before, (enum flow_class) class, &closure);

        for (int i = 0; i < n; i++)
            if (walk->code->ins[closure[i]].op == FLOW_OP_SET &&
                !expand_set(walk, node, closure[i], moves, n_moves, (enum flow_class) class))
                return FLOW_UNDECIDED;
    }
    return FLOW_ALL;
}

enum flow_result flow_walk_run(struct flow_walk *walk, const int *starts, int n, int state)
{
    enum flow_result result = FLOW_ALL;

    if (state == FLOW_LIMIT || flow_spent(walk->mem))
        return FLOW_UNDECIDED;
    for (int i = 0; i < n && result == FLOW_ALL; i++) {
        /* FLOW_EDGE even without assertions, so that no loop comes back to the start */
        int node = find(walk, (struct flow_pair){ .pc = starts[i], .state = state, .before = FLOW_EDGE });

        if (node < 0 || (walk->pairs[node].bytes && !schedule(walk, node, 0)))
            result = FLOW_UNDECIDED;
    }
    for (int bytes = 0; walk->pending && result == FLOW_ALL; bytes++) {
        struct flow_ints *round = &walk->rounds[bytes % 5];

        if (walk->bytes_max >= 0 && bytes > walk->bytes_max)
            break;
        for (int i = 0; i < round->n && result == FLOW_ALL; i++, walk->pending--)
            if (walk->pairs[round->v[i]].bytes == bytes && !walk->done[round->v[i]])
                result = expand(walk, round->v[i]);
        round->n = 0;
    }
    return walk->mem->out ? FLOW_UNDECIDED : result;
}

bool flow_walk_word(const struct flow_walk *walk, int node, struct buf *out)
{
    struct flow_ints atoms = { NULL, 0, 0 };
    char bytes[4];

    for (int i = node; walk->pairs[i].parent >= 0; i = walk->pairs[i].parent)
        if (!flow_push(walk->mem, &atoms, walk->pairs[i].atom))
            out->failed = true;
    for (int i = atoms.n - 1; i >= 0; i--)
        buf_add(out, bytes, flow_encode(flow_atoms_char(walk->atoms, atoms.v[i]), bytes));
    flow_ints_drop(walk->mem, &atoms);
    return !out->failed;
}

void flow_walk_free(struct flow_walk *walk)
{
    flow_drop(walk->mem, &walk->pairs, &walk->cap, sizeof(*walk->pairs));
    flow_drop(walk->mem, &walk->slots, &walk->n_slots, sizeof(int));
    flow_drop(walk->mem, &walk->done, &walk->done_cap, 1);
    for (int i = 0; i < 5; i++)
        flow_ints_drop(walk->mem, &walk->rounds[i]);
    walk->n = 0;
}
