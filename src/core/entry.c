#include "core/entry.h"

#include "core/doc.h"

#include <stddef.h>

#define DOC_MAX ((size_t)64 << 20)

static const char *const kinds[] = {
    [ENTRY_TAP] = "tap",           [ENTRY_TEXT] = "text",     [ENTRY_EITHER] = "either",
    [ENTRY_TEAMMATE] = "teammate", [ENTRY_CLOSED] = "closed",
};

const char *entry_kind_name(enum entry_kind kind)
{
    return kinds[kind];
}

bool entry_from_customer(enum entry_kind kind)
{
    return kind < ENTRY_TEAMMATE;
}

#define FIELD(name)                         \
    {                                       \
#name, offsetof(struct entry, name) \
    }

static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    FIELD(conversation), FIELD(message), FIELD(account), FIELD(topic), FIELD(author),
    FIELD(contact),      FIELD(user_id), FIELD(body),    FIELD(data),  FIELD(contact_doc),
    FIELD(attachment.type), FIELD(attachment.url), FIELD(attachment.name), FIELD(conversation_doc),
}, flags[] = {
    FIELD(fetched),
    FIELD(truncated),
    FIELD(contact_read),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool put_values(struct json_object *object, const struct entry *entry)
{
    struct json_object *values = json_object_new_array();

    if (!doc_add(object, "values", values))
        return false;
    for (size_t i = 0; i < entry->n_values; i++) {
        struct json_object *pair = json_object_new_object();

        if (!pair || json_object_array_add(values, pair) != 0) {
            json_object_put(pair);
            return false;
        }
        if (!doc_add_text(pair, "at", entry->values[i].at) ||
            !doc_add_text(pair, "value", entry->values[i].value))
            return false;
    }
    return true;
}

static bool fill(struct json_object *object, const struct entry *entry)
{
    const char *base = (const char *)entry;

    if (!doc_add_text(object, "kind", text_of(kinds[entry->kind])) ||
        !doc_add(object, "said_at", json_object_new_int64(entry->said_at)))
        return false;
    for (size_t i = 0; i < COUNT(texts); i++)
        if (!doc_add_text(object, texts[i].key, *(const struct text *)(base + texts[i].offset)))
            return false;
    for (size_t i = 0; i < COUNT(flags); i++)
        if (*(const bool *)(base + flags[i].offset) &&
            !doc_add(object, flags[i].key, json_object_new_boolean(true)))
            return false;
    return entry->n_values == 0 || put_values(object, entry);
}

bool entry_print(const struct entry *entry, struct arena *arena, struct text *doc)
{
    struct json_object *object = json_object_new_object();

    *doc = object && fill(object, entry) ? doc_printed(object, DOC_MAX, arena) : TEXT_NONE;
    json_object_put(object);
    return doc->p != NULL;
}

/* A member's text, copied; p stays NULL where there is none. */
static bool take(struct json_object *object, const char *key, struct arena *arena, struct text *out)
{
    struct text text = doc_str(object, key);

    *out = text.p ? arena_text(arena, text) : TEXT_NONE;
    return !text.p || out->p;
}

static bool take_values(struct json_object *list, struct arena *arena, struct entry *entry)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    struct entry_value *values = n ? arena_array(arena, n, sizeof(*values)) : NULL;

    if (n && !values)
        return false;
    for (size_t i = 0; i < n; i++) {
        struct json_object *pair = json_object_array_get_idx(list, i);

        if (!take(pair, "at", arena, &values[i].at) || !take(pair, "value", arena, &values[i].value))
            return false;
    }
    entry->values = values;
    entry->n_values = n;
    return true;
}

static bool take_all(struct json_object *object, struct arena *arena, struct entry *entry)
{
    char *base = (char *)entry;

    entry->said_at = json_object_get_int64(doc_key(object, "said_at"));
    for (size_t i = 0; i < COUNT(texts); i++)
        if (!take(object, texts[i].key, arena, (struct text *)(base + texts[i].offset)))
            return false;
    for (size_t i = 0; i < COUNT(flags); i++)
        *(bool *)(base + flags[i].offset) = json_object_get_boolean(doc_key(object, flags[i].key));
    return take_values(doc_key(object, "values"), arena, entry);
}

bool entry_read(struct text doc, struct arena *arena, struct entry *entry, struct fault *fault)
{
    struct json_object *object = doc_parse(doc, fault);
    struct text kind;
    bool ok;

    *entry = (struct entry){ .kind = COUNT(kinds) };
    if (!object)
        return false;
    kind = doc_str(object, "kind");
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (kind.p && text_is(kind, kinds[i]))
            entry->kind = (enum entry_kind)i;
    if (entry->kind == COUNT(kinds)) {
        json_object_put(object);
        return fault_set(fault, "the stored entry has no kind");
    }
    ok = take_all(object, arena, entry);
    json_object_put(object);
    return ok || fault_set(fault, "memory is out");
}
