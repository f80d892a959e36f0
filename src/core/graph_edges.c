#include "core/graph_edges.h"

#include "core/example.h"

#include <string.h>

#define EXAMPLE_MAX 4096
#define DATA_MAX 4096
#define EXAMPLES_MAX (2 * EXAMPLE_VARIANTS + 1)

struct finder {
    const struct ruleset *ruleset;
    struct pattern_scratch *scratch;
    struct arena *arena;
    struct graph_edges *out;
    size_t room;
    struct json_object *examples[EXAMPLES_MAX]; /* captures, of the rule under work */
    size_t n_examples;
};

/* --- examples of one rule ------------------------------------------------------------------------------------------ */

static bool known(const struct finder *finder, struct json_object *captures)
{
    for (size_t i = 0; i < finder->n_examples; i++)
        if (json_object_equal(finder->examples[i], captures))
            return true;
    return false;
}

/* An example counts if this rule wins it, as it would in the daemon. */
static bool try_example(struct finder *finder, const struct rule *rule, enum entry_kind kind,
                        struct text data)
{
    const struct ruleset_question question = { .kind = kind, .data = data };
    struct match match;

    if (!ruleset_match(finder->ruleset, &question, finder->scratch, &match))
        return false;
    if (match.rule == rule && finder->n_examples < EXAMPLES_MAX && !known(finder, match.captures))
        finder->examples[finder->n_examples++] = match.captures;
    else
        json_object_put(match.captures);
    return true;
}

static bool try_pattern(struct finder *finder, const struct rule *rule, const struct pattern *pattern,
                        enum entry_kind kind)
{
    struct buf example = BUF(EXAMPLE_MAX);
    bool ok = true;

    for (int i = 0; ok && pattern && i < EXAMPLE_VARIANTS; i++)
        if (example_make(pattern, i, finder->scratch, &example))
            ok = try_example(finder, rule, kind, buf_get(&example));
    buf_free(&example);
    return ok;
}

static bool find_examples(struct finder *finder, const struct rule *rule)
{
    struct json_object *none = json_object_new_object();

    finder->n_examples = 0;
    if (!none || !try_pattern(finder, rule, rule->tap, ENTRY_TAP) ||
        !try_pattern(finder, rule, rule->text, ENTRY_TEXT)) {
        json_object_put(none);
        return false;
    }
    if (finder->n_examples ==
        0) /* a default, or one that nothing was found for: buttons without names can be told */
        finder->examples[finder->n_examples++] = none;
    else
        json_object_put(none);
    return true;
}

/* --- edges --------------------------------------------------------------------------------------------------------- */

static bool add_edge(struct finder *finder, const struct graph_edge *edge)
{
    struct graph_edges *out = finder->out;

    for (size_t i = out->count;
         i-- > 0 && out->items[i].button == edge->button && out->items[i].from == edge->from;)
        if (out->items[i].to == edge->to)
            return true;
    if (out->count == finder->room) {
        size_t room = finder->room ? 2 * finder->room : 64;
        struct graph_edge *items = arena_array(finder->arena, room, sizeof(*items));

        if (!items)
            return false;
        if (out->count)
            memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        finder->room = room;
    }
    out->items[out->count++] = *edge;
    return true;
}

static size_t number_of(const struct ruleset *ruleset, const struct rule *rule)
{
    return rule ? (size_t)(rule - ruleset_rule(ruleset, 0)) : GRAPH_NOWHERE;
}

static bool follow(struct finder *finder, struct graph_edge *edge)
{
    const struct ruleset_question question = { .kind = edge->key ? ENTRY_TEXT : ENTRY_TAP,
                                               .data = edge->data };
    struct match match;

    if (!ruleset_match(finder->ruleset, &question, finder->scratch, &match))
        return false;
    edge->to = number_of(finder->ruleset, match.rule);
    edge->by_default = match.how == MATCH_DEFAULT;
    json_object_put(match.captures);
    return add_edge(finder, edge);
}

static bool walk_button(struct finder *finder, size_t from, const struct message_button *button, bool key)
{
    const struct template *what = button->callback_data ? button->callback_data : button->text;
    struct graph_edge edge = { .from = from, .to = GRAPH_UNKNOWN, .button = button, .key = key };
    struct fault fault;
    bool ok = true, any = false;

    for (size_t i = 0; ok && i < finder->n_examples; i++) {
        const struct template_names names = { .captures = finder->examples[i] };

        if (!template_render(what, &names, DATA_MAX, finder->arena, &edge.data, &fault))
            continue;
        any = true;
        ok = follow(finder, &edge);
    }
    return ok && (any || add_edge(finder, &edge));
}

static bool walk_message(struct finder *finder, size_t from, const struct message *message)
{
    bool key = message->type == MESSAGE_REPLY_KEYBOARD;

    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++)
            if (!message->rows[i].buttons[k].url &&
                !walk_button(finder, from, &message->rows[i].buttons[k], key))
                return false;
    return true;
}

static bool walk_rule(struct finder *finder, size_t i)
{
    const struct rule *rule = ruleset_rule(finder->ruleset, i);
    bool ok = find_examples(finder, rule);

    for (size_t k = 0; ok && k < rule->n_steps; k++)
        for (size_t m = 0; ok && rule->steps[k].kind == STEP_REPLY && m < rule->steps[k].count; m++)
            ok = walk_message(finder, i, rule->steps[k].messages[m]);
    for (size_t k = 0; k < finder->n_examples; k++)
        json_object_put(finder->examples[k]);
    finder->n_examples = 0;
    return ok;
}

bool graph_edges_find(const struct ruleset *ruleset, struct pattern_scratch *scratch, struct arena *arena,
                      struct graph_edges *out)
{
    struct finder finder = { .ruleset = ruleset, .scratch = scratch, .arena = arena, .out = out };

    *out = (struct graph_edges){ NULL };
    for (size_t i = 0; i < ruleset_count(ruleset); i++)
        if (!walk_rule(&finder, i))
            return false;
    return true;
}
