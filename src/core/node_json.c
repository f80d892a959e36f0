#include "core/node_json.h"

#include "core/doc.h"

static struct json_object *scalar_json(const struct node *node)
{
    struct json_object *number = NULL;
    struct fault fault;
    bool flag;

    if (node_is_null(node))
        return NULL;
    if (node_bool(node, &flag))
        return json_object_new_boolean(flag);
    if (node->plain)
        number = doc_parse(node->text, &fault);
    if (json_object_is_type(number, json_type_int) || json_object_is_type(number, json_type_double))
        return number;
    json_object_put(number);
    return json_object_new_string_len(node->text.p, (int)node->text.n);
}

struct json_object *node_json(const struct node *node)
{
    struct json_object *out;

    if (node->kind == NODE_SCALAR)
        return scalar_json(node);
    out = node->kind == NODE_LIST ? json_object_new_array() : json_object_new_object();
    for (size_t i = 0; out && i < node->count; i++) {
        struct json_object *item = node_json(node->items[i]);

        if (node->kind == NODE_LIST ? json_object_array_add(out, item) != 0
                                    : json_object_object_add(out, node->keys[i]->text.p, item) != 0)
            json_object_put(item);
    }
    return out;
}
