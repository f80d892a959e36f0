#include "core/settings.h"

#include "core/doc.h"

static bool fill_hours(const struct settings *settings, struct json_object *scope, int64_t now_ms)
{
    struct json_object *hours = json_object_new_object();
    struct civil now;

    zone_civil(settings->zone, now_ms / 1000 - (now_ms % 1000 < 0), &now);
    for (size_t i = 0; hours && i < settings->n_hours; i++)
        if (!doc_add_text(hours, settings->hours[i].name,
                          text_of(hours_open(&settings->hours[i], &now) ? "open" : "closed"))) {
            json_object_put(hours);
            return false;
        }
    return doc_add(scope, "hours", hours);
}

/* The language as the settings have it, by which texts and conditions know it; helpdesks write de, DE or de-AT. p == NULL: it is none of
   them. */
static struct text known_language(const struct settings *settings, struct text language)
{
    if (!settings->languages)
        return language;
    for (size_t i = 0; language.p && settings->languages[i]; i++)
        if (text_is_nocase(language, settings->languages[i]))
            return text_of(settings->languages[i]);
    return TEXT_NONE;
}

static struct text language_of(const struct settings *settings, struct json_object *scope)
{
    struct text of_chat = known_language(settings, doc_str(doc_key(scope, "chat"), "lang"));
    struct text of_contact = doc_str(doc_key(scope, "contact"), "language"), head, tail;

    if (of_chat.p)
        return of_chat;
    if (text_cut(of_contact, '-', &head, &tail))
        of_contact = head;
    of_contact = known_language(settings, of_contact);
    if (of_contact.p || !settings->languages)
        return of_contact;
    return text_of(settings->languages[0]);
}

bool settings_fill(const struct settings *settings, struct json_object *scope, int64_t now_ms)
{
    struct text language = language_of(settings, scope);

    json_object_object_del(scope, "lang");
    return fill_hours(settings, scope, now_ms) && (!language.p || doc_add_text(scope, "lang", language));
}
