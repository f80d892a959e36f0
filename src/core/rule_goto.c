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
    else
        finding_hint(context->maker->findings, "the name stands at the rule: - name: %.*s",
                     TEXT_ARG(name->text));
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

/* Rules, each once: a rule has the number of the list in `marks` that found it last. */
struct list {
    struct rule **v;
    size_t n, room;
};

struct walk {
    struct rule_context *context;
    struct list *targets; /* by rule: where its own `goto`s lead */
    struct list found;    /* also what is still to be looked at */
    size_t *marks, round;
    bool failed;
};

static void add(struct walk *walk, struct rule *rule)
{
    size_t *mark = &walk->marks[rule - walk->context->rules];
    struct list *found = &walk->found;

    if (*mark == walk->round)
        return;
    if (found->n == found->room) {
        size_t room = found->room ? 2 * found->room : 8;
        struct rule **more = arena_array(walk->context->maker->arena, room, sizeof(struct rule *));

        walk->failed = walk->failed || !more;
        if (!more)
            return;
        if (found->n)
            memcpy(more, found->v, found->n * sizeof(struct rule *));
        found->v = more;
        found->room = room;
    }
    *mark = walk->round;
    found->v[found->n++] = rule;
}

static void note(void *context, const struct node *map)
{
    struct walk *walk = context;
    const struct node *name = node_get(map, "goto");
    struct rule *rule = name && name->kind == NODE_SCALAR ? find(walk->context, name->text) : NULL;

    if (rule)
        add(walk, rule);
}

static void find_targets(struct walk *walk)
{
    for (size_t i = 0; i < walk->context->n_rules; i++) {
        walk->found = (struct list){ NULL, 0, 0 };
        walk->round++;
        step_visit(walk->context->rules[i].node, note, walk);
        walk->targets[i] = walk->found;
    }
    walk->found = (struct list){ NULL, 0, 0 };
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

/* All that the rule's `goto`s lead to, near or far, are found by it. */
static bool follow_all(struct walk *walk, const struct rule *origin)
{
    const struct rule *at = origin;

    walk->found.n = 0;
    walk->round++;
    for (size_t next = 0;; at = walk->found.v[next++]) {
        const struct list *targets = &walk->targets[at - walk->context->rules];

        for (size_t i = 0; i < targets->n; i++)
            add(walk, targets->v[i]);
        if (next == walk->found.n)
            break;
    }
    for (size_t i = 0; i < walk->found.n; i++)
        if (!add_origin(walk->context->maker->arena, walk->found.v[i], origin))
            return false;
    return !walk->failed;
}

bool rule_goto_origins(struct rule_context *context)
{
    struct arena *arena = context->maker->arena;
    struct walk walk = { .context = context };
    bool good;

    walk.marks = arena_array(arena, context->n_rules + 1, sizeof(*walk.marks));
    walk.targets = arena_array(arena, context->n_rules + 1, sizeof(*walk.targets));
    good = walk.marks && walk.targets;
    if (good)
        find_targets(&walk);
    for (size_t i = 0; i < context->n_rules && good; i++)
        good = follow_all(&walk, context->by_name[i]);
    return good && !walk.failed;
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
