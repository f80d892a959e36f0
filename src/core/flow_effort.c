#include "core/flow_effort.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)8 << 20)
#define POSITIONS_MAX 1000
#define LOOP_MAX 200      /* positions of a loop */
#define WALK_MAX 400000   /* steps of the search in one pattern */
#define TRY_STEPS 1000    /* what a match is counted as */
#define LIMIT_STEPS 40000 /* and one that reaches the limit */
#define TRIES_MAX 12      /* loops of a pattern that are tried */
#define TRY_MAX 100       /* bytes: what reaches the limit later grows slower than exponentially */

/* What a part of the pattern can begin and end with. */
struct ends {
    int *first, *last;
    int n_first, n_last;
    bool nullable;
};

struct pair {
    int a, b, parent;
    bool apart; /* the two ways were different somewhere */
};

/* The outermost loop around a position: its positions are from..to-1, and no way back leads outside. */
struct loop {
    int from, to;
};

struct flow_effort {
    struct flow_mem *mem;
    struct flow_sets *sets;
    struct pattern_scratch *scratch;
    struct arena *arena;
    const struct pattern *pattern;
    const struct flow_node *tree;
    const struct flow_node **leaves; /* the positions: each takes one character */
    struct loop *loops;              /* by position; to 0: it is in none */
    int n, size, depth, most;        /* depth: of loops around the place; most: positions of a loop */
    unsigned char *follow;           /* by two positions: in how many ways, 2 for more than one */
    bool over;
    struct pair *pairs;
    int n_pairs;
    struct loop loop; /* that is looked through */
    int *seen;        /* by two positions in it and `apart`: the round in which it was come by */
    int round;
    long steps;
};

struct flow_effort *flow_effort_new(struct flow_mem *mem, struct flow_sets *sets)
{
    struct flow_effort *effort = calloc(1, sizeof(*effort));

    if (!effort)
        return NULL;
    effort->mem = mem;
    effort->sets = sets;
    effort->scratch = pattern_scratch_new();
    effort->arena = arena_new(ARENA_MAX);
    if (effort->scratch && effort->arena)
        return effort;
    flow_effort_free(effort);
    return NULL;
}

void flow_effort_free(struct flow_effort *effort)
{
    if (!effort)
        return;
    pattern_scratch_free(effort->scratch);
    arena_free(effort->arena);
    free(effort);
}

/* --- positions ------------------------------------------------------------------------------------------------------- */

static int count_positions(const struct flow_node *node)
{
    int n = node->kind == FLOW_CHAR;

    for (int i = 0; i < node->count; i++)
        n += count_positions(node->kids[i]);
    return n;
}

static bool has_loop(const struct flow_node *node)
{
    bool loop = node->kind == FLOW_REPEAT && node->max != 0 && node->max != 1;

    for (int i = 0; i < node->count && !loop; i++)
        loop = has_loop(node->kids[i]);
    return loop;
}

static unsigned char *way(const struct flow_effort *effort, int from, int to)
{
    return &effort->follow[from * effort->size + to];
}

static void link(struct flow_effort *effort, const struct ends *before, const struct ends *behind)
{
    for (int i = 0; i < before->n_last; i++)
        for (int k = 0; k < behind->n_first; k++) {
            unsigned char *ways = way(effort, before->last[i], behind->first[k]);

            *ways = *ways ? 2 : 1;
        }
}

static int *join(struct flow_effort *effort, const int *a, int n_a, const int *b, int n_b)
{
    int *both = arena_array(effort->arena, (size_t)(n_a + n_b) + 1, sizeof(*both));

    if (!both) {
        effort->over = true;
        return NULL;
    }
    if (n_a)
        memcpy(both, a, (size_t)n_a * sizeof(*a));
    if (n_b)
        memcpy(both + n_a, b, (size_t)n_b * sizeof(*b));
    return both;
}

static void add_first(struct flow_effort *effort, struct ends *ends, const struct ends *more)
{
    ends->first = join(effort, ends->first, ends->n_first, more->first, more->n_first);
    ends->n_first = ends->first ? ends->n_first + more->n_first : 0;
}

static void add_last(struct flow_effort *effort, struct ends *ends, const struct ends *more)
{
    ends->last = join(effort, ends->last, ends->n_last, more->last, more->n_last);
    ends->n_last = ends->last ? ends->n_last + more->n_last : 0;
}

static struct ends place(struct flow_effort *effort, const struct flow_node *node);

static struct ends place_char(struct flow_effort *effort, const struct flow_node *node)
{
    struct ends ends = { NULL };
    int at = effort->n++;

    effort->leaves[at] = node;
    ends.first = join(effort, &at, 1, NULL, 0);
    ends.last = ends.first;
    ends.n_first = ends.n_last = ends.first ? 1 : 0;
    return ends;
}

static struct ends place_sequence(struct flow_effort *effort, const struct flow_node *node)
{
    struct ends all = { .nullable = true };

    for (int i = 0; i < node->count && !effort->over; i++) {
        struct ends one = place(effort, node->kids[i]);

        link(effort, &all, &one);
        if (all.nullable)
            add_first(effort, &all, &one);
        if (!one.nullable)
            all.n_last = 0;
        add_last(effort, &all, &one);
        all.nullable &= one.nullable;
    }
    return all;
}

static struct ends place_alternatives(struct flow_effort *effort, const struct flow_node *node)
{
    struct ends all = { NULL };

    for (int i = 0; i < node->count && !effort->over; i++) {
        struct ends one = place(effort, node->kids[i]);

        add_first(effort, &all, &one);
        add_last(effort, &all, &one);
        all.nullable |= one.nullable;
    }
    return all;
}

static struct ends place_repeat(struct flow_effort *effort, const struct flow_node *node)
{
    const bool loop = node->max != 1;
    const int from = effort->n;
    struct ends ends;

    effort->depth += loop;
    ends = place(effort, node->kids[0]);
    effort->depth -= loop;
    if (loop)
        link(effort, &ends, &ends);
    for (int i = from; loop && effort->depth == 0 && i < effort->n; i++)
        effort->loops[i] = (struct loop){ from, effort->n };
    if (loop && effort->n - from > effort->most)
        effort->most = effort->n - from;
    ends.nullable |= node->min == 0;
    return ends;
}

static struct ends place(struct flow_effort *effort, const struct flow_node *node)
{
    const struct ends nothing = { .nullable = true };

    switch (node->kind) {
    case FLOW_CHAR:
        return place_char(effort, node);
    case FLOW_CAT:
        return place_sequence(effort, node);
    case FLOW_ALT:
        return place_alternatives(effort, node);
    case FLOW_GROUP:
        return place(effort, node->kids[0]);
    case FLOW_REPEAT:
        return node->max == 0 ? nothing : place_repeat(effort, node);
    default:
        return nothing;
    }
}

/* The automaton of a pattern; FLOW_NO: it has no loops; FLOW_UNKNOWN: it is too large. */
static enum flow_answer build(struct flow_effort *effort, const struct pattern *pattern,
                              const struct flow_node *tree)
{
    const int n = has_loop(tree) ? count_positions(tree) : 0;
    size_t pairs;

    arena_reset(effort->arena);
    flow_work(effort->mem, (size_t)n * (size_t)n / 8);
    if (n == 0)
        return FLOW_NO;
    if (n > POSITIONS_MAX || flow_spent(effort->mem))
        return FLOW_UNKNOWN;
    effort->pattern = pattern;
    effort->tree = tree;
    effort->n = 0;
    effort->size = n;
    effort->round = effort->depth = effort->most = 0;
    effort->steps = 0;
    effort->over = false;
    effort->leaves = arena_array(effort->arena, (size_t)n, sizeof(*effort->leaves));
    effort->follow = arena_array(effort->arena, (size_t)n * (size_t)n, 1);
    effort->loops = arena_array(effort->arena, (size_t)n, sizeof(*effort->loops));
    if (!effort->leaves || !effort->follow || !effort->loops)
        return FLOW_UNKNOWN;
    (void)place(effort, tree);
    if (effort->over || effort->most > LOOP_MAX)
        return FLOW_UNKNOWN;
    pairs = 2 * (size_t)effort->most * (size_t)effort->most;
    effort->seen = arena_array(effort->arena, pairs, sizeof(*effort->seen));
    effort->pairs = arena_array(effort->arena, pairs, sizeof(*effort->pairs));
    return effort->seen && effort->pairs ? FLOW_YES : FLOW_UNKNOWN;
}

/* --- texts ----------------------------------------------------------------------------------------------------------- */

/* A character of both sets, one that reads well if there is one; false: they have none. */
static bool common(const struct flow_effort *effort, int a, int b, uint32_t *out)
{
    static const char good[] = "a0xbAX1-_:. ";
    const struct flow_range *of_a, *of_b;
    int n_a, n_b;

    for (size_t i = 0; i + 1 < sizeof(good); i++) {
        *out = (unsigned char)good[i];
        if (flow_set_has(effort->sets, a, *out) && flow_set_has(effort->sets, b, *out))
            return true;
    }
    of_a = flow_set_ranges(effort->sets, a, &n_a);
    of_b = flow_set_ranges(effort->sets, b, &n_b);
    for (int i = 0, k = 0; i < n_a && k < n_b;) {
        *out = of_a[i].lo > of_b[k].lo ? of_a[i].lo : of_b[k].lo;
        if (*out <= of_a[i].hi && *out <= of_b[k].hi)
            return true;
        if (of_a[i].hi < of_b[k].hi)
            i++;
        else
            k++;
    }
    return false;
}

static void put_char(struct buf *out, uint32_t code)
{
    char bytes[4];

    buf_add(out, bytes, flow_encode(code, bytes));
}

/* A short text that the part takes. */
static void put_short(const struct flow_effort *effort, const struct flow_node *node, struct buf *out)
{
    const struct flow_node *least = node->count ? node->kids[0] : NULL;
    uint32_t code;

    switch (node->kind) {
    case FLOW_CHAR:
        if (common(effort, node->set, node->set, &code))
            put_char(out, code);
        break;
    case FLOW_ALT:
        for (int i = 1; i < node->count; i++)
            if (flow_tree_least(effort->sets, node->kids[i]) < flow_tree_least(effort->sets, least))
                least = node->kids[i];
        if (least)
            put_short(effort, least, out);
        break;
    case FLOW_REPEAT:
        for (int i = 0; least && i < node->min && !out->failed; i++) {
            const size_t before = out->len;

            put_short(effort, least, out);
            if (out->len == before)
                break;
        }
        break;
    default:
        for (int i = 0; i < node->count; i++)
            put_short(effort, node->kids[i], out);
    }
}

/* What leads to a leaf, and what has to come behind it; false: the leaf is not in here. */
static bool put_around(const struct flow_effort *effort, const struct flow_node *node,
                       const struct flow_node *leaf, struct buf *before, struct buf *behind)
{
    const size_t kept = before->len;

    if (node == leaf)
        return true;
    for (int i = 0; i < node->count; i++) {
        if (put_around(effort, node->kids[i], leaf, before, behind)) {
            for (int k = i + 1; node->kind == FLOW_CAT && k < node->count; k++)
                put_short(effort, node->kids[k], behind);
            for (int k = 1; node->kind == FLOW_REPEAT && k < node->min && !behind->failed; k++)
                put_short(effort, node->kids[0], behind);
            return true;
        }
        if (node->kind == FLOW_CAT)
            put_short(effort, node->kids[i], before);
    }
    buf_cut(before, kept);
    return false;
}

/* --- loops that can be gone round in two ways ------------------------------------------------------------------------- */

static int *seen_of(const struct flow_effort *effort, int a, int b, bool apart)
{
    const struct loop *loop = &effort->loop;

    return &effort->seen[2 * ((a - loop->from) * (loop->to - loop->from) + b - loop->from) + apart];
}

static void meet(struct flow_effort *effort, int a, int b, bool apart, int parent)
{
    int *seen = seen_of(effort, a, b, apart);

    if (*seen == effort->round)
        return;
    *seen = effort->round;
    effort->pairs[effort->n_pairs++] = (struct pair){ a, b, parent, apart };
}

static void go_on(struct flow_effort *effort, int at)
{
    const struct pair from = effort->pairs[at];
    uint32_t code;

    for (int a = effort->loop.from; a < effort->loop.to; a++) {
        const unsigned char ways = *way(effort, from.a, a);

        for (int b = ways ? effort->loop.from : effort->loop.to; b < effort->loop.to; b++) {
            const bool apart = from.apart || a != b || ways > 1;

            effort->steps++;
            if (*way(effort, from.b, b) && *seen_of(effort, a, b, apart) != effort->round &&
                common(effort, effort->leaves[a]->set, effort->leaves[b]->set, &code))
                meet(effort, a, b, apart, at);
        }
    }
}

/* From a position back to it in two ways by one text, which goes into `round`. */
static bool find_round(struct flow_effort *effort, int position, struct buf *round)
{
    int chain[2 * LOOP_MAX] = { 0 }, n = 0, hit = -1;

    effort->round++;
    effort->loop = effort->loops[position];
    effort->n_pairs = 0;
    meet(effort, position, position, false, -1);
    for (int at = 0; at < effort->n_pairs && hit < 0 && effort->steps < WALK_MAX; at++) {
        const struct pair *pair = &effort->pairs[at];

        if (pair->apart && pair->a == position && pair->b == position)
            hit = at;
        else
            go_on(effort, at);
    }
    for (int at = hit; at > 0 && n < 2 * LOOP_MAX; at = effort->pairs[at].parent)
        chain[n++] = at;
    while (n > 0) {
        const struct pair *pair = &effort->pairs[chain[--n]];
        uint32_t code;

        if (common(effort, effort->leaves[pair->a]->set, effort->leaves[pair->b]->set, &code))
            put_char(round, code);
    }
    return hit >= 0;
}

/* --- with PCRE2 ------------------------------------------------------------------------------------------------------ */

struct pumped {
    struct text before, round, behind;
    const char *wrong;
};

static bool reaches(struct flow_effort *effort, const struct pumped *pumped, size_t rounds, struct buf *text)
{
    bool limit;

    buf_cut(text, 0);
    buf_text(text, pumped->before);
    for (size_t i = 0; i < rounds; i++)
        buf_text(text, pumped->round);
    buf_str(text, pumped->wrong);
    buf_text(text, pumped->behind);
    if (text->failed || flow_spent(effort->mem))
        return false;
    limit = pattern_match(effort->pattern, effort->scratch, buf_get(text)) == PATTERN_LIMIT;
    flow_work(effort->mem, limit ? LIMIT_STEPS : TRY_STEPS + text->len * text->len / 2);
    return limit;
}

/* The shortest, if the longest does it. */
static bool try_rounds(struct flow_effort *effort, const struct pumped *pumped, size_t most, struct buf *text)
{
    const size_t rest = pumped->before.n + pumped->behind.n + strlen(pumped->wrong);
    size_t low = 1, high;

    if (rest + pumped->round.n > most)
        return false;
    most -= rest;
    high = (most < TRY_MAX ? most : TRY_MAX) / pumped->round.n;
    if (high == 0 || !reaches(effort, pumped, high, text))
        return false;
    while (low < high) {
        const size_t middle = (low + high) / 2;

        if (reaches(effort, pumped, middle, text))
            high = middle;
        else
            low = middle + 1;
    }
    return reaches(effort, pumped, high, text);
}

/* With different ends, of which one keeps the pattern from matching. */
static bool try_ends(struct flow_effort *effort, int position, struct text round, size_t most, bool trimmed,
                     struct buf *text)
{
    static const char *const wrong[] = { "!", "", "~", "\xC3\xA9", "0", "a", ":", "\n", "\x01" };
    struct buf before = BUF(TRY_MAX * 4), behind = BUF(TRY_MAX * 4);
    uint32_t code = 0;
    bool found = false;

    if (put_around(effort, effort->tree, effort->leaves[position], &before, &behind) &&
        common(effort, effort->leaves[position]->set, effort->leaves[position]->set, &code))
        put_char(&before, code);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong) && !found && !before.failed && !behind.failed;
         i++) {
        struct pumped pumped = { buf_get(&before), round, buf_get(&behind), wrong[i] };

        found = try_rounds(effort, &pumped, most, text);
        pumped.behind = text_of("");
        found = found || try_rounds(effort, &pumped, most, text);
        /* what the daemon would match is the trimmed text */
        found = found && (!trimmed || text_eq(text_trim(buf_get(text)), buf_get(text)));
    }
    buf_free(&before);
    buf_free(&behind);
    return found;
}

enum flow_answer flow_effort_find(struct flow_effort *effort, const struct pattern *pattern,
                                  const struct flow_node *tree, size_t most, bool trimmed, struct buf *text)
{
    const enum flow_answer built = build(effort, pattern, tree);
    bool found = false;

    if (built != FLOW_YES)
        return built;
    for (int at = 0, tries = 0; at < effort->n && tries < TRIES_MAX && !found; at++) {
        struct buf round = BUF(TRY_MAX);

        if (effort->loops[at].to && effort->steps < WALK_MAX && find_round(effort, at, &round) &&
            !round.failed) {
            tries++;
            found = try_ends(effort, at, buf_get(&round), most, trimmed, text);
        }
        buf_free(&round);
    }
    flow_work(effort->mem, (size_t)effort->steps);
    if (found)
        return FLOW_YES;
    return effort->steps >= WALK_MAX || flow_spent(effort->mem) ? FLOW_UNKNOWN : FLOW_NO;
}
