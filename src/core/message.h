#pragma once

/* Octopods messages: as a rule writes them (templates), and rendered for one chat. */

#include "base/arena.h"
#include "base/buf.h"
#include "core/condition.h"
#include "core/template.h"

#include <json-c/json.h>

/* The two shapes of the payload; the difference is confined to core/dialect.c. */
enum dialect {
    DIALECT_FLAT,   /* buttons, keyboard, ... beside type and text: the documented example */
    DIALECT_MARKUP, /* Telegram's reply_markup */
};

enum message_type {
    MESSAGE_REPLY_BUTTONS,
    MESSAGE_REPLY_KEYBOARD,
    MESSAGE_REMOVE_REPLY_KEYBOARD,
    MESSAGE_HIGHLIGHT_REPLY
};

const char *message_type_name(enum message_type type); /* "reply_buttons", ... */

#define MESSAGE_REPEAT_MAX 50 /* elements */

/* Once for each element of a list, which has the name `as` then. No list: not at all. */
struct message_repeat {
    struct place at;
    struct path path;
    const char *as;
    size_t max;
};

struct message_line {
    struct place at;
    struct template *text;
    const struct condition *when;        /* NULL: always; looked at for each element */
    const struct message_repeat *repeat; /* NULL: once */
};

struct message_button {
    struct place at;
    const struct node *node; /* as written: a map, or the label of a key */
    struct template *text;   /* the label */
    /* of a button exactly one of them; a key has no url, and its data stays here: its label comes back */
    struct template *url, *callback_data;
    bool token; /* a token goes out in place of the data */
    const struct condition *when;
};

struct message_row {
    struct place at;
    struct message_button *buttons;
    size_t count;
    const struct condition *when;
    const struct message_repeat *repeat;
    size_t per_row;        /* elements side by side */
    struct template *page; /* NULL: the first `max` elements; else the number of the page to show */
};

/* What is left out by its `when` is not there: a row without buttons, a message without text or buttons fails. */
struct message {
    enum message_type type;
    struct place at;
    struct message_line *lines; /* 1 at least; joined by line breaks */
    size_t n_lines;
    struct message_row *rows;
    size_t n_rows;
    int resize_keyboard, one_time_keyboard, is_persistent; /* -1: not said */
    struct template *input_field_placeholder;
    const char *channel; /* NULL: the chat's own */
    struct template *intercom_teammate_id;
    int open_intercom_conversation; /* -1: not said */
};

/* A rendered message: no templates left, all limits hold. All of it lives in the arena. */
struct rendered_button {
    struct text text, url, callback_data; /* p == NULL: not there */
    bool token;                           /* callback_data is to be replaced by a token before it goes out */
};

struct rendered_row {
    struct rendered_button *buttons;
    size_t count;
};

struct rendered {
    enum message_type type;
    struct text text;
    struct rendered_row *rows;
    size_t n_rows;
    int resize_keyboard, one_time_keyboard, is_persistent, open_intercom_conversation;
    struct text input_field_placeholder, intercom_teammate_id;
};

/* message_render: with the values of a scope, in which it binds names while it works. False with a fault that names what is
   missing (then `out` has no rows) or which limit does not hold (then `out` is whole). */
bool message_render(const struct message *message, struct json_object *scope, struct pattern_scratch *scratch,
                    struct arena *arena, struct rendered *out, struct fault *fault) CHECKED;

/* message_check: Telegram's and Octopods' limits on a rendered message. */
bool message_check(const struct rendered *message, struct fault *fault) CHECKED;

/* dialect_print: the whole request body for Octopods. */
bool dialect_print(enum dialect dialect, const struct rendered *message, struct text user_id,
                   struct buf *out) CHECKED;
/* dialect_name, dialect_find: "flat", "markup". */
const char *dialect_name(enum dialect dialect);
bool dialect_find(struct text name, enum dialect *out) CHECKED;
