#include "core/flow_chat.h"

#include "core/flow_findings.h"
#include "core/flow_sample.h"
#include "core/flow_values.h"
#include "core/flow_when.h"

#include <string.h>

#define VALUES_MAX 200 /* ways to set a variable; with more it can be anything */
#define SHOWN_MAX 4
#define SAMPLES 20

/* --- what a `set` gives ------------------------------------------------------------------------------------------------ */

static bool add_kid(struct flow *flow, struct flow_node *node, struct flow_node *kid)
{
    if (!kid)
        return false;
    if (node->count == node->cap) {
        const int more = node->cap ? 2 * node->cap : 4;
        struct flow_node **kids = arena_array(flow->arena, (size_t)more, sizeof(*kids));

        if (!kids)
            return false;
        if (node->count)
            memcpy(kids, node->kids, (size_t)node->count * sizeof(*kids));
        node->kids = kids;
        node->cap = more;
    }
    node->kids[node->count++] = kid;
    return true;
}

static struct flow_node *make(struct flow *flow, enum flow_node_kind kind)
{
    struct flow_node *node = arena_alloc(flow->arena, sizeof(*node));

    if (node)
        node->kind = kind;
    return node;
}

static struct flow_node *literal(struct flow *flow, struct text text)
{
    struct flow_node *cat = make(flow, FLOW_CAT);

    for (size_t i = 0; i < text.n && cat;) {
        struct flow_node *letter = make(flow, FLOW_CHAR);
        struct flow_range range;

        i += flow_decode(text.p + i, &range.lo);
        range.hi = range.lo;
        if (letter)
            letter->set = flow_set_make(flow->sets, &range, 1);
        if (!letter || letter->set < 0 || !add_kid(flow, cat, letter))
            return NULL;
    }
    return cat;
}

/* A value in a template, of a run that `entered` was the first rule of; NULL: any text. *sent false: nothing is set. */
static struct flow_node *value(struct flow *flow, const struct flow_button *like, enum flow_side side,
                               const struct template_part *part, bool *sent)
{
    const int group = flow_model_group(flow, like, side, part->text);
    const bool capture = part->kind == TEMPLATE_CAPTURE;
    const struct flow_node *tree = NULL;
    struct flow_node *either;

    if (capture && group == 0) {
        *sent = part->otherwise.p != NULL;
        return *sent ? literal(flow, part->otherwise) : NULL;
    }
    tree = flow_model_value(flow, like, side, part);
    if (!tree || !part->otherwise.p)
        return (struct flow_node *)tree;
    either = make(flow, FLOW_ALT);
    return either && add_kid(flow, either, (struct flow_node *)tree) &&
                   add_kid(flow, either, literal(flow, part->otherwise))
               ? either
               : NULL;
}

/* Adds what the template gives in a run that enters the rule from this side; false: it can be anything. */
static bool add_value(struct flow *flow, const struct template *template, int entered, enum flow_side side,
                      struct flow_node *all)
{
    const struct flow_button like = { .rule = entered, .entered = entered };
    struct flow_node *cat = make(flow, FLOW_CAT);
    struct template_part part;
    bool good = cat && all->count < VALUES_MAX, sent = true;

    for (size_t i = 0; good && sent && template_part(template, i, &part); i++)
        good = add_kid(flow, cat,
                       part.kind == TEMPLATE_LITERAL ? literal(flow, part.text)
                                                     : value(flow, &like, side, &part, &sent)) ||
               !sent;
    return good && (!sent || add_kid(flow, all, cat));
}

/* From all sides. */
static bool add_values(struct flow *flow, const struct template *template, int entered, struct flow_node *all)
{
    const struct flow_rule *rule = &flow->rules[entered];
    bool good = true;

    for (int side = 0; side < FLOW_SIDES && good; side++)
        if (rule->pattern[side])
            good = add_value(flow, template, entered, (enum flow_side)side, all);
    return good &&
           (rule->rule->otherwise == DEFAULT_NO || add_value(flow, template, entered, FLOW_DEFAULT, all));
}

/* Also of runs that come by a `goto`. */
static bool add_set(struct flow *flow, const struct template *template, int rule, struct flow_node *all)
{
    const struct rule *here = flow->rules[rule].rule;
    struct text fixed;
    bool good = true;

    if (template_static(template, &fixed))
        return all->count < VALUES_MAX && add_kid(flow, all, literal(flow, fixed));
    good = template_variants(template) == 1 && add_values(flow, template, rule, all);
    for (size_t i = 0; i < here->n_origins && good; i++)
        good = add_values(flow, template, flow_model_number(flow, here->origins[i]), all);
    return good;
}

static bool add_sets(struct flow *flow, struct text name, struct flow_node *all)
{
    for (int i = 0; i < flow->n_rules; i++) {
        const struct rule *rule = flow->rules[i].rule;

        for (size_t s = 0; s < rule->n_steps; s++)
            for (size_t k = 0; k < rule->steps[s].n_sets; k++)
                if (text_is(name, rule->steps[s].sets[k].name) && rule->steps[s].sets[k].value &&
                    !add_set(flow, rule->steps[s].sets[k].value, i, all))
                    return false;
    }
    return true;
}

const struct flow_node *flow_chat_tree(struct flow *flow, struct text name)
{
    struct flow_variable *variable = flow->variables;
    struct flow_node *all;

    while (variable && !text_eq(variable->name, name))
        variable = variable->next;
    if (variable)
        return variable->tree; /* none while it is worked out: a circle may make it anything */
    variable = arena_alloc(flow->arena, sizeof(*variable));
    all = make(flow, FLOW_ALT);
    if (!variable || !all)
        return NULL;
    *variable = (struct flow_variable){ .name = name, .next = flow->variables };
    flow->variables = variable;
    if (add_sets(flow, name, all) && all->count)
        variable->tree = all;
    return variable->tree;
}

/* --- what conditions ask ------------------------------------------------------------------------------------------------ */

static bool is_variable(struct text path, struct text *name)
{
    const size_t n = strlen("chat.");

    if (!text_starts(path, "chat."))
        return false;
    *name = text_make(path.p + n, path.n - n);
    return true;
}

static void prepare_part(struct flow *flow, const struct condition_part *part, struct text name)
{
    const struct flow_node *values = flow_chat_tree(flow, name);
    struct flow_asked asked = { .part = part, .values = values };
    struct flow_regex regex;

    if (!values || part->takes_empty || flow_spent(&flow->mem))
        return;
    flow_regex_parse(pattern_source(part->pattern), flow->sets, flow->arena, &regex);
    if (regex.outside)
        return;
    asked.pattern = flow_code_rule(&flow->code, regex.top, 0);
    flow_code_begin(&flow->code);
    flow_code_node(&flow->code, values);
    asked.value = flow_code_end(&flow->code, 0);
    if (asked.pattern >= 0 && asked.value >= 0 &&
        flow_grow(&flow->mem, &flow->asked, &flow->asked_cap, flow->n_asked + 1, sizeof(asked)))
        flow->asked[flow->n_asked++] = asked;
}

static void prepare(void *arg, const struct condition *condition)
{
    struct flow *flow = arg;
    struct text name;

    for (size_t i = 0; condition && i < condition->count; i++)
        if (is_variable(condition->parts[i].path.text, &name))
            prepare_part(flow, &condition->parts[i], name);
}

void flow_chat_prepare(struct flow *flow)
{
    for (int i = 0; i < flow->n_rules; i++)
        flow_when_each(flow->rules[i].rule, prepare, flow);
}

static bool see_common(void *arg, struct flow_walk *walk, int node)
{
    const int *names;

    (void)arg;
    return flow_dfa_accepts(walk->dfa, walk->pairs[node].state, &names) == 0;
}

static enum flow_result have_common(struct flow *flow, const struct flow_asked *asked)
{
    enum flow_result result;
    struct flow_walk walk;

    flow_model_begin(flow);
    walk = flow_model_walk(flow, FLOW_TAP);
    walk.dfa = flow->spare;
    walk.visit = see_common;
    result = flow_walk_run(&walk, &asked->value, 1, flow_dfa_start(flow->spare, &asked->pattern, 1));
    flow_walk_free(&walk);
    flow_model_end(flow);
    return result;
}

/* With PCRE2, on some of the values. */
static bool takes_some(struct flow *flow, const struct flow_asked *asked, struct pattern_scratch *scratch)
{
    uint64_t seed = 1;
    bool takes = false;

    for (int i = 0; i < asked->values->count + SAMPLES && !takes; i++) {
        struct buf text = BUF(4096);

        flow_sample(flow->sets, i < asked->values->count ? asked->values->kids[i] : asked->values, &seed,
                    &text);
        takes = pattern_match(asked->part->pattern, scratch, buf_get(&text)) == PATTERN_YES;
        buf_free(&text);
    }
    return takes;
}

/* One text only? */
static bool is_fixed(const struct flow *flow, const struct flow_node *node)
{
    bool fixed = node->kind == FLOW_CAT || node->kind == FLOW_CHAR;
    int n;

    if (node->kind == FLOW_CHAR) {
        const struct flow_range *range = flow_set_ranges(flow->sets, node->set, &n);

        fixed = n == 1 && range->lo == range->hi;
    }
    for (int i = 0; i < node->count && fixed; i++)
        fixed = is_fixed(flow, node->kids[i]);
    return fixed;
}

static void say(struct flow *flow, const struct flow_asked *asked)
{
    const struct flow_node *all = asked->values;
    struct buf values = BUF(4096);
    uint64_t seed = 1;
    bool more = all->count > SHOWN_MAX;
    int shown = 0;

    for (int i = 0; i < all->count && shown < SHOWN_MAX; i++) {
        struct buf text = BUF(60), quoted = BUF(100);

        more |= !is_fixed(flow, all->kids[i]);
        flow_sample(flow->sets, all->kids[i], &seed, &text);
        buf_printf(&quoted, "'%.*s'", TEXT_ARG(buf_get(&text)));
        if (!text.failed && !(values.len && strstr(values.data, quoted.data)))
            buf_printf(&values, "%s%s", shown++ ? ", " : "", quoted.data);
        buf_free(&text);
        buf_free(&quoted);
    }
    flow_say_no_set(flow, asked->part, buf_get(&values), more);
    buf_free(&values);
}

void flow_chat_check(struct flow *flow)
{
    struct pattern_scratch *scratch = flow->n_asked ? pattern_scratch_new() : NULL;

    for (int i = 0; i < flow->n_asked && scratch; i++) {
        const enum flow_result result = have_common(flow, &flow->asked[i]);

        if (result == FLOW_UNDECIDED)
            flow_say_undecided(flow, flow->asked[i].part->at, "a 'set' gives what is asked for here");
        else if (result == FLOW_ALL && !takes_some(flow, &flow->asked[i], scratch))
            say(flow, &flow->asked[i]);
    }
    pattern_scratch_free(scratch);
}

void flow_chat_free(struct flow *flow)
{
    flow_drop(&flow->mem, &flow->asked, &flow->asked_cap, sizeof(struct flow_asked));
}
