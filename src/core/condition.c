#include "core/condition.h"

#include "core/names.h"
#include "core/pattern_pool.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 20

static const struct schema pattern_schema = { .kind = SCHEMA_TEXT, .what = "a pattern" };
const struct schema condition_schema = {
    .kind = SCHEMA_DICT, .what = "a map of paths and patterns", .item = &pattern_schema, .least = 1
};

/* --- building ----------------------------------------------------------------------------------------------------- */

static int compare_text(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int compare_parts(const void *a, const void *b)
{
    const struct condition_part *left = a, *right = b;

    return compare_text(left->path.text, right->path.text);
}

static bool build_path(struct maker *maker, const struct node *key, struct condition_part *out)
{
    if (path_read(key->text, maker->arena, &out->path))
        return names_check(maker, &out->path, NAMES_OPTIONAL, key, 0, key->text.n);
    if (!out->path.text.p) {
        finding_error(maker->findings, key->at, "out of memory");
        return false;
    }
    if (maker->names && maker->names->again)
        return false;
    finding_error(maker->findings, key->at, "'%.*s' is no name", (int)(key->text.n < 60 ? key->text.n : 60),
                  key->text.p);
    finding_hint(maker->findings, "write the path without ${}: when: { contact.vip: 'true' }");
    return false;
}

static bool build_pattern(struct maker *maker, const struct node *node, struct condition_part *out)
{
    struct fault fault;
    size_t offset = 0;

    out->at = node->at;
    out->pattern = pattern_pool_get(maker->pool, node->text, &offset, &fault);
    if (out->pattern)
        return true;
    if (offset >= node->text.n && node->text.n)
        offset = node->text.n - 1;
    if (!maker->names || !maker->names->again)
        finding_error(maker->findings, node_part(node, offset, 1), "%s", fault.text);
    return false;
}

/* Values that are one of few words. */
static const char *const *words_of(const struct maker *maker, const struct path *path)
{
    static const char *const hours[] = { "open", "closed", NULL };

    return path_first(path, "hours")                      ? hours
           : path_first(path, "lang") && path->count == 1 ? maker->settings->languages
                                                          : NULL;
}

/* A slip of the pen, such as `opne`, makes a condition that never holds. */
static void warn_never(struct maker *maker, const struct condition_part *part, struct text pattern)
{
    const char *const *words = words_of(maker, &part->path);
    struct pattern_scratch *scratch = words ? pattern_scratch_new() : NULL;
    struct buf list = BUF(200);
    bool takes = !scratch;

    for (size_t i = 0; scratch && words[i]; i++) {
        takes = takes || pattern_match(part->pattern, scratch, text_of(words[i])) != PATTERN_NO;
        buf_printf(&list, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    }
    pattern_scratch_free(scratch);
    if (!takes) {
        const char *near = text_closest(pattern, words);

        finding_add(maker->findings, FINDING_WARNING, part->at, "%.*s is never this: it is %.*s",
                    TEXT_ARG(part->path.text), TEXT_ARG(buf_get(&list)));
        if (near)
            finding_hint(maker->findings, "did you mean '%s'?", near);
    }
    buf_free(&list);
}

bool condition_build(struct maker *maker, const struct node *node, const struct condition **out)
{
    struct condition *condition = node ? arena_alloc(maker->arena, sizeof(*condition)) : NULL;
    bool good = true;

    *out = condition;
    if (!node)
        return true;
    if (condition)
        condition->parts = arena_array(maker->arena, node->count, sizeof(*condition->parts));
    if (!condition || !condition->parts || node->count > PARTS_MAX) {
        finding_error(maker->findings, node->at, "a condition has at most %d parts", PARTS_MAX);
        return false;
    }
    condition->count = node->count;
    for (size_t i = 0; i < node->count; i++) {
        struct condition_part *part = &condition->parts[i];

        good = build_path(maker, node->keys[i], part) && good;
        good = build_pattern(maker, node->items[i], part) && good;
        if (good && maker->names && !maker->names->again)
            warn_never(maker, part, node->items[i]->text);
    }
    if (!good)
        return false;
    qsort(condition->parts, condition->count, sizeof(*condition->parts), compare_parts);
    for (size_t i = 0; i < condition->count; i++)
        condition->parts[i].takes_empty = pattern_takes_empty(condition->parts[i].pattern);
    return true;
}

/* --- use ---------------------------------------------------------------------------------------------------------- */

bool condition_holds(const struct condition *condition, struct json_object *scope,
                     struct pattern_scratch *scratch)
{
    for (size_t i = 0; condition && i < condition->count; i++) {
        const struct condition_part *part = &condition->parts[i];
        struct path_room room;
        struct text value = path_text(scope, &part->path, &room);

        if (!value.p)
            value = text_of("");
        if (value.n == 0 ? !part->takes_empty : pattern_match(part->pattern, scratch, value) != PATTERN_YES)
            return false;
    }
    return true;
}

bool condition_gives(const struct condition *condition, bool fails, const struct path *path)
{
    if (fails && condition->count != 1)
        return false;
    for (size_t i = 0; i < condition->count; i++)
        if (condition->parts[i].takes_empty == fails && text_eq(condition->parts[i].path.text, path->text))
            return true;
    return false;
}

bool condition_same(const struct condition *a, const struct condition *b)
{
    if (!a || !b || a->count != b->count)
        return a == b;
    for (size_t i = 0; i < a->count; i++)
        if (!text_eq(a->parts[i].path.text, b->parts[i].path.text) ||
            a->parts[i].pattern != b->parts[i].pattern)
            return false;
    return true;
}
