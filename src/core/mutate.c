#include "core/mutate.h"

#include "core/example.h"
#include "core/step_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATTERN_MAX (16u << 10)
#define WHAT_MAX 400
#define EXAMPLE_MAX 4096
#define QUANTIFIERS_MAX 4 /* of one pattern */
#define DEPTH_MAX 100     /* of maps and lists; files that load have fewer */

struct lister {
    const struct ruleset *ruleset;
    struct pattern_scratch *scratch;
    struct arena *arena;
    struct mutants *out;
    size_t room;
    const char *kind; /* "rule", "reply", "row": what is looked at */
    struct text name; /* of it */
    bool failed;      /* memory is out */
};

/* --- one change ------------------------------------------------------------------------------------------------------ */

static void push(struct lister *lister, const struct mutant *mutant)
{
    struct mutants *out = lister->out;

    if (out->count == lister->room) {
        size_t room = lister->room ? 2 * lister->room : 64;
        struct mutant *items = arena_array(lister->arena, room, sizeof(*items));

        lister->failed = lister->failed || !items;
        if (lister->failed)
            return;
        if (out->count)
            memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        lister->room = room;
    }
    out->items[out->count++] = *mutant;
}

/* "rule 'track'" and what is behind it. */
static void PRINTF(3, 4) add(struct lister *lister, const struct mutant *change, const char *format, ...)
{
    char words[WHAT_MAX];
    struct buf what = BUF(2 * WHAT_MAX);
    struct mutant mutant = *change;
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    buf_printf(&what, "%s '%.*s' %s", lister->kind, TEXT_ARG(lister->name), words);
    mutant.what = arena_str(lister->arena, buf_get(&what));
    buf_free(&what);
    lister->failed = lister->failed || !mutant.what;
    push(lister, &mutant);
}

static size_t index_of(const struct node *map, const char *key)
{
    for (size_t i = 0; map->kind == NODE_MAP && i < map->count; i++)
        if (text_is(map->keys[i]->text, key))
            return i;
    return SIZE_MAX;
}

/* --- rules ----------------------------------------------------------------------------------------------------------- */

/* Does the second pattern take an example of the first? */
static bool meets(struct lister *lister, const struct pattern *first, const struct pattern *second)
{
    struct buf example = BUF(EXAMPLE_MAX);
    bool met = false;

    for (int i = 0; first && second && !met && i < EXAMPLE_VARIANTS; i++)
        met = example_make(first, i, lister->scratch, &example) &&
              pattern_match(second, lister->scratch, buf_get(&example)) == PATTERN_YES;
    buf_free(&example);
    return met;
}

static bool order_matters(struct lister *lister, const struct rule *a, const struct rule *b)
{
    return meets(lister, a->tap, b->tap) || meets(lister, b->tap, a->tap) ||
           meets(lister, a->text, b->text) || meets(lister, b->text, a->text);
}

static const struct rule *rule_of(const struct lister *lister, const struct node *rule)
{
    const struct node *name = node_get(rule, "name");

    return name ? ruleset_find(lister->ruleset, name->text) : NULL;
}

static void list_order(struct lister *lister, const struct node *rules, size_t i)
{
    const struct rule *a = rule_of(lister, rules->items[i]);
    const struct rule *b = i + 1 < rules->count ? rule_of(lister, rules->items[i + 1]) : NULL;
    struct mutant mutant = { MUTANT_SWAP, rules, i, NULL, NULL, rules->items[i]->at };
    struct buf what = BUF(WHAT_MAX);

    if (!a || !b || !order_matters(lister, a, b))
        return;
    buf_printf(&what, "rules '%s' and '%s' swapped", a->name, b->name);
    mutant.what = arena_str(lister->arena, buf_get(&what));
    buf_free(&what);
    lister->failed = lister->failed || !mutant.what;
    push(lister, &mutant);
}

/* --- patterns -------------------------------------------------------------------------------------------------------- */

/* `form` with both texts in the places of '<' and '>'. */
static const char *make_pattern(struct lister *lister, const char *form, struct text before,
                                struct text behind)
{
    struct buf pattern = BUF(PATTERN_MAX);
    const char *made;

    for (; *form; form++) {
        if (*form == '<' || *form == '>')
            buf_text(&pattern, *form == '<' ? before : behind);
        else
            buf_char(&pattern, *form);
    }
    made = pattern.failed ? NULL : arena_str(lister->arena, buf_get(&pattern));
    buf_free(&pattern);
    lister->failed = lister->failed || !made;
    return made;
}

/* "{4,12}" at this place: its length, 0 if there is none. */
static size_t quantifier(struct text text)
{
    size_t n = 1;

    while (n < text.n && ((text.p[n] >= '0' && text.p[n] <= '9') || text.p[n] == ','))
        n++;
    return text.n > 1 && text.p[0] == '{' && n > 1 && n < text.n && text.p[n] == '}' ? n + 1 : 0;
}

/* Each bounded number of times becomes any; and something may follow the whole, unless it takes all as it is. */
static void loosen(struct lister *lister, const struct node *rule, const char *key)
{
    struct mutant mutant = { MUTANT_PATTERN, rule, index_of(rule, key), NULL, NULL, rule->at };
    const struct node *node = node_get(rule, key);
    int found = 0;

    for (size_t i = 0; node && i < node->text.n && found < QUANTIFIERS_MAX; i++) {
        struct text rest = text_make(node->text.p + i, node->text.n - i);
        size_t n = node->text.p[i] == '\\' ? 0 : quantifier(rest);

        if (node->text.p[i] == '\\') {
            i++;
        } else if (n) {
            found++;
            mutant.pattern = make_pattern(lister, rest.p[1] == '0' ? "<*>" : "<+>",
                                          text_make(node->text.p, i), text_make(rest.p + n, rest.n - n));
            add(lister, &mutant, "with %s", key);
        }
    }
    if (!node || text_is(node->text, ".*"))
        return;
    mutant.pattern = make_pattern(lister, "(?:<).*", node->text, TEXT_NONE);
    add(lister, &mutant, "with %s", key);
}

/* --- guards and steps ------------------------------------------------------------------------------------------------ */

/* Without a key of the map. */
static void drop_key(struct lister *lister, const struct node *map, const char *key)
{
    const size_t i = index_of(map, key);

    if (i != SIZE_MAX)
        add(lister, &(struct mutant){ MUTANT_DROP, map, i, NULL, NULL, map->keys[i]->at }, "without '%s'",
            key);
}

static bool is_true(const struct node *map, const char *key)
{
    const struct node *node = node_get(map, key);
    bool flag;

    return node && (!node_bool(node, &flag) || flag);
}

static void list_rule(struct lister *lister, const struct node *rule)
{
    static const char *const keys[] = { "single_use", "expires",  "continue",
                                        "not_found",  "on_error", "on_refused" };

    /* the others imply it */
    if (is_true(rule, "require_issued") && !is_true(rule, "single_use") && !node_get(rule, "expires"))
        drop_key(lister, rule, "require_issued");
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (is_true(rule, keys[i]))
            drop_key(lister, rule, keys[i]);
}

/* Without one of its items; without the step if it has but one. */
static void drop_parts(struct lister *lister, const struct node *map, const char *key)
{
    const struct node *step = node_get(map, key);

    if (!step || step->kind != NODE_MAP || step->count < 2) {
        drop_key(lister, map, key);
        return;
    }
    for (size_t i = 0; i < step->count; i++)
        add(lister, &(struct mutant){ MUTANT_DROP, step, i, NULL, NULL, step->keys[i]->at },
            "without '%s: %.*s'", key, TEXT_ARG(step->keys[i]->text));
}

/* May both hold at once, as far as examples of their patterns say? */
static bool both_may_hold(struct lister *lister, const struct node *a, const struct node *b)
{
    bool may = true;

    for (size_t i = 0; a && b && may && i < a->count; i++) {
        const struct node *other = node_get(b, a->keys[i]->text.p);
        struct pattern *first, *second;
        struct fault fault;
        size_t offset;

        if (!other)
            continue;
        first = pattern_compile(a->items[i]->text, PATTERN_WHOLE, &offset, &fault);
        second = pattern_compile(other->text, PATTERN_WHOLE, &offset, &fault);
        may = meets(lister, first, second) || meets(lister, second, first);
        pattern_free(first);
        pattern_free(second);
    }
    return may;
}

static void list_branches(struct lister *lister, const struct node *map)
{
    const struct node *choose = node_get(map, "choose");

    if (!choose || choose->count < 2) {
        drop_key(lister, map, "choose");
        return;
    }
    for (size_t i = 0; i < choose->count; i++) {
        const struct node *next = i + 1 < choose->count ? choose->items[i + 1] : NULL;
        struct mutant mutant = { MUTANT_DROP, choose, i, NULL, NULL, choose->items[i]->at };

        add(lister, &mutant, "without branch %zu", i + 1);
        mutant.kind = MUTANT_SWAP;
        if (next && node_get(next, "when") &&
            both_may_hold(lister, node_get(choose->items[i], "when"), node_get(next, "when")))
            add(lister, &mutant, "with branches %zu and %zu swapped", i + 1, i + 2);
    }
}

static void list_steps(void *context, const struct node *map)
{
    struct lister *lister = context;

    drop_key(lister, map, "lookup");
    drop_parts(lister, map, "set");
    drop_parts(lister, map, "inbox");
    drop_key(lister, map, "quiet");
    list_branches(lister, map);
    drop_key(lister, map, "goto");
}

/* --- conditions ------------------------------------------------------------------------------------------------------ */

/* Each pattern of a `when` takes what it did not. */
static void negate(struct lister *lister, const struct node *when)
{
    for (size_t i = 0; i < when->count; i++) {
        struct mutant mutant = { MUTANT_PATTERN, when, i, NULL, NULL, when->keys[i]->at };

        mutant.pattern = make_pattern(lister, "(?!(?:<)$).*", when->items[i]->text, TEXT_NONE);
        add(lister, &mutant, "with when %.*s", TEXT_ARG(when->keys[i]->text));
    }
}

/* Wherever one stands: in the rule, its branches, lines, rows and buttons. */
static void list_whens(struct lister *lister, const struct node *node, int depth)
{
    for (size_t i = 0; i < node->count && depth < DEPTH_MAX; i++) {
        const struct text key = node->kind == NODE_MAP ? node->keys[i]->text : TEXT_NONE;

        if (node->kind == NODE_MAP && text_is(key, "when") && node->items[i]->kind == NODE_MAP)
            negate(lister, node->items[i]);
        else if (node->kind != NODE_MAP || !text_is(key, "set")) /* a variable may have that name */
            list_whens(lister, node->items[i], depth + 1);
    }
}

/* --- the file -------------------------------------------------------------------------------------------------------- */

static void list_named(struct lister *lister, const struct document *document, const char *key,
                       const char *kind)
{
    const struct node *map = node_get(document->root, key);

    lister->kind = kind;
    for (size_t i = 0; map && i < map->count; i++) {
        lister->name = map->keys[i]->text;
        list_whens(lister, map->items[i], 0);
    }
}

bool mutate_list(const struct document *document, const struct ruleset *ruleset,
                 struct pattern_scratch *scratch, struct arena *arena, struct mutants *out)
{
    struct lister lister = { .ruleset = ruleset, .scratch = scratch, .arena = arena, .out = out };
    const struct node *rules = node_get(document->root, "rules");

    *out = (struct mutants){ NULL };
    list_named(&lister, document, "rows", "row");
    list_named(&lister, document, "replies", "reply");
    lister.kind = "rule";
    for (size_t i = 0; rules && i < rules->count && !lister.failed; i++) {
        const struct node *rule = rules->items[i], *name = node_get(rule, "name");

        lister.name = name ? name->text : TEXT_NONE;
        add(&lister, &(struct mutant){ MUTANT_DROP, rules, i, NULL, NULL, rule->at }, "left out");
        list_order(&lister, rules, i);
        loosen(&lister, rule, "tap");
        loosen(&lister, rule, "text");
        list_rule(&lister, rule);
        step_visit(rule, list_steps, &lister);
        list_whens(&lister, rule, 0);
    }
    return !lister.failed;
}

bool mutate_picks(size_t turn, size_t count, size_t most)
{
    return count <= most || turn * most / count != (turn + 1) * most / count;
}
