#include "core/flow_findings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 100 /* characters of data in a finding */

struct shown {
    char text[4 * SHOWN_MAX + 8];
};

/* Data as a finding shows it. */
static const char *show(struct text data, struct shown *out)
{
    size_t n = data.n < 4 * SHOWN_MAX ? data.n : 4 * SHOWN_MAX;

    while (n < data.n && n > 0 && ((unsigned char)data.p[n] & 0xC0) == 0x80)
        n--;
    text_printable(text_make(data.p, n), out->text, 4 * SHOWN_MAX);
    if (n < data.n)
        memcpy(out->text + strlen(out->text), "...", 4);
    return out->text;
}

struct text flow_say_label(const struct flow_button *button)
{
    const struct node *node = button->button->node;
    const struct node *label = node && node->kind == NODE_MAP ? node_get(node, "text") : node;
    struct text text;

    if (label && label->kind == NODE_MAP)
        label = label->count ? label->items[0] : NULL; /* of several languages the one that stands first */
    text = label && label->kind == NODE_SCALAR ? label->text : text_of("?");
    return text.n > 200 ? text_make(text.p, 200) : text;
}

static const char *name_of(const struct flow *flow, int rule)
{
    return flow->rules[rule].rule->name;
}

/* "line 3", or "a.yaml:3" when it stands in another file. */
static const char *line_of(const struct flow *flow, int rule, enum flow_side side, struct place from,
                           struct shown *out)
{
    const struct node *node = side == FLOW_DEFAULT ? NULL : flow_model_pattern(&flow->rules[rule], side);
    const struct place at = node ? node->at : flow->rules[rule].rule->at;

    if (at.document == from.document)
        snprintf(out->text, sizeof(out->text), "line %d", at.line);
    else
        snprintf(out->text, sizeof(out->text), "%.300s:%d", at.document->path, at.line);
    return out->text;
}

static struct place pattern_place(const struct flow *flow, int rule, enum flow_side side)
{
    const struct node *node = flow_model_pattern(&flow->rules[rule], side);

    return node ? node->at : flow->rules[rule].rule->at;
}

/* --- rules ------------------------------------------------------------------------------------------------------------ */

void flow_say_outside(struct flow *flow, const struct flow_rule *rule, enum flow_side side)
{
    const struct node *node = flow_model_pattern(rule, side);

    finding_add(flow->findings, FINDING_WARNING, node_part(node, rule->regex[side].offset, 1),
                "%s: nothing can be proved about this pattern, it is only sampled",
                rule->regex[side].outside);
    finding_hint(flow->findings, "callbackd-rules(5) has the constructs that the checker knows");
}

void flow_say_effort(struct flow *flow, struct place at, struct text text)
{
    struct shown shown;

    finding_add(flow->findings, FINDING_WARNING, at,
                "this pattern can take the matcher exponentially many steps");
    finding_hint(
        flow->findings,
        "on '%s' it reaches the limit and matches nothing; some loop can take one text in several ways, as "
        "in (a+)+: leave one way",
        show(text, &shown));
}

void flow_say_never(struct flow *flow, int rule, enum flow_side side, const int *first, int n,
                    struct text example)
{
    const struct rule *said = flow->rules[rule].rule;
    struct place at = pattern_place(flow, rule, side);
    struct shown text, line;

    finding_error(flow->findings, at,
                  said->tap && said->text ? "the %s pattern of rule '%s' can never win"
                                          : "%.0srule '%s' can never win",
                  side == FLOW_TAP ? "tap" : "text", said->name);
    if (n == 1)
        finding_hint(flow->findings, "rule '%s' (%s) comes first and takes all of it, such as '%s'",
                     name_of(flow, first[0]), line_of(flow, first[0], side, at, &line), show(example, &text));
    else if (n > 1)
        finding_hint(flow->findings, "earlier rules together take all of it; '%s' goes to rule '%s' (%s)",
                     show(example, &text), name_of(flow, first[0]), line_of(flow, first[0], side, at, &line));
    else
        finding_hint(flow->findings, "its pattern takes nothing that a customer can send");
}

void flow_say_second_default(struct flow *flow, int rule, int first)
{
    const struct rule *said = flow->rules[rule].rule;
    struct shown line;

    finding_add(flow->findings, said->tap || said->text ? FINDING_WARNING : FINDING_ERROR, said->at,
                "rule '%s' can never win as the default", said->name);
    finding_hint(flow->findings, "rule '%s' (%s) is the default already", name_of(flow, first),
                 line_of(flow, first, FLOW_DEFAULT, said->at, &line));
}

void flow_say_overlap(struct flow *flow, int rule, int first, enum flow_side side, struct text common)
{
    struct place at = pattern_place(flow, rule, side);
    struct shown text, line;

    finding_add(flow->findings, FINDING_WARNING, at,
                "rules '%s' and '%s' overlap, and neither contains the other", name_of(flow, first),
                name_of(flow, rule));
    finding_hint(flow->findings, "both take '%s', and '%s' (%s) comes first; make one pattern narrower",
                 show(common, &text), name_of(flow, first), line_of(flow, first, side, at, &line));
}

void flow_say_unreached(struct flow *flow, int rule)
{
    const struct rule *said = flow->rules[rule].rule;

    finding_add(flow->findings, FINDING_WARNING, said->at, "nothing leads to rule '%s'", said->name);
    finding_hint(flow->findings,
                 "put a button for it into a reply, or write entry: true if other systems send "
                 "its buttons");
}

void flow_say_dead_end(struct flow *flow, int rule)
{
    const struct rule *said = flow->rules[rule].rule;

    finding_add(flow->findings, FINDING_WARNING, said->at,
                "rule '%s' is a dead end: no button or key leads on", said->name);
    finding_hint(flow->findings, "add a button, make it a highlight_reply, or write final: true");
}

void flow_say_no_set(struct flow *flow, const struct condition_part *part, struct text values, bool more)
{
    finding_add(flow->findings, FINDING_WARNING, part->at, "no 'set' gives %.*s what is asked for here",
                TEXT_ARG(part->path.text));
    finding_hint(flow->findings, "what it is given: %.*s%s", TEXT_ARG(values), more ? ", ..." : "");
}

/* --- buttons ---------------------------------------------------------------------------------------------------------- */

/* The literal that the data begins with. */
static struct text head_of(const struct flow_button *button)
{
    struct template_part part;

    if (!template_part(button->template, 0, &part) || part.kind != TEMPLATE_LITERAL)
        return TEXT_NONE;
    return part.text;
}

/* What the rules' patterns begin with, NULL-terminated; made once. Two letters are near to any other two. */
static const char *const *beginnings(struct flow *flow, enum flow_side side)
{
    const char **words;
    size_t n = 0;

    if (flow->beginnings[side])
        return flow->beginnings[side];
    words = arena_array(flow->arena, (size_t)flow->n_rules + 1, sizeof(*words));
    if (!words)
        return NULL;
    for (int i = 0; i < flow->n_rules; i++) {
        const struct pattern *pattern = flow->rules[i].pattern[side];
        struct text prefix = pattern ? pattern_prefix(pattern) : TEXT_NONE;
        const char *word = prefix.n > 3 && prefix.n <= FLOW_DATA_MAX ? arena_str(flow->arena, prefix) : NULL;

        if (word)
            words[n++] = word;
    }
    flow->beginnings[side] = words;
    return words;
}

/* The rule whose beginning is nearest to this text, -1: none is near. */
static int nearest(struct flow *flow, enum flow_side side, struct text head)
{
    const char *const *words = head.n && head.n <= FLOW_DATA_MAX ? beginnings(flow, side) : NULL;
    const char *near = words ? text_closest(head, words) : NULL;

    for (int i = 0; near && !text_is(head, near) && i < flow->n_rules; i++)
        if (flow->rules[i].pattern[side] && text_is(pattern_prefix(flow->rules[i].pattern[side]), near))
            return i;
    return -1;
}

/* The head without what separates it from what comes behind: the word that is likely wrong. */
static struct place head_place(const struct flow_button *button, struct text head)
{
    while (head.n > 1 && strchr(":-_/. ", head.p[head.n - 1]))
        head.n--;
    return head.n && memchr(button->node->text.p, '$', head.n) == NULL ? node_part(button->node, 0, head.n)
                                                                       : button->node->at;
}

void flow_say_nowhere(struct flow *flow, struct flow_button *button, struct text data, bool always)
{
    const struct text head = head_of(button), label = flow_say_label(button);
    int near = nearest(flow, button->to, head);
    struct place at = near >= 0 ? head_place(button, head) : button->node->at;
    struct shown text, line, prefix;
    char mean[600] = "";

    if (near >= 0)
        snprintf(mean, sizeof(mean), "; did you mean '%.100s' (rule %.100s, %.300s)?",
                 show(pattern_prefix(flow->rules[near].pattern[button->to]), &prefix), name_of(flow, near),
                 line_of(flow, near, button->to, at, &line));
    finding_add(flow->findings, button->key ? FINDING_WARNING : FINDING_ERROR, at, "%s '%.*s' leads nowhere",
                button->key ? "key" : "button", TEXT_ARG(label));
    if (button->key)
        finding_hint(flow->findings, "its label comes back as a text, and no rule takes '%s'%s",
                     show(data, &text), mean);
    else
        finding_hint(flow->findings, "it %s %s, which no rule takes%s", always ? "sends" : "can send",
                     show(data, &text), mean);
}

/* "the tap 'x' makes it send 'y'" */
static void print_trace(const struct flow_shown *shown, const char *which, char *out, size_t max)
{
    struct shown input, data;

    if (shown->side == FLOW_DEFAULT)
        snprintf(out, max, "as the default it sends '%s'%s", show(shown->data, &data), which);
    else
        snprintf(out, max, "the %s '%s' makes it send '%s'%s", shown->side == FLOW_TAP ? "tap" : "text",
                 show(shown->input, &input), show(shown->data, &data), which);
}

void flow_say_can_nowhere(struct flow *flow, struct flow_button *button, const struct flow_shown *shown)
{
    const struct text label = flow_say_label(button);
    char trace[1000];

    print_trace(shown, ", which no rule takes", trace, sizeof(trace));
    finding_add(flow->findings, FINDING_WARNING, button->node->at, "%s '%.*s' can lead nowhere",
                button->key ? "key" : "button", TEXT_ARG(label));
    finding_hint(flow->findings, "%s", trace);
}

/* The capture that can be longest, for the hint. */
static bool longest(const struct flow *flow, const struct flow_button *button, enum flow_side *side,
                    struct text *name, long *letters)
{
    struct template_part part;
    bool found = false;

    *letters = 0;
    for (int s = 0; s < FLOW_SIDES; s++)
        for (size_t i = 0; template_part(button->template, i, &part); i++) {
            const struct flow_rule *rule = &flow->rules[button->entered];
            int group = part.kind == TEMPLATE_CAPTURE
                            ? flow_model_group(flow, button, (enum flow_side)s, part.text)
                            : 0;
            const struct flow_node *inside =
                group && rule->exact[s] ? flow_tree_group(rule->regex[s].top, group) : NULL;
            long most = inside ? flow_tree_most(flow->sets, inside, true) : 0;

            if (!inside || *letters < 0 || (most >= 0 && most <= *letters))
                continue;
            *side = (enum flow_side)s;
            *name = part.text;
            *letters = most;
            found = true;
        }
    return found;
}

/* The other way out of data that is too long. */
static const char *or_token(const struct flow *flow, const struct flow_button *button)
{
    const struct step *step = &flow->rules[button->rule].rule->steps[button->step];
    const bool keyboard = step->messages[button->message]->type == MESSAGE_REPLY_KEYBOARD;

    return keyboard || button->button->token ? "" : ", or put token: true on the button";
}

void flow_say_long(struct flow *flow, struct flow_button *button, long bytes, bool more)
{
    struct place at = node_quoted(button->node);
    enum flow_side side;
    struct text name;
    struct shown line;
    long letters;

    if (button->most > FLOW_DATA_MAX)
        finding_error(flow->findings, at, "callback_data can be %s%ld bytes; behind a token stand at most %d",
                      more ? "more than " : "", bytes, button->most);
    else
        finding_error(flow->findings, at,
                      "callback_data can be %s%ld bytes; Telegram takes 64 and refuses the whole message",
                      more ? "more than " : "", bytes);
    if (!longest(flow, button, &side, &name, &letters))
        finding_hint(flow->findings, "shorten what goes into it%s", or_token(flow, button));
    else if (letters < 0)
        finding_hint(flow->findings, "'%.*s' can be any number of letters long (%s); shorten its pattern%s",
                     TEXT_ARG(name), line_of(flow, button->entered, side, at, &line), or_token(flow, button));
    else
        finding_hint(flow->findings, "'%.*s' can be %ld letters long (%s); shorten its pattern%s",
                     TEXT_ARG(name), letters, line_of(flow, button->entered, side, at, &line),
                     or_token(flow, button));
}

void flow_say_empty(struct flow *flow, struct flow_button *button, const struct flow_shown *shown)
{
    struct shown input;

    finding_error(flow->findings, button->node->at,
                  "callback_data can be empty; Telegram refuses the whole message then");
    finding_hint(flow->findings, "the %s '%s' makes it so; add a literal part or a default",
                 shown->side == FLOW_TAP ? "tap" : "text", show(shown->input, &input));
}

void flow_say_split(struct flow *flow, struct flow_button *button, struct text a, int rule_a, struct text b,
                    int rule_b)
{
    const struct text label = flow_say_label(button);
    struct shown first, second;

    finding_add(flow->findings, FINDING_WARNING, button->node->at,
                "%s '%.*s' leads to different rules, depending on the value", button->key ? "key" : "button",
                TEXT_ARG(label));
    finding_hint(flow->findings, "'%s' goes to rule '%s', '%s' to rule '%s'", show(a, &first),
                 name_of(flow, rule_a), show(b, &second), name_of(flow, rule_b));
}

void flow_say_doubtful(struct flow *flow, struct flow_button *button)
{
    const struct text label = flow_say_label(button);
    struct shown text, line;

    finding_add(flow->findings, FINDING_NOTE, button->node->at, "%s '%.*s' leads on only under a condition",
                button->key ? "key" : "button", TEXT_ARG(label));
    finding_hint(flow->findings, "'%s' is taken by rule '%s' (%s), and only while its when holds",
                 show(button->doubtful, &text), name_of(flow, button->doubt),
                 line_of(flow, button->doubt, button->to, button->node->at, &line));
}

void flow_say_open(struct flow *flow, struct flow_button *button)
{
    const struct text label = flow_say_label(button);
    bool unknown = false, looked_up = false;
    struct template_part part;
    struct shown text;

    finding_add(flow->findings, FINDING_NOTE, button->node->at,
                "where %s '%.*s' leads depends on values that only a run knows: it cannot be proved",
                button->key ? "key" : "button", TEXT_ARG(label));
    for (size_t i = 0; template_part(button->template, i, &part); i++) {
        unknown |= part.kind == TEMPLATE_OTHER && !part.language;
        looked_up |= part.looked_up && !part.language;
    }
    if (looked_up)
        finding_hint(flow->findings,
                     "say in the lookup what the value looks like: fields: { ...: 'PATTERN' }");
    else if (!unknown && button->lost.p)
        finding_hint(flow->findings, "with some value it would be '%s', which no rule takes",
                     show(button->lost, &text));
}

void flow_say_unbounded(struct flow *flow, struct flow_button *button, struct text path, bool known)
{
    finding_add(flow->findings, FINDING_WARNING, node_quoted(button->node),
                "it cannot be proved that callback_data has at most %d bytes", button->most);
    finding_hint(flow->findings, "%s ${%.*s}%s%s",
                 known ? "shorten the pattern that the lookup's fields give"
                       : "say in the lookup's fields how long",
                 TEXT_ARG(path), known ? "" : " can be", or_token(flow, button));
}

void flow_say_undecided(struct flow *flow, struct place at, const char *format, ...)
{
    char what[600];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    finding_add(flow->findings, FINDING_NOTE, at, "it is undecided whether %s", what);
}

/* --- old rules against new ones ---------------------------------------------------------------------------------------- */

void flow_say_against(struct flow *old, const struct flow *new, struct flow_button *button, struct text data,
                      int before, int now)
{
    const struct text label = flow_say_label(button);
    const char *what = button->key ? "key" : "button";
    struct shown text, line;

    if (now < 0) {
        finding_add(old->findings, FINDING_WARNING, button->node->at,
                    "the new rules do not take what the old %s '%.*s' sends", what, TEXT_ARG(label));
        finding_hint(old->findings,
                     "'%s' went to rule '%s', and no rule takes it now; such buttons may still be in chats",
                     show(data, &text), name_of(old, before));
        return;
    }
    finding_add(old->findings, FINDING_WARNING, button->node->at,
                "what the old %s '%.*s' sends goes elsewhere now", what, TEXT_ARG(label));
    finding_hint(old->findings, "'%s' went to rule '%s', now it goes to rule '%s' (%s)", show(data, &text),
                 name_of(old, before), name_of(new, now),
                 line_of(new, now, button->to, (struct place){ NULL }, &line));
}

void flow_say_in_chats(struct flow *old, const struct flow *new, struct text data, int before, int now,
                       int64_t buttons, int64_t chats)
{
    struct shown text, line;
    char where[1000];

    if (now < 0)
        snprintf(where, sizeof(where), "no rule takes it");
    else
        snprintf(where, sizeof(where), "it goes to rule '%.200s' (%.400s)", name_of(new, now),
                 line_of(new, now, FLOW_TAP, (struct place){ NULL }, &line));
    finding_add(old->findings, FINDING_WARNING, pattern_place(old, before, FLOW_TAP),
                "%" PRId64 " button%s in %" PRId64 " chat%s %s", buttons, buttons == 1 ? "" : "s", chats,
                chats == 1 ? "" : "s",
                now < 0 ? "would lead nowhere with the new rules"
                        : "would lead elsewhere with the new rules");
    finding_hint(old->findings, "'%s' went to rule '%s', now %s", show(data, &text), name_of(old, before),
                 where);
}
