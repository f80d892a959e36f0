#include "core/path.h"

#include "core/doc.h"

#include <stdio.h>
#include <string.h>

/* --- paths -------------------------------------------------------------------------------------------------------- */

static bool is_first_word(struct text word)
{
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        bool letter = c >= 'a' && c <= 'z', later = (c >= '0' && c <= '9') || c == '_';

        if (!letter && !(i > 0 && later))
            return false;
    }
    return word.n > 0;
}

static bool is_inner_word(struct text word)
{
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '-'))
            return false;
    }
    return word.n > 0;
}

static bool is_group(struct text word)
{
    int64_t number;

    return word.n > 0 && word.n <= 3 && word.p[0] >= '1' && word.p[0] <= '9' && text_i64(word, &number);
}

bool path_read(struct text text, struct arena *arena, struct path *out)
{
    const char **words = arena_array(arena, PATH_WORDS_MAX, sizeof(*words));
    struct text head, tail = text;
    bool more = true;

    *out = (struct path){ .text = arena_text(arena, text), .words = words };
    while (words && more && out->count < PATH_WORDS_MAX) {
        more = text_cut(tail, '.', &head, &tail);
        if (!more)
            head = tail;
        if (out->count > 0 ? !is_inner_word(head) : !is_first_word(head) && !(!more && is_group(head)))
            return false;
        words[out->count] = arena_str(arena, head);
        if (!words[out->count++])
            words = NULL;
    }
    if (!words)
        out->text = TEXT_NONE;
    return !more && out->text.p;
}

bool path_first(const struct path *path, const char *word)
{
    return path->count > 0 && strcmp(path->words[0], word) == 0;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

static struct json_object *element(struct json_object *list, const char *word)
{
    int64_t i;

    if (!text_i64(text_of(word), &i) || i < 0 || (uint64_t)i >= json_object_array_length(list))
        return NULL;
    return json_object_array_get_idx(list, (size_t)i);
}

static struct json_object *walk(struct json_object *value, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n && value; i++)
        value =
            json_object_is_type(value, json_type_array) ? element(value, words[i]) : doc_key(value, words[i]);
    return value;
}

struct json_object *path_find(struct json_object *scope, const struct path *path)
{
    static const char *const inside[] = { "custom_attributes", "properties" };
    struct json_object *value = walk(scope, path->words, path->count), *contact;

    if (value || path->count != 2 || !path_first(path, "contact"))
        return value;
    contact = doc_key(scope, "contact");
    for (size_t i = 0; !value && i < sizeof(inside) / sizeof(*inside); i++)
        value = doc_key(doc_key(contact, inside[i]), path->words[1]);
    return value;
}

static struct text scalar_text(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
        return doc_text(value);
    case json_type_int:
    case json_type_double:
    case json_type_boolean:
        return text_of(json_object_get_string(value));
    default:
        return TEXT_NONE;
    }
}

/* The list whose elements the path counts, NULL if it counts none. */
static struct json_object *counted(struct json_object *scope, const struct path *path)
{
    struct path outer = { path->text, path->words, path->count - 1 };
    struct json_object *list;

    if (path->count < 2 || strcmp(path->words[path->count - 1], "count") != 0)
        return NULL;
    list = path_find(scope, &outer);
    return json_object_is_type(list, json_type_array) ? list : NULL;
}

struct text path_text(struct json_object *scope, const struct path *path, struct path_room *room)
{
    struct json_object *list = counted(scope, path);

    if (!list)
        return scalar_text(path_find(scope, path));
    snprintf(room->text, sizeof(room->text), "%zu", json_object_array_length(list));
    return text_of(room->text);
}
