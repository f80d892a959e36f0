#include "core/named.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 60

static int compare_text(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* By name; equal ones as they stand in the files. */
static int compare(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    const struct place *l = &left->key->at, *r = &right->key->at;
    int order = compare_text(left->name, right->name);

    if (order == 0)
        order = strcmp(l->document->path, r->document->path);
    if (order == 0)
        order = (l->line > r->line) - (l->line < r->line);
    return order ? order : (l->column > r->column) - (l->column < r->column);
}

static void drop_twins(struct named_list *list, struct findings *findings)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct named *first = kept ? &list->items[kept - 1] : NULL;

        if (!first || !text_eq(first->name, list->items[i].name)) {
            list->items[kept++] = list->items[i];
            continue;
        }
        finding_error(findings, list->items[i].key->at, "%s '%.*s' stands twice", list->what,
                      TEXT_ARG(first->name));
        finding_hint(findings, "the first is in %s, line %d", first->key->at.document->path,
                     first->key->at.line);
    }
    list->count = kept;
}

bool named_collect(struct named_list *list, const char *what, const struct node *const *maps, size_t n_maps,
                   struct arena *arena, struct findings *findings)
{
    size_t total = 0;

    *list = (struct named_list){ .what = what };
    for (size_t i = 0; i < n_maps; i++)
        total += maps[i] ? maps[i]->count : 0;
    list->items = arena_array(arena, total + 1, sizeof(*list->items));
    list->words = arena_array(arena, total + 1, sizeof(*list->words));
    if (!list->items || !list->words)
        return false;
    for (size_t i = 0; i < n_maps; i++)
        for (size_t k = 0; maps[i] && k < maps[i]->count; k++)
            list->items[list->count++] =
                (struct named){ maps[i]->keys[k]->text, maps[i]->keys[k], maps[i]->items[k], false, false };
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), compare);
    drop_twins(list, findings);
    for (size_t i = 0; i < list->count; i++) {
        list->words[i] = arena_str(arena, list->items[i].name);
        if (!list->words[i])
            return false;
    }
    return true;
}

struct named *named_find(const struct named_list *list, struct text name)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_text(list->items[middle].name, name);

        if (order == 0)
            return &list->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool named_missing(const struct named_list *list, const struct node *name, struct findings *findings)
{
    char shown[SHOWN_MAX + 1];
    struct place at = name->at;
    const char *near;

    if (name->text.n && memchr(name->text.p, ' ', name->text.n))
        at.width = 1; /* no name: a sentence, which is right but stands in the wrong place */
    text_printable(name->text, shown, SHOWN_MAX);
    finding_error(findings, at, "no %s is called '%s'", list->what, shown);
    near = list->count ? text_closest(name->text, list->words) : NULL;
    if (near)
        finding_hint(findings, "did you mean '%s'?", near);
    return near;
}

void named_warn_unused(const struct named_list *list, struct findings *findings)
{
    for (size_t i = 0; i < list->count; i++)
        if (!list->items[i].used)
            finding_add(findings, FINDING_WARNING, list->items[i].key->at, "no rule uses %s '%.*s'",
                        list->what, TEXT_ARG(list->items[i].name));
}
