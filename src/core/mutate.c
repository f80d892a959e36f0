#include "core/mutate.h"

#include "core/example.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define PATTERN_MAX (16u << 10)
#define EXAMPLE_MAX 4096
#define QUANTIFIERS_MAX 4 /* of one pattern */

struct lister {
    const struct ruleset *ruleset;
    struct pattern_scratch *scratch;
    struct arena *arena;
    struct mutants *out;
    size_t room;
};

/* --- which changes --------------------------------------------------------------------------------------------------- */

static bool add(struct lister *lister, const struct mutant *mutant)
{
    struct mutants *out = lister->out;

    if (out->count == lister->room) {
        size_t room = lister->room ? 2 * lister->room : 64;
        struct mutant *items = arena_array(lister->arena, room, sizeof(*items));

        if (!items)
            return false;
        if (out->count)
            memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        lister->room = room;
    }
    out->items[out->count++] = *mutant;
    return true;
}

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

/* `form` with both texts in the places of '<' and '>'. */
static bool add_pattern(struct lister *lister, enum mutant_kind kind, const struct node *rule,
                        const char *form, struct text before, struct text behind)
{
    struct buf pattern = BUF(PATTERN_MAX);
    struct mutant mutant = { .kind = kind, .rule = rule };

    for (; *form; form++) {
        if (*form == '<' || *form == '>')
            buf_text(&pattern, *form == '<' ? before : behind);
        else
            buf_char(&pattern, *form);
    }
    mutant.pattern = pattern.failed ? NULL : arena_str(lister->arena, buf_get(&pattern));
    buf_free(&pattern);
    return mutant.pattern && add(lister, &mutant);
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
static bool loosen(struct lister *lister, enum mutant_kind kind, const struct node *rule, const char *key)
{
    const struct node *node = node_get(rule, key);
    int found = 0;

    if (!node)
        return true;
    for (size_t i = 0; i < node->text.n && found < QUANTIFIERS_MAX; i++) {
        struct text rest = text_make(node->text.p + i, node->text.n - i);
        size_t n = node->text.p[i] == '\\' ? 0 : quantifier(rest);

        if (node->text.p[i] == '\\') {
            i++;
        } else if (n) {
            found++;
            if (!add_pattern(lister, kind, rule, rest.p[1] == '0' ? "<*>" : "<+>", text_make(node->text.p, i),
                             text_make(rest.p + n, rest.n - n)))
                return false;
        }
    }
    return text_is(node->text, ".*") || add_pattern(lister, kind, rule, "(?:<).*", node->text, TEXT_NONE);
}

static bool list_rule(struct lister *lister, const struct node *rule, const struct node *next)
{
    const struct rule *a = rule_of(lister, rule), *b = next ? rule_of(lister, next) : NULL;

    return add(lister, &(struct mutant){ .kind = MUTANT_DROP, .rule = rule }) &&
           (!a || !b || !order_matters(lister, a, b) ||
            add(lister, &(struct mutant){ .kind = MUTANT_SWAP, .rule = rule, .other = next })) &&
           loosen(lister, MUTANT_TAP, rule, "tap") && loosen(lister, MUTANT_TEXT, rule, "text");
}

bool mutate_list(const struct document *document, const struct ruleset *ruleset,
                 struct pattern_scratch *scratch, struct arena *arena, struct mutants *out)
{
    struct lister lister = { ruleset, scratch, arena, out, 0 };
    const struct node *rules = node_get(document->root, "rules");

    *out = (struct mutants){ NULL };
    for (size_t i = 0; rules && i < rules->count; i++)
        if (!list_rule(&lister, rules->items[i], i + 1 < rules->count ? rules->items[i + 1] : NULL))
            return false;
    return true;
}

/* --- the changed file ------------------------------------------------------------------------------------------------ */

static void put_string(struct buf *out, struct text text)
{
    struct json_object *string = json_object_new_string_len(text.p ? text.p : "", (int)text.n);

    buf_str(out, string ? json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE) : "\"\"");
    out->failed = out->failed || !string;
    json_object_put(string);
}

/* Words that mean something without quotes stay bare; all else is a string. */
static void put_scalar(struct buf *out, const struct node *node)
{
    char digits[32];
    int64_t number;
    bool flag;

    if (node_int(node, &number)) {
        snprintf(digits, sizeof(digits), "%" PRId64, number);
        if (text_is(node->text, digits)) {
            buf_str(out, digits);
            return;
        }
    }
    if (node_bool(node, &flag))
        buf_str(out, flag ? "true" : "false");
    else if (node_is_null(node))
        buf_str(out, "null");
    else
        put_string(out, node->text);
}

struct printer {
    const struct mutant *mutant;
    const struct node *rules; /* the list that is changed */
    struct buf *out;
};

static void put_node(const struct printer *printer, const struct node *node);

static void put_map(const struct printer *printer, const struct node *node)
{
    const struct mutant *mutant = printer->mutant;
    const char *changed = node != mutant->rule || !mutant->pattern ? NULL
                          : mutant->kind == MUTANT_TAP             ? "tap"
                                                                   : "text";

    buf_char(printer->out, '{');
    for (size_t i = 0; i < node->count; i++) {
        if (i)
            buf_char(printer->out, ',');
        put_string(printer->out, node->keys[i]->text);
        buf_char(printer->out, ':');
        if (changed && text_is(node->keys[i]->text, changed))
            put_string(printer->out, text_of(mutant->pattern));
        else
            put_node(printer, node->items[i]);
    }
    buf_char(printer->out, '}');
}

static void put_list(const struct printer *printer, const struct node *node)
{
    const struct mutant *mutant = printer->mutant;
    bool any = false;

    buf_char(printer->out, '[');
    for (size_t i = 0; i < node->count; i++) {
        const struct node *item = node->items[i];

        if (node == printer->rules && item == mutant->rule && mutant->kind == MUTANT_DROP)
            continue;
        if (node == printer->rules && mutant->kind == MUTANT_SWAP)
            item = item == mutant->rule ? mutant->other : item == mutant->other ? mutant->rule : item;
        if (any)
            buf_char(printer->out, ',');
        put_node(printer, item);
        any = true;
    }
    buf_char(printer->out, ']');
}

static void put_node(const struct printer *printer, const struct node *node)
{
    if (node->kind == NODE_MAP)
        put_map(printer, node);
    else if (node->kind == NODE_LIST)
        put_list(printer, node);
    else
        put_scalar(printer->out, node);
}

void mutate_print(const struct document *document, const struct mutant *mutant, struct buf *out)
{
    const struct printer printer = { mutant, node_get(document->root, "rules"), out };

    put_node(&printer, document->root);
}

void mutate_describe(const struct mutant *mutant, struct buf *out)
{
    const struct node *name = node_get(mutant->rule, "name");
    const struct node *other = mutant->other ? node_get(mutant->other, "name") : NULL;

    if (mutant->kind == MUTANT_DROP)
        buf_printf(out, "rule '%.*s' left out", TEXT_ARG(name->text));
    else if (mutant->kind == MUTANT_SWAP)
        buf_printf(out, "rules '%.*s' and '%.*s' swapped", TEXT_ARG(name->text), TEXT_ARG(other->text));
    else
        buf_printf(out, "rule '%.*s' with %s: '%s'", TEXT_ARG(name->text),
                   mutant->kind == MUTANT_TAP ? "tap" : "text", mutant->pattern);
    buf_printf(out, " (%s:%d)", mutant->rule->at.document->path, mutant->rule->at.line);
}
