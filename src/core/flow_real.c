#include "core/flow_real.h"

#include "core/doc.h"
#include "core/flow_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENDER_MAX ((size_t)16 << 20)

/* What a pattern's matches begin with: its first bytes. */
struct head {
    uint64_t head, mask;
    const struct pattern *pattern; /* NULL: none */
};

#define RULES_MAX 64 /* that `goto`s are followed to */

/* A rule, and which of its steps a run may come to. */
struct come_by {
    int rule;
    const bool *reached;
};

struct flow_real {
    struct flow *flow;
    struct head *heads[FLOW_SIDES]; /* by rule */
    int heads_cap[FLOW_SIDES];
    struct pattern_scratch *scratch;
    struct arena *arena;
    struct json_object *captures;
    int rule;          /* that took the last input */
    int step, message; /* that is rendered now */
    struct rendered rendered;
    enum flow_sent sent;
    bool
        open; /* the message needs a value that only a run knows, so that its buttons are rendered one by one */
    struct come_by comes[RULES_MAX]; /* where a run on the last input may come to; none: not looked at yet */
    int n_comes;
};

/* --- what it costs ----------------------------------------------------------------------------------------------------- */

#define TRY_STEPS 100
#define LIMIT_STEPS 40000 /* pattern_match gives up there */
#define RENDER_STEPS 300

/* A match that backtracks as much as so many loops can. */
static size_t steps_of(int loops, size_t n)
{
    size_t steps = loops < 2 ? n : loops == 2 ? n * n / 10 : n > 150 ? LIMIT_STEPS : n * n * n / 60;

    return TRY_STEPS + (steps < LIMIT_STEPS ? steps : LIMIT_STEPS);
}

static uint64_t head_of(struct text text)
{
    uint64_t head = 0;

    if (text.n)
        memcpy(&head, text.p, text.n < sizeof(head) ? text.n : sizeof(head));
    return head;
}

static bool make_heads(struct flow_real *real)
{
    struct flow *flow = real->flow;

    for (int side = 0; side < FLOW_SIDES; side++) {
        if (!flow_grow(&flow->mem, &real->heads[side], &real->heads_cap[side], flow->n_rules,
                       sizeof(struct head)))
            return false;
        for (int i = 0; i < flow->n_rules; i++) {
            const struct pattern *pattern = flow->rules[i].pattern[side];
            const struct text prefix = pattern ? pattern_prefix(pattern) : TEXT_NONE;
            char ones[sizeof(uint64_t)];

            memset(ones, 0xFF, sizeof(ones));
            real->heads[side][i] =
                (struct head){ head_of(prefix), head_of(text_make(ones, prefix.n)), pattern };
        }
    }
    return true;
}

/* The first rule from this one on whose pattern may match, by its beginning; n_rules: there is none. */
static int next_fitting(struct flow_real *real, enum flow_side side, struct text input, int from)
{
    const struct head *heads = real->heads[side];
    const uint64_t head = head_of(input);
    int i = from;

    while (i < real->flow->n_rules && !(heads[i].pattern && (head & heads[i].mask) == heads[i].head))
        i++;
    flow_work(&real->flow->mem, (size_t)(i - from) / 4 + 1);
    return i;
}

/* Does the rule's pattern match? */
static bool takes(struct flow_real *real, int number, enum flow_side side, struct text input)
{
    const struct flow_rule *rule = &real->flow->rules[number];
    enum pattern_result result;

    if (!rule->pattern[side])
        return false;
    result = pattern_match(rule->pattern[side], real->scratch, input);
    flow_work(&real->flow->mem, result == PATTERN_LIMIT ? LIMIT_STEPS : steps_of(rule->loops[side], input.n));
    return result == PATTERN_YES;
}

/* The ruleset may try all of them; false: that is too much. */
static bool count_tries(struct flow_real *real, enum flow_side side, struct text input)
{
    const struct flow_rule *rules = real->flow->rules;
    const int n = real->flow->n_rules;

    for (int i = next_fitting(real, side, input, 0); i < n && !flow_spent(&real->flow->mem);
         i = next_fitting(real, side, input, i + 1))
        flow_work(&real->flow->mem, steps_of(rules[i].loops[side], input.n));
    return !flow_spent(&real->flow->mem);
}

struct flow_real *flow_real_new(struct flow *flow)
{
    struct flow_real *real = calloc(1, sizeof(*real));

    if (!real)
        return NULL;
    real->flow = flow;
    real->scratch = pattern_scratch_new();
    real->arena = arena_new(RENDER_MAX);
    if (real->scratch && real->arena && make_heads(real))
        return real;
    flow_real_free(real);
    return NULL;
}

void flow_real_free(struct flow_real *real)
{
    if (!real)
        return;
    for (int side = 0; side < FLOW_SIDES; side++)
        flow_drop(&real->flow->mem, &real->heads[side], &real->heads_cap[side], sizeof(struct head));
    json_object_put(real->captures);
    pattern_scratch_free(real->scratch);
    arena_free(real->arena);
    free(real);
}

static void begin(struct flow_real *real)
{
    json_object_put(real->captures);
    real->captures = NULL;
    real->n_comes = 0;
    real->rule = real->step = real->message = -1;
    arena_reset(real->arena);
}

int flow_real_take(struct flow_real *real, enum flow_side side, struct text input)
{
    const struct ruleset_question question = { .kind = side == FLOW_TAP ? ENTRY_TAP : ENTRY_TEXT,
                                               .data = input };
    struct match match;

    begin(real);
    if (!count_tries(real, side, input) ||
        !ruleset_match(real->flow->ruleset, &question, real->scratch, &match))
        return -1;
    real->captures = match.captures;
    if (match.rule && match.how != MATCH_DEFAULT)
        real->rule = flow_model_number(real->flow, match.rule);
    return real->rule;
}

/* The rules that may take it, in order; 0: none, or it cannot be said. */
static int candidates(struct flow_real *real, enum flow_side side, struct text input, const int **names)
{
    struct flow *flow = real->flow;
    int state = flow_dfa_text(flow->all[side], flow->start[side], input);

    if (state == FLOW_LIMIT) {
        flow_model_begin(flow);
        state = flow_dfa_text(flow->all[side], flow->start[side], input);
        flow_model_end(flow);
    }
    return state == FLOW_LIMIT ? 0 : flow_dfa_accepts(flow->all[side], state, names);
}

static void add_capture(struct flow_real *real, const char *name, int group)
{
    struct text value = pattern_group(real->scratch, group);

    if (value.p && real->captures && !doc_add_text(real->captures, name, value)) {
        json_object_put(real->captures);
        real->captures = NULL;
    }
}

static void keep_captures(struct flow_real *real, const struct pattern *pattern)
{
    char number[16];

    real->captures = json_object_new_object();
    for (int i = 1; i <= pattern_groups(pattern); i++) {
        snprintf(number, sizeof(number), "%d", i);
        add_capture(real, number, i);
    }
    for (size_t i = 0; i < pattern_names(pattern); i++) {
        int group = 0;
        const char *name = pattern_name(pattern, i, &group);

        add_capture(real, name, group);
    }
}

int flow_real_guess(struct flow_real *real, enum flow_side side, struct text input)
{
    const int *names = NULL;
    int n;

    begin(real);
    if (side == FLOW_TEXT)
        input = text_trim(input);
    n = candidates(real, side, input, &names);
    for (int i = 0; i < n; i++) {
        if (!takes(real, names[i], side, input))
            continue;
        real->rule = names[i];
        keep_captures(real, real->flow->rules[names[i]].pattern[side]);
        break;
    }
    return real->rule;
}

bool flow_real_kept(struct flow_real *real, enum flow_side side, struct text input)
{
    const struct flow_rule *rules = real->flow->rules;
    const int *names = NULL;
    int n;

    if (side == FLOW_TEXT)
        input = text_trim(input);
    n = candidates(real, side, input, &names);
    for (int i = 0; i < n; i++)
        if (!rules[names[i]].all[side] && takes(real, names[i], side, input))
            return true;
    return false;
}

int flow_real_takers(struct flow_real *real, enum flow_side side, struct text input, int *rules, int max)
{
    const struct flow_rule *all = real->flow->rules;
    const int *names = NULL;
    int n, found = 0;

    if (side == FLOW_TEXT)
        input = text_trim(input);
    n = candidates(real, side, input, &names);
    /* none: perhaps it could not be said */
    for (int i = 0; i < (n ? n : real->flow->n_rules) && found < max; i++) {
        const int rule = n ? names[i] : i;

        if (all[rule].all[side] || !takes(real, rule, side, input))
            continue;
        rules[found++] = rule;
        if (!all[rule].loose)
            break;
    }
    return found;
}

void flow_real_default(struct flow_real *real, int rule)
{
    begin(real);
    real->captures = json_object_new_object();
    real->rule = rule;
}

bool flow_real_lost(struct flow_real *real, enum flow_side side, struct text input)
{
    const struct flow *flow = real->flow;
    int first = flow_real_take(real, side, input);

    if (side == FLOW_TEXT)
        input = text_trim(input);
    for (int i = next_fitting(real, side, input, 0); i < flow->n_rules && !flow_spent(&flow->mem);
         i = next_fitting(real, side, input, i + 1)) {
        const struct flow_rule *rule = &flow->rules[i];

        /* earlier ones did not take it, but for want of what their conditions look at, perhaps */
        if ((first < 0 || i < first) && !rule->loose)
            continue;
        if (!rule->all[side] && takes(real, i, side, input))
            return false;
    }
    return !flow_spent(&flow->mem);
}

/* Was every button rendered, though a limit may not hold? */
static bool is_whole(const struct rendered *rendered)
{
    for (size_t i = 0; i < rendered->n_rows; i++) {
        if (!rendered->rows)
            return false;
        for (size_t k = 0; k < rendered->rows[i].count; k++)
            if (!rendered->rows[i].buttons || !rendered->rows[i].buttons[k].text.p)
                return false;
    }
    return rendered->n_rows > 0;
}

static void render_message(struct flow_real *real, const struct message *message)
{
    struct fault fault;

    real->open = false;
    real->sent = FLOW_SENT;
    for (size_t i = 0; i < message->n_rows; i++)
        flow_work(&real->flow->mem, RENDER_STEPS * (1 + message->rows[i].count));
    if (message_render(message, real->captures, real->scratch, real->arena, &real->rendered, &fault))
        return;
    real->sent = FLOW_REFUSED;
    if (is_whole(&real->rendered))
        return;
    real->open = flow_steps_captured(message, real->captures);
    real->sent = real->open ? FLOW_SENT : FLOW_UNSENT;
}

/* A button of a message that is not rendered as a whole. */
static enum flow_sent render_alone(struct flow_real *real, const struct flow_button *button, struct text *out)
{
    struct fault fault;

    flow_work(&real->flow->mem, RENDER_STEPS);
    if (!template_render(button->template, real->captures, 65536, real->arena, out, &fault))
        return FLOW_UNSENT;
    return button->key || (out->n > 0 && out->n <= (size_t)button->most) ? FLOW_SENT : FLOW_REFUSED;
}

/* Up to this message, as the run would. */
static void render_to(struct flow_real *real, int step, int message)
{
    const struct rule *rule = real->flow->rules[real->rule].rule;

    while (real->step < step || (real->step == step && real->message < message)) {
        if (real->step < 0) {
            real->step = real->message = 0;
        } else {
            if (real->sent != FLOW_SENT) {
                real->sent = FLOW_UNSENT; /* what comes behind it does not go out */
                return;
            }
            real->message++;
            while (real->step < step && (size_t)real->message >= rule->steps[real->step].count) {
                real->step++;
                real->message = 0;
            }
        }
        render_message(real, rule->steps[real->step].messages[real->message]);
    }
}

static void come_to(struct flow_real *real, int rule)
{
    for (int i = 0; i < real->n_comes; i++)
        if (real->comes[i].rule == rule)
            return;
    if (real->n_comes < RULES_MAX)
        real->comes[real->n_comes++] = (struct come_by){ rule, NULL };
}

/* The steps of the rule that a run may come to, from the rule that took the input along its `goto`s; NULL: none. */
static const bool *steps_of_run(struct flow_real *real, int rule)
{
    const struct rule *entered = real->flow->rules[real->rule].rule;

    if (!real->n_comes)
        come_to(real, real->rule);
    for (int i = 0; i < real->n_comes; i++) {
        struct come_by *at = &real->comes[i];
        const struct rule *here = real->flow->rules[at->rule].rule;

        if (!at->reached) {
            flow_work(&real->flow->mem, RENDER_STEPS + 10 * here->n_steps);
            at->reached = flow_steps_reach(here, entered, real->captures, real->scratch, real->arena);
            for (size_t s = 0; at->reached && s < here->n_steps; s++)
                if (at->reached[s] && here->steps[s].kind == STEP_GOTO)
                    come_to(real, flow_model_number(real->flow, here->steps[s].target));
        }
        if (at->rule == rule)
            return at->reached;
    }
    return NULL;
}

/* A button that may be left out, or stands in a branch: sent, unless the captures say that it is not. */
static enum flow_sent send_loose(struct flow_real *real, const struct flow_button *button, struct text *out)
{
    const struct rule *rule = real->flow->rules[button->rule].rule;
    const struct rule *entered = real->flow->rules[button->entered].rule;
    const struct message *message = rule->steps[button->step].messages[button->message];

    const bool *reached = steps_of_run(real, button->rule);

    if (!reached || !reached[button->step] ||
        !flow_steps_shows(entered, &message->rows[button->row], button->button, real->captures,
                          real->scratch))
        return FLOW_UNSENT;
    for (int i = 0; i <= button->message; i++)
        if (!flow_steps_captured(rule->steps[button->step].messages[i], real->captures))
            return FLOW_UNSENT;
    return render_alone(real, button, out);
}

enum flow_sent flow_real_sends(struct flow_real *real, const struct flow_button *button, struct text *out)
{
    const struct rendered_button *rendered;

    *out = TEXT_NONE;
    if (real->rule != button->entered || button->open)
        return FLOW_UNSENT;
    if (!button->plain)
        return send_loose(real, button, out);
    render_to(real, button->step, button->message);
    if (real->sent == FLOW_UNSENT || real->step != button->step || real->message != button->message)
        return FLOW_UNSENT;
    if (real->open)
        return render_alone(real, button, out);
    rendered = &real->rendered.rows[button->row].buttons[button->column];
    *out = button->key ? rendered->text : rendered->callback_data;
    return out->p ? real->sent : FLOW_UNSENT;
}

/* A pattern that takes one text only. */
static bool is_word(const struct pattern *pattern)
{
    return text_eq(pattern_prefix(pattern), pattern_source(pattern));
}

static bool apart(struct flow_real *real, const struct condition_part *a, const struct condition_part *b)
{
    if (is_word(a->pattern))
        return pattern_match(b->pattern, real->scratch, pattern_source(a->pattern)) == PATTERN_NO;
    if (is_word(b->pattern))
        return pattern_match(a->pattern, real->scratch, pattern_source(b->pattern)) == PATTERN_NO;
    return a->pattern != b->pattern; /* it cannot be said here; better no word than a wrong one */
}

bool flow_real_exclude(struct flow_real *real, int a, int b)
{
    const struct condition *of_a = real->flow->rules[a].rule->when, *of_b = real->flow->rules[b].rule->when;

    for (size_t i = 0; of_a && i < of_a->count; i++)
        for (size_t k = 0; of_b && k < of_b->count; k++)
            if (text_eq(of_a->parts[i].path.text, of_b->parts[k].path.text) &&
                apart(real, &of_a->parts[i], &of_b->parts[k]))
                return true;
    return false;
}
