#include "core/tree.h"

#include "core/secret.h"

#include <stdlib.h>
#include <string.h>

#define FEW_KEYS 12 /* up to here every pair of keys is compared */

static bool no_memory(struct tree *tree)
{
    struct place at = { tree->document, 0, 0, 0 };

    finding_error(tree->findings, at, "the file takes more memory than it may");
    return false;
}

bool tree_begin(struct tree *tree, struct arena *arena, const char *path, struct text source,
                struct findings *findings)
{
    struct document *document = arena_alloc(arena, sizeof(*document));

    *tree = (struct tree){ .arena = arena, .findings = findings, .document = document };
    if (!document)
        return no_memory(tree);
    document->path = arena_str(arena, text_of(path));
    document->source = arena_text(arena, source);
    return document->path && document->source.p ? true : no_memory(tree);
}

void tree_end(struct tree *tree)
{
    free(tree->stack);
    tree->stack = NULL;
}

static bool push(struct tree *tree, struct node *node)
{
    if (!tree->stack || tree->used == tree->size) {
        size_t size = tree->size ? 2 * tree->size : 256;
        struct node **stack = realloc(tree->stack, size * sizeof(struct node *));

        if (!stack)
            return no_memory(tree);
        tree->stack = stack;
        tree->size = size;
    }
    tree->stack[tree->used++] = node;
    if (!tree->depth)
        tree->document->root = node;
    return true;
}

static struct node *add(struct tree *tree, const struct node *content)
{
    struct node *node;

    if (++tree->nodes > TREE_NODES) {
        finding_error(tree->findings, content->at, "the file holds more than %d values", TREE_NODES);
        finding_hint(tree->findings, "split it into several files");
        return NULL;
    }
    node = arena_alloc(tree->arena, sizeof(*node));
    if (!node) {
        no_memory(tree);
        return NULL;
    }
    *node = *content;
    return push(tree, node) ? node : NULL;
}

bool tree_open(struct tree *tree, enum node_kind kind, struct place at)
{
    if (tree->depth == TREE_DEPTH) {
        finding_error(tree->findings, at, "lists and maps stand more than %d levels deep", TREE_DEPTH);
        return false;
    }
    tree->levels[tree->depth++] = (struct tree_level){ kind, at, tree->used };
    return true;
}

struct node *tree_scalar(struct tree *tree, struct text text, bool plain, struct place at)
{
    struct node node = { NODE_SCALAR, at, arena_text(tree->arena, text), plain, 0, NULL, NULL };

    if (!node.text.p) {
        no_memory(tree);
        return NULL;
    }
    if (text.n && memchr(text.p, '\0', text.n)) {
        finding_error(tree->findings, at, "a text cannot hold the character NUL");
        return NULL;
    }
    return add(tree, &node);
}

bool tree_wants_key(const struct tree *tree)
{
    const struct tree_level *level = tree->depth ? &tree->levels[tree->depth - 1] : NULL;

    return level && level->kind == NODE_MAP && (tree->used - level->base) % 2 == 0;
}

const struct node *tree_key(const struct tree *tree)
{
    const struct tree_level *level = tree->depth ? &tree->levels[tree->depth - 1] : NULL;

    if (!level || level->kind != NODE_MAP || (tree->used - level->base) % 2 == 0)
        return NULL;
    return tree->stack[tree->used - 1];
}

static int compare_keys(const void *left, const void *right)
{
    const struct node *a = *(struct node *const *)left, *b = *(struct node *const *)right;
    size_t n = a->text.n < b->text.n ? a->text.n : b->text.n;
    int order = n ? memcmp(a->text.p, b->text.p, n) : 0;

    if (order == 0)
        order = (a->text.n > b->text.n) - (a->text.n < b->text.n);
    if (order == 0)
        order = (a->at.line > b->at.line) - (a->at.line < b->at.line);
    return order ? order : (a->at.column > b->at.column) - (a->at.column < b->at.column);
}

static void report_twice(struct tree *tree, const struct node *first, const struct node *again)
{
    char name[64];

    text_printable(again->text, name, sizeof(name) - 1);
    finding_error(tree->findings, again->at, "the key '%s' stands twice in this map", name);
    finding_hint(tree->findings, "it stands in line %d already", first->at.line);
}

static void check_few_keys(struct tree *tree, const struct node *map)
{
    for (size_t i = 1; i < map->count; i++)
        for (size_t j = 0; j < i; j++)
            if (text_eq(map->keys[i]->text, map->keys[j]->text)) {
                report_twice(tree, map->keys[j], map->keys[i]);
                break;
            }
}

static bool check_many_keys(struct tree *tree, const struct node *map)
{
    struct node **sorted = malloc(map->count * sizeof(struct node *));

    if (!sorted)
        return no_memory(tree);
    memcpy(sorted, map->keys, map->count * sizeof(struct node *));
    qsort(sorted, map->count, sizeof(struct node *), compare_keys);
    for (size_t i = 1; i < map->count; i++)
        if (text_eq(sorted[i]->text, sorted[i - 1]->text))
            report_twice(tree, sorted[i - 1], sorted[i]);
    free(sorted);
    return true;
}

static bool check_key(struct tree *tree, const struct node *key)
{
    if (key->kind != NODE_SCALAR) {
        finding_error(tree->findings, key->at, "a key must be a text, not a %s",
                      key->kind == NODE_LIST ? "list" : "map");
        finding_hint(tree->findings, "a text that begins with '{' or '[' needs single quotes");
        return false;
    }
    if (key->plain && text_is(key->text, "<<")) {
        finding_error(tree->findings, key->at, "merge keys ('<<') are not supported");
        finding_hint(tree->findings, "write the keys out");
        return false;
    }
    return true;
}

bool tree_is_secret(struct text key)
{
    static const char *const words[] = { "key", "token", "secret", "secrets", "password" };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        size_t n = strlen(words[i]);

        if (key.n >= n && text_is_nocase(text_make(key.p + key.n - n, n), words[i]))
            return true;
    }
    return false;
}

static size_t find(struct text text, size_t from, const char *what)
{
    const size_t n = strlen(what);

    for (; from <= text.n && n <= text.n - from; from++)
        if (memcmp(text.p + from, what, n) == 0)
            return from;
    return SIZE_MAX;
}

size_t tree_password_from(struct text text)
{
    const size_t scheme = find(text, 0, "postgres"), end = find(text, scheme, "://"),
                 from = end == SIZE_MAX ? text.n : end + 3, colon = find(text, from, ":");

    if (colon != SIZE_MAX && find(text, colon, "@") != SIZE_MAX)
        return from;
    return find(text, from, "password=") != SIZE_MAX ? from : SIZE_MAX;
}

static void conceal_value(struct tree *tree, const struct node *value)
{
    struct fault fault;

    for (size_t i = 0; value->kind != NODE_SCALAR && i < value->count; i++)
        conceal_value(tree, value->items[i]);
    if (value->kind == NODE_SCALAR && value->text.n >= 8 && !secret_check(value->text, &fault))
        findings_conceal(tree->findings, value->at);
}

/* Somebody may have written a secret where only a reference may stand; no finding on that line is to show it. */
static void conceal(struct tree *tree, const struct node *key, const struct node *value)
{
    if (tree_is_secret(key->text) ||
        (value->kind == NODE_SCALAR && tree_password_from(value->text) != SIZE_MAX))
        conceal_value(tree, value);
}

/* Keys and values take turns on the stack. */
static bool fill_map(struct tree *tree, struct node *map, struct node **pairs, size_t n)
{
    map->keys = arena_array(tree->arena, n, sizeof(struct node *));
    map->items = arena_array(tree->arena, n, sizeof(struct node *));
    if (!map->keys || !map->items)
        return no_memory(tree);
    for (size_t i = 0; pairs && i < n; i++) {
        if (!check_key(tree, pairs[2 * i]))
            continue;
        conceal(tree, pairs[2 * i], pairs[2 * i + 1]);
        map->keys[map->count] = pairs[2 * i];
        map->items[map->count++] = pairs[2 * i + 1];
    }
    if (map->count > FEW_KEYS)
        return check_many_keys(tree, map);
    check_few_keys(tree, map);
    return true;
}

static bool fill_list(struct tree *tree, struct node *list, struct node **items, size_t n)
{
    list->items = arena_array(tree->arena, n, sizeof(struct node *));
    if (!list->items)
        return no_memory(tree);
    if (items && n)
        memcpy(list->items, items, n * sizeof(struct node *));
    list->count = n;
    return true;
}

struct node *tree_close(struct tree *tree)
{
    struct tree_level *level = &tree->levels[tree->depth - 1];
    struct node node = { level->kind, level->at, TEXT_NONE, false, 0, NULL, NULL };
    struct node **nodes = tree->stack ? tree->stack + level->base : NULL;
    size_t n = tree->used - level->base;

    if (node.kind == NODE_MAP ? !fill_map(tree, &node, nodes, n / 2) : !fill_list(tree, &node, nodes, n))
        return NULL;
    tree->used = level->base;
    tree->depth--;
    return add(tree, &node);
}

/* Nodes of a tree, deeper than `depth` levels or more than `most` of them: SIZE_MAX. */
static size_t weigh(const struct node *node, int depth, size_t most)
{
    size_t total = 1;

    if (depth == 0 || most == 0)
        return SIZE_MAX;
    for (size_t i = 0; i < node->count; i++) {
        size_t part = weigh(node->items[i], depth - 1, most - total);

        if (part > most - total)
            return SIZE_MAX;
        total += part;
    }
    return total;
}

bool tree_repeat(struct tree *tree, struct node *node, struct place at)
{
    size_t weight = weigh(node, TREE_DEPTH + 1 - tree->depth, TREE_COPIES - tree->copies);

    if (weight > TREE_COPIES - tree->copies) {
        finding_error(tree->findings, at, "aliases make the file too large: more than %d values or %d levels",
                      TREE_COPIES, TREE_DEPTH);
        finding_hint(tree->findings, "write the values out");
        return false;
    }
    tree->copies += weight;
    return push(tree, node);
}
