#include "app/coverage.h"

#include "core/graph.h"

#include <stdlib.h>
#include <string.h>

struct covered_rule {
    const struct rule *rule;
    bool reached;
};

/* A button as it is written; one of a named row or reply counts once, wherever it was sent from. */
struct covered_button {
    const struct node *node;
    const struct message_button *button;
    const char *rule; /* the first that has it */
    bool pressed;
};

struct coverage {
    struct covered_rule *rules;
    size_t n_rules;
    struct covered_button *buttons;
    size_t n_buttons, room;
};

/* --- what there is --------------------------------------------------------------------------------------------------- */

static struct covered_button *find_button(struct coverage *coverage, const struct node *node)
{
    for (size_t i = 0; i < coverage->n_buttons; i++)
        if (coverage->buttons[i].node == node)
            return &coverage->buttons[i];
    return NULL;
}

static bool add_button(struct coverage *coverage, const char *rule, const struct message_button *button)
{
    if (button->url || find_button(coverage, button->node))
        return true;
    if (coverage->n_buttons == coverage->room) {
        size_t room = coverage->room ? 2 * coverage->room : 64;
        struct covered_button *buttons = realloc(coverage->buttons, room * sizeof(*buttons));

        if (!buttons)
            return false;
        coverage->buttons = buttons;
        coverage->room = room;
    }
    coverage->buttons[coverage->n_buttons++] =
        (struct covered_button){ .node = button->node, .button = button, .rule = rule };
    return true;
}

static bool add_message(struct coverage *coverage, const char *rule, const struct message *message)
{
    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++)
            if (!add_button(coverage, rule, &message->rows[i].buttons[k]))
                return false;
    return true;
}

static bool add_rule(struct coverage *coverage, const struct rule *rule)
{
    coverage->rules[coverage->n_rules++].rule = rule;
    for (size_t i = 0; i < rule->n_steps; i++)
        for (size_t k = 0; rule->steps[i].kind == STEP_REPLY && k < rule->steps[i].count; k++)
            if (!add_message(coverage, rule->name, rule->steps[i].messages[k]))
                return false;
    return true;
}

struct coverage *coverage_new(const struct ruleset *ruleset)
{
    struct coverage *coverage = calloc(1, sizeof(*coverage));
    bool ok = coverage != NULL;

    if (ok)
        ok = (coverage->rules = calloc(ruleset_count(ruleset) + 1, sizeof(*coverage->rules))) != NULL;
    for (size_t i = 0; ok && i < ruleset_count(ruleset); i++)
        ok = add_rule(coverage, ruleset_rule(ruleset, i));
    if (ok)
        return coverage;
    coverage_free(coverage);
    return NULL;
}

void coverage_free(struct coverage *coverage)
{
    if (!coverage)
        return;
    free(coverage->rules);
    free(coverage->buttons);
    free(coverage);
}

/* --- what was reached ------------------------------------------------------------------------------------------------ */

static struct covered_rule *find_rule(struct coverage *coverage, struct text rule)
{
    for (size_t i = 0; i < coverage->n_rules; i++)
        if (text_is(rule, coverage->rules[i].rule->name))
            return &coverage->rules[i];
    return NULL;
}

void coverage_rule(struct coverage *coverage, struct text rule)
{
    struct covered_rule *covered = find_rule(coverage, rule);

    if (covered)
        covered->reached = true;
}

/* Can the template have become this? Literals must stand where it has them. */
static bool fits(const struct template *template, struct text value)
{
    struct template_part part;
    bool open = false;

    for (size_t i = 0; template_part(template, i, &part); i++) {
        size_t at = 0;

        if (part.kind != TEMPLATE_LITERAL) {
            open = true;
            continue;
        }
        if (open && i + 1 == template_count(template) && part.text.n <= value.n)
            at = value.n - part.text.n;
        while (open && at + part.text.n < value.n && memcmp(value.p + at, part.text.p, part.text.n) != 0)
            at++;
        if (at + part.text.n > value.n || memcmp(value.p + at, part.text.p, part.text.n) != 0)
            return false;
        value = text_make(value.p + at + part.text.n, value.n - at - part.text.n);
        open = false;
    }
    return open || value.n == 0;
}

/* The data of a key is not shown. */
static bool fits_button(const struct message_button *button, const struct shown_button *pressed, bool label)
{
    if (button->url || (pressed->data.p && !button->callback_data))
        return false;
    if (pressed->data.p && !fits(button->callback_data, pressed->data))
        return false;
    return !label || fits(button->text, pressed->label);
}

/* By label and data; a label in another language can only be told by its data. */
static const struct message_button *find_pressed(const struct message *message,
                                                 const struct shown_button *pressed, bool label)
{
    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++)
            if (fits_button(&message->rows[i].buttons[k], pressed, label))
                return &message->rows[i].buttons[k];
    return NULL;
}

void coverage_press(struct coverage *coverage, const struct sandbox_sent *from,
                    const struct shown_button *pressed)
{
    const struct covered_rule *covered = find_rule(coverage, from->rule);
    const struct step *step =
        covered && (size_t)from->step < covered->rule->n_steps ? &covered->rule->steps[from->step] : NULL;
    const struct message *message = step && (size_t)from->n < step->count ? step->messages[from->n] : NULL;
    const struct message_button *button = message ? find_pressed(message, pressed, true) : NULL;
    struct covered_button *found;

    if (message && !button && pressed->data.p)
        button = find_pressed(message, pressed, false);
    found = button ? find_button(coverage, button->node) : NULL;
    if (found)
        found->pressed = true;
}

/* --- report ---------------------------------------------------------------------------------------------------------- */

static void print_share(struct buf *out, const char *what, size_t part, size_t whole, const char *how)
{
    buf_printf(out, "# %s: %zu of %zu %s", what, part, whole, how);
    if (whole)
        buf_printf(out, " (%zu %%)", part * 100 / whole);
    buf_char(out, '\n');
}

static void print_rules(const struct coverage *coverage, struct buf *out)
{
    size_t n = 0;

    for (size_t i = 0; i < coverage->n_rules; i++)
        n += coverage->rules[i].reached;
    print_share(out, "rules", n, coverage->n_rules, "reached");
    for (size_t i = 0; i < coverage->n_rules; i++)
        if (!coverage->rules[i].reached)
            buf_printf(out, "#   not reached: rule '%s' (%s:%d)\n", coverage->rules[i].rule->name,
                       coverage->rules[i].rule->at.document->path, coverage->rules[i].rule->at.line);
}

static void print_buttons(const struct coverage *coverage, struct buf *out)
{
    size_t n = 0;

    for (size_t i = 0; i < coverage->n_buttons; i++)
        n += coverage->buttons[i].pressed;
    print_share(out, "buttons", n, coverage->n_buttons, "pressed");
    for (size_t i = 0; i < coverage->n_buttons; i++) {
        const struct covered_button *button = &coverage->buttons[i];

        if (!button->pressed)
            buf_printf(out, "#   not pressed: '%.*s' of rule '%s' (%s:%d)\n",
                       TEXT_ARG(graph_label(button->button)), button->rule, button->node->at.document->path,
                       button->node->at.line);
    }
}

void coverage_print(const struct coverage *coverage, struct buf *out)
{
    print_rules(coverage, out);
    print_buttons(coverage, out);
}
