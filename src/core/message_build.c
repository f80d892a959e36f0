#include "core/message_parts.h"

#include "core/limits.h"

#include <string.h>

/* --- type --------------------------------------------------------------------------------------------------------- */

static enum message_type type_of(const struct node *node)
{
    const struct node *said = node_get(node, "type");

    for (int i = 0; said && message_type_words[i]; i++)
        if (node_is(said, message_type_words[i]))
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
        wrong(builder, message_key_place(node, "keyboard"), "a message has buttons or a keyboard, not both");
        hint(builder, "reply with a list of two messages");
        return;
    }
    for (size_t i = 0; i < sizeof(fitting) / sizeof(*fitting); i++) {
        if (!node_get(node, fitting[i].key) || (fitting[i].types & TYPE_BIT(type)))
            continue;
        wrong(builder, message_key_place(node, fitting[i].key), "'%s' does not fit a message of type %s",
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
    words = arena_array(builder->maker->arena, context->n_channels + 1, sizeof(*words));
    for (size_t i = 0; words && i < context->n_channels; i++)
        words[i] = context->channels[i].name;
    if (words && text_closest(node->text, words))
        hint(builder, "did you mean '%s'?", text_closest(node->text, words));
    else
        hint(builder, "channels are named in the configuration, under 'channels'");
}

static void check_flat(struct builder *builder, const struct node *node)
{
    static const char *const keys[] = { "is_persistent", "input_field_placeholder" };

    if (!may_speak(builder->context, builder->message->channel, DIALECT_FLAT))
        return;
    for (size_t i = 0; i < 2; i++) {
        if (!node_get(node, keys[i]))
            continue;
        finding_add(builder->maker->findings, FINDING_NOTE, message_key_place(node, keys[i]),
                    "'%s' is left out on channels of the dialect flat, which has no place for it", keys[i]);
    }
}

/* The label in the v-th language, if it is known and certain to be there: what a `when` may leave out is looked at when it is
   rendered. */
static bool sure_label(const struct message_row *row, const struct message_button *key, size_t v,
                       struct text *label)
{
    if (!key->text || key->when || row->when || !template_static(template_variant(key->text, v), label))
        return false;
    *label = text_trim(*label);
    return true;
}

/* A key sends its label, so two alike could not be told apart. */
static void check_labels(struct builder *builder, size_t v)
{
    const struct message *message = builder->message;
    struct text seen[LIMIT_BUTTONS], label;
    size_t n = 0;

    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count && n < LIMIT_BUTTONS; k++) {
            const struct message_button *key = &message->rows[i].buttons[k];

            if (!sure_label(&message->rows[i], key, v, &label))
                continue;
            for (size_t s = 0; s < n; s++)
                if (text_eq(seen[s], label)) {
                    wrong(builder, key->at, "label '%.*s' stands twice in the keyboard", TEXT_ARG(label));
                    break;
                }
            seen[n++] = label;
        }
}

static void check_all_labels(struct builder *builder)
{
    const char *const *languages = builder->maker->settings->languages;
    size_t v = 0;

    do
        check_labels(builder, v++);
    while (builder->good && languages && languages[v]);
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
        finding_add(builder->maker->findings, FINDING_WARNING, message_key_place(node, "buttons"),
                    "%zu buttons; Octopods' documents on the markup dialect allow %d", total,
                    LIMIT_OCTOPODS_BUTTONS);
}

/* --- whole -------------------------------------------------------------------------------------------------------- */

static int switch_of(const struct node *node, const char *key)
{
    return node_get(node, key) ? schema_bool(node, key, false) : -1;
}

static bool limit_teammate(struct text text, struct fault *fault)
{
    return text.n > 0 || fault_set(fault, "is empty");
}

static void build_fields(struct builder *builder, const struct node *node)
{
    struct message *message = builder->message;
    const struct node *channel = node_get(node, "channel");

    message_lines(builder, node_get(node, "text"));
    message->resize_keyboard = switch_of(node, "resize_keyboard");
    message->one_time_keyboard = switch_of(node, "one_time_keyboard");
    message->is_persistent = switch_of(node, "is_persistent");
    message->open_intercom_conversation = switch_of(node, "open_intercom_conversation");
    message->input_field_placeholder = message_leaf(builder, node_get(node, "input_field_placeholder"),
                                                    LEAF_TEXT, "input_field_placeholder", limits_placeholder);
    message->intercom_teammate_id = message_leaf(builder, node_get(node, "intercom_teammate_id"), LEAF_TEXT,
                                                 "intercom_teammate_id", limit_teammate);
    if (!channel)
        return;
    message->channel = arena_str(builder->maker->arena, channel->text);
    if (!message->channel)
        wrong(builder, channel->at, "out of memory");
    if (!builder->again)
        check_channel(builder, channel);
}

static void build_whole(struct builder *builder, const struct node *node)
{
    const struct node *buttons = node_get(node, "buttons");

    if (!builder->again)
        check_type(builder, node);
    build_fields(builder, node);
    message_rows(builder, buttons ? buttons : node_get(node, "keyboard"), !buttons);
    if (builder->again)
        return;
    if (builder->message->type == MESSAGE_REPLY_KEYBOARD)
        check_all_labels(builder);
    if (builder->good)
        check_flat(builder, node);
    check_markup(builder, node);
}

static bool has_pages(const struct node *rows)
{
    for (size_t i = 0; rows && i < rows->count; i++)
        if (node_get(rows->items[i], "page"))
            return true;
    return false;
}

const struct message *message_build(const struct node *node, struct message_context *context)
{
    struct maker *maker = context->maker;
    const struct names *before = maker->names;
    struct names names = before ? *before : (struct names){ 0 };
    struct message *message = arena_alloc(maker->arena, sizeof(*message));
    struct builder builder = { context, maker, message, true, names.again };

    if (!message) {
        finding_error(maker->findings, node->at, "out of memory");
        return NULL;
    }
    message->at = node->at;
    message->type = type_of(node);
    names.pages = has_pages(node_get(node, "buttons")) || has_pages(node_get(node, "keyboard"));
    maker->names = &names;
    build_whole(&builder, node);
    maker->names = before;
    return builder.good ? message : NULL;
}
