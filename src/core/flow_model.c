#include "core/flow_model.h"

#include "core/flow_chat.h"
#include "core/flow_values.h"

#include <stdlib.h>
#include <string.h>

#define TREES_MAX ((size_t)100 << 20)
#define AUTOMATON_MAX ((size_t)60 << 20) /* then it is made anew */
#define ORIGINS_MAX 20                   /* rules that lead to one by `goto` and are told apart */
#define FAR_MAX 20000                    /* buttons that come of that */
#define PREFIX_MAX 32                    /* bytes of a beginning that count */

/* What a query may use. */
#define NODES_MAX 20000 /* and states */
#define BYTES_MAX ((size_t)40 << 20)
#define STEPS_MAX 40000000u
#define STEPS_LEAST 2000u
#define GENEROUS 32 /* the part of the first half of all work that one query may use, though others wait */
#define WAITING_LEAST 4

/* --- rules ------------------------------------------------------------------------------------------------------------ */

/* Where the pattern is outside the subset: whatever begins as it must begin. */
static int relaxed(struct flow *flow, const struct pattern *pattern, int name)
{
    struct text prefix = pattern_prefix(pattern);

    while (prefix.n > PREFIX_MAX || (prefix.n && ((unsigned char)prefix.p[prefix.n] & 0xC0) == 0x80))
        prefix.n--;
    flow_code_begin(&flow->code);
    flow_code_text(&flow->code, flow->sets, prefix);
    if (flow->code.over) {
        flow->code.n = flow->code.from; /* what was made of it may have sets that are none */
        flow_code_begin(&flow->code);
    }
    flow_code_any(&flow->code, flow->sets);
    return flow_code_end(&flow->code, name);
}

static uint8_t count_loops(struct text source)
{
    uint8_t loops = 0;

    for (size_t i = 0; i < source.n && loops < 3; i++)
        loops += source.p[i] == '*' || source.p[i] == '+' || source.p[i] == '{';
    return loops;
}

static bool add_side(struct flow *flow, int i, enum flow_side side)
{
    struct flow_rule *rule = &flow->rules[i];
    const struct pattern *pattern = rule->pattern[side];
    int start = -1;

    rule->start[side] = -1;
    if (!pattern)
        return true;
    rule->loops[side] = count_loops(pattern_source(pattern));
    flow_regex_parse(pattern_source(pattern), flow->sets, flow->arena, &rule->regex[side]);
    if (!rule->regex[side].outside) {
        flow_tree_clamp(rule->regex[side].top, side == FLOW_TAP ? flow->data_most : FLOW_TEXT_MAX);
        if (!flow_spent(&flow->mem))
            start = flow_code_rule(&flow->code, rule->regex[side].top, i);
        if (start < 0)
            rule->regex[side].outside = "more than the checker looks through";
    }
    rule->exact[side] = start >= 0;
    if (start < 0)
        start = relaxed(flow, pattern, i);
    rule->start[side] = start;
    return start >= 0 && (i >= flow->n_rules || flow_push(&flow->mem, &flow->starts[side], start)) &&
           (!flow->beside || flow_push(&flow->mem, &flow->starts_both[side], start));
}

static bool add_rules(struct flow *flow)
{
    flow->n_rules = (int)ruleset_count(flow->ruleset);
    flow->n_beside = flow->beside ? (int)ruleset_count(flow->beside) : 0;
    flow->rules =
        arena_array(flow->arena, (size_t)(flow->n_rules + flow->n_beside) + 1, sizeof(*flow->rules));
    if (!flow->rules)
        return false;
    for (int i = 0; i < flow->n_rules + flow->n_beside; i++) {
        struct flow_rule *rule = &flow->rules[i];

        rule->rule = i < flow->n_rules ? ruleset_rule(flow->ruleset, (size_t)i)
                                       : ruleset_rule(flow->beside, (size_t)(i - flow->n_rules));
        rule->pattern[FLOW_TAP] = rule->rule->tap;
        rule->pattern[FLOW_TEXT] = rule->rule->text;
        rule->loose = rule->rule->when || rule->rule->further || rule->rule->require_issued;
        rule->root = rule->rule->entry || rule->rule->text || rule->rule->otherwise != DEFAULT_NO;
        if (!add_side(flow, i, FLOW_TAP) || !add_side(flow, i, FLOW_TEXT))
            return false;
    }
    return true;
}

int flow_model_number(const struct flow *flow, const struct rule *rule)
{
    return (int)(rule - ruleset_rule(flow->ruleset, 0)); /* rules are an array */
}

bool flow_model_certain(const struct flow_rule *rule, enum flow_side side)
{
    return rule->exact[side] && !rule->loose;
}

bool flow_model_hides(const struct flow_rule *rule, const struct flow_rule *later, enum flow_side side)
{
    return rule->exact[side] && !rule->rule->further && !rule->rule->require_issued &&
           (!rule->rule->when || condition_same(rule->rule->when, later->rule->when));
}

/* --- buttons ---------------------------------------------------------------------------------------------------------- */

int flow_model_group(const struct flow *flow, const struct flow_button *button, enum flow_side side,
                     struct text name)
{
    const struct pattern *pattern = side == FLOW_DEFAULT ? NULL : flow->rules[button->entered].pattern[side];
    int64_t number;
    int group = 0;

    if (!pattern)
        return 0;
    if (text_i64(name, &number))
        return number <= pattern_groups(pattern) ? (int)number : 0;
    for (size_t i = 0; i < pattern_names(pattern); i++)
        if (text_is(name, pattern_name(pattern, i, &group)))
            return group;
    return 0;
}

/* A condition that must hold for the button to be sent says more of a capture than its pattern may: then `when: { id: '1|2' }`
   is what it can be. */
static const struct flow_node *guarded(struct flow *flow, const struct condition *when, struct text name)
{
    struct flow_regex regex;

    for (size_t i = 0; when && i < when->count; i++) {
        if (!text_eq(when->parts[i].path.text, name))
            continue;
        flow_regex_parse(pattern_source(when->parts[i].pattern), flow->sets, flow->arena, &regex);
        if (!regex.outside && flow_tree_most(flow->sets, regex.top, true) >= 0)
            return regex.top;
    }
    return NULL;
}

/* The same of the branch that a step stands in. */
static const struct flow_node *guarded_step(struct flow *flow, const struct rule *rule, int at,
                                            struct text name)
{
    const struct flow_node *found = NULL;

    for (int i = at - 1; i >= 0 && !found; i--) {
        const struct step *step = &rule->steps[i];
        size_t branch = step->n_branches;

        if (step->kind != STEP_CHOOSE || (size_t)at >= step->to)
            continue;
        while (branch > 0 && step->branches[branch - 1].to > (size_t)at)
            branch--;
        if (branch > 0)
            found = guarded(flow, step->branches[branch - 1].when, name);
    }
    return found;
}

static bool leads_to(const struct rule *from, const struct rule *to)
{
    for (size_t i = 0; i < to->n_origins && from != to; i++)
        if (to->origins[i] == from)
            return true;
    return from == to;
}

/* The same of the one `goto` by which a rule comes to another. */
static const struct flow_node *guarded_goto(struct flow *flow, const struct rule *from, const struct rule *to,
                                            struct text name)
{
    int at = -1;

    for (size_t i = 0; i < from->n_steps; i++) {
        if (from->steps[i].kind != STEP_GOTO || !leads_to(from->steps[i].target, to))
            continue;
        if (at >= 0)
            return NULL;
        at = (int)i;
    }
    return at >= 0 ? guarded_step(flow, from, at, name) : NULL;
}

/* The same of all that stands around the button. */
static const struct flow_node *guarded_around(struct flow *flow, const struct flow_button *button,
                                              struct text name)
{
    const struct rule *rule = flow->rules[button->rule].rule;
    const struct message *message = rule->steps[button->step].messages[button->message];
    const struct flow_node *found = guarded(flow, button->button->when, name);

    if (!found)
        found = guarded(flow, message->rows[button->row].when, name);
    if (!found)
        found = guarded_step(flow, rule, button->step, name);
    if (!found && button->entered != button->rule)
        found = guarded_goto(flow, flow->rules[button->entered].rule, rule, name);
    return found;
}

/* False: nothing goes out, because a value is missing. */
static bool add_capture(struct flow *flow, const struct flow_button *button, enum flow_side side,
                        const struct template_part *part)
{
    const int group = flow_model_group(flow, button, side, part->text);
    const struct flow_rule *entered = &flow->rules[button->entered];
    const struct flow_regex *regex = side == FLOW_DEFAULT ? NULL : &entered->regex[side];
    const struct flow_node *inside;

    if (side == FLOW_DEFAULT && entered->any_origin) { /* a rule that led here took it, whatever it is */
        flow_code_any(&flow->code, flow->sets);
        return true;
    }
    if (group == 0) {
        flow_code_text(&flow->code, flow->sets, part->otherwise);
        return part->otherwise.p != NULL;
    }
    if (!regex || !entered->exact[side]) {
        flow_code_any(&flow->code, flow->sets);
        return true;
    }
    inside = flow_tree_group(regex->top, group);
    if (!inside)
        return false;
    if (!button->plain && guarded_around(flow, button, part->text))
        inside = guarded_around(flow, button, part->text);
    if (part->otherwise.p && flow_tree_optional(regex->top, group))
        flow_code_either(&flow->code, flow->sets, inside, part->otherwise);
    else
        flow_code_node(&flow->code, inside);
    return true;
}

const struct flow_node *flow_model_value(struct flow *flow, const struct flow_button *button,
                                         enum flow_side side, const struct template_part *part)
{
    const int group = flow_model_group(flow, button, side, part->text);
    const struct flow_rule *rule = &flow->rules[button->entered];
    const struct flow_node *tree;

    if (group == 0)
        tree = flow_values_tree(flow, part);
    else
        tree = rule->exact[side] ? flow_tree_group(rule->regex[side].top, group) : NULL;
    for (size_t i = 0; i < part->n_filters; i++)
        tree = flow_values_filter(flow, tree, &part->filters[i]);
    return tree;
}

static void add_value(struct flow *flow, const struct flow_button *button, enum flow_side side,
                      const struct template_part *part)
{
    const struct flow_node *tree = flow_model_value(flow, button, side, part);

    if (!tree)
        flow_code_any(&flow->code, flow->sets);
    else if (part->otherwise.p)
        flow_code_either(&flow->code, flow->sets, tree, part->otherwise);
    else
        flow_code_node(&flow->code, tree);
}

static void add_program(struct flow *flow, struct flow_button *button, enum flow_side side)
{
    struct template_part part;
    bool sent = true;

    if (flow_spent(&flow->mem)) {
        button->vague[side] = true;
        return;
    }
    flow_code_begin(&flow->code);
    for (size_t i = 0; sent && template_part(button->template, i, &part); i++) {
        if (part.kind == TEMPLATE_LITERAL)
            flow_code_text(&flow->code, flow->sets, part.text);
        else if (part.kind == TEMPLATE_OTHER)
            add_value(flow, button, side, &part);
        else
            sent = add_capture(flow, button, side, &part);
    }
    if (sent) {
        button->start[side] = flow_code_end(&flow->code, 0);
        button->vague[side] = button->start[side] < 0;
    } else {
        flow->code.n = flow->code.from;
    }
}

static bool add_button(struct flow *flow, struct flow_button button)
{
    struct flow_rule *entered = &flow->rules[button.entered];
    const struct rule *rule = entered->rule;
    struct template_part part;
    struct flow_button *out;

    button.template = button.key ? button.button->text : button.button->callback_data;
    if (!button.template)
        return true;
    button.to = button.key ? FLOW_TEXT : FLOW_TAP;
    button.most = button.button->token ? FLOW_TOKEN_MAX : FLOW_DATA_MAX;
    button.node = button.button->node;
    if (button.node && button.node->kind == NODE_MAP)
        button.node = node_get(button.node, button.key ? "text" : "callback_data");
    for (size_t i = 0; template_part(button.template, i, &part); i++)
        button.open |=
            (part.kind == TEMPLATE_OTHER || (part.kind == TEMPLATE_CAPTURE && entered->any_origin)) &&
            flow_model_group(flow, &button, FLOW_TAP, part.text) == 0 &&
            flow_model_group(flow, &button, FLOW_TEXT, part.text) == 0;
    button.start[FLOW_TAP] = button.start[FLOW_TEXT] = button.start[FLOW_DEFAULT] = -1;
    out = &flow->buttons[flow->n_buttons++];
    if (button.entered == button.rule) {
        button.own = (int)(out - flow->buttons);
        entered->n_buttons++;
    } else {
        entered->n_far++;
    }
    *out = button;
    if (rule->tap)
        add_program(flow, out, FLOW_TAP);
    if (rule->text)
        add_program(flow, out, FLOW_TEXT);
    if (rule->otherwise != DEFAULT_NO || entered->any_origin)
        add_program(flow, out, FLOW_DEFAULT);
    return !flow->mem.out;
}

/* Is the message sent whenever the rule is, with all its buttons, each once? */
static bool is_plain(const struct rule *rule, const struct message *message)
{
    for (size_t s = 0; s < rule->n_steps; s++)
        if (rule->steps[s].kind != STEP_REPLY)
            return false;
    for (size_t r = 0; r < message->n_rows; r++) {
        if (message->rows[r].when || message->rows[r].repeat)
            return false;
        for (size_t k = 0; k < message->rows[r].count; k++)
            if (message->rows[r].buttons[k].when)
                return false;
    }
    return true;
}

static bool has_tokens(const struct rule *rule)
{
    for (size_t s = 0; s < rule->n_steps; s++)
        for (size_t m = 0; m < rule->steps[s].count; m++)
            for (size_t r = 0; r < rule->steps[s].messages[m]->n_rows; r++)
                for (size_t k = 0; k < rule->steps[s].messages[m]->rows[r].count; k++)
                    if (rule->steps[s].messages[m]->rows[r].buttons[k].token)
                        return true;
    return false;
}

static int data_most(const struct ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset_count(ruleset); i++)
        if (has_tokens(ruleset_rule(ruleset, i)))
            return FLOW_TOKEN_MAX;
    return FLOW_DATA_MAX;
}

int flow_model_tap(const struct flow *flow, int rule)
{
    const struct flow_ints *senders = &flow->rules[rule].senders;

    for (int i = 0; i < senders->n && flow->data_most > FLOW_DATA_MAX; i++)
        if (flow->buttons[senders->v[i]].most > FLOW_DATA_MAX)
            return FLOW_TOKEN_MAX;
    return FLOW_DATA_MAX;
}

/* All buttons and keys of a rule, or (with `count`) only how many there are. */
static bool each_button(struct flow *flow, int i, int *count)
{
    const struct rule *rule = flow->rules[i].rule;

    flow->rules[i].first_button = flow->n_buttons;
    for (size_t s = 0; s < rule->n_steps; s++)
        for (size_t m = 0; m < rule->steps[s].count; m++) {
            const struct message *message = rule->steps[s].messages[m];

            for (size_t r = 0; r < message->n_rows; r++)
                for (size_t k = 0; k < message->rows[r].count; k++) {
                    struct flow_button button = { .rule = i,
                                                  .entered = i,
                                                  .step = (int)s,
                                                  .message = (int)m,
                                                  .row = (int)r,
                                                  .column = (int)k,
                                                  .button = &message->rows[r].buttons[k],
                                                  .plain = is_plain(rule, message),
                                                  .key = message->type == MESSAGE_REPLY_KEYBOARD &&
                                                         !message->rows[r].buttons[k].callback_data };

                    if (count)
                        ++*count;
                    else if (!add_button(flow, button))
                        return false;
                }
        }
    return true;
}

/* A row that many messages use is one place. */
static bool find_places(struct flow *flow)
{
    int *slots = NULL, n_slots = 0;
    bool fresh;

    if (!flow_slots(&flow->mem, &slots, &n_slots, flow->n_buttons, &fresh))
        return false;
    for (int b = 0; b < flow->n_buttons; b++) {
        const struct node *node = flow->buttons[b].node;
        uint64_t h = flow_hash(9, &node, sizeof(node));
        int *slot;

        do
            slot = &slots[h++ & (uint64_t)(n_slots - 1)];
        while (*slot >= 0 && flow->buttons[*slot].node != node);
        if (*slot < 0)
            *slot = b;
        flow->buttons[b].place = *slot;
    }
    flow_drop(&flow->mem, &slots, &n_slots, sizeof(int));
    return true;
}

/* --- goto -------------------------------------------------------------------------------------------------------------- */

struct way {
    int from, to; /* rules */
};

struct ways {
    struct way *v;
    int n, cap;
};

static int compare_ways(const void *a, const void *b)
{
    const struct way *x = a, *y = b;

    return x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
}

/* From which rules others are entered, and how many buttons that makes; where there are too many, names are any text. */
static bool find_ways(struct flow *flow, const int *counts, struct ways *ways, int *buttons)
{
    int far = 0;

    for (int i = 0; i < flow->n_rules; i++) {
        const struct rule *rule = flow->rules[i].rule;
        const size_t more = rule->n_origins * (size_t)counts[i];

        flow->rules[i].any_origin =
            rule->n_origins > ORIGINS_MAX || more > FAR_MAX || far + (int)more > FAR_MAX;
        for (size_t k = 0; k < rule->n_origins && more && !flow->rules[i].any_origin; k++) {
            const int from = flow_model_number(flow, rule->origins[k]);

            if (from == i)
                continue;
            if (!flow_grow(&flow->mem, &ways->v, &ways->cap, ways->n + 1, sizeof(*ways->v)))
                return false;
            ways->v[ways->n++] = (struct way){ from, i };
            far += counts[i];
        }
    }
    *buttons += far;
    flow_sorted(&flow->mem, ways->n);
    if (ways->n)
        qsort(ways->v, (size_t)ways->n, sizeof(*ways->v), compare_ways);
    return true;
}

/* The buttons of a rule that was entered by another one. */
static bool add_far(struct flow *flow, struct way way)
{
    const struct flow_rule *to = &flow->rules[way.to];

    if (flow->rules[way.from].n_far == 0)
        flow->rules[way.from].first_far = flow->n_buttons;
    for (int b = to->first_button; b < to->first_button + to->n_buttons; b++) {
        struct flow_button button = flow->buttons[b];

        button.entered = way.from;
        button.plain = button.open = false;
        memset(button.vague, 0, sizeof(button.vague));
        if (!add_button(flow, button))
            return false;
    }
    return true;
}

static bool add_buttons(struct flow *flow)
{
    int *counts = arena_array(flow->arena, (size_t)flow->n_rules + 1, sizeof(*counts)), count = 0;
    struct ways ways = { NULL, 0, 0 };
    bool good = counts != NULL;

    for (int i = 0; good && i < flow->n_rules; i++) {
        (void)each_button(flow, i, &counts[i]);
        count += counts[i];
    }
    good = good && find_ways(flow, counts, &ways, &count);
    flow->buttons = arena_array(flow->arena, (size_t)count + 1, sizeof(*flow->buttons));
    good = good && flow->buttons;
    for (int i = 0; i < flow->n_rules && good; i++)
        good = each_button(flow, i, NULL);
    for (int i = 0; i < ways.n && good; i++)
        good = add_far(flow, ways.v[i]);
    flow_drop(&flow->mem, &ways.v, &ways.cap, sizeof(*ways.v));
    return good && find_places(flow);
}

struct flow_button *flow_model_button(const struct flow *flow, int rule, int k)
{
    const struct flow_rule *entered = &flow->rules[rule];

    if (k < entered->n_buttons)
        return &flow->buttons[entered->first_button + k];
    k -= entered->n_buttons;
    return k < entered->n_far ? &flow->buttons[entered->first_far + k] : NULL;
}

/* --- the whole -------------------------------------------------------------------------------------------------------- */

/* How many there will be, about: what a rule wins and what it costs, where a button leads and what it sends. */
static int count_queries(const struct flow *flow)
{
    int sides = 0;

    for (int i = 0; i < flow->n_rules; i++)
        sides += (flow->rules[i].pattern[FLOW_TAP] != NULL) + (flow->rules[i].pattern[FLOW_TEXT] != NULL);
    return 2 * sides + 4 * flow->n_buttons;
}

bool flow_model_build(struct flow *flow)
{
    flow_model_phase(flow, 4);
    flow->code.mem = &flow->mem;
    flow->data_most = data_most(flow->ruleset);
    if (flow->beside && data_most(flow->beside) > flow->data_most)
        flow->data_most = data_most(flow->beside);
    flow->arena = arena_new(TREES_MAX);
    flow->sets = flow_sets_new(&flow->mem);
    if (!flow->arena || !flow->sets || !flow_atoms_prepare(flow->sets) || !add_rules(flow) ||
        !add_buttons(flow))
        return false;
    flow_chat_prepare(flow);
    flow_model_phase(flow, 1);
    flow->atoms = flow_atoms_build(&flow->mem, flow->sets, &flow->code);
    if (!flow->atoms)
        return false;
    for (int side = 0; side < FLOW_SIDES; side++) {
        flow->all[side] = flow_dfa_new(&flow->mem, &flow->code, flow->atoms);
        if (!flow->all[side])
            return false;
        flow->start[side] = flow_dfa_start(flow->all[side], flow->starts[side].v, flow->starts[side].n);
        if (!flow->beside)
            continue;
        flow->both[side] = flow_dfa_new(&flow->mem, &flow->code, flow->atoms);
        if (!flow->both[side])
            return false;
        flow->start_both[side] =
            flow_dfa_start(flow->both[side], flow->starts_both[side].v, flow->starts_both[side].n);
    }
    flow->spare = flow_dfa_new(&flow->mem, &flow->code, flow->atoms);
    flow->queries = count_queries(flow);
    return flow->spare && !flow->mem.out;
}

void flow_model_free(struct flow *flow)
{
    for (int i = 0; flow->rules && i < flow->n_rules; i++)
        flow_ints_drop(&flow->mem, &flow->rules[i].senders);
    for (int i = 0; i < flow->n_buttons; i++)
        flow_ints_drop(&flow->mem, &flow->buttons[i].leads);
    for (int side = 0; side < FLOW_SIDES; side++) {
        flow_dfa_free(flow->all[side]);
        flow_dfa_free(flow->both[side]);
        flow_ints_drop(&flow->mem, &flow->starts[side]);
        flow_ints_drop(&flow->mem, &flow->starts_both[side]);
    }
    flow_chat_free(flow);
    flow_dfa_free(flow->spare);
    flow_atoms_free(flow->atoms);
    flow_sets_free(flow->sets);
    flow_drop(&flow->mem, &flow->code.ins, &flow->code.cap, sizeof(struct flow_ins));
    arena_free(flow->arena);
}

static void renew(struct flow *flow, enum flow_side side)
{
    flow_dfa_reset(flow->all[side]);
    flow_dfa_limit(flow->all[side], 1 << 29, AUTOMATON_MAX);
    flow->start[side] = flow_dfa_start(flow->all[side], flow->starts[side].v, flow->starts[side].n);
}

static uint64_t left_of(const struct flow *flow, uint64_t until)
{
    return flow->mem.steps < until ? until - flow->mem.steps : 0;
}

/* Half of all work is there for whoever needs much, the other half for all alike, so that no rule is kept from being looked at
   by others that are too much. */
static uint64_t share(const struct flow *flow, uint64_t left, int waiting)
{
    const uint64_t all = left_of(flow, flow->steps_max), half = flow->steps_max / 2;
    const uint64_t generous = all > half ? (all - half) / GENEROUS : 0;
    uint64_t steps = left / (uint64_t)(waiting > WAITING_LEAST ? waiting : WAITING_LEAST);

    steps = steps < generous ? generous : steps;
    steps = steps < STEPS_LEAST ? STEPS_LEAST : steps;
    return steps > left ? left : steps;
}

void flow_model_part(struct flow *flow, int parts, int queries)
{
    flow->until = flow->mem.steps + share(flow, left_of(flow, flow->steps_max), parts);
    flow->queries = queries;
    flow->mem.stop = flow->until;
}

void flow_model_phase(struct flow *flow, unsigned part)
{
    flow->until = flow->mem.steps + left_of(flow, flow->steps_max) / part;
    flow->mem.stop = flow->until;
}

bool flow_model_over(const struct flow *flow)
{
    return flow->mem.out || flow->mem.steps >= flow->steps_max;
}

void flow_model_begin(struct flow *flow)
{
    uint64_t steps = share(flow, left_of(flow, flow->until), flow->queries--);

    flow->mem.stop = flow->mem.steps + (steps < STEPS_MAX ? steps : STEPS_MAX);
    flow_dfa_reset(flow->spare);
    flow_dfa_limit(flow->spare, NODES_MAX, BYTES_MAX);
    for (int side = 0; side < FLOW_SIDES; side++) {
        if (flow_dfa_bytes(flow->all[side]) > AUTOMATON_MAX)
            renew(flow, (enum flow_side)side);
        flow_dfa_limit(flow->all[side], NODES_MAX, BYTES_MAX);
    }
}

void flow_model_end(struct flow *flow)
{
    flow->mem.stop = flow->until;
}

struct flow_walk flow_model_walk(struct flow *flow, enum flow_side side)
{
    return (struct flow_walk){ .mem = &flow->mem,
                               .code = &flow->code,
                               .atoms = flow->atoms,
                               .dfa = flow->all[side],
                               .trimmed = side == FLOW_TEXT,
                               .nodes_max = NODES_MAX,
                               .bytes_max = -1 };
}

struct text flow_model_keep(struct flow *flow, struct text text)
{
    return arena_text(flow->arena, text);
}

const struct node *flow_model_pattern(const struct flow_rule *rule, enum flow_side side)
{
    return node_get(rule->rule->node, side == FLOW_TAP ? "tap" : "text");
}
