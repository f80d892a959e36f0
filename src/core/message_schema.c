#include "core/message_build.h"

#include "core/limits.h"

/* What a message may say, as tables. */

static const char *const type_words[] = { "reply_buttons", "reply_keyboard", "remove_reply_keyboard",
                                          "highlight_reply", NULL };

static const struct schema text_schema = { .kind = SCHEMA_TEXT };
static const struct schema bool_schema = { .kind = SCHEMA_BOOL };
static const struct schema type_schema = { .kind = SCHEMA_WORD, .words = type_words };
static const struct schema path_schema = { .kind = SCHEMA_TEXT, .what = "the path of a list" };
static const struct schema as_schema = { .kind = SCHEMA_TEXT, .what = "a name" };
static const struct schema max_schema = { .kind = SCHEMA_INT, .least = 1, .most = MESSAGE_REPEAT_MAX };
static const struct schema per_row_schema = { .kind = SCHEMA_INT, .least = 1, .most = LIMIT_ROW };
static const struct schema page_schema = { .kind = SCHEMA_TEXT, .what = "the number of a page" };

static const struct schema languages_schema = { .kind = SCHEMA_DICT,
                                                .what = "a map of languages",
                                                .item = &text_schema };
static const struct schema *const words_options[] = { &text_schema, &languages_schema, NULL };
static const struct schema words_schema = { .kind = SCHEMA_ANY_OF,
                                            .what = "a text",
                                            .options = words_options };

/* --- what stands in the wrong place ------------------------------------------------------------------------------- */

/* Lines and labels are maps of their own; a text in several languages stands inside. */
static const char *is_languages(const struct node *map)
{
    for (size_t i = 0; i < map->count; i++) {
        struct text key = map->keys[i]->text;

        if (key.n != 2 || key.p[0] < 'a' || key.p[0] > 'z' || key.p[1] < 'a' || key.p[1] > 'z')
            return NULL;
    }
    return map->count && !node_get(map, "as")
               ? "several languages stand behind text: { text: { en: ..., de: ... } }"
               : NULL;
}

static const char *is_button(const struct node *map)
{
    return node_get(map, "text") || node_get(map, "callback_data") || node_get(map, "url")
               ? "a row is a list of buttons: [ { text: ..., callback_data: ... } ]"
               : NULL;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

static const struct schema_key line_keys[] = {
    { "text", &words_schema, .required = true, .help = "the line" },
    { "when", &condition_schema, .help = "shown only if it holds" },
    { "repeat", &path_schema, .help = "once for each element of the list that this path leads to" },
    { "as", &as_schema, .help = "the name of the element; item" },
    { "max", &max_schema, .help = "so many elements at most; 10" },
    { NULL },
};
static const struct schema line_map = {
    .kind = SCHEMA_MAP, .what = "a line", .keys = line_keys, .mistaken = is_languages
};
static const struct schema *const line_options[] = { &text_schema, &line_map, NULL };
static const struct schema line_schema = { .kind = SCHEMA_ANY_OF, .what = "a line", .options = line_options };
static const struct schema lines_schema = {
    .kind = SCHEMA_LIST, .item = &line_schema, .least = 1, .most = LINES_MAX
};
static const struct schema *const text_options[] = { &text_schema, &lines_schema, &languages_schema, NULL };
static const struct schema message_text = { .kind = SCHEMA_ANY_OF,
                                            .what = "a text",
                                            .options = text_options };

static const struct schema_key button_keys[] = {
    { "text", &words_schema, .required = true, .help = "the label" },
    { "url", &text_schema, .help = "opens this address: http, https or tg" },
    { "callback_data", &text_schema,
      .help = "comes back as a tap: 1 to 64 bytes; of a key: what its label means when it comes back" },
    { "when", &condition_schema, .help = "shown only if it holds" },
    { "token", &bool_schema,
      .help = "a random token goes out in place of the data, which may be longer then" },
    { NULL },
};
static const struct schema button_map = {
    .kind = SCHEMA_MAP, .what = "a button", .keys = button_keys, .mistaken = is_languages
};
static const struct schema *const button_options[] = { &text_schema, &button_map, NULL };
static const struct schema button_schema = { .kind = SCHEMA_ANY_OF,
                                             .what = "a button or a key",
                                             .options = button_options };

const struct schema row_schema = { .kind = SCHEMA_LIST, .what = "a list of buttons", .item = &button_schema };

static const struct schema_key row_keys[] = {
    { "row", &row_schema, .required = true, .help = "the buttons" },
    { "when", &condition_schema, .help = "shown only if it holds" },
    { "repeat", &path_schema, .help = "once for each element of the list that this path leads to" },
    { "as", &as_schema, .help = "the name of the element; item" },
    { "max", &max_schema, .help = "so many elements at most, on a page; 10" },
    { "per_row", &per_row_schema, .help = "so many elements side by side; 1" },
    { "page", &page_schema, .help = "which page is shown; binds pages.now, .count, .next, .prev" },
    { NULL },
};
static const struct schema row_map = {
    .kind = SCHEMA_MAP, .what = "a row", .keys = row_keys, .mistaken = is_button
};
static const struct schema *const row_options[] = { &text_schema, &row_schema, &row_map, NULL };
static const struct schema any_row = { .kind = SCHEMA_ANY_OF,
                                       .what = "a row: a list of buttons or the name of a row",
                                       .options = row_options };
static const struct schema rows_schema = { .kind = SCHEMA_LIST, .what = "a list of rows", .item = &any_row };

static const struct schema_key message_keys[] = {
    { "type", &type_schema, .help = "follows from the other keys; highlight_reply is always written" },
    { "text", &message_text, .required = true, .help = "what the customer reads, 1 to 4096 characters" },
    { "buttons", &rows_schema, .help = "rows of buttons at the message" },
    { "keyboard", &rows_schema, .help = "rows of keys below the input" },
    { "resize_keyboard", &bool_schema, .help = "the keyboard is as small as its keys allow" },
    { "one_time_keyboard", &bool_schema, .help = "the keyboard hides after a press" },
    { "is_persistent", &bool_schema, .help = "the keyboard stays when the usual one is hidden" },
    { "input_field_placeholder", &words_schema, .help = "shown in the empty input, 1 to 64 characters" },
    { "channel", &text_schema, .help = "another channel than the chat's own" },
    { "intercom_teammate_id", &text_schema, .help = "who appears as the sender in Intercom" },
    { "open_intercom_conversation", &bool_schema, .help = "opens a conversation in Intercom" },
    { NULL },
};
const struct schema message_schema = { .kind = SCHEMA_MAP, .what = "a message", .keys = message_keys };

const char *const *const message_type_words = type_words;
