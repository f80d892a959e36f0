/* Attachments: what the inboxes say of a file, as a media type, a URL and a name. */

#include "core/doc.h"
#include "core/source_internal.h"

#include <string.h>

#define URL_MAX 4096
#define NAME_MAX_BYTES 255
#define UNKNOWN "application/octet-stream"

/* Where the inbox says no type, or none that says much. */
static const struct {
    const char *end, *type;
} by_name[] = {
    { ".jpg", "image/jpeg" },      { ".jpeg", "image/jpeg" }, { ".png", "image/png" },
    { ".gif", "image/gif" },       { ".webp", "image/webp" }, { ".heic", "image/heic" },
    { ".pdf", "application/pdf" }, { ".mp4", "video/mp4" },   { ".mp3", "audio/mpeg" },
    { ".ogg", "audio/ogg" },       { ".oga", "audio/ogg" },   { ".m4a", "audio/mp4" },
};

/* HubSpot's fileUsageType. */
static const struct {
    const char *usage, *type;
} by_usage[] = {
    { "IMAGE", "image/*" },
    { "STICKER", "image/*" },
    { "AUDIO", "audio/*" },
    { "VOICE_RECORDING", "audio/*" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool ends_nocase(struct text text, const char *end)
{
    size_t n = strlen(end);

    return text.n > n && text_is_nocase(text_make(text.p + text.n - n, n), end);
}

static const char *type_by_name(struct text name)
{
    const char *query = name.n ? memchr(name.p, '?', name.n) : NULL;

    if (query)
        name.n = (size_t)(query - name.p);
    for (size_t i = 0; i < COUNT(by_name); i++)
        if (ends_nocase(name, by_name[i].end))
            return by_name[i].type;
    return NULL;
}

static const char *guessed(const struct attachment *file, struct text usage)
{
    const char *type = type_by_name(file->name);

    if (!type)
        type = type_by_name(file->url);
    for (size_t i = 0; !type && usage.p && i < COUNT(by_usage); i++)
        if (text_is(usage, by_usage[i].usage))
            type = by_usage[i].type;
    return type ? type : UNKNOWN;
}

static struct text bounded(struct json_object *value, size_t most, struct arena *arena)
{
    struct text text = value_text(value, false, arena);

    return text.n && text.n <= most ? text : TEXT_NONE;
}

static bool is_file(struct json_object *item)
{
    struct text type = doc_str(item, "type");

    /* HubSpot lists contacts, places and quick replies as attachments too. */
    return json_object_is_type(item, json_type_string) ||
           (json_object_is_type(item, json_type_object) &&
            (!doc_key(item, "fileUsageType")
                 ? !type.p || memchr(type.p, '/', type.n) || text_is(type, "upload")
                 : text_is(type, "FILE")));
}

static void read_file(struct json_object *item, struct arena *arena, struct attachment *out)
{
    bool plain = json_object_is_type(item, json_type_string);
    struct text type = doc_str(item, "content_type");

    out->url = bounded(plain ? item : doc_key(item, "url"), URL_MAX, arena);
    out->name = bounded(doc_key(item, "name"), NAME_MAX_BYTES, arena);
    if (!type.p)
        type = doc_str(item, "type");
    if (type.n && type.n <= NAME_MAX_BYTES && memchr(type.p, '/', type.n))
        out->type = value_normal(type, false, arena);
    else
        out->type = text_of(guessed(out, doc_str(item, "fileUsageType")));
}

void attachment_read(struct json_object *value, struct arena *arena, struct attachment *out)
{
    bool list = json_object_is_type(value, json_type_array);
    size_t n = list ? json_object_array_length(value) : value ? 1 : 0;

    *out = (struct attachment){ TEXT_NONE, TEXT_NONE, TEXT_NONE };
    for (size_t i = 0; i < n && !out->type.p; i++) {
        struct json_object *item = list ? json_object_array_get_idx(value, i) : value;

        if (is_file(item))
            read_file(item, arena, out);
    }
}
