#include "core/message.h"

#include "core/limits.h"

#include <string.h>

#define RENDER_TEXT_MAX 65536
#define RENDER_VALUE_MAX 8192

const char *message_type_name(enum message_type type)
{
    static const char *const names[] = {
        [MESSAGE_REPLY_BUTTONS] = "reply_buttons",
        [MESSAGE_REPLY_KEYBOARD] = "reply_keyboard",
        [MESSAGE_REMOVE_REPLY_KEYBOARD] = "remove_reply_keyboard",
        [MESSAGE_HIGHLIGHT_REPLY] = "highlight_reply",
    };

    return (unsigned)type < sizeof(names) / sizeof(*names) ? names[type] : "?";
}

/* --- rendering ---------------------------------------------------------------------------------------------------- */

struct rendering {
    const struct template_names *names;
    struct arena *arena;
    struct fault *fault;
};

static bool render(const struct rendering *r, const struct template *template, size_t max, const char *what,
                   struct text *out)
{
    if (!template)
        return true;
    if (template_render(template, r->names, max, r->arena, out, r->fault))
        return true;
    return fault_wrap(r->fault, "%s", what);
}

static bool render_button(const struct rendering *r, const struct message_button *button,
                          struct rendered_button *out)
{
    return render(r, button->text, RENDER_VALUE_MAX, "label of a button", &out->text) &&
           render(r, button->url, RENDER_VALUE_MAX, "url", &out->url) &&
           render(r, button->callback_data, RENDER_VALUE_MAX, "callback_data", &out->callback_data);
}

static bool render_rows(const struct rendering *r, const struct message *message, struct rendered *out)
{
    out->n_rows = message->n_rows;
    out->rows = arena_array(r->arena, message->n_rows, sizeof(*out->rows));
    if (!out->rows)
        return fault_set(r->fault, "out of memory");
    for (size_t i = 0; i < message->n_rows; i++) {
        const struct message_row *row = &message->rows[i];
        struct rendered_button *buttons = arena_array(r->arena, row->count, sizeof(*buttons));

        if (!buttons)
            return fault_set(r->fault, "out of memory");
        out->rows[i] = (struct rendered_row){ buttons, row->count };
        for (size_t k = 0; k < row->count; k++)
            if (!render_button(r, &row->buttons[k], &buttons[k]))
                return false;
    }
    return true;
}

bool message_render(const struct message *message, const struct template_names *names, struct arena *arena,
                    struct rendered *out, struct fault *fault)
{
    const struct rendering r = { names, arena, fault };

    *out = (struct rendered){
        .type = message->type,
        .resize_keyboard = message->resize_keyboard,
        .one_time_keyboard = message->one_time_keyboard,
        .is_persistent = message->is_persistent,
        .open_intercom_conversation = message->open_intercom_conversation,
    };
    return render(&r, message->text, RENDER_TEXT_MAX, "text", &out->text) &&
           render(&r, message->input_field_placeholder, RENDER_VALUE_MAX, "input_field_placeholder",
                  &out->input_field_placeholder) &&
           render(&r, message->intercom_teammate_id, RENDER_VALUE_MAX, "intercom_teammate_id",
                  &out->intercom_teammate_id) &&
           render_rows(&r, message, out) && message_check(out, fault);
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

/* "is too long" becomes "text is too long". */
static bool wrong(struct fault *fault, const char *what)
{
    const struct fault old = *fault;

    return fault_set(fault, "%s %.900s", what, old.text);
}

static bool wrong_button(struct fault *fault, const char *what, const char *label)
{
    const struct fault old = *fault;

    return fault_set(fault, "%s of button '%s' %.800s", what, label, old.text);
}

static bool check_button(enum message_type type, const struct rendered_button *button, struct fault *fault)
{
    char label[65];

    if (!limits_label(button->text, fault))
        return wrong(fault, "the label of a button");
    text_printable(button->text, label, sizeof(label) - 1);
    if (type == MESSAGE_REPLY_KEYBOARD) {
        if (button->url.p || button->callback_data.p)
            return fault_set(fault, "key '%s' of the keyboard can carry neither url nor callback_data",
                             label);
        return true;
    }
    if (!button->url.p == !button->callback_data.p)
        return fault_set(fault, "button '%s' needs exactly one of url and callback_data", label);
    if (button->callback_data.p && !limits_data(button->callback_data, fault))
        return wrong_button(fault, "callback_data", label);
    if (button->url.p && !limits_url(button->url, fault))
        return wrong_button(fault, "url", label);
    return true;
}

static bool label_before(const struct rendered *message, size_t row, size_t column)
{
    const struct text label = text_trim(message->rows[row].buttons[column].text);

    for (size_t i = 0; i <= row; i++)
        for (size_t k = 0; k < (i == row ? column : message->rows[i].count); k++)
            if (text_eq(text_trim(message->rows[i].buttons[k].text), label))
                return true;
    return false;
}

static bool check_rows(const struct rendered *message, struct fault *fault)
{
    size_t total = 0;

    for (size_t i = 0; i < message->n_rows; i++) {
        const struct rendered_row *row = &message->rows[i];

        total += row->count;
        if (row->count < 1 || row->count > LIMIT_ROW || total > LIMIT_BUTTONS)
            return fault_set(fault, "row %zu has %zu buttons; a row takes 1 to %d, a message %d", i + 1,
                             row->count, LIMIT_ROW, LIMIT_BUTTONS);
        for (size_t k = 0; k < row->count; k++) {
            if (!check_button(message->type, &row->buttons[k], fault))
                return false;
            if (message->type == MESSAGE_REPLY_KEYBOARD && label_before(message, i, k))
                return fault_set(fault, "label '%.*s' stands twice in the keyboard",
                                 TEXT_ARG(row->buttons[k].text));
        }
    }
    return true;
}

bool message_check(const struct rendered *message, struct fault *fault)
{
    bool rows = message->type == MESSAGE_REPLY_BUTTONS || message->type == MESSAGE_REPLY_KEYBOARD;

    if (!limits_text(message->text, fault))
        return wrong(fault, "text");
    if (rows != (message->n_rows > 0))
        return fault_set(fault, "a message of type %s has %s rows", message_type_name(message->type),
                         rows ? "no" : "no place for");
    if (message->input_field_placeholder.p && !limits_placeholder(message->input_field_placeholder, fault))
        return wrong(fault, "input_field_placeholder");
    if (message->intercom_teammate_id.p &&
        (message->intercom_teammate_id.n == 0 || text_utf8_count(message->intercom_teammate_id) < 0))
        return fault_set(fault, "intercom_teammate_id is empty or not UTF-8");
    return check_rows(message, fault);
}
