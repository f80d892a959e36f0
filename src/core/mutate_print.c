#include "core/doc.h"
#include "core/mutate.h"

#include <json-c/json.h>
#include <string.h>

static void put_string(struct buf *out, struct text text)
{
    struct json_object *string = json_object_new_string_len(text.p ? text.p : "", (int)text.n);

    buf_str(out, string ? json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE) : "\"\"");
    out->failed = out->failed || !string;
    json_object_put(string);
}

/* With the digits that it has. */
static bool is_number(const struct node *node)
{
    struct fault fault;
    struct json_object *value = node->plain ? doc_parse(node->text, &fault) : NULL;
    bool is = json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);

    json_object_put(value);
    return is;
}

/* Words that mean something without quotes stay bare; all else is a string. */
static void put_scalar(struct buf *out, const struct node *node)
{
    bool flag;

    if (node_bool(node, &flag))
        buf_str(out, flag ? "true" : "false");
    else if (node_is_null(node))
        buf_str(out, "null");
    else if (is_number(node))
        buf_text(out, node->text);
    else
        put_string(out, node->text);
}

static void put_node(const struct mutant *mutant, const struct node *node, struct buf *out);

/* Which item stands at this place; NULL: none does. */
static const struct node *item_at(const struct mutant *mutant, const struct node *node, size_t i)
{
    if (node != mutant->inside)
        return node->items[i];
    if (mutant->kind == MUTANT_DROP && i == mutant->item)
        return NULL;
    if (mutant->kind == MUTANT_SWAP && i == mutant->item)
        return node->items[i + 1];
    if (mutant->kind == MUTANT_SWAP && i == mutant->item + 1)
        return node->items[i - 1];
    return node->items[i];
}

static void put_items(const struct mutant *mutant, const struct node *node, struct buf *out)
{
    bool any = false;

    for (size_t i = 0; i < node->count; i++) {
        const struct node *item = item_at(mutant, node, i);

        if (!item)
            continue;
        if (any)
            buf_char(out, ',');
        any = true;
        if (node->kind == NODE_MAP) {
            put_string(out, node->keys[i]->text);
            buf_char(out, ':');
        }
        if (mutant->kind == MUTANT_PATTERN && node == mutant->inside && i == mutant->item)
            put_string(out, text_of(mutant->pattern));
        else
            put_node(mutant, item, out);
    }
}

static void put_node(const struct mutant *mutant, const struct node *node, struct buf *out)
{
    if (node->kind == NODE_SCALAR) {
        put_scalar(out, node);
        return;
    }
    buf_char(out, node->kind == NODE_MAP ? '{' : '[');
    put_items(mutant, node, out);
    buf_char(out, node->kind == NODE_MAP ? '}' : ']');
}

void mutate_print(const struct document *document, const struct mutant *mutant, struct buf *out)
{
    put_node(mutant, document->root, out);
}

void mutate_describe(const struct mutant *mutant, struct buf *out)
{
    buf_str(out, mutant->what);
    if (mutant->pattern)
        buf_printf(out, ": '%s'", mutant->pattern);
    buf_printf(out, " (%s:%d)", mutant->at.document->path, mutant->at.line);
}
