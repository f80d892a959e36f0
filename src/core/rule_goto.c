#include "core/rule_goto.h"

#include "core/step_build.h"

#include <string.h>

/* --- finding ------------------------------------------------------------------------------------------------------ */

static struct rule *find(const struct rule_context *context, struct text name)
{
    size_t low = 0, high = context->n_rules;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = text_order(text_of(context->by_name[middle]->name), name);

        if (order == 0)
            return context->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool lost(const struct rule_context *context, struct text name)
{
    for (size_t i = 0; i < context->n_lost; i++) {
        const struct node *node = context->lost[i],
                          *known = node->kind == NODE_MAP ? node_get(node, "name") : NULL;

        if (known && known->kind == NODE_SCALAR && text_eq(known->text, name))
            return true;
    }
    return false;
}

static void unknown(struct rule_context *context, const struct node *name)
{
    const char **words = arena_array(context->maker->arena, context->n_rules + 1, sizeof(*words));
    const char *near = NULL;

    for (size_t i = 0; words && i < context->n_rules; i++)
        words[i] = context->by_name[i]->name;
    if (words)
        near = text_closest(name->text, words);
    finding_error(context->maker->findings, name->at, "no rule is called '%.*s'", TEXT_ARG(name->text));
    if (near)
        finding_hint(context->maker->findings, "did you mean '%s'?", near);
}

const struct rule *rule_goto_target(struct rule_context *context, const struct node *name)
{
    const struct rule *rule = find(context, name->text);

    if (!rule) {
        if (!lost(context, name->text))
            unknown(context, name);
    } else if (rule->require_issued) {
        finding_error(context->maker->findings, name->at,
                      "rule '%s' takes only what was sent to the chat; a 'goto' would lead past that",
                      rule->name);
        finding_hint(context->maker->findings, "put its steps into a rule without guards, and lead there");
    } else {
        return rule;
    }
    return NULL;
}

/* --- origins ------------------------------------------------------------------------------------------------------ */

/* A walk from one rule along all `goto`s in its node and in theirs. */
struct walk {
    struct rule_context *context;
    struct rule **found; /* also what is still to be looked at */
    size_t n, room;
    size_t *marks, round; /* by rule: the latest walk that found it */
    bool failed;
};

static bool has(const struct walk *walk, const struct rule *rule)
{
    return walk->marks[rule - walk->context->rules] == walk->round;
}

static void note(void *context, const struct node *map)
{
    struct walk *walk = context;
    const struct node *name = node_get(map, "goto");
    struct rule *rule = name && name->kind == NODE_SCALAR ? find(walk->context, name->text) : NULL;

    if (!rule || has(walk, rule))
        return;
    if (walk->n == walk->room) {
        size_t room = walk->room ? 2 * walk->room : 8;
        struct rule **more = arena_array(walk->context->maker->arena, room, sizeof(struct rule *));

        walk->failed = walk->failed || !more;
        if (!more)
            return;
        if (walk->n)
            memcpy(more, walk->found, walk->n * sizeof(struct rule *));
        walk->found = more;
        walk->room = room;
    }
    walk->marks[rule - walk->context->rules] = walk->round;
    walk->found[walk->n++] = rule;
}

/* One more origin; arrays double, and are left behind in the arena. */
static bool add_origin(struct arena *arena, struct rule *rule, const struct rule *origin)
{
    size_t n = rule->n_origins;

    if ((n & (n - 1)) == 0) {
        const struct rule **more = arena_array(arena, n ? 2 * n : 1, sizeof(struct rule *));

        if (!more)
            return false;
        if (n)
            memcpy(more, rule->origins, n * sizeof(struct rule *));
        rule->origins = more;
    }
    rule->origins[rule->n_origins++] = origin;
    return true;
}

bool rule_goto_origins(struct rule_context *context)
{
    size_t *marks = arena_array(context->maker->arena, context->n_rules + 1, sizeof(*marks));

    for (size_t i = 0; i < context->n_rules && marks; i++) {
        const struct rule *origin = context->by_name[i];
        struct walk walk = { .context = context, .marks = marks, .round = i + 1 };

        step_visit(origin->node, note, &walk);
        for (size_t k = 0; k < walk.n; k++) {
            step_visit(walk.found[k]->node, note, &walk);
            if (!add_origin(context->maker->arena, walk.found[k], origin))
                return false;
        }
        if (walk.failed)
            return false;
    }
    return marks != NULL;
}

/* --- circles ------------------------------------------------------------------------------------------------------ */

/* Depth first along `goto`s before which nothing is sent. */
struct circles {
    struct rule_context *context;
    const struct rule **way; /* from the first rule to the one that is looked at */
    size_t depth;
    bool *done; /* by rule: all its ways were looked at */
};

#define WAY_MAX 100

static void visit_rule(struct circles *circles, const struct rule *rule);

static void complain(struct circles *circles, const struct step *step, size_t from)
{
    struct buf way = BUF(400);

    for (size_t i = from; i < circles->depth; i++)
        buf_printf(&way, "%s -> ", circles->way[i]->name);
    finding_error(circles->context->maker->findings, step->node->at,
                  "this 'goto' leads in a circle in which nothing is sent: %.*s%s", TEXT_ARG(buf_get(&way)),
                  step->target->name);
    finding_hint(circles->context->maker->findings, "send something on the way, or let it end elsewhere");
    buf_free(&way);
}

static void follow(struct circles *circles, const struct step *step)
{
    if (!step->target)
        return;
    for (size_t i = 0; i < circles->depth; i++)
        if (circles->way[i] == step->target) {
            complain(circles, step, i);
            return;
        }
    visit_rule(circles, step->target);
}

/* All steps that a run can come to from here without sending. */
static void visit_steps(struct circles *circles, const struct rule *rule, bool *seen, size_t from)
{
    for (size_t i = from; i < rule->n_steps && !seen[i];) {
        const struct step *step = &rule->steps[i];

        seen[i] = true;
        if (step->kind == STEP_REPLY)
            return;
        if (step->kind == STEP_GOTO) {
            follow(circles, step);
            return;
        }
        for (size_t k = 0; k < step->n_branches; k++)
            visit_steps(circles, rule, seen, step->branches[k].to);
        i = step->kind == STEP_CHOOSE || step->kind == STEP_JUMP ? step->to : i + 1;
    }
}

static void visit_rule(struct circles *circles, const struct rule *rule)
{
    struct arena *arena = circles->context->maker->arena;
    bool *done = &circles->done[rule - circles->context->rules], *seen;

    if (*done || circles->depth == WAY_MAX || !(seen = arena_array(arena, rule->n_steps + 1, sizeof(*seen))))
        return;
    circles->way[circles->depth++] = rule;
    visit_steps(circles, rule, seen, 0);
    if (rule->not_found != RULE_NO_STEP)
        visit_steps(circles, rule, seen, rule->not_found);
    if (rule->on_error != RULE_NO_STEP)
        visit_steps(circles, rule, seen, rule->on_error);
    circles->depth--;
    *done = true;
}

static bool leads_on(const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_steps; i++)
        if (rule->steps[i].kind == STEP_GOTO)
            return true;
    return false;
}

void rule_goto_circles(struct rule_context *context)
{
    struct arena *arena = context->maker->arena;
    struct circles circles = { .context = context };

    circles.way = arena_array(arena, WAY_MAX, sizeof(*circles.way));
    circles.done = arena_array(arena, context->n_rules, sizeof(*circles.done));
    for (size_t i = 0; circles.way && circles.done && i < context->n_rules; i++)
        if (leads_on(context->by_name[i]))
            visit_rule(&circles, context->by_name[i]);
}
