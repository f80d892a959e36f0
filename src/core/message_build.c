#include "core/message_build.h"

#include "core/limits.h"

#include <string.h>

/* --- schema ------------------------------------------------------------------------------------------------------- */

static const char *const type_words[] = { "reply_buttons", "reply_keyboard", "remove_reply_keyboard",
                                          "highlight_reply", NULL };

static const struct schema text_schema = { .kind = SCHEMA_TEXT };
static const struct schema bool_schema = { .kind = SCHEMA_BOOL };
static const struct schema type_schema = { .kind = SCHEMA_WORD, .words = type_words };

/* Lists of lines and maps of languages are known, and refused where they are built. */
static const struct schema_key line_keys[] = {
    { "text", &text_schema, .required = true, .help = "the line" },
    { "when", .later = "when" },
    { "repeat", .later = "repeat" },
    { "as", .later = "as" },
    { "max", .later = "max" },
    { NULL },
};
static const struct schema line_map = { .kind = SCHEMA_MAP, .what = "a line", .keys = line_keys };
static const struct schema *const line_options[] = { &text_schema, &line_map, NULL };
static const struct schema line_schema = { .kind = SCHEMA_ANY_OF, .what = "a line", .options = line_options };
static const struct schema lines_schema = { .kind = SCHEMA_LIST, .item = &line_schema };
static const struct schema languages_schema = { .kind = SCHEMA_DICT, .item = &text_schema };
static const struct schema *const words_options[] = { &text_schema, &lines_schema, &languages_schema, NULL };
static const struct schema words_schema = { .kind = SCHEMA_ANY_OF,
                                            .what = "a text",
                                            .options = words_options };

static const struct schema_key button_keys[] = {
    { "text", &words_schema, .required = true, .help = "the label" },
    { "url", &text_schema, .help = "opens this address: http, https or tg" },
    { "callback_data", &text_schema, .help = "comes back as a tap: 1 to 64 bytes" },
    { "token", .later = "token" },
    { "when", .later = "when" },
    { NULL },
};
static const struct schema button_map = { .kind = SCHEMA_MAP, .what = "a button", .keys = button_keys };
static const struct schema *const button_options[] = { &text_schema, &button_map, NULL };
static const struct schema button_schema = { .kind = SCHEMA_ANY_OF,
                                             .what = "a button or a key",
                                             .options = button_options };

const struct schema row_schema = { .kind = SCHEMA_LIST, .what = "a list of buttons", .item = &button_schema };

static const struct schema_key row_keys[] = {
    { "row", &row_schema, .required = true, .help = "the buttons" },
    { "when", .later = "when" },
    { "repeat", .later = "repeat" },
    { "as", .later = "as" },
    { "max", .later = "max" },
    { "per_row", .later = "per_row" },
    { "page", .later = "page" },
    { NULL },
};
static const struct schema row_map = { .kind = SCHEMA_MAP, .what = "a row", .keys = row_keys };
static const struct schema *const row_options[] = { &text_schema, &row_schema, &row_map, NULL };
static const struct schema any_row = { .kind = SCHEMA_ANY_OF,
                                       .what = "a row: a list of buttons or the name of a row",
                                       .options = row_options };
static const struct schema rows_schema = { .kind = SCHEMA_LIST, .what = "a list of rows", .item = &any_row };

static const struct schema_key message_keys[] = {
    { "type", &type_schema, .help = "follows from the other keys; highlight_reply is always written" },
    { "text", &words_schema, .required = true, .help = "what the customer reads, 1 to 4096 characters" },
    { "buttons", &rows_schema, .help = "rows of buttons at the message" },
    { "keyboard", &rows_schema, .help = "rows of keys below the input" },
    { "resize_keyboard", &bool_schema, .help = "the keyboard is as small as its keys allow" },
    { "one_time_keyboard", &bool_schema, .help = "the keyboard hides after a press" },
    { "is_persistent", &bool_schema, .help = "the keyboard stays when the usual one is hidden" },
    { "input_field_placeholder", &text_schema, .help = "shown in the empty input, 1 to 64 characters" },
    { "channel", &text_schema, .help = "another channel than the chat's own" },
    { "intercom_teammate_id", &text_schema, .help = "who appears as the sender in Intercom" },
    { "open_intercom_conversation", &bool_schema, .help = "opens a conversation in Intercom" },
    { NULL },
};
const struct schema message_schema = { .kind = SCHEMA_MAP, .what = "a message", .keys = message_keys };

/* --- building ----------------------------------------------------------------------------------------------------- */

struct builder {
    struct message_context *context;
    struct message *message;
    bool good, again;
};

#define wrong(builder, at, ...)                                         \
    do {                                                                \
        finding_error((builder)->context->findings, (at), __VA_ARGS__); \
        (builder)->good = false;                                        \
    } while (0)
#define hint(builder, ...) finding_hint((builder)->context->findings, __VA_ARGS__)

static struct place key_place(const struct node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (text_is(map->keys[i]->text, key))
            return map->keys[i]->at;
    return map->at;
}

typedef bool limit_check(struct text text, struct fault *fault);

/* One string leaf; what is static is checked against its limit now, the rest when it is rendered. */
static struct template *build_leaf(struct builder *builder, const struct node *node, enum template_leaf leaf,
                                   const char *what, limit_check *limit)
{
    struct message_context *context = builder->context;
    struct template *template;
    struct fault fault;
    struct text text;

    if (!node)
        return NULL;
    if (node->kind != NODE_SCALAR) {
        wrong(builder, node->at, "%s in '%s' are not supported by this version of callbackd yet",
              node->kind == NODE_LIST ? "lists of lines" : "languages", what);
        return NULL;
    }
    template = template_compile(context->arena, node, leaf, context->known, context->findings);
    if (!template) {
        builder->good = false;
        return NULL;
    }
    context->wants_contact |= template_uses(template, "contact");
    if (limit && !builder->again && template_static(template, &text) && !limit(text, &fault))
        wrong(builder, node->at, "%s %s", what, fault.text);
    return template;
}

static bool limit_teammate(struct text text, struct fault *fault)
{
    return text.n > 0 || fault_set(fault, "is empty");
}

static void check_action(struct builder *builder, const struct node *node, bool keyboard)
{
    const struct node *url = node_get(node, "url"), *data = node_get(node, "callback_data");

    if (keyboard && url)
        wrong(builder, key_place(node, "url"),
              "a key of a keyboard has no url; it sends its label as a text");
    else if (keyboard && data)
        wrong(builder, key_place(node, "callback_data"),
              "callback_data at a key is not supported by this version of callbackd yet");
    else if (!keyboard && url && data)
        wrong(builder, key_place(node, "callback_data"), "a button has a url or callback_data, not both");
    else if (!keyboard && !url && !data)
        wrong(builder, node->at, "a button needs a url or callback_data");
}

static void build_button(struct builder *builder, const struct node *node, bool keyboard,
                         struct message_button *out)
{
    const struct node *label = node->kind == NODE_MAP ? node_get(node, "text") : node;

    out->at = node->at;
    out->node = node;
    if (!keyboard && node->kind == NODE_SCALAR) {
        char shown[41];

        text_printable(node->text, shown, sizeof(shown) - 1);
        wrong(builder, node->at, "a button needs a url or callback_data");
        hint(builder, "write: { text: '%s', callback_data: '...' }", shown);
        return;
    }
    out->text = build_leaf(builder, label, LEAF_TEXT, "label", limits_label);
    if (node->kind != NODE_MAP)
        return;
    if (!builder->again)
        check_action(builder, node, keyboard);
    out->url = build_leaf(builder, node_get(node, "url"), LEAF_URL, "url", limits_url);
    out->callback_data =
        build_leaf(builder, node_get(node, "callback_data"), LEAF_TEXT, "callback_data", limits_data);
}

/* The list of buttons behind a row: itself, { row: [...] }, or a name. NULL after adding an error. */
static const struct node *row_list(struct builder *builder, const struct node *node, bool keyboard)
{
    struct named *row;

    if (node->kind == NODE_LIST)
        return node;
    if (node->kind == NODE_MAP)
        return node_get(node, "row");
    row = named_find(builder->context->rows, node->text);
    if (!row) {
        bool near = named_missing(builder->context->rows, node, builder->context->findings);

        builder->good = false;
        if (!near)
            hint(builder,
                 keyboard ? "a row of keys is a list: [ %.*s ]"
                          : "a row of buttons is a list: [ { text: '%.*s', callback_data: '...' } ]",
                 (int)(node->text.n < 40 ? node->text.n : 40), node->text.p);
        return NULL;
    }
    row->used = true;
    if (!row->good)
        builder->good = false;
    return row->good ? row->value : NULL;
}

static void build_buttons(struct builder *builder, const struct node *node, const struct node *list,
                          bool keyboard, struct message_row *out)
{
    if (list->count < 1 || list->count > LIMIT_ROW) {
        wrong(builder, node->at, "a row has 1 to %d buttons, this one has %zu", LIMIT_ROW, list->count);
        return;
    }
    out->buttons = arena_array(builder->context->arena, list->count, sizeof(*out->buttons));
    if (!out->buttons) {
        wrong(builder, node->at, "out of memory");
        return;
    }
    out->count = list->count;
    for (size_t i = 0; i < list->count; i++)
        build_button(builder, list->items[i], keyboard, &out->buttons[i]);
}

static void build_row(struct builder *builder, const struct node *node, bool keyboard,
                      struct message_row *out)
{
    const struct node *list = row_list(builder, node, keyboard);
    bool before = builder->good;

    if (!list)
        return;
    builder->good = true;
    build_buttons(builder, node, list, keyboard, out);
    /* what is wrong with a row that many messages use is said once */
    if (!builder->good && node->kind == NODE_SCALAR)
        named_find(builder->context->rows, node->text)->good = false;
    builder->good &= before;
}

static void build_rows(struct builder *builder, const struct node *list, bool keyboard)
{
    struct message *message = builder->message;
    size_t total = 0;

    if (!list)
        return;
    if (list->count < 1 || list->count > LIMIT_BUTTONS) {
        wrong(builder, list->at, "there must be 1 to %d rows", LIMIT_BUTTONS);
        return;
    }
    message->rows = arena_array(builder->context->arena, list->count, sizeof(*message->rows));
    if (!message->rows) {
        wrong(builder, list->at, "out of memory");
        return;
    }
    message->n_rows = list->count;
    for (size_t i = 0; i < list->count; i++) {
        build_row(builder, list->items[i], keyboard, &message->rows[i]);
        total += message->rows[i].count;
    }
    if (total > LIMIT_BUTTONS)
        wrong(builder, list->at, "%zu buttons; a message takes %d", total, LIMIT_BUTTONS);
}

/* A key sends its label, so two alike could not be told apart. */
static void check_labels(struct builder *builder)
{
    const struct message *message = builder->message;
    struct text seen[LIMIT_BUTTONS], label;
    size_t n = 0;

    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count && n < LIMIT_BUTTONS; k++) {
            const struct message_button *key = &message->rows[i].buttons[k];

            if (!key->text || !template_static(key->text, &label))
                continue;
            label = text_trim(label);
            for (size_t s = 0; s < n; s++)
                if (text_eq(seen[s], label)) {
                    wrong(builder, key->at, "label '%.*s' stands twice in the keyboard", TEXT_ARG(label));
                    break;
                }
            seen[n++] = label;
        }
}

/* --- type --------------------------------------------------------------------------------------------------------- */

static enum message_type type_of(const struct node *node)
{
    const struct node *said = node_get(node, "type");

    for (int i = 0; said && type_words[i]; i++)
        if (node_is(said, type_words[i]))
            return (enum message_type)i;
    return node_get(node, "buttons")    ? MESSAGE_REPLY_BUTTONS
           : node_get(node, "keyboard") ? MESSAGE_REPLY_KEYBOARD
                                        : MESSAGE_REMOVE_REPLY_KEYBOARD;
}

#define TYPE_BIT(type) (1u << (type))

/* Which types a key fits. */
static const struct {
    const char *key;
    unsigned types;
} fitting[] = {
    { "buttons", TYPE_BIT(MESSAGE_REPLY_BUTTONS) },
    { "keyboard", TYPE_BIT(MESSAGE_REPLY_KEYBOARD) },
    { "resize_keyboard", TYPE_BIT(MESSAGE_REPLY_KEYBOARD) },
    { "one_time_keyboard", TYPE_BIT(MESSAGE_REPLY_KEYBOARD) },
    { "is_persistent", TYPE_BIT(MESSAGE_REPLY_KEYBOARD) },
    { "input_field_placeholder", TYPE_BIT(MESSAGE_REPLY_KEYBOARD) | TYPE_BIT(MESSAGE_HIGHLIGHT_REPLY) },
};

static void check_type(struct builder *builder, const struct node *node)
{
    enum message_type type = builder->message->type;
    const char *name = message_type_name(type);

    if (node_get(node, "buttons") && node_get(node, "keyboard")) {
        wrong(builder, key_place(node, "keyboard"), "a message has buttons or a keyboard, not both");
        hint(builder, "reply with a list of two messages");
        return;
    }
    for (size_t i = 0; i < sizeof(fitting) / sizeof(*fitting); i++) {
        if (!node_get(node, fitting[i].key) || (fitting[i].types & TYPE_BIT(type)))
            continue;
        wrong(builder, key_place(node, fitting[i].key), "'%s' does not fit a message of type %s",
              fitting[i].key, name);
        if (node_get(node, "type") && i < 2)
            hint(builder, "leave out 'type': it follows from '%s'", fitting[i].key);
    }
    if (type <= MESSAGE_REPLY_KEYBOARD && !node_get(node, fitting[type].key))
        wrong(builder, node_get(node, "type")->at, "type %s needs '%s'", name, fitting[type].key);
}

/* --- channel ------------------------------------------------------------------------------------------------------ */

/* Does a channel that the message may go to speak this dialect? */
static bool may_speak(const struct message_context *context, const char *channel, enum dialect dialect)
{
    for (size_t i = 0; i < context->n_channels; i++)
        if ((!channel || strcmp(channel, context->channels[i].name) == 0) &&
            context->channels[i].dialect == dialect)
            return true;
    return false;
}

static void check_channel(struct builder *builder, const struct node *node)
{
    const struct message_context *context = builder->context;
    const char **words;

    for (size_t i = 0; i < context->n_channels; i++)
        if (text_is(node->text, context->channels[i].name))
            return;
    if (context->n_channels == 0)
        return;
    wrong(builder, node->at, "no channel is called '%.*s'", (int)(node->text.n < 60 ? node->text.n : 60),
          node->text.p);
    words = arena_array(context->arena, context->n_channels + 1, sizeof(*words));
    for (size_t i = 0; words && i < context->n_channels; i++)
        words[i] = context->channels[i].name;
    if (words && text_closest(node->text, words))
        hint(builder, "did you mean '%s'?", text_closest(node->text, words));
}

static void check_flat(struct builder *builder, const struct node *node)
{
    static const char *const keys[] = { "is_persistent", "input_field_placeholder" };

    if (!may_speak(builder->context, builder->message->channel, DIALECT_FLAT))
        return;
    for (size_t i = 0; i < 2; i++) {
        if (!node_get(node, keys[i]))
            continue;
        finding_add(builder->context->findings, FINDING_NOTE, key_place(node, keys[i]),
                    "'%s' is left out on channels of the dialect flat, which has no place for it", keys[i]);
    }
}

static void check_markup(struct builder *builder, const struct node *node)
{
    const struct message *message = builder->message;
    size_t total = 0;

    if (message->type != MESSAGE_REPLY_BUTTONS ||
        !may_speak(builder->context, message->channel, DIALECT_MARKUP))
        return;
    for (size_t i = 0; i < message->n_rows; i++)
        total += message->rows[i].count;
    if (total > LIMIT_OCTOPODS_BUTTONS)
        finding_add(builder->context->findings, FINDING_WARNING, key_place(node, "buttons"),
                    "%zu buttons; Octopods' documents on the markup dialect allow %d", total,
                    LIMIT_OCTOPODS_BUTTONS);
}

/* --- whole -------------------------------------------------------------------------------------------------------- */

static int switch_of(const struct node *node, const char *key)
{
    return node_get(node, key) ? schema_bool(node, key, false) : -1;
}

static void build_fields(struct builder *builder, const struct node *node)
{
    struct message *message = builder->message;
    const struct node *channel = node_get(node, "channel");

    message->text = build_leaf(builder, node_get(node, "text"), LEAF_TEXT, "text", limits_text);
    message->resize_keyboard = switch_of(node, "resize_keyboard");
    message->one_time_keyboard = switch_of(node, "one_time_keyboard");
    message->is_persistent = switch_of(node, "is_persistent");
    message->open_intercom_conversation = switch_of(node, "open_intercom_conversation");
    message->input_field_placeholder = build_leaf(builder, node_get(node, "input_field_placeholder"),
                                                  LEAF_TEXT, "input_field_placeholder", limits_placeholder);
    message->intercom_teammate_id = build_leaf(builder, node_get(node, "intercom_teammate_id"), LEAF_TEXT,
                                               "intercom_teammate_id", limit_teammate);
    if (!channel)
        return;
    message->channel = arena_str(builder->context->arena, channel->text);
    if (!message->channel)
        wrong(builder, channel->at, "out of memory");
    if (!builder->again)
        check_channel(builder, channel);
}

const struct message *message_build(const struct node *node, struct message_context *context)
{
    struct message *message = arena_alloc(context->arena, sizeof(*message));
    struct builder builder = { context, message, true, context->known && context->known->again };

    if (!message) {
        finding_error(context->findings, node->at, "out of memory");
        return NULL;
    }
    message->at = node->at;
    message->type = type_of(node);
    if (!builder.again)
        check_type(&builder, node);
    build_fields(&builder, node);
    build_rows(&builder, node_get(node, "buttons"), false);
    if (!node_get(node, "buttons"))
        build_rows(&builder, node_get(node, "keyboard"), true);
    if (builder.again)
        return builder.good ? message : NULL;
    if (message->type == MESSAGE_REPLY_KEYBOARD)
        check_labels(&builder);
    if (builder.good)
        check_flat(&builder, node);
    check_markup(&builder, node);
    return builder.good ? message : NULL;
}
