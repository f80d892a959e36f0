#include "core/shown.h"

#include "core/doc.h"

#include <stdio.h>
#include <string.h>

#define DOC_MAX (256u << 10)
#define VALUE_MAX 200 /* of a value in a fault */

/* --- one shape for both dialects ------------------------------------------------------------------------------------- */

static void move_members(struct json_object *from, struct json_object *to)
{
    json_object_object_foreach(from, key, value)
    {
        const char *name = strcmp(key, "inline_keyboard") == 0 ? "buttons" : key;

        if (strcmp(key, "remove_keyboard") != 0 && strcmp(key, "force_reply") != 0 &&
            strcmp(key, "reply_markup") != 0 && strcmp(key, "telegram_interactive_message") != 0 &&
            strcmp(key, "destination_user_id") != 0)
            json_object_object_add(to, name, json_object_get(value));
    }
}

/* A key is its label. */
static struct json_object *bare_rows(struct json_object *rows)
{
    struct json_object *out = json_object_new_array();

    for (size_t i = 0; out && i < json_object_array_length(rows); i++) {
        struct json_object *row = json_object_array_get_idx(rows, i), *bare = json_object_new_array();

        if (!bare || !json_object_is_type(row, json_type_array)) {
            json_object_put(bare);
            continue;
        }
        for (size_t k = 0; k < json_object_array_length(row); k++) {
            struct json_object *key = json_object_array_get_idx(row, k), *label = doc_key(key, "text");

            json_object_array_add(bare, json_object_get(label ? label : key));
        }
        json_object_array_add(out, bare);
    }
    return out;
}

static struct json_object *flatten(struct json_object *body)
{
    struct json_object *message = doc_key(body, "telegram_interactive_message"),
                       *out = json_object_new_object();

    if (!out || !json_object_is_type(message, json_type_object)) {
        json_object_put(out);
        return NULL;
    }
    move_members(message, out);
    if (json_object_is_type(doc_key(message, "reply_markup"), json_type_object))
        move_members(doc_key(message, "reply_markup"), out);
    move_members(body, out);
    if (json_object_is_type(doc_key(out, "keyboard"), json_type_array))
        json_object_object_add(out, "keyboard", bare_rows(doc_key(out, "keyboard")));
    return out;
}

/* --- reading --------------------------------------------------------------------------------------------------------- */

static bool copy(struct arena *arena, struct text from, struct text *out)
{
    *out = from.p ? arena_text(arena, from) : TEXT_NONE;
    return !from.p || out->p;
}

static bool read_button(struct json_object *button, struct arena *arena, struct shown_button *out)
{
    if (json_object_is_type(button, json_type_string))
        return copy(arena, doc_text(button), &out->label);
    return copy(arena, doc_str(button, "text"), &out->label) &&
           copy(arena, doc_str(button, "url"), &out->url) &&
           copy(arena, doc_str(button, "callback_data"), &out->data);
}

static bool read_row(struct json_object *row, struct arena *arena, struct shown_row *out)
{
    bool ok;

    if (!json_object_is_type(row, json_type_array))
        return true;
    out->count = json_object_array_length(row);
    out->buttons = arena_array(arena, out->count + 1, sizeof(*out->buttons));
    ok = out->buttons != NULL;
    for (size_t i = 0; ok && i < out->count; i++)
        ok = read_button(json_object_array_get_idx(row, i), arena, &out->buttons[i]);
    return ok;
}

static bool read_rows(struct json_object *rows, struct arena *arena, struct shown *out)
{
    bool ok;

    if (!json_object_is_type(rows, json_type_array))
        return true;
    out->n_rows = json_object_array_length(rows);
    out->rows = arena_array(arena, out->n_rows + 1, sizeof(*out->rows));
    ok = out->rows != NULL;
    for (size_t i = 0; ok && i < out->n_rows; i++)
        ok = read_row(json_object_array_get_idx(rows, i), arena, &out->rows[i]);
    return ok;
}

static bool is_true(struct json_object *doc, const char *key)
{
    return json_object_get_boolean(doc_key(doc, key));
}

static bool read_message(struct json_object *doc, struct arena *arena, struct shown *out)
{
    struct buf print = BUF(DOC_MAX);
    bool ok;

    out->keyboard = doc_key(doc, "keyboard") != NULL;
    out->resize_keyboard = is_true(doc, "resize_keyboard");
    out->one_time_keyboard = is_true(doc, "one_time_keyboard");
    out->is_persistent = is_true(doc, "is_persistent");
    doc_print(doc, &print);
    out->doc = print.failed ? TEXT_NONE : arena_text(arena, buf_get(&print));
    ok = out->doc.p && copy(arena, doc_str(doc, "type"), &out->type) &&
         copy(arena, doc_str(doc, "text"), &out->text) &&
         read_rows(doc_key(doc, out->keyboard ? "keyboard" : "buttons"), arena, out);
    buf_free(&print);
    return ok;
}

bool shown_read(struct text body, struct arena *arena, struct shown *out, struct fault *fault)
{
    struct json_object *root = doc_parse(body, fault), *doc = root ? flatten(root) : NULL;
    bool ok = false;

    *out = (struct shown){ .keyboard = false };
    if (root && !doc)
        fault_set(fault, "the request is no interactive message");
    else if (doc && !(ok = read_message(doc, arena, out)))
        fault_set(fault, "out of memory");
    json_object_put(doc);
    json_object_put(root);
    return ok;
}

/* --- comparing ------------------------------------------------------------------------------------------------------- */

static bool fits(struct json_object *value, const struct node *wanted, const char *what, struct fault *fault);

static bool differs(struct json_object *value, const struct node *wanted, const char *what,
                    struct fault *fault)
{
    static const char *const kinds[] = {
        [NODE_SCALAR] = "a value", [NODE_LIST] = "a list", [NODE_MAP] = "a map"
    };
    char got[VALUE_MAX + 1], expected[VALUE_MAX + 1];
    struct text shown = json_object_is_type(value, json_type_string)
                            ? doc_text(value)
                            : text_of(value ? json_object_to_json_string(value) : NULL);

    text_printable(value ? shown : text_of("nothing"), got, VALUE_MAX);
    text_printable(wanted->kind == NODE_SCALAR ? wanted->text : text_of(kinds[wanted->kind]), expected,
                   VALUE_MAX);
    return fault_set(fault, "%s: expected '%s', got '%s'", what, expected, got);
}

static bool scalar_fits(struct json_object *value, const struct node *wanted)
{
    bool flag;

    switch (json_object_get_type(value)) {
    case json_type_string:
        return text_eq(doc_text(value), wanted->text);
    case json_type_boolean:
        return node_bool(wanted, &flag) && flag == json_object_get_boolean(value);
    case json_type_int:
    case json_type_double:
        return text_is(wanted->text, json_object_get_string(value));
    case json_type_object: /* a button by its label */
        return text_eq(doc_str(value, "text"), wanted->text);
    case json_type_null:
    case json_type_array:
        break;
    }
    return node_is_null(wanted) && !value;
}

static bool list_fits(struct json_object *value, const struct node *wanted, const char *what,
                      struct fault *fault)
{
    if (!json_object_is_type(value, json_type_array))
        return differs(value, wanted, what, fault);
    if (json_object_array_length(value) != wanted->count)
        return fault_set(fault, "%s: expected %zu, got %zu", what, wanted->count,
                         json_object_array_length(value));
    for (size_t i = 0; i < wanted->count; i++) {
        char part[100];

        snprintf(part, sizeof(part), "%.70s, %zu.", what, i + 1);
        if (!fits(json_object_array_get_idx(value, i), wanted->items[i], part, fault))
            return false;
    }
    return true;
}

static bool map_fits(struct json_object *value, const struct node *wanted, const char *what,
                     struct fault *fault)
{
    if (!json_object_is_type(value, json_type_object))
        return differs(value, wanted, what, fault);
    for (size_t i = 0; i < wanted->count; i++) {
        const char *key = wanted->keys[i]->text.p;
        char part[100];

        snprintf(part, sizeof(part), *what ? "%.60s, %.30s" : "%s%.90s", what, key);
        if (!fits(doc_key(value, key), wanted->items[i], part, fault))
            return false;
    }
    return true;
}

static bool fits(struct json_object *value, const struct node *wanted, const char *what, struct fault *fault)
{
    if (wanted->kind == NODE_LIST)
        return list_fits(value, wanted, what, fault);
    if (wanted->kind == NODE_MAP)
        return map_fits(value, wanted, what, fault);
    return scalar_fits(value, wanted) || differs(value, wanted, what, fault);
}

bool shown_fits(const struct shown *shown, const struct node *wanted, struct fault *fault)
{
    struct json_object *doc = doc_parse(shown->doc, fault);
    bool ok = doc && fits(doc, wanted, "", fault);

    json_object_put(doc);
    return ok;
}
