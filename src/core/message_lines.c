#include "core/message_parts.h"

#include "core/limits.h"

#include <string.h>

#define MAX_DEFAULT 10
#define AS_DEFAULT "item"

struct place message_key_place(const struct node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++)
        if (text_is(map->keys[i]->text, key))
            return map->keys[i]->at;
    return map->at;
}

/* --- leaves ------------------------------------------------------------------------------------------------------- */

static void check_limit(struct builder *builder, const struct node *node, const struct template *template,
                        const char *what, limit_check *limit)
{
    struct fault fault;
    struct text text;

    for (size_t i = 0; i < template_variants(template); i++) {
        const struct node *one =
            node->kind == NODE_MAP ? node_get(node, builder->maker->settings->languages[i]) : node;

        if (template_static(template_variant(template, i), &text) && !limit(text, &fault))
            wrong(builder, one->at, "%s %s", what, fault.text);
    }
}

struct template *message_leaf(struct builder *builder, const struct node *node, enum template_leaf leaf,
                              const char *what, limit_check *limit)
{
    struct template *template;

    if (!node)
        return NULL;
    template = template_compile(builder->maker, node, leaf);
    if (!template)
        builder->good = false;
    else if (limit && !builder->again)
        check_limit(builder, node, template, what, limit);
    return template;
}

/* --- repeat and when ------------------------------------------------------------------------------------------------ */

static bool fit_name(struct text name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!name.p[i] || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_", name.p[i]))
            return false;
    return name.n > 0 && name.p[0] >= 'a' && name.p[0] <= 'z';
}

static void check_as(struct builder *builder, struct text name, struct place at)
{
    const struct names *names = builder->maker->names;

    if (!builder->again && !fit_name(name)) {
        wrong(builder, at, "'%.*s' is no name for an element", (int)(name.n < 60 ? name.n : 60), name.p);
        hint(builder, "small letters, digits and '_', a letter first");
        return;
    }
    if (!builder->again && names_reserved(name)) {
        wrong(builder, at, "'%.*s' has a meaning of its own in templates", TEXT_ARG(name));
        hint(builder, "give the element another name: as: ...");
        return;
    }
    if (names_lookup_find(names->lookups, name)) {
        wrong(builder, at, "'%.*s' is the name of a lookup's answer already", TEXT_ARG(name));
        hint(builder, "give the element another name: as: ...");
    }
    for (const char *const *one = names->all; one && *one; one++)
        if (text_is(name, *one)) {
            wrong(builder, at, "'%.*s' is the name of a group of rule '%s' already", TEXT_ARG(name),
                  names->rule);
            hint(builder, "give the element another name: as: ...");
        }
}

static void check_alone(struct builder *builder, const struct node *map)
{
    static const char *const keys[] = { "as", "max", "per_row", "page" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys) && !builder->again; i++)
        if (node_get(map, keys[i]))
            wrong(builder, message_key_place(map, keys[i]), "'%s' needs 'repeat' beside it", keys[i]);
}

static bool read_list(struct builder *builder, const struct node *node, struct path *path)
{
    if (path_read(node->text, builder->maker->arena, path)) {
        if (!names_check(builder->maker, path, NAMES_LIST, node, 0, node->text.n))
            return false;
        if (path->count > 1 || names_form(builder->maker->names, path))
            return true;
        if (builder->again || !builder->maker->names)
            return false;
        finding_error(builder->maker->findings, node->at, "'%.*s' is no list", TEXT_ARG(path->text));
        return false;
    }
    if (builder->again)
        return false;
    finding_error(builder->maker->findings, node->at, "'%.*s' is no path of a list",
                  (int)(node->text.n < 60 ? node->text.n : 60), node->text.p);
    hint(builder, "write it without ${}: repeat: contact.tags.data");
    return false;
}

const struct message_repeat *message_repeat(struct builder *builder, const struct node *map)
{
    const struct node *list = node_get(map, "repeat"), *as = node_get(map, "as");
    struct text name = as ? as->text : text_of(AS_DEFAULT);
    struct message_repeat *repeat;

    if (!list) {
        check_alone(builder, map);
        return NULL;
    }
    repeat = arena_alloc(builder->maker->arena, sizeof(*repeat));
    if (repeat)
        repeat->as = arena_str(builder->maker->arena, name);
    if (!repeat || !repeat->as) {
        wrong(builder, list->at, "out of memory");
        return NULL;
    }
    repeat->at = list->at;
    repeat->max = (size_t)schema_int(map, "max", MAX_DEFAULT);
    if (!read_list(builder, list, &repeat->path))
        builder->good = false;
    check_as(builder, name, as ? as->at : list->at);
    return repeat;
}

const struct condition *message_when(struct builder *builder, const struct node *map)
{
    const struct condition *when;

    if (!condition_build(builder->maker, node_get(map, "when"), &when)) {
        builder->good = false;
        return NULL;
    }
    return when;
}

static void enter(struct builder *builder, struct inside *inside)
{
    inside->before = builder->maker->names;
    inside->names = *inside->before;
    builder->maker->names = &inside->names;
}

void message_enter_repeat(struct builder *builder, const struct message_repeat *repeat, struct inside *inside)
{
    enter(builder, inside);
    if (!repeat)
        return;
    inside->inner = (struct names_inner){ repeat->as, inside->before->inner, &repeat->path };
    inside->names.inner = &inside->inner;
}

void message_enter_when(struct builder *builder, const struct condition *when, struct inside *inside)
{
    enter(builder, inside);
    if (!when)
        return;
    inside->guard = (struct names_guard){ when, false, inside->before->guards };
    inside->names.guards = &inside->guard;
}

void message_leave(struct builder *builder, const struct inside *inside)
{
    builder->maker->names = inside->before;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static void build_line(struct builder *builder, const struct node *node, limit_check *limit,
                       struct message_line *out)
{
    const struct node *text = node;
    struct inside repeated, guarded;

    *out = (struct message_line){ .at = node->at };
    if (node->kind == NODE_MAP && limit == NULL) {
        text = node_get(node, "text");
        out->repeat = message_repeat(builder, node);
    }
    message_enter_repeat(builder, out->repeat, &repeated);
    if (text != node)
        out->when = message_when(builder, node);
    message_enter_when(builder, out->when, &guarded);
    out->text = message_leaf(builder, text, LEAF_TEXT, "text", limit);
    message_leave(builder, &guarded);
    message_leave(builder, &repeated);
}

/* A text alone must fit by itself; of lines only their sum counts, and is known when they are rendered. */
void message_lines(struct builder *builder, const struct node *node)
{
    struct message *message = builder->message;
    size_t n = node->kind == NODE_LIST ? node->count : 1;

    message->lines = arena_array(builder->maker->arena, n, sizeof(*message->lines));
    if (!message->lines) {
        wrong(builder, node->at, "out of memory");
        return;
    }
    message->n_lines = n;
    if (node->kind != NODE_LIST) {
        build_line(builder, node, limits_text, &message->lines[0]);
        return;
    }
    for (size_t i = 0; i < n; i++)
        build_line(builder, node->items[i], NULL, &message->lines[i]);
}
