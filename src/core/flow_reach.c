#include "core/flow_reach.h"

#define CATCH_STATES 200

/* --- catch-alls ------------------------------------------------------------------------------------------------------- */

/* Are all states that come behind this one accepting, and is there one for each character? */
static bool goes_on(struct flow *flow, int state, struct flow_ints *depths)
{
    const struct flow_move *moves;
    const int *names;
    int n = flow_dfa_moves(flow->spare, state, &moves), at = 0;

    for (int k = 0; k < n; k++) {
        if (moves[k].lo != at || flow_dfa_accepts(flow->spare, moves[k].to, &names) == 0)
            return false;
        at = moves[k].hi + 1;
    }
    while (depths->n < flow_dfa_states(flow->spare))
        if (!flow_push(&flow->mem, depths, depths->v[state] + 1))
            return false;
    return n > 0 && at == flow_atoms_count(flow->atoms);
}

/* Does the program accept everything of 1 to 64 characters? */
static bool takes_all(struct flow *flow, int start)
{
    struct flow_ints depths = { NULL, 0, 0 }; /* by state */
    bool all;

    flow_model_begin(flow);
    flow_dfa_limit(flow->spare, CATCH_STATES, (size_t)1 << 20);
    all = flow_dfa_start(flow->spare, &start, 1) > 0;
    for (int state = 0; state < flow_dfa_states(flow->spare) && all; state++)
        all = flow_push(&flow->mem, &depths, 0);
    for (int state = 1; all && state < depths.n; state++)
        all = depths.v[state] >= FLOW_DATA_MAX || goes_on(flow, state, &depths);
    flow_ints_drop(&flow->mem, &depths);
    flow_model_end(flow);
    return all;
}

void flow_reach_catches(struct flow *flow)
{
    for (int i = 0; i < flow->n_rules + flow->n_beside; i++)
        for (int side = 0; side < FLOW_SIDES; side++) {
            struct flow_rule *rule = &flow->rules[i];

            if (rule->start[side] >= 0 && flow_model_certain(rule, (enum flow_side)side) &&
                pattern_prefix(rule->pattern[side]).n == 0)
                rule->all[side] = takes_all(flow, rule->start[side]);
        }
}

/* --- what a rule wins ------------------------------------------------------------------------------------------------- */

struct winning {
    struct flow *flow;
    int rule;
    enum flow_side side;
    struct flow_won *won;
};

struct text flow_reach_word(struct flow *flow, const struct flow_walk *walk, int node)
{
    struct buf word = BUF(65536);
    struct text kept = TEXT_NONE;

    if (flow_walk_word(walk, node, &word))
        kept = flow_model_keep(flow, buf_get(&word));
    buf_free(&word);
    return kept;
}

static void add_common(struct winning *winning, struct flow_walk *walk, int node, int other)
{
    struct flow_won *won = winning->won;

    for (int i = 0; i < won->n_first; i++)
        if (won->first[i] == other) {
            if (won->common[i].n == 0)
                won->common[i] = flow_reach_word(winning->flow, walk, node);
            return;
        }
    if (won->n_first == 4)
        return;
    won->first[won->n_first] = other;
    won->common[won->n_first++] = flow_reach_word(winning->flow, walk, node);
}

/* It takes it too, but under another condition. */
static void add_beside(struct winning *winning, struct flow_walk *walk, int node, int other)
{
    struct flow_won *won = winning->won;

    for (int i = 0; i < won->n_beside; i++)
        if (won->beside[i] == other)
            return;
    if (won->n_beside == 4)
        return;
    won->beside[won->n_beside] = other;
    won->shared[won->n_beside++] = flow_reach_word(winning->flow, walk, node);
}

static bool see_end(void *arg, struct flow_walk *walk, int node)
{
    struct winning *winning = arg;
    struct flow_rule *rules = winning->flow->rules;
    bool first = true, nothing = walk->pairs[node].bytes == 0;
    const int *names;
    int n;

    if (nothing && winning->side == FLOW_TAP)
        return true; /* nobody sends nothing, but for a file without words */
    n = flow_dfa_accepts(walk->dfa, walk->pairs[node].state, &names);
    for (int i = 0; i < n && names[i] < winning->rule; i++) {
        if (flow_model_hides(&rules[names[i]], &rules[winning->rule], winning->side)) {
            first = false;
            add_common(winning, walk, node, names[i]);
        } else if (!nothing && rules[names[i]].exact[winning->side] && !rules[names[i]].rule->further &&
                   !rules[names[i]].all[winning->side]) {
            add_beside(winning, walk, node, names[i]);
        }
    }
    if (first && (!winning->won->wins || rules[winning->rule].example[winning->side].n == 0))
        rules[winning->rule].example[winning->side] = flow_reach_word(winning->flow, walk, node);
    winning->won->wins |= first;
    return true;
}

void flow_reach_won(struct flow *flow, int rule, enum flow_side side, struct flow_won *out)
{
    struct winning winning = { flow, rule, side, out };
    struct flow_walk walk;

    *out = (struct flow_won){ .result = FLOW_ALL };
    flow_model_begin(flow);
    walk = flow_model_walk(flow, side);
    walk.asserts = flow_code_asserts(&flow->code, flow->rules[rule].start[side]);
    walk.visit = see_end;
    walk.arg = &winning;
    walk.bytes_max = side == FLOW_TAP ? flow->data_most : FLOW_TEXT_MAX;
    out->result = flow_walk_run(&walk, &flow->rules[rule].start[side], 1, flow->start[side]);
    flow_model_end(flow);
    flow_walk_free(&walk);
}

static bool see_strange(void *arg, struct flow_walk *walk, int node)
{
    const int *names;

    (void)arg;
    return flow_dfa_accepts(walk->dfa, walk->pairs[node].state, &names) > 0;
}

enum flow_result flow_reach_within(struct flow *flow, int a, int b, enum flow_side side, bool *within)
{
    struct flow_walk walk;
    enum flow_result result;

    flow_model_begin(flow);
    walk = flow_model_walk(flow, side);
    walk.asserts = flow_code_asserts(&flow->code, flow->rules[a].start[side]);
    walk.dfa = flow->spare;
    walk.keep_dead = true;
    walk.visit = see_strange;
    walk.bytes_max = side == FLOW_TAP ? flow->data_most : FLOW_TEXT_MAX;
    result = flow_walk_run(&walk, &flow->rules[a].start[side], 1,
                           flow_dfa_start(flow->spare, &flow->rules[b].start[side], 1));
    *within = result == FLOW_ALL;
    flow_model_end(flow);
    flow_walk_free(&walk);
    return result;
}

/* --- where buttons lead ----------------------------------------------------------------------------------------------- */

struct leading {
    struct flow *flow;
    struct flow_button *button;
};

static bool add_lead(struct flow *flow, struct flow_button *button, int rule)
{
    for (int i = 0; i < button->leads.n; i++)
        if (button->leads.v[i] == rule) {
            flow_work(&flow->mem, (size_t)i);
            return true;
        }
    flow_work(&flow->mem, (size_t)button->leads.n);
    return flow_push(&flow->mem, &button->leads, rule);
}

static bool see_data(void *arg, struct flow_walk *walk, int node)
{
    struct leading *leading = arg;
    struct flow_button *button = leading->button;
    const struct flow_rule *rules = leading->flow->rules;
    bool taken = false, certain = false, always = false;
    int under = -1;
    const int *names;
    int n;

    if (walk->pairs[node].bytes == 0)
        return true; /* empty data is another matter */
    n = flow_dfa_accepts(walk->dfa, walk->pairs[node].state, &names);
    for (int i = 0; i < n; i++) {
        taken |= !rules[names[i]].all[button->to];
        if (flow_spent(&leading->flow->mem))
            return false;
        if (!certain && !add_lead(leading->flow, button, names[i]))
            return false;
        certain |= flow_model_certain(&rules[names[i]], button->to);
        always |= !rules[names[i]].all[button->to] && !rules[names[i]].rule->when;
        if (under < 0 && rules[names[i]].rule->when)
            under = names[i];
    }
    button->taken |= taken;
    if (taken && !always && !button->doubtful.p) {
        button->doubtful = flow_reach_word(leading->flow, walk, node);
        button->doubt = under;
    }
    if (!taken && !button->lost.p)
        button->lost = flow_reach_word(leading->flow, walk, node);
    return true;
}

void flow_reach_leads(struct flow *flow, struct flow_button *button)
{
    struct leading leading = { flow, button };

    for (int side = 0; side < 3; side++) {
        struct flow_walk walk;

        button->undecided |= button->vague[side];
        if (button->start[side] < 0)
            continue;
        flow_model_begin(flow);
        walk = flow_model_walk(flow, button->to);
        walk.keep_dead = true;
        walk.visit = see_data;
        walk.arg = &leading;
        walk.bytes_max = button->to == FLOW_TAP ? button->most : 256;
        if (flow_walk_run(&walk, &button->start[side], 1, flow->start[button->to]) != FLOW_ALL)
            button->undecided = true;
        flow_model_end(flow);
        flow_walk_free(&walk);
    }
    flow->buttons[button->own].kept |= button->taken || button->undecided;
}

static void reach(struct flow *flow, int i, struct flow_ints *todo)
{
    if (!flow->rules[i].reached && flow_push(&flow->mem, todo, i))
        flow->rules[i].reached = true;
}

/* Where its `goto`s lead. */
static void reach_targets(struct flow *flow, const struct rule *rule, struct flow_ints *todo)
{
    for (size_t i = 0; i < rule->n_steps; i++)
        if (rule->steps[i].kind == STEP_GOTO)
            reach(flow, flow_model_number(flow, rule->steps[i].target), todo);
}

void flow_reach_mark(struct flow *flow)
{
    struct flow_ints todo = { NULL, 0, 0 };

    for (int b = 0; b < flow->n_buttons; b++)
        for (int k = 0; k < flow->buttons[b].leads.n; k++)
            (void)flow_push(&flow->mem, &flow->rules[flow->buttons[b].leads.v[k]].senders, b);
    for (int i = 0; i < flow->n_rules; i++)
        if (flow->rules[i].root)
            reach(flow, i, &todo);
    for (int i = 0; i < todo.n; i++) {
        const struct flow_button *button;

        for (int b = 0; (button = flow_model_button(flow, todo.v[i], b)); b++)
            for (int k = 0; k < button->leads.n; k++)
                reach(flow, button->leads.v[k], &todo);
        reach_targets(flow, flow->rules[todo.v[i]].rule, &todo);
    }
    flow_ints_drop(&flow->mem, &todo);
}
