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

/* A way that a run may take through its rule: a block, or a branch of a `choose`. */
struct covered_branch {
    const struct rule *rule;
    enum rule_block block; /* RULE_STEPS: a branch */
    size_t step, to;       /* of a block its first step, twice */
    size_t number;         /* of a branch, from 1; 0: none of them holds */
    struct place at;
    bool taken;
};

struct coverage {
    struct covered_rule *rules;
    size_t n_rules;
    struct covered_button *buttons;
    size_t n_buttons, room;
    struct covered_branch *branches;
    size_t n_branches, room_branches;
};

/* --- what there is --------------------------------------------------------------------------------------------------- */

/* The items with room for one more; NULL when memory is out. */
static void *with_room(void *items, size_t n, size_t *room, size_t size)
{
    size_t more = *room ? 2 * *room : 64;
    void *larger;

    if (n < *room)
        return items;
    larger = realloc(items, more * size);
    if (larger)
        *room = more;
    return larger;
}

static struct covered_button *find_button(struct coverage *coverage, const struct node *node)
{
    for (size_t i = 0; i < coverage->n_buttons; i++)
        if (coverage->buttons[i].node == node)
            return &coverage->buttons[i];
    return NULL;
}

static bool add_button(struct coverage *coverage, const char *rule, const struct message_button *button)
{
    struct covered_button *buttons;

    if (button->url || find_button(coverage, button->node))
        return true;
    buttons = with_room(coverage->buttons, coverage->n_buttons, &coverage->room, sizeof(*buttons));
    if (!buttons)
        return false;
    coverage->buttons = buttons;
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

static bool add_branch(struct coverage *coverage, const struct covered_branch *branch)
{
    struct covered_branch *branches =
        with_room(coverage->branches, coverage->n_branches, &coverage->room_branches, sizeof(*branches));

    if (!branches)
        return false;
    coverage->branches = branches;
    coverage->branches[coverage->n_branches++] = *branch;
    return true;
}

/* Without an otherwise it may be that none holds. */
static bool add_choose(struct coverage *coverage, const struct rule *rule, size_t i)
{
    const struct step *step = &rule->steps[i];
    struct covered_branch branch = { .rule = rule, .step = i };

    for (size_t k = 0; k < step->n_branches; k++) {
        branch.to = step->branches[k].to;
        branch.at = step->branches[k].at;
        branch.number = k + 1;
        if (!add_branch(coverage, &branch))
            return false;
        if (!step->branches[k].when)
            return true;
    }
    branch.to = step->to;
    branch.at = step->at;
    branch.number = 0;
    return add_branch(coverage, &branch);
}

/* A block without steps has nothing that could be missed. */
static bool add_branches(struct coverage *coverage, const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_steps; i++)
        if (rule->steps[i].kind == STEP_CHOOSE && !add_choose(coverage, rule, i))
            return false;
    for (int block = RULE_NOT_FOUND; block < RULE_BLOCKS; block++) {
        size_t begin = rule_block_begin(rule, (enum rule_block)block);
        struct covered_branch branch = {
            .rule = rule, .block = (enum rule_block)block, .step = begin, .to = begin
        };

        branch.at = rule_block_at(rule, branch.block);
        if (begin < rule->n_steps && !add_branch(coverage, &branch))
            return false;
    }
    return true;
}

static bool add_rule(struct coverage *coverage, const struct rule *rule)
{
    coverage->rules[coverage->n_rules++].rule = rule;
    if (!add_branches(coverage, rule))
        return false;
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
    free(coverage->branches);
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

void coverage_step(struct coverage *coverage, const struct rule *rule, size_t step, size_t next)
{
    coverage_rule(coverage, text_of(rule->name)); /* a `goto` may have led here */
    for (size_t i = 0; i < coverage->n_branches; i++) {
        struct covered_branch *branch = &coverage->branches[i];

        if (branch->step == step && (branch->block != RULE_STEPS || branch->to == next) &&
            strcmp(branch->rule->name, rule->name) == 0)
            branch->taken = true;
    }
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
    if (pressed->data.p && !button->token && !fits(button->callback_data, pressed->data))
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

static void print_branch(const struct covered_branch *branch, struct buf *out)
{
    buf_str(out, "#   not taken: ");
    if (branch->block != RULE_STEPS)
        buf_printf(out, "'%s'", rule_block_name(branch->block));
    else if (branch->number)
        buf_printf(out, "branch %zu", branch->number);
    else
        buf_str(out, "none of the branches");
    buf_printf(out, " of rule '%s' (%s:%d)\n", branch->rule->name, branch->at.document->path,
               branch->at.line);
}

static void print_branches(const struct coverage *coverage, struct buf *out)
{
    size_t n = 0;

    if (!coverage->n_branches)
        return;
    for (size_t i = 0; i < coverage->n_branches; i++)
        n += coverage->branches[i].taken;
    print_share(out, "branches", n, coverage->n_branches, "taken");
    for (size_t i = 0; i < coverage->n_branches; i++)
        if (!coverage->branches[i].taken)
            print_branch(&coverage->branches[i], out);
}

void coverage_print(const struct coverage *coverage, struct buf *out)
{
    print_rules(coverage, out);
    print_buttons(coverage, out);
    print_branches(coverage, out);
}
