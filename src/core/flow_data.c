#include "core/flow_data.h"

#include "core/flow_findings.h"
#include "core/flow_sample.h"
#include "core/flow_trace.h"

#include <string.h>

#define CHAIN_MAX 3     /* buttons that are followed back from an input */
#define CHAIN_SENDERS 8 /* of those that lead to a rule */
#define LENGTH_MAX 936  /* bytes beyond the limit; longer data is "more than" that */
#define MEASURED_MAX 20 /* buttons whose longest data is looked for; of others "more than" is said */
#define SPLIT_MAX 4     /* of the rules that a button leads to */
#define QUERIES 8       /* that a button takes, about */
#define SAMPLES 200     /* inputs that are tried where there is no trace */
#define SAMPLE_MAX 300  /* bytes of such a text */

/* Kinds of findings about a button. */
enum kind { SAID_LEADS = 1, SAID_SIZE = 2, SAID_SPLIT = 4, SAID_DOUBT = 8, SAID_WHEN = 16 };

struct checking {
    struct flow *flow;
    struct flow_real *real;
    const struct flow_concrete *concrete;
    struct flow_button *button;
    int measured; /* buttons whose longest data was looked for */
};

/* --- traces that were tried ------------------------------------------------------------------------------------------- */

/* Is what really happens what was wanted? */
static bool fits(struct checking *c, const struct flow_button *button, const struct flow_wanted *wanted,
                 enum flow_sent sent, struct text data)
{
    switch (wanted->wish) {
    case FLOW_WISH_LOST:
        return sent == FLOW_SENT && flow_real_lost(c->real, button->to, data);
    case FLOW_WISH_RULE:
        return sent == FLOW_SENT && flow_real_take(c->real, button->to, data) == wanted->rule;
    case FLOW_WISH_TEXT:
        return sent == FLOW_SENT;
    case FLOW_WISH_LONG:
        return sent == FLOW_REFUSED && (long)data.n > wanted->bytes;
    default:
        return sent == FLOW_REFUSED && data.n == 0;
    }
}

/* FLOW_YES with the trace in `shown`; FLOW_UNKNOWN also when PCRE2 does not agree. */
static enum flow_answer trace_side(struct checking *c, const struct flow_button *button, enum flow_side side,
                                   const struct flow_wanted *wanted, struct flow_shown *shown)
{
    struct buf input = BUF(65536);
    struct text data;
    enum flow_sent sent;
    enum flow_answer answer = flow_trace_search(c->flow, button, side, wanted, &input);

    flow_model_end(c->flow);
    if (answer == FLOW_YES && input.failed)
        answer = FLOW_UNKNOWN;
    if (answer == FLOW_YES) {
        (void)flow_real_take(c->real, side, buf_get(&input));
        sent = flow_real_sends(c->real, button, &data);
        *shown = (struct flow_shown){ true, side, flow_model_keep(c->flow, buf_get(&input)),
                                      flow_model_keep(c->flow, data.p ? data : text_of("")) };
        if (sent == FLOW_UNSENT || !shown->input.p || !shown->data.p ||
            !fits(c, button, wanted, sent, shown->data))
            answer = FLOW_UNKNOWN;
    }
    buf_free(&input);
    return answer;
}

static struct flow_wanted want(struct checking *c, enum flow_wish wish)
{
    flow_model_begin(c->flow);
    return (struct flow_wanted){ .wish = wish,
                                 .target = c->flow->all[c->button->to],
                                 .target_start = c->flow->start[c->button->to] };
}

/* Where no trace can be made, as where a filter is in the way: random inputs that the rule takes. */
static bool sample_side(struct checking *c, enum flow_side side, const struct flow_wanted *wanted,
                        struct flow_shown *shown)
{
    const struct flow_rule *rule = &c->flow->rules[c->button->entered];
    uint64_t seed = (uint64_t)c->button->entered;

    for (int i = 0;
         rule->start[side] >= 0 && !rule->regex[side].outside && i < SAMPLES && !flow_spent(&c->flow->mem);
         i++) {
        struct buf input =
            BUF(side == FLOW_TAP ? (size_t)flow_model_tap(c->flow, c->button->entered) : SAMPLE_MAX);
        struct text data;
        enum flow_sent sent = FLOW_UNSENT;

        flow_sample(c->flow->sets, rule->regex[side].top, &seed, &input);
        if (!input.failed && flow_real_take(c->real, side, buf_get(&input)) == c->button->entered)
            sent = flow_real_sends(c->real, c->button, &data);
        if (sent != FLOW_UNSENT)
            *shown = (struct flow_shown){ true, side, flow_model_keep(c->flow, buf_get(&input)),
                                          flow_model_keep(c->flow, data) };
        buf_free(&input);
        if (sent != FLOW_UNSENT && shown->input.p && shown->data.p &&
            fits(c, c->button, wanted, sent, shown->data))
            return true;
    }
    return false;
}

static bool try_samples(struct checking *c, enum flow_side side, const struct flow_wanted *wanted,
                        struct flow_shown *shown)
{
    bool found;

    flow_model_begin(c->flow);
    found = sample_side(c, side, wanted, shown);
    flow_model_end(c->flow);
    return found;
}

/* On any side on which the rule is entered. The default's side has no captures; the concrete walk has been there. */
static enum flow_answer trace(struct checking *c, enum flow_wish wish, long number, struct flow_shown *shown)
{
    enum flow_answer all = FLOW_NO;

    for (int side = 0; side < FLOW_SIDES; side++) {
        struct flow_wanted wanted = want(c, wish);
        enum flow_answer answer;

        wanted.rule = (int)number;
        wanted.bytes = number;
        answer = trace_side(c, c->button, (enum flow_side)side, &wanted, shown);
        if (answer == FLOW_YES)
            return FLOW_YES;
        if (answer == FLOW_UNKNOWN && try_samples(c, (enum flow_side)side, &wanted, shown))
            return FLOW_YES;
        if (answer == FLOW_UNKNOWN)
            all = FLOW_UNKNOWN;
    }
    return all;
}

/* --- chains ----------------------------------------------------------------------------------------------------------- */

static int program_of(struct flow *flow, struct text text)
{
    flow_code_begin(&flow->code);
    for (size_t i = 0; i < text.n;) {
        uint32_t code;

        i += flow_decode(text.p + i, &code);
        flow_code_atom(&flow->code, flow_atoms_of(flow->atoms, code));
    }
    return flow_code_end(&flow->code, 0);
}

/* An input on this side that makes the button send exactly this. */
static bool sends(struct checking *c, const struct flow_button *button, enum flow_side side, struct text text,
                  struct flow_shown *shown)
{
    struct flow *flow = c->flow;
    const int before = flow->code.n;
    struct flow_wanted wanted = { .wish = FLOW_WISH_TEXT, .target = flow->spare };
    bool found = false;
    int start;

    flow_model_begin(flow);
    start = program_of(flow, text);
    if (start >= 0) {
        wanted.target_start = flow_dfa_start(flow->spare, &start, 1);
        found = wanted.target_start != FLOW_LIMIT && !button->open &&
                trace_side(c, button, side, &wanted, shown) == FLOW_YES && text_eq(shown->data, text);
    }
    flow_model_end(flow);
    flow_dfa_reset(flow->spare);
    flow->code.n = before;
    return found;
}

/* Does a customer come by this input? */
static bool has_chain(struct checking *c, int rule, enum flow_side side, struct text input, int depth)
{
    const struct flow_rule *entered = &c->flow->rules[rule];

    if (side != FLOW_TAP || (entered->rule->entry && input.n <= FLOW_DATA_MAX))
        return true;
    if (c->concrete && flow_concrete_saw(c->concrete, side, input))
        return true;
    for (int i = 0; i < entered->senders.n && i < CHAIN_SENDERS && depth > 0; i++) {
        const struct flow_button *button = &c->flow->buttons[entered->senders.v[i]];
        struct flow_shown shown;

        if (!c->flow->rules[button->entered].reached)
            continue;
        for (int from = 0; from < FLOW_SIDES; from++)
            if (sends(c, button, (enum flow_side)from, input, &shown) &&
                has_chain(c, button->entered, (enum flow_side)from, shown.input, depth - 1))
                return true;
    }
    return false;
}

bool flow_data_sends(struct flow *flow, struct flow_real *real, const struct flow_concrete *concrete,
                     struct flow_button *button, struct text data)
{
    struct checking checking = { flow, real, concrete, button, 0 };
    struct flow_shown shown;

    for (int side = 0; side < FLOW_SIDES; side++)
        if (sends(&checking, button, (enum flow_side)side, data, &shown) &&
            has_chain(&checking, button->entered, (enum flow_side)side, shown.input, CHAIN_MAX))
            return true;
    return false;
}

/* --- where it leads --------------------------------------------------------------------------------------------------- */

/* Was this said of the same place in the file already? A row that many messages use is one place. */
static bool said_before(struct checking *c, enum kind kind)
{
    unsigned *said = &c->flow->buttons[c->button->place].said;
    const bool before = *said & kind;

    *said |= kind;
    return before;
}

static void undecided(struct checking *c, const char *what)
{
    const struct text label = flow_say_label(c->button);
    const struct flow_rule *rule = &c->flow->rules[c->button->entered];

    for (int side = 0; side < FLOW_SIDES; side++)
        if (rule->pattern[side] && !rule->exact[side])
            return; /* said of the pattern */
    if (!said_before(c, SAID_DOUBT))
        flow_say_undecided(c->flow, c->button->node->at, "%s '%.*s' %s", c->button->key ? "key" : "button",
                           TEXT_ARG(label), what);
}

static void check_fixed(struct checking *c, struct text data)
{
    if (flow_real_kept(c->real, c->button->to, data))
        return;
    if (!flow_real_lost(c->real, c->button->to, data)) {
        if (flow_spent(&c->flow->mem))
            undecided(c, "leads somewhere");
    } else if (!said_before(c, SAID_LEADS)) {
        flow_say_nowhere(c->flow, c->button, data, true);
    }
}

static void say_gone(struct checking *c, const struct flow_shown *shown)
{
    if (!has_chain(c, c->button->entered, shown->side, shown->input, CHAIN_MAX))
        undecided(c, "always leads somewhere: what it would need was not found to be sent");
    else if (!said_before(c, SAID_LEADS))
        flow_say_can_nowhere(c->flow, c->button, shown);
}

static void check_lost(struct checking *c)
{
    struct flow_button *button = c->button;
    struct flow_shown shown;
    enum flow_answer answer;

    /* where a pattern is only sampled it may take what it is not shown to: then the walk alone knows */
    if (!button->lost.p && !button->undecided && !button->gone.found)
        return;
    if (!c->flow->buttons[button->own].kept) {
        if (!flow_real_lost(c->real, button->to, button->lost))
            undecided(c, "leads somewhere");
        else if (!said_before(c, SAID_LEADS))
            flow_say_nowhere(c->flow, button, button->lost, false);
        return;
    }
    if (!c->flow->rules[button->entered].reached)
        return;
    if (button->open) {
        if (!said_before(c, SAID_LEADS))
            flow_say_open(c->flow, button);
        return;
    }
    if (button->gone.found) {
        if (!said_before(c, SAID_LEADS))
            flow_say_can_nowhere(c->flow, button, &button->gone);
        return;
    }
    answer = trace(c, FLOW_WISH_LOST, 0, &shown);
    if (answer == FLOW_YES)
        say_gone(c, &shown);
    else if (answer == FLOW_UNKNOWN)
        undecided(c, "always leads somewhere");
}

/* Different rules, depending on the value. */
static void check_split(struct checking *c)
{
    struct flow_button *button = c->button;
    struct flow_shown first = { 0 }, second;
    bool unknown = false;
    int rule = -1;

    if (button->leads.n < 2 || button->open || !c->flow->rules[button->entered].reached)
        return;
    for (int i = 0; i < button->leads.n && i < SPLIT_MAX; i++) {
        const int lead = button->leads.v[i];

        enum flow_answer answer;

        if (c->flow->rules[lead].all[button->to] || !c->flow->rules[lead].exact[button->to])
            continue;
        answer = trace(c, FLOW_WISH_RULE, lead, &second);
        unknown |= answer == FLOW_UNKNOWN;
        if (answer != FLOW_YES || !has_chain(c, button->entered, second.side, second.input, CHAIN_MAX))
            continue;
        if (rule >= 0) {
            if (!said_before(c, SAID_SPLIT))
                flow_say_split(c->flow, button, first.data, rule, second.data, lead);
            return;
        }
        rule = lead;
        first = second;
    }
    if (unknown)
        undecided(c, "always leads to the same rule");
}

/* --- how long it is --------------------------------------------------------------------------------------------------- */

/* At most how many bytes are sent from this side, -1: any number. */
static long bound(struct flow *flow, const struct flow_button *button, enum flow_side side)
{
    const struct flow_rule *rule = &flow->rules[button->entered];
    const struct flow_node *top = rule->regex[side].top;
    struct template_part part;
    const long tap = flow_model_tap(flow, button->entered);
    long literals = 0, captured = 0, rest = 0;
    int captures = 0;

    for (size_t i = 0; template_part(button->template, i, &part); i++) {
        const int group = part.kind == TEMPLATE_CAPTURE ? flow_model_group(flow, button, side, part.text) : 0;
        const struct flow_node *inside = group && rule->exact[side] ? flow_tree_group(top, group) : NULL;
        long most;

        if (part.kind == TEMPLATE_OTHER) {
            const struct flow_node *value = flow_model_value(flow, button, side, &part);

            most = value ? flow_tree_most(flow->sets, value, false) : -1;
            if (most < 0)
                return -1;
            literals += most > (long)part.otherwise.n ? most : (long)part.otherwise.n;
            continue;
        }

        if (part.kind == TEMPLATE_LITERAL || (part.kind == TEMPLATE_CAPTURE && !group)) {
            literals += (long)(part.kind == TEMPLATE_LITERAL ? part.text.n : part.otherwise.n);
            continue;
        }
        if (!inside)
            return -1;
        most = flow_tree_most(flow->sets, inside, false);
        if (most >= 0 && most < (long)part.otherwise.n)
            most = (long)part.otherwise.n;
        captured = captured < 0 || most < 0 ? -1 : captured + most;
        rest = flow_tree_least(flow->sets, top) -
               (flow_tree_optional(top, group) ? 0 : flow_tree_least(flow->sets, inside));
        captures += part.otherwise.p ? 2 : 1;
    }
    /* a single capture is at most the tap without what is around it */
    if (side == FLOW_TAP && captures == 1 && (captured < 0 || captured > tap - rest))
        captured = rest < tap ? tap - rest : 0;
    return captured < 0 ? -1 : literals + captured;
}

static long bound_of(struct flow *flow, const struct flow_button *button)
{
    long most = 0;

    for (int side = 0; side < FLOW_SIDES; side++) {
        long one =
            button->start[side] >= 0 || button->vague[side] ? bound(flow, button, (enum flow_side)side) : 0;

        if (one < 0)
            return -1;
        most = one > most ? one : most;
    }
    return most;
}

/* The longest, from one that was shown up to what is possible. */
static void say_long(struct checking *c, const struct flow_shown *shown, long most)
{
    const long measured = c->button->most + LENGTH_MAX;
    const bool open = most < 0 || most > measured;
    long low = (long)shown->data.n, high = open ? measured + 1 : most;
    bool more = false;

    if (said_before(c, SAID_SIZE))
        return;
    while (low < high && c->measured < MEASURED_MAX) {
        long middle = low + (high - low + 1) / 2;
        struct flow_shown longer;
        enum flow_answer answer = trace(c, FLOW_WISH_LONG, middle - 1, &longer);

        more |= answer == FLOW_UNKNOWN;
        if (more)
            break;
        if (answer == FLOW_YES)
            low = (long)longer.data.n > middle ? (long)longer.data.n : middle;
        else
            high = middle - 1;
    }
    more |= open && low > measured;
    more |= c->measured++ >= MEASURED_MAX && low < high;
    flow_say_long(c->flow, c->button, more ? low - 1 : low, more);
}

static bool can_be_empty(const struct flow_button *button)
{
    struct template_part part;

    for (size_t i = 0; template_part(button->template, i, &part); i++)
        if (part.kind == TEMPLATE_LITERAL)
            return false;
    return true;
}

/* A value of a lookup's answer that is not said to be short. */
static void check_open_size(struct checking *c, long most)
{
    struct template_part part, longest = { .looked_up = false };

    if (most >= 0 && most <= c->button->most)
        return;
    for (size_t i = 0; template_part(c->button->template, i, &part); i++)
        if (part.looked_up && (!longest.looked_up || !part.language))
            longest = part;
    if (longest.looked_up && !said_before(c, SAID_SIZE))
        flow_say_unbounded(c->flow, c->button, longest.text, longest.language != NULL);
}

static void check_size(struct checking *c)
{
    struct flow_button *button = c->button;
    struct flow_shown shown = button->large;
    long most = bound_of(c->flow, button);
    enum flow_answer answer = FLOW_NO;

    if (!c->flow->rules[button->entered].reached)
        return;
    if (button->open) {
        check_open_size(c, most);
        return;
    }
    if (shown.found && shown.data.n == 0)
        shown.found = false;
    if (shown.found)
        answer = FLOW_YES;
    else if (most < 0 || most > button->most)
        answer = trace(c, FLOW_WISH_LONG, button->most, &shown);
    if (answer == FLOW_YES && !has_chain(c, button->entered, shown.side, shown.input, CHAIN_MAX))
        answer = FLOW_UNKNOWN;
    if (answer == FLOW_YES)
        say_long(c, &shown, most);
    else if (answer == FLOW_UNKNOWN)
        undecided(c, button->most > FLOW_DATA_MAX ? "always sends at most 1024 bytes"
                                                  : "always sends at most 64 bytes");
    if (!can_be_empty(button))
        return;
    answer = trace(c, FLOW_WISH_EMPTY, 0, &shown);
    if (answer == FLOW_YES && has_chain(c, button->entered, shown.side, shown.input, CHAIN_MAX) &&
        !said_before(c, SAID_SIZE))
        flow_say_empty(c->flow, button, &shown);
    else if (answer != FLOW_NO)
        undecided(c, "always sends something");
}

/* Rules with conditions only. */
static void check_conditions(struct checking *c)
{
    struct flow_button *button = c->button;

    if (button->doubtful.p && c->flow->rules[button->entered].reached && !said_before(c, SAID_WHEN))
        flow_say_doubtful(c->flow, button);
}

void flow_data_check(struct flow *flow, struct flow_real *real, const struct flow_concrete *concrete)
{
    struct checking checking = { flow, real, concrete, NULL, 0 };

    for (int b = 0; b < flow->n_buttons && !flow_model_over(flow); b++) {
        struct text data;

        flow->buttons_done = b;
        flow_model_part(flow, flow->n_buttons - b, QUERIES);
        checking.button = &flow->buttons[b];
        if (!checking.button->node)
            continue;
        check_conditions(&checking);
        if (template_static(checking.button->template, &data) && checking.button->own != b)
            continue;
        if (template_static(checking.button->template, &data)) {
            check_fixed(&checking, data);
            continue;
        }
        if (!checking.button->key)
            check_size(&checking);
        check_lost(&checking);
        check_split(&checking);
    }
    flow_model_phase(flow, 1);
    if (!flow_model_over(flow))
        flow->buttons_done = flow->n_buttons;
}
