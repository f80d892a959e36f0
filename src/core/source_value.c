/* Values out of payloads: ids, times, texts, and the places where the configuration looks for them. */

#include "core/doc.h"
#include "core/html.h"
#include "core/source_internal.h"

#include "base/now.h"

#include <string.h>

#define TIME_MS_FROM 100000000000LL /* from here on a number is milliseconds: the year 5138 in seconds */
#define CONVERSATION_MAX ((size_t)16 << 10)
#define TIME_MS_LAST 253402300799999LL /* the end of the year 9999 */

bool value_id(struct json_object *value, struct arena *arena, struct text *out)
{
    char id[256];

    *out = TEXT_NONE;
    if (json_object_is_type(value, json_type_string) &&
        strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
        return false;
    if (!value || !doc_id(value, id))
        return false;
    *out = arena_text(arena, text_of(id));
    return out->p != NULL;
}

bool value_time(struct json_object *value, int64_t *ms)
{
    double d;

    switch (json_object_get_type(value)) {
    case json_type_string:
        return now_parse(json_object_get_string(value), ms) && *ms > 0;
    case json_type_int:
        *ms = json_object_get_int64(value);
        break;
    case json_type_double:
        d = json_object_get_double(value);
        *ms = d > 0 && d < (double)TIME_MS_LAST ? (int64_t)d : 0;
        break;
    default:
        return false;
    }
    if (*ms > 0 && *ms < TIME_MS_FROM)
        *ms *= 1000;
    return *ms > 0 && *ms <= TIME_MS_LAST;
}

/* The length of the character at the beginning, 0 if it is no UTF-8. */
static size_t character(struct text a)
{
    for (size_t n = 1; n <= 4 && n <= a.n; n++)
        if (text_utf8_count(text_make(a.p, n)) == 1)
            return n;
    return 0;
}

static void add_normal(struct text text, struct buf *out)
{
    size_t n;

    for (size_t i = 0; i < text.n; i += n) {
        struct text rest = text_make(text.p + i, text.n - i);

        n = character(rest);
        if (!n || !rest.p[0]) {
            buf_str(out, "\xEF\xBF\xBD");
            n = 1;
        } else if (rest.p[0] == '\r') {
            buf_char(out, '\n');
            n = text_starts(rest, "\r\n") ? 2 : 1;
        } else if (text_starts(rest, "\xC2\xA0")) {
            buf_char(out, ' ');
        } else {
            buf_add(out, rest.p, n);
        }
    }
}

struct text value_normal(struct text raw, bool html, struct arena *arena)
{
    struct buf bare = BUF(raw.n), out = BUF(raw.n * 3);
    struct text text = raw, copy = TEXT_NONE;

    if (html && html_detect(raw)) {
        html_reduce(raw, &bare);
        text = buf_get(&bare);
    }
    add_normal(text, &out);
    if (!bare.failed && !out.failed)
        copy = arena_text(arena, text_trim(buf_get(&out)));
    buf_free(&bare);
    buf_free(&out);
    return copy.p ? copy : text_of("");
}

struct text value_text(struct json_object *value, bool html, struct arena *arena)
{
    struct text text = doc_text(value);

    return text.p ? value_normal(text, html, arena) : text_of("");
}

struct json_object *value_spot(const struct spot *spot, const struct roots *roots)
{
    struct json_object *root = roots->at[spot->root];

    return root && spot->pointer ? doc_at(root, spot->pointer) : NULL;
}

struct text values_get(const struct entry *entry, const char *at)
{
    for (size_t i = 0; i < entry->n_values; i++)
        if (text_is(entry->values[i].at, at))
            return entry->values[i].value;
    return TEXT_NONE;
}

bool values_add(struct entry *entry, struct arena *arena, const char *at, struct text value)
{
    struct entry_value *values = arena_array(arena, entry->n_values + 1, sizeof(*values));
    size_t n = 0;

    if (!values)
        return false;
    for (size_t i = 0; i < entry->n_values; i++)
        if (!text_is(entry->values[i].at, at))
            values[n++] = entry->values[i];
    values[n++] = (struct entry_value){ arena_text(arena, text_of(at)), value };
    entry->values = values;
    entry->n_values = n;
    return values[n - 1].at.p != NULL;
}

static bool collect(const struct spots *spots, const struct roots *roots, struct arena *arena,
                    struct entry *entry)
{
    for (size_t i = 0; i < spots->count; i++) {
        const struct spot *spot = &spots->items[i];
        struct text value;

        if (spot->kind == SPOT_POINTER && value_id(value_spot(spot, roots), arena, &value) &&
            !values_add(entry, arena, spot->at, value))
            return false;
    }
    return true;
}

bool values_collect(const struct source *source, const struct roots *roots, struct arena *arena,
                    struct entry *entry)
{
    return collect(&source->user_ids, roots, arena, entry) && collect(&source->data, roots, arena, entry);
}

/* Digits with an optional leading minus, as Telegram's ids are. */
static bool is_user_id(struct text a)
{
    size_t first = a.n && a.p[0] == '-' ? 1 : 0;

    if (a.n <= first || a.n > SOURCE_USER_MAX)
        return false;
    for (size_t i = first; i < a.n; i++)
        if (a.p[i] < '0' || a.p[i] > '9')
            return false;
    return true;
}

static bool is_data(struct text a)
{
    return a.p && a.n > 0 && a.n <= SOURCE_DATA_MAX;
}

bool values_are_empty(const struct source *source, const struct entry *entry)
{
    return entry_from_customer(entry->kind) && !entry->body.n && !entry->attachment.type.p &&
           !values_have_data(source, entry);
}

bool values_have_data(const struct source *source, const struct entry *entry)
{
    for (size_t i = 0; i < source->data.count; i++)
        if (source->data.items[i].kind == SPOT_POINTER &&
            is_data(values_get(entry, source->data.items[i].at)))
            return true;
    return false;
}

bool values_want_contact(const struct source *source, const struct entry *entry)
{
    for (size_t i = 0; i < source->user_ids.count; i++) {
        const struct spot *spot = &source->user_ids.items[i];

        if (spot->kind == SPOT_CONTACT)
            return true;
        if (!spot->pattern && is_user_id(values_get(entry, spot->at)))
            return false;
    }
    return false;
}

/* --- plain values -------------------------------------------------------------------------------------------------- */

static bool is_plain(struct json_object *value)
{
    return value && !json_object_is_type(value, json_type_object) &&
           !json_object_is_type(value, json_type_array);
}

bool values_plain(struct json_object *from, struct json_object *to)
{
    bool ok = true;

    if (!json_object_is_type(from, json_type_object))
        return true;
    json_object_object_foreach(from, key, value)
    {
        if (ok && is_plain(value) && !doc_key(to, key))
            ok = doc_add(to, key, json_object_get(value));
    }
    return ok;
}

/* The plain values of `from` that `before` has not. */
static void print_plain(struct json_object *from, struct json_object *before, struct buf *out)
{
    if (!json_object_is_type(from, json_type_object))
        return;
    json_object_object_foreach(from, key, value)
    {
        if (!is_plain(value) || is_plain(doc_key(before, key)))
            continue;
        if (out->len > 1)
            buf_char(out, ',');
        doc_print_text(text_of(key), out);
        buf_char(out, ':');
        if (json_object_is_type(value, json_type_string))
            doc_print_text(doc_text(value), out);
        else
            doc_print(value, out);
    }
}

/* Printed as it is read: of nearly all conversations nobody asks for it, and an object of its own costs more than the rest. */
bool values_conversation(struct json_object *from, struct json_object *custom, struct arena *arena,
                         struct entry *entry)
{
    struct buf text = BUF(CONVERSATION_MAX);
    bool ok = true;

    buf_char(&text, '{');
    print_plain(from, NULL, &text);
    print_plain(custom, from, &text);
    buf_char(&text, '}');
    if (!text.failed) {
        entry->conversation_doc = arena_text(arena, buf_get(&text));
        ok = entry->conversation_doc.p != NULL;
    }
    buf_free(&text);
    return ok;
}

/* --- finishing ---------------------------------------------------------------------------------------------------- */

/* "external_id", or "custom_attributes.NAME"; NAME may have dots. */
static struct json_object *contact_value(struct json_object *contact, const char *path)
{
    static const char prefix[] = "custom_attributes.";

    if (strncmp(path, prefix, sizeof(prefix) - 1) == 0)
        return doc_key(doc_key(contact, "custom_attributes"), path + sizeof(prefix) - 1);
    return doc_key(contact, path);
}

/* What the spot's pattern takes out of the text, or the text itself; p == NULL if it does not match. */
static struct text narrowed(const struct spot *spot, struct text text, struct pattern_scratch *scratch)
{
    if (!text.p || !spot->pattern)
        return text;
    return pattern_match(spot->pattern, scratch, text) == PATTERN_YES ? pattern_group(scratch, spot->group)
                                                                      : TEXT_NONE;
}

static void find_user_id(const struct source *source, struct json_object *contact, struct entry *entry,
                         struct pattern_scratch *scratch, struct arena *arena)
{
    entry->user_id = TEXT_NONE;
    for (size_t i = 0; i < source->user_ids.count && !entry->user_id.p; i++) {
        const struct spot *spot = &source->user_ids.items[i];
        struct text value = TEXT_NONE;

        if (spot->kind != SPOT_CONTACT)
            value = values_get(entry, spot->at);
        else if (!value_id(contact_value(contact, spot->pointer), arena, &value))
            continue;
        value = narrowed(spot, value, scratch);
        if (is_user_id(value))
            entry->user_id = arena_text(arena, value);
    }
}

/* The callback_data of the JSON object in the text: from its first brace to its last. */
static struct text json_data(struct text body, struct arena *arena)
{
    const char *first = body.n && body.n <= PATTERN_SUBJECT_MAX ? memchr(body.p, '{', body.n) : NULL;
    struct text data = TEXT_NONE;
    struct json_object *object;
    struct fault fault;
    size_t n;

    if (!first)
        return TEXT_NONE;
    for (n = (size_t)(body.p + body.n - first); n && first[n - 1] != '}';)
        n--;
    object = n ? doc_parse(text_make(first, n), &fault) : NULL;
    if (doc_str(object, "callback_data").p)
        data = value_text(doc_key(object, "callback_data"), false, arena);
    json_object_put(object);
    return data;
}

static struct text spot_data(const struct spot *spot, const struct entry *entry,
                             struct pattern_scratch *scratch, struct arena *arena)
{
    switch (spot->kind) {
    case SPOT_POINTER:
        return values_get(entry, spot->at);
    case SPOT_JSON:
        return json_data(entry->body, arena);
    case SPOT_PATTERN:
        return text_trim(narrowed(spot, entry->body, scratch));
    default:
        return TEXT_NONE;
    }
}

static void find_data(const struct source *source, struct entry *entry, struct pattern_scratch *scratch,
                      struct arena *arena)
{
    entry->data = entry->body;
    if (!entry_from_customer(entry->kind))
        return;
    entry->kind = ENTRY_TEXT;
    for (size_t i = 0; i < source->data.count; i++) {
        const struct spot *spot = &source->data.items[i];
        struct text data = spot_data(spot, entry, scratch, arena);

        if (spot->kind == SPOT_TEXT) {
            entry->kind = entry->body.n ? ENTRY_EITHER : ENTRY_TEXT; /* an attachment alone is no tap */
            return;
        }
        if (is_data(data)) {
            data = arena_text(arena, data);
            entry->data = data.p ? data : text_of("");
            entry->kind = ENTRY_TAP;
            return;
        }
    }
}

void values_finish(const struct source *source, struct entry *entry, struct pattern_scratch *scratch,
                   struct arena *arena)
{
    struct fault fault;
    struct json_object *contact = entry->contact_doc.n ? doc_parse(entry->contact_doc, &fault) : NULL;

    find_user_id(source, contact, entry, scratch, arena);
    find_data(source, entry, scratch, arena);
    json_object_put(contact);
}
