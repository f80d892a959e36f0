#include "core/flow_when.h"

#include "core/flow_findings.h"

#include <string.h>

#define VALUE_MAX 1000 /* bytes of a value that a condition looks at */

struct seeking {
    struct flow *flow;
    struct flow_effort *effort;
    struct arena *arena;
};

static void each_of_message(const struct message *message,
                            void (*visit)(void *arg, const struct condition *condition), void *arg)
{
    for (size_t i = 0; i < message->n_lines; i++)
        visit(arg, message->lines[i].when);
    for (size_t r = 0; r < message->n_rows; r++) {
        visit(arg, message->rows[r].when);
        for (size_t k = 0; k < message->rows[r].count; k++)
            visit(arg, message->rows[r].buttons[k].when);
    }
}

void flow_when_each(const struct rule *rule, void (*visit)(void *arg, const struct condition *condition),
                    void *arg)
{
    visit(arg, rule->when);
    for (size_t i = 0; i < rule->n_steps; i++) {
        const struct step *step = &rule->steps[i];

        for (size_t k = 0; k < step->n_branches; k++)
            visit(arg, step->branches[k].when);
        for (size_t k = 0; k < step->count; k++)
            each_of_message(step->messages[k], visit, arg);
    }
}

static void seek(struct seeking *seeking, const struct pattern *pattern, const struct flow_node *tree,
                 struct place at, size_t most, bool trimmed)
{
    struct buf text = BUF(65536);
    enum flow_answer answer;

    flow_model_begin(seeking->flow);
    answer = flow_effort_find(seeking->effort, pattern, tree, most, trimmed, &text);
    flow_model_end(seeking->flow);
    if (answer == FLOW_YES)
        flow_say_effort(seeking->flow, at, buf_get(&text));
    else if (answer == FLOW_UNKNOWN)
        flow_say_undecided(seeking->flow, at, "this pattern can take exponentially many steps");
    buf_free(&text);
}

/* Most compare with a word. */
static bool may_loop(const struct pattern *pattern)
{
    const struct text source = pattern_source(pattern);

    return memchr(source.p, '*', source.n) || memchr(source.p, '+', source.n) ||
           memchr(source.p, '{', source.n);
}

static void seek_condition(void *arg, const struct condition *condition)
{
    struct seeking *seeking = arg;

    for (size_t i = 0; condition && i < condition->count; i++) {
        const struct condition_part *part = &condition->parts[i];
        struct flow_regex regex;

        if (!may_loop(part->pattern))
            continue;
        arena_reset(seeking->arena);
        flow_regex_parse(pattern_source(part->pattern), seeking->flow->sets, seeking->arena, &regex);
        if (!regex.outside)
            seek(seeking, part->pattern, regex.top, part->at, VALUE_MAX, false);
    }
}

void flow_when_check(struct flow *flow)
{
    struct seeking seeking = { flow, flow_effort_new(&flow->mem, flow->sets), arena_new((size_t)16 << 20) };

    for (int i = 0; seeking.effort && seeking.arena && i < flow->n_rules; i++) {
        const struct flow_rule *rule = &flow->rules[i];

        for (int side = 0; side < FLOW_SIDES; side++)
            if (rule->pattern[side] && !rule->regex[side].outside)
                seek(&seeking, rule->pattern[side], rule->regex[side].top,
                     flow_model_pattern(rule, (enum flow_side)side)->at,
                     side == FLOW_TAP ? flow->data_most : FLOW_TEXT_MAX, side == FLOW_TEXT);
        flow_when_each(rule->rule, seek_condition, &seeking);
    }
    flow_effort_free(seeking.effort);
    arena_free(seeking.arena);
}
