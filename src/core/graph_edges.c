#include "core/graph_edges.h"

#include "core/doc.h"
#include "core/example.h"
#include "core/settings.h"

#include <stdio.h>
#include <string.h>

#define NOON 1767614400000 /* a Monday: for opening hours */

#define EXAMPLE_MAX 4096
#define DATA_MAX 4096
#define EXAMPLES_MAX (2 * EXAMPLE_VARIANTS + 1)
#define LEADS_MAX 4 /* of a button; where the checker knows of more, its data may be nearly anything */

struct finder {
    const struct ruleset *ruleset;
    const struct graph_ports *ports; /* by rule */
    const struct graph_leads *leads;
    size_t lead; /* the first of the rule under work */
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

static bool add_capture(struct json_object *captures, const char *key, struct text value)
{
    return !value.p || doc_add_text(captures, key, value);
}

/* A rule with `when` may leave it to later ones, one with `continue` does. */
static bool goes_on(const struct match *match)
{
    return match->rule && (match->rule->when || match->rule->further);
}

static bool next_match(struct finder *finder, const struct ruleset_question *question, struct match *match)
{
    const struct match before = *match;

    json_object_put(before.captures);
    return ruleset_match_next(finder->ruleset, question, &before, finder->scratch, match);
}

/* An example counts if this rule can win it, as it would in the daemon. */
static bool try_example(struct finder *finder, const struct rule *rule, enum entry_kind kind,
                        struct text data)
{
    const struct ruleset_question question = { .kind = kind, .data = data };
    struct match match;

    if (!ruleset_match(finder->ruleset, &question, finder->scratch, &match))
        return false;
    while (match.rule != rule && goes_on(&match))
        if (!next_match(finder, &question, &match))
            return false;
    if (!settings_fill(ruleset_settings(finder->ruleset), match.captures, NOON)) {
        json_object_put(match.captures);
        return false;
    }
    if (match.rule == rule && finder->n_examples < EXAMPLES_MAX && !known(finder, match.captures))
        finder->examples[finder->n_examples++] = match.captures;
    else
        json_object_put(match.captures);
    return true;
}

/* Whatever its `when` says, the rule would begin with these. */
static bool try_guarded(struct finder *finder, const struct pattern *pattern, struct text data)
{
    struct json_object *captures = json_object_new_object();
    bool ok = captures && pattern_match(pattern, finder->scratch, data) == PATTERN_YES;

    for (int i = 1; ok && i <= pattern_groups(pattern); i++) {
        char key[16];

        snprintf(key, sizeof(key), "%d", i);
        ok = add_capture(captures, key, pattern_group(finder->scratch, i));
    }
    for (size_t i = 0; ok && i < pattern_names(pattern); i++) {
        int group = 0;
        const char *name = pattern_name(pattern, i, &group);

        ok = add_capture(captures, name, pattern_group(finder->scratch, group));
    }
    ok = ok && settings_fill(ruleset_settings(finder->ruleset), captures, NOON);
    if (ok && finder->n_examples < EXAMPLES_MAX && !known(finder, captures))
        finder->examples[finder->n_examples++] = captures;
    else
        json_object_put(captures);
    return ok;
}

static bool try_pattern(struct finder *finder, const struct rule *rule, const struct pattern *pattern,
                        enum entry_kind kind)
{
    struct buf example = BUF(EXAMPLE_MAX);
    bool ok = true;

    for (int i = 0; ok && pattern && i < EXAMPLE_VARIANTS; i++)
        if (example_make(pattern, i, finder->scratch, &example))
            ok = rule->when ? try_guarded(finder, pattern, buf_get(&example))
                            : try_example(finder, rule, kind, buf_get(&example));
    buf_free(&example);
    return ok;
}

static bool find_examples(struct finder *finder, const struct rule *rule)
{
    struct json_object *none = json_object_new_object();

    finder->n_examples = 0;
    if (!none || !settings_fill(ruleset_settings(finder->ruleset), none, NOON) ||
        !try_pattern(finder, rule, rule->tap, ENTRY_TAP) ||
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

    for (size_t i = out->count; i-- > 0 && out->items[i].from == edge->from;)
        if (out->items[i].port == edge->port && out->items[i].to == edge->to)
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

/* Nobody means a pattern that takes everything as a place to lead to. */
static bool takes_all(const struct finder *finder, const struct pattern *pattern)
{
    return pattern_match(pattern, finder->scratch, text_of("\x01 \n~\x7F;\t)")) == PATTERN_YES;
}

/* Rules with `when` that take the data when that holds; behind `last` it is too late, unless that is a default. */
static bool follow_guarded(struct finder *finder, struct graph_edge *edge, size_t last, bool *any)
{
    size_t end = edge->by_default || last == GRAPH_NOWHERE ? ruleset_count(finder->ruleset) : last;

    *any = false;
    edge->by_default = false;
    for (size_t i = 0; i < end; i++) {
        const struct rule *rule = ruleset_rule(finder->ruleset, i);
        const struct pattern *pattern = edge->key ? rule->text : rule->tap;

        if (!rule->when || !pattern || takes_all(finder, pattern) ||
            pattern_match(pattern, finder->scratch, edge->data) != PATTERN_YES)
            continue;
        edge->to = i;
        *any = true;
        if (!add_edge(finder, edge))
            return false;
    }
    return true;
}

/* All rules that take it, for those with `when` and `continue` leave it to later ones. `last`: the last of them. */
static bool follow_rules(struct finder *finder, struct graph_edge *edge, size_t *last)
{
    const struct ruleset_question question = { .kind = edge->key ? ENTRY_TEXT : ENTRY_TAP,
                                               .data = edge->data };
    struct match match;
    bool ok = ruleset_match(finder->ruleset, &question, finder->scratch, &match);

    *last = GRAPH_NOWHERE;
    if (!ok)
        return false;
    while (ok && match.rule) {
        edge->to = *last = number_of(finder->ruleset, match.rule);
        edge->by_default = match.how == MATCH_DEFAULT;
        ok = add_edge(finder, edge);
        if (!ok || !goes_on(&match))
            break;
        if (!next_match(finder, &question, &match))
            return false;
    }
    json_object_put(match.captures);
    return ok;
}

/* The checker says the same: what rules with `when` take does lead somewhere. */
static bool follow(struct finder *finder, struct graph_edge *edge)
{
    size_t last;
    bool guarded;

    edge->by_default = false;
    if (!follow_rules(finder, edge, &last) || !follow_guarded(finder, edge, last, &guarded))
        return false;
    edge->to = GRAPH_NOWHERE;
    return last != GRAPH_NOWHERE || guarded || add_edge(finder, edge);
}

static bool is_lead(const struct finder *finder, const struct graph_lead *lead,
                    const struct message_button *button, const struct graph_edge *edge)
{
    const struct rule *rule = ruleset_rule(finder->ruleset, lead->to);
    const struct pattern *pattern = edge->key ? rule->text : rule->tap;

    return lead->button == button && pattern && !takes_all(finder, pattern);
}

static size_t leads_of(const struct finder *finder, const struct message_button *button,
                       const struct graph_edge *edge)
{
    const struct graph_leads *leads = finder->leads;
    size_t n = 0;

    for (size_t i = finder->lead; i < leads->count && leads->items[i].rule == edge->from; i++)
        n += is_lead(finder, &leads->items[i], button, edge);
    return n;
}

static bool has_literal(const struct template *template)
{
    struct template_part part;

    for (size_t i = 0; template_part(template, i, &part); i++)
        if (part.kind == TEMPLATE_LITERAL)
            return true;
    return false;
}

/* What the checker knows; of a button whose data may be anything that is no help. */
static bool add_leads(struct finder *finder, const struct message_button *button, const struct template *what,
                      struct graph_edge *edge)
{
    const struct graph_leads *leads = finder->leads;
    const size_t from = edge->from;

    edge->data = TEXT_NONE;
    edge->by_default = false;
    if (leads_of(finder, button, edge) > (has_literal(what) ? LEADS_MAX : 1))
        return true;
    for (size_t i = finder->lead; i < leads->count && leads->items[i].rule == from; i++) {
        if (!is_lead(finder, &leads->items[i], button, edge))
            continue;
        edge->to = leads->items[i].to;
        if (!add_edge(finder, edge))
            return false;
    }
    return true;
}

static bool walk_button(struct finder *finder, size_t from, const struct message_button *button, bool key)
{
    const struct template *what = button->callback_data ? button->callback_data : button->text;
    struct graph_edge edge = { .from = from,
                               .port = graph_ports_find(&finder->ports[from], button->node),
                               .key = key };
    struct fault fault;
    bool ok = true;

    for (size_t i = 0; ok && i < finder->n_examples; i++)
        if (template_render(what, finder->examples[i], DATA_MAX, finder->arena, &edge.data, &fault))
            ok = follow(finder, &edge);
    return ok && add_leads(finder, button, what, &edge);
}

static bool walk_message(struct finder *finder, size_t from, const struct message *message)
{
    bool keyboard = message->type == MESSAGE_REPLY_KEYBOARD;

    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++)
            if (!message->rows[i].buttons[k].url &&
                !walk_button(finder, from, &message->rows[i].buttons[k],
                             keyboard && !message->rows[i].buttons[k].callback_data))
                return false;
    return true;
}

static bool walk_step(struct finder *finder, size_t from, const struct step *step)
{
    struct graph_edge jump = { .from = from };
    bool ok = true;

    for (size_t i = 0; ok && step->kind == STEP_REPLY && i < step->count; i++)
        ok = walk_message(finder, from, step->messages[i]);
    if (step->kind != STEP_GOTO)
        return ok;
    jump.to = number_of(finder->ruleset, step->target);
    jump.port = graph_ports_jump(&finder->ports[from], step->target);
    return add_edge(finder, &jump);
}

/* Buttons of which nothing was found. */
static bool add_unknown(struct finder *finder, size_t from)
{
    const struct graph_ports *ports = &finder->ports[from];
    const struct graph_edges *edges = finder->out;

    for (size_t port = 0; port < ports->count; port++) {
        const struct graph_edge unknown = { .from = from, .to = GRAPH_UNKNOWN, .port = port };
        size_t i = edges->count;

        while (i > 0 && edges->items[i - 1].from == from && edges->items[i - 1].port != port)
            i--;
        if (i > 0 && edges->items[i - 1].from == from)
            continue;
        if (!ports->items[port].url && !add_edge(finder, &unknown))
            return false;
    }
    return true;
}

static bool walk_rule(struct finder *finder, size_t i)
{
    const struct rule *rule = ruleset_rule(finder->ruleset, i);
    bool ok = find_examples(finder, rule);

    while (finder->lead < finder->leads->count && finder->leads->items[finder->lead].rule < i)
        finder->lead++;
    for (size_t k = 0; ok && k < rule->n_steps; k++)
        ok = walk_step(finder, i, &rule->steps[k]);
    ok = ok && add_unknown(finder, i);
    for (size_t k = 0; k < finder->n_examples; k++)
        json_object_put(finder->examples[k]);
    finder->n_examples = 0;
    return ok;
}

bool graph_edges_find(const struct ruleset *ruleset, const struct graph_ports *ports,
                      const struct graph_leads *leads, struct pattern_scratch *scratch, struct arena *arena,
                      struct graph_edges *out)
{
    const struct graph_leads none = { NULL, 0 };
    struct finder finder = { .ruleset = ruleset,
                             .ports = ports,
                             .leads = leads ? leads : &none,
                             .scratch = scratch,
                             .arena = arena,
                             .out = out };

    *out = (struct graph_edges){ NULL };
    for (size_t i = 0; i < ruleset_count(ruleset); i++)
        if (!walk_rule(&finder, i))
            return false;
    return true;
}
