#include "core/message_parts.h"

#include "core/limits.h"

#include <string.h>

/* --- buttons ------------------------------------------------------------------------------------------------------ */

static void check_action(struct builder *builder, const struct node *node, bool keyboard)
{
    const struct node *url = node_get(node, "url"), *data = node_get(node, "callback_data");

    if (keyboard && url)
        wrong(builder, message_key_place(node, "url"),
              "a key of a keyboard has no url; it sends its label as a text");
    else if (!keyboard && url && data)
        wrong(builder, message_key_place(node, "callback_data"),
              "a button has a url or callback_data, not both");
    else if (!keyboard && !url && !data)
        wrong(builder, node->at, "a button needs a url or callback_data");
}

static void check_token(struct builder *builder, const struct node *node, bool keyboard)
{
    if (!schema_bool(node, "token", false) || (!keyboard && node_get(node, "callback_data")))
        return;
    wrong(builder, message_key_place(node, "token"),
          "a token goes out in place of callback_data, and this %s",
          keyboard ? "key only sends its label" : "button has none");
    hint(builder, "leave it out");
}

static void build_fields(struct builder *builder, const struct node *node, struct message_button *out)
{
    const bool map = node->kind == NODE_MAP;

    out->text = message_leaf(builder, map ? node_get(node, "text") : node, LEAF_TEXT, "label", limits_label);
    if (!map)
        return;
    out->token = schema_bool(node, "token", false);
    builder->maker->wants.ledger |= out->token;
    out->url = message_leaf(builder, node_get(node, "url"), LEAF_URL, "url", limits_url);
    out->callback_data = message_leaf(builder, node_get(node, "callback_data"), LEAF_TEXT, "callback_data",
                                      out->token ? limits_token_data : limits_data);
}

static void build_button(struct builder *builder, const struct node *node, bool keyboard,
                         struct message_button *out)
{
    struct inside guarded;

    out->at = node->at;
    out->node = node;
    if (!keyboard && node->kind == NODE_SCALAR) {
        char shown[41];

        text_printable(node->text, shown, sizeof(shown) - 1);
        wrong(builder, node->at, "a button needs a url or callback_data");
        hint(builder, "write: { text: '%s', callback_data: '...' }", shown);
        return;
    }
    if (node->kind == NODE_MAP) {
        if (!builder->again)
            check_action(builder, node, keyboard);
        if (!builder->again)
            check_token(builder, node, keyboard);
        out->when = message_when(builder, node);
    }
    message_enter_when(builder, out->when, &guarded);
    build_fields(builder, node, out);
    message_leave(builder, &guarded);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

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
        bool near = named_missing(builder->context->rows, node, builder->maker->findings);

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
    if (list->count * out->per_row > LIMIT_ROW) {
        wrong(builder, message_key_place(node, "per_row"), "%zu buttons side by side; a row takes %d",
              list->count * out->per_row, LIMIT_ROW);
        return;
    }
    out->buttons = arena_array(builder->maker->arena, list->count, sizeof(*out->buttons));
    if (!out->buttons) {
        wrong(builder, node->at, "out of memory");
        return;
    }
    out->count = list->count;
    for (size_t i = 0; i < list->count; i++)
        build_button(builder, list->items[i], keyboard, &out->buttons[i]);
}

/* Which page is shown is known before anything of the message is: pages.now has no value there. */
static struct template *build_page(struct builder *builder, const struct node *node)
{
    struct names names = *builder->maker->names;
    const struct names *before = builder->maker->names;
    struct template *page;

    names.pages = false;
    builder->maker->names = &names;
    page = message_leaf(builder, node, LEAF_TEXT, "page", NULL);
    builder->maker->names = before;
    return page;
}

static void build_row_inside(struct builder *builder, const struct node *node, const struct node *list,
                             bool keyboard, struct message_row *out)
{
    struct inside repeated, guarded;

    message_enter_repeat(builder, out->repeat, &repeated);
    if (node->kind == NODE_MAP)
        out->when = message_when(builder, node);
    message_enter_when(builder, out->when, &guarded);
    build_buttons(builder, node, list, keyboard, out);
    message_leave(builder, &guarded);
    message_leave(builder, &repeated);
}

static void build_row(struct builder *builder, const struct node *node, bool keyboard,
                      struct message_row *out)
{
    const struct node *list = row_list(builder, node, keyboard);
    bool before = builder->good;

    *out = (struct message_row){ .at = node->at, .per_row = 1 };
    if (!list)
        return;
    builder->good = true;
    if (node->kind == NODE_MAP) {
        out->repeat = message_repeat(builder, node);
        out->per_row = (size_t)schema_int(node, "per_row", 1);
        out->page = out->repeat ? build_page(builder, node_get(node, "page")) : NULL;
    }
    build_row_inside(builder, node, list, keyboard, out);
    /* what is wrong with a row that many messages use is said once */
    if (!builder->good && node->kind == NODE_SCALAR)
        named_find(builder->context->rows, node->text)->good = false;
    builder->good &= before;
}

/* --- all rows ----------------------------------------------------------------------------------------------------- */

static bool always_stands(const struct message_row *row)
{
    for (size_t i = 0; i < row->count && !row->when && !row->repeat; i++)
        if (!row->buttons[i].when)
            return true;
    return false;
}

/* Does a condition around this place look at the number of the list's elements? */
static bool counts_elements(const struct names *names, const struct path *list)
{
    for (const struct names_guard *guard = names->guards; guard; guard = guard->outer)
        for (size_t i = 0; i < guard->when->count; i++) {
            struct text path = guard->when->parts[i].path.text;

            if (path.n == list->text.n + strlen(".count") && text_ends(path, ".count") &&
                memcmp(path.p, list->text.p, list->text.n) == 0)
                return true;
        }
    return false;
}

static void warn_empty(struct builder *builder)
{
    const struct message *message = builder->message;
    const struct names *names = builder->maker->names;
    const struct message_repeat *repeat = NULL;

    for (size_t i = 0; i < message->n_rows; i++) {
        if (always_stands(&message->rows[i]))
            return;
        if (message->rows[i].repeat && counts_elements(names, &message->rows[i].repeat->path))
            return;
        if (!repeat)
            repeat = message->rows[i].repeat;
    }
    if (!repeat || !names->all)
        return;
    finding_add(builder->maker->findings, FINDING_WARNING, repeat->at,
                "in rule '%s' this 'repeat' may leave no button; then nothing is sent", names->rule);
    hint(builder, "add a row that always stands, or choose another reply when: { %.*s.count: '0|' }",
         TEXT_ARG(repeat->path.text));
}

static void check_pages(struct builder *builder, const struct node *list)
{
    const struct node *first = NULL;

    for (size_t i = 0; i < list->count && !builder->again; i++) {
        if (!node_get(list->items[i], "page"))
            continue;
        if (first)
            wrong(builder, message_key_place(list->items[i], "page"), "only one row of a message has 'page'");
        first = list->items[i];
    }
}

static size_t sure_buttons(const struct message_row *row)
{
    size_t n = 0;

    for (size_t i = 0; i < row->count && !row->when && !row->repeat; i++)
        n += !row->buttons[i].when;
    return n;
}

void message_rows(struct builder *builder, const struct node *list, bool keyboard)
{
    struct message *message = builder->message;
    size_t total = 0;

    if (!list)
        return;
    if (list->count < 1 || list->count > LIMIT_BUTTONS) {
        wrong(builder, list->at, "there must be 1 to %d rows", LIMIT_BUTTONS);
        return;
    }
    message->rows = arena_array(builder->maker->arena, list->count, sizeof(*message->rows));
    if (!message->rows) {
        wrong(builder, list->at, "out of memory");
        return;
    }
    message->n_rows = list->count;
    for (size_t i = 0; i < list->count; i++) {
        build_row(builder, list->items[i], keyboard, &message->rows[i]);
        total += sure_buttons(&message->rows[i]);
    }
    check_pages(builder, list);
    if (total > LIMIT_BUTTONS && !builder->again)
        wrong(builder, list->at, "%zu buttons; a message takes %d", total, LIMIT_BUTTONS);
    if (builder->good)
        warn_empty(builder);
}
