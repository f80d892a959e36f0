#include "core/message.h"

#include "core/doc.h"

#include <string.h>

static const char *const dialect_names[] = { [DIALECT_FLAT] = "flat", [DIALECT_MARKUP] = "markup" };

const char *dialect_name(enum dialect dialect)
{
    return dialect_names[dialect];
}

bool dialect_find(struct text name, enum dialect *out)
{
    for (size_t i = 0; i < sizeof(dialect_names) / sizeof(*dialect_names); i++) {
        if (!text_is(name, dialect_names[i]))
            continue;
        *out = (enum dialect)i;
        return true;
    }
    return false;
}

/* --- JSON, in the order in which the documentation shows it --------------------------------------------------------- */

static void put_key(struct buf *out, const char *key)
{
    if (out->len && out->data[out->len - 1] != '{')
        buf_char(out, ',');
    buf_printf(out, "\"%s\":", key);
}

static void put_text(struct buf *out, const char *key, struct text text)
{
    if (!text.p)
        return;
    put_key(out, key);
    doc_print_text(text, out);
}

/* A switch that the rule does not name is not sent: Octopods' own default holds. */
static void put_bool(struct buf *out, const char *key, int value)
{
    if (value < 0)
        return;
    put_key(out, key);
    buf_str(out, value ? "true" : "false");
}

/* The data of a key stays here: its label comes back. */
static void put_button(struct buf *out, const struct rendered_button *button, bool key, bool bare)
{
    if (bare) {
        doc_print_text(button->text, out);
        return;
    }
    buf_char(out, '{');
    put_text(out, "text", button->text);
    put_text(out, "url", button->url);
    if (!key)
        put_text(out, "callback_data", button->callback_data);
    buf_char(out, '}');
}

static void put_rows(struct buf *out, const char *key, const struct rendered *message, bool bare)
{
    put_key(out, key);
    buf_char(out, '[');
    for (size_t i = 0; i < message->n_rows; i++) {
        buf_str(out, i ? ",[" : "[");
        for (size_t k = 0; k < message->rows[i].count; k++) {
            if (k)
                buf_char(out, ',');
            put_button(out, &message->rows[i].buttons[k], message->type == MESSAGE_REPLY_KEYBOARD, bare);
        }
        buf_char(out, ']');
    }
    buf_char(out, ']');
}

static void put_keyboard_switches(struct buf *out, const struct rendered *message)
{
    put_bool(out, "resize_keyboard", message->resize_keyboard);
    put_bool(out, "one_time_keyboard", message->one_time_keyboard);
}

/* The documented example: everything beside type and text, and no key that it does not have: an unknown key may cost the
   whole message, a missing one only its look. */
static void put_flat(struct buf *out, const struct rendered *message)
{
    if (message->type == MESSAGE_REPLY_BUTTONS)
        put_rows(out, "buttons", message, false);
    if (message->type == MESSAGE_REPLY_KEYBOARD)
        put_rows(out, "keyboard", message, true);
    put_keyboard_switches(out, message);
}

/* Telegram's own markup, as Octopods' other articles have it. */
static void put_markup(struct buf *out, const struct rendered *message)
{
    put_key(out, "reply_markup");
    buf_char(out, '{');
    switch (message->type) {
    case MESSAGE_REPLY_BUTTONS:
        put_rows(out, "inline_keyboard", message, false);
        break;
    case MESSAGE_REPLY_KEYBOARD:
        put_rows(out, "keyboard", message, false);
        break;
    case MESSAGE_REMOVE_REPLY_KEYBOARD:
        put_bool(out, "remove_keyboard", true);
        break;
    case MESSAGE_HIGHLIGHT_REPLY:
        put_bool(out, "force_reply", true);
        break;
    }
    put_keyboard_switches(out, message);
    put_bool(out, "is_persistent", message->is_persistent);
    put_text(out, "input_field_placeholder", message->input_field_placeholder);
    buf_char(out, '}');
}

bool dialect_print(enum dialect dialect, const struct rendered *message, struct text user_id, struct buf *out)
{
    buf_char(out, '{');
    put_text(out, "destination_user_id", user_id);
    put_key(out, "telegram_interactive_message");
    buf_char(out, '{');
    put_text(out, "type", text_of(message_type_name(message->type)));
    put_text(out, "text", message->text);
    if (dialect == DIALECT_MARKUP)
        put_markup(out, message);
    else
        put_flat(out, message);
    buf_char(out, '}');
    put_text(out, "intercom_teammate_id", message->intercom_teammate_id);
    put_bool(out, "open_intercom_conversation", message->open_intercom_conversation);
    buf_char(out, '}');
    return !out->failed;
}
