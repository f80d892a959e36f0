#include "core/flow_steps.h"

#include "core/doc.h"

#include <stdio.h>

/* --- conditions -------------------------------------------------------------------------------------------------------- */

static bool is_group(const struct pattern *pattern, struct text name)
{
    int64_t number;

    if (!pattern)
        return false;
    if (text_i64(name, &number))
        return number >= 1 && number <= pattern_groups(pattern);
    for (size_t i = 0; i < pattern_names(pattern); i++)
        if (text_is(name, pattern_name(pattern, i, NULL)))
            return true;
    return false;
}

int flow_steps_holds(const struct rule *entered, const struct condition *condition,
                     struct json_object *captures, struct pattern_scratch *scratch)
{
    int holds = 1;

    for (size_t i = 0; condition && i < condition->count; i++) {
        const struct condition_part *part = &condition->parts[i];
        const struct condition alone = { &condition->parts[i], 1 };

        if (!is_group(entered->tap, part->path.text) && !is_group(entered->text, part->path.text))
            holds = -1;
        else if (!condition_holds(&alone, captures, scratch))
            return 0;
    }
    return holds;
}

/* --- steps ------------------------------------------------------------------------------------------------------------- */

static void branch(const struct rule *entered, const struct step *step, struct json_object *captures,
                   struct pattern_scratch *scratch, bool *reached)
{
    for (size_t i = 0; i < step->n_branches; i++) {
        const int holds = flow_steps_holds(entered, step->branches[i].when, captures, scratch);

        if (holds)
            reached[step->branches[i].to] = true;
        if (holds > 0)
            return;
    }
    reached[step->to] = true;
}

static bool all_captured(const struct step *step, struct json_object *captures)
{
    for (size_t i = 0; i < step->count; i++)
        if (!flow_steps_captured(step->messages[i], captures))
            return false;
    return true;
}

/* Whether a lookup finds something, a step fails, or a press is refused is not ours to know. */
static void reach_blocks(const struct rule *rule, bool *reached)
{
    const size_t blocks[] = { rule->not_found, rule->on_error, rule->on_refused };

    for (size_t i = 0; i < sizeof(blocks) / sizeof(*blocks); i++)
        if (blocks[i] != RULE_NO_STEP)
            reached[blocks[i]] = true;
}

const bool *flow_steps_reach(const struct rule *rule, const struct rule *entered,
                             struct json_object *captures, struct pattern_scratch *scratch,
                             struct arena *arena)
{
    bool *reached = arena_array(arena, rule->n_steps + 1, sizeof(*reached));

    if (!reached)
        return NULL;
    reached[0] = true;
    reach_blocks(rule, reached);
    for (size_t i = 0; i < rule->n_steps; i++) {
        const struct step *step = &rule->steps[i];

        if (!reached[i])
            continue;
        switch (step->kind) {
        case STEP_REPLY:
            reached[i + 1] |= all_captured(step, captures);
            break;
        case STEP_CHOOSE:
            branch(entered, step, captures, scratch, reached);
            break;
        case STEP_JUMP:
            reached[step->to] = true;
            break;
        case STEP_GOTO:
            break;
        case STEP_LOOKUP:
        case STEP_SET:
        case STEP_INBOX:
        case STEP_QUIET:
            reached[i + 1] = true;
            break;
        }
    }
    return reached;
}

/* --- messages ---------------------------------------------------------------------------------------------------------- */

/* Has each capture that a template needs a value? */
static bool has_captures(struct json_object *captures, const struct template *template)
{
    struct template_part part;

    for (size_t i = 0; template && template_part(template, i, &part); i++) {
        char name[64];

        if (part.kind != TEMPLATE_CAPTURE || part.otherwise.p)
            continue;
        snprintf(name, sizeof(name), "%.*s", TEXT_ARG(part.text));
        if (!doc_key(captures, name))
            return false;
    }
    return true;
}

bool flow_steps_captured(const struct message *message, struct json_object *captures)
{
    bool good = has_captures(captures, message->input_field_placeholder);

    for (size_t i = 0; i < message->n_lines && good; i++)
        if (!message->lines[i].when && !message->lines[i].repeat)
            good = has_captures(captures, message->lines[i].text);
    for (size_t r = 0; r < message->n_rows; r++) {
        const struct message_row *row = &message->rows[r];

        for (size_t k = 0; !row->when && !row->repeat && k < row->count && good; k++) {
            const struct message_button *button = &row->buttons[k];

            good = button->when ||
                   (has_captures(captures, button->text) && has_captures(captures, button->url) &&
                    has_captures(captures, button->callback_data));
        }
    }
    return good;
}

bool flow_steps_shows(const struct rule *entered, const struct message_row *row,
                      const struct message_button *button, struct json_object *captures,
                      struct pattern_scratch *scratch)
{
    return flow_steps_holds(entered, row->when, captures, scratch) != 0 &&
           flow_steps_holds(entered, button->when, captures, scratch) != 0;
}
