#include "core/flow.h"

#include "core/flow_chat.h"
#include "core/flow_concrete.h"
#include "core/flow_data.h"
#include "core/flow_findings.h"
#include "core/flow_reach.h"
#include "core/flow_when.h"

#include <stdlib.h>
#include <string.h>

/* --- rules ------------------------------------------------------------------------------------------------------------ */

/* Is what the automata say of this text what PCRE2 says? */
static bool confirmed(const struct flow *flow, struct flow_real *real, enum flow_side side, struct text text,
                      int not_rule)
{
    return text.p && flow_real_take(real, side, text) != not_rule && !flow_spent(&flow->mem);
}

static bool overlaps(struct flow *flow, int rule, int first, enum flow_side side)
{
    bool within = false, without = false;

    return flow_reach_within(flow, first, rule, side, &within) == FLOW_STOPPED && !within &&
           (flow_model_hides(&flow->rules[first], &flow->rules[rule], side) ||
            (flow_reach_within(flow, rule, first, side, &without) == FLOW_STOPPED && !without));
}

static void check_overlaps(struct flow *flow, struct flow_real *real, int rule, enum flow_side side,
                           const struct flow_won *won)
{
    for (int i = 0; i < won->n_first; i++)
        if (won->common[i].p && overlaps(flow, rule, won->first[i], side))
            flow_say_overlap(flow, rule, won->first[i], side, won->common[i]);
    for (int i = 0; i < won->n_beside; i++)
        if (won->shared[i].p && !flow_real_exclude(real, rule, won->beside[i]) &&
            overlaps(flow, rule, won->beside[i], side))
            flow_say_overlap(flow, rule, won->beside[i], side, won->shared[i]);
}

static void check_side(struct flow *flow, struct flow_real *real, int rule, enum flow_side side)
{
    struct flow_rule *checked = &flow->rules[rule];
    const struct node *node = flow_model_pattern(checked, side);
    struct flow_won won;

    if (!checked->pattern[side])
        return;
    if (!checked->exact[side]) {
        flow_say_outside(flow, checked, side);
        return;
    }
    flow_reach_won(flow, rule, side, &won);
    if (won.wins) {
        check_overlaps(flow, real, rule, side, &won);
        return;
    }
    if (won.result == FLOW_ALL && (won.n_first == 0 || confirmed(flow, real, side, won.common[0], rule))) {
        flow_say_never(flow, rule, side, won.first, won.n_first, won.n_first ? won.common[0] : TEXT_NONE);
        checked->never = true;
    } else {
        flow_say_undecided(flow, node->at, "rule '%s' can win", checked->rule->name);
    }
}

static void check_defaults(struct flow *flow)
{
    int first = -1, any = -1;

    for (int i = 0; i < flow->n_rules; i++) {
        enum rule_default kind = flow->rules[i].rule->otherwise;

        if (kind == DEFAULT_NO)
            continue;
        if (any >= 0 || (first >= 0 && kind == DEFAULT_TAP))
            flow_say_second_default(flow, i, any >= 0 ? any : first);
        if (first < 0 && !flow->rules[i].loose)
            first = i;
        if (any < 0 && kind == DEFAULT_ANY && !flow->rules[i].loose)
            any = i;
    }
}

static bool leads_on(const struct rule *rule)
{
    for (size_t s = 0; s < rule->n_steps; s++) {
        const enum step_kind kind = rule->steps[s].kind;

        if (kind == STEP_GOTO || kind == STEP_QUIET || kind == STEP_INBOX)
            return true;
        for (size_t m = 0; m < rule->steps[s].count; m++) {
            const struct message *message = rule->steps[s].messages[m];

            if (message->type == MESSAGE_HIGHLIGHT_REPLY || message->type == MESSAGE_REPLY_KEYBOARD)
                return true;
            for (size_t r = 0; r < message->n_rows; r++)
                for (size_t k = 0; k < message->rows[r].count; k++)
                    if (message->rows[r].buttons[k].callback_data)
                        return true;
        }
    }
    return rule->n_steps == 0 || rule->further;
}

static void check_ways(struct flow *flow)
{
    bool complete = !flow->mem.out;

    for (int b = 0; b < flow->n_buttons; b++)
        complete &= !flow->buttons[b].undecided;
    for (int i = 0; i < flow->n_rules; i++) {
        const struct rule *rule = flow->rules[i].rule;

        if (!flow->rules[i].reached && !flow->rules[i].never && complete)
            flow_say_unreached(flow, i);
        else if (!flow->rules[i].reached && !flow->rules[i].never)
            flow_say_undecided(flow, rule->at, "anything leads to rule '%s'", rule->name);
        if (!rule->final && !leads_on(rule))
            flow_say_dead_end(flow, i);
    }
}

/* --- the whole -------------------------------------------------------------------------------------------------------- */

static void check(struct flow *flow, struct flow_real *real)
{
    struct flow_concrete *concrete;

    flow_reach_catches(flow);
    for (int i = 0; i < flow->n_rules; i++) {
        check_side(flow, real, i, FLOW_TAP);
        check_side(flow, real, i, FLOW_TEXT);
    }
    check_defaults(flow);
    flow_when_check(flow);
    flow_chat_check(flow);
    for (int b = 0; b < flow->n_buttons; b++)
        flow_reach_leads(flow, &flow->buttons[b]);
    flow_reach_mark(flow);
    concrete = flow_concrete_run(flow, real);
    flow_data_check(flow, real, concrete);
    check_ways(flow);
    flow_concrete_free(concrete);
}

/* There was too much: what was not looked at any more, rule by rule; flow NULL: nothing was. */
static void say_given_up(const struct ruleset *ruleset, const struct flow *flow, struct findings *findings)
{
    finding_add(findings, FINDING_NOTE, (struct place){ NULL },
                "the rules are too many, or too large, to be looked at as a whole: what is not said here is "
                "undecided");
    for (size_t i = 0; i < ruleset_count(ruleset); i++) {
        const struct rule *rule = ruleset_rule(ruleset, i);
        const struct flow_rule *seen = flow && flow->rules && (int)i < flow->n_rules ? &flow->rules[i] : NULL;

        if (!seen || seen->first_button + seen->n_buttons > flow->buttons_done ||
            (seen->n_far && seen->first_far + seen->n_far > flow->buttons_done))
            finding_add(findings, FINDING_NOTE, rule->at, "the buttons of rule '%s' were not looked at",
                        rule->name);
    }
}

static void tell(const struct flow *flow, const struct flow_view *view)
{
    bool complete = true;

    for (int b = 0; b < flow->n_buttons; b++) {
        const struct flow_button *button = &flow->buttons[b];

        complete &= !button->undecided;
        for (int k = 0; k < button->leads.n; k++)
            if (!flow->rules[button->leads.v[k]].all[button->to])
                view->lead(view->context, (size_t)button->rule, button->button, (size_t)button->leads.v[k]);
    }
    for (int i = 0; complete && i < flow->n_rules; i++)
        view->reached(view->context, (size_t)i, flow->rules[i].reached);
}

static void run(const struct ruleset *ruleset, struct flow_bounds *bounds, struct findings *findings,
                const struct flow_view *view)
{
    struct flow *flow = calloc(1, sizeof(*flow));
    struct flow_real *real = NULL;

    if (flow) {
        flow->ruleset = ruleset;
        flow->findings = findings;
        flow->mem.max = bounds->memory;
        flow->steps_max = bounds->steps;
        if (flow_model_build(flow))
            real = flow_real_new(flow);
    }
    if (real)
        check(flow, real);
    if (!real || flow_model_over(flow))
        say_given_up(ruleset, real ? flow : NULL, findings);
    else if (view)
        tell(flow, view);
    flow_real_free(real);
    if (flow) {
        bounds->done = flow->mem.steps;
        flow_model_free(flow);
    }
    free(flow);
}

void flow_check(const struct ruleset *ruleset, struct findings *findings)
{
    flow_check_view(ruleset, findings, NULL);
}

void flow_check_view(const struct ruleset *ruleset, struct findings *findings, const struct flow_view *view)
{
    struct flow_bounds bounds = { FLOW_MEMORY_MAX, FLOW_STEPS_MAX, 0 };

    run(ruleset, &bounds, findings, view);
}

void flow_check_within(const struct ruleset *ruleset, struct flow_bounds *bounds, struct findings *findings)
{
    run(ruleset, bounds, findings, NULL);
}
