#include "core/settings_build.h"

#include <string.h>

#define SPANS_MAX 100
#define DAYS_MAX 1000
#define LANGUAGES_MAX 100
#define SESSION_MAX ((int64_t)400 * 86400 * 1000)

/* --- schema ------------------------------------------------------------------------------------------------------- */

static bool check_zone(struct text text, struct fault *fault)
{
    return zone_name_fits(text) || fault_set(fault, "this is no time zone; write it so: Europe/Berlin");
}

static bool check_span(struct text text, struct fault *fault)
{
    struct hours_span span;

    return hours_read_span(text, &span, fault);
}

static bool check_day(struct text text, struct fault *fault)
{
    struct hours_day day;

    return hours_read_day(text, &day, fault);
}

static bool check_language(struct text text, struct fault *fault)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 'a' || text.p[i] > 'z')
            return fault_set(fault, "a language is written in small letters: en");
    return (text.n >= 2 && text.n <= 8) || fault_set(fault, "a language has 2 to 8 letters: en");
}

const struct schema settings_zone = { .kind = SCHEMA_CUSTOM, .what = "a time zone", .check = check_zone };
const struct schema settings_session = { .kind = SCHEMA_DURATION, .least = 60000, .most = SESSION_MAX };
static const struct schema span_schema = { .kind = SCHEMA_CUSTOM,
                                           .what = "opening hours",
                                           .check = check_span };
static const struct schema day_schema = { .kind = SCHEMA_CUSTOM, .what = "a day", .check = check_day };
static const struct schema spans_schema = {
    .kind = SCHEMA_LIST, .item = &span_schema, .least = 1, .most = SPANS_MAX
};
static const struct schema days_schema = {
    .kind = SCHEMA_LIST, .item = &day_schema, .least = 0, .most = DAYS_MAX
};

static const struct schema_key hours_keys[] = {
    { "open", &spans_schema, .required = true, .help = "such as 'Mon-Fri 09:00-18:00'" },
    { "closed", &days_schema, .help = "days such as '2026-12-25'" },
    { NULL },
};
const struct schema settings_hours_item = { .kind = SCHEMA_MAP, .what = "opening hours", .keys = hours_keys };
const struct schema settings_hours = { .kind = SCHEMA_DICT,
                                       .what = "a map of opening hours",
                                       .item = &settings_hours_item };

static const struct schema language_schema = { .kind = SCHEMA_CUSTOM,
                                               .what = "a language",
                                               .check = check_language };
const struct schema settings_languages = { .kind = SCHEMA_LIST,
                                           .what = "a list of languages",
                                           .item = &language_schema,
                                           .least = 1,
                                           .most = LANGUAGES_MAX };

/* --- building ----------------------------------------------------------------------------------------------------- */

const struct node *settings_once(const struct node *const *nodes, size_t n, const char *what,
                                 struct findings *findings)
{
    const struct node *first = NULL;

    for (size_t i = 0; i < n; i++) {
        if (nodes[i] && first) {
            finding_error(findings, nodes[i]->at, "'%s' stands twice", what);
            finding_hint(findings, "the first is in %s, line %d", first->at.document->path, first->at.line);
        } else if (nodes[i]) {
            first = nodes[i];
        }
    }
    return first;
}

/* A path leads to it: hours.NAME. */
static bool check_name(struct maker *maker, const struct named *named)
{
    for (size_t i = 0; i < named->name.n; i++)
        if (!named->name.p[i] ||
            !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", named->name.p[i])) {
            finding_error(maker->findings, named->key->at, "'%.*s' is no name for hours",
                          (int)(named->name.n < 60 ? named->name.n : 60), named->name.p);
            finding_hint(maker->findings, "letters, digits, '_' and '-'");
            return false;
        }
    return true;
}

static bool read_hours(struct maker *maker, const struct node *node, struct hours *out)
{
    const struct node *open = node_get(node, "open"), *closed = node_get(node, "closed");
    struct fault fault;
    bool good = true;

    out->spans = arena_array(maker->arena, open->count, sizeof(*out->spans));
    out->closed = arena_array(maker->arena, closed ? closed->count : 0, sizeof(*out->closed));
    if (!out->spans || !out->closed)
        return false;
    for (size_t i = 0; i < open->count; i++)
        good = hours_read_span(open->items[i]->text, &out->spans[out->n_spans++], &fault) && good;
    for (size_t i = 0; closed && i < closed->count; i++)
        good = hours_read_day(closed->items[i]->text, &out->closed[out->n_closed++], &fault) && good;
    return good;
}

static bool build_hours(struct maker *maker, const struct named_list *list, struct settings *out)
{
    struct hours *hours = arena_array(maker->arena, list->count, sizeof(*hours));
    bool good = hours;

    out->hours = hours;
    out->hours_names = list->words;
    for (size_t i = 0; hours && i < list->count; i++) {
        if (!list->items[i].good)
            continue;
        good = check_name(maker, &list->items[i]) && good;
        hours[out->n_hours].name = list->words[i];
        if (!read_hours(maker, list->items[i].value, &hours[out->n_hours++])) {
            finding_error(maker->findings, list->items[i].key->at, "out of memory");
            good = false;
        }
    }
    return good;
}

static bool build_languages(struct maker *maker, const struct node *list, struct settings *out)
{
    const char **languages = list ? arena_array(maker->arena, list->count + 1, sizeof(*languages)) : NULL;
    bool good = !list || languages;

    out->languages = languages;
    for (size_t i = 0; languages && i < list->count; i++) {
        for (size_t k = 0; k < i; k++)
            if (text_is(list->items[i]->text, languages[k])) {
                finding_error(maker->findings, list->items[i]->at, "language '%s' stands twice",
                              languages[k]);
                good = false;
            }
        languages[i] = arena_str(maker->arena, list->items[i]->text);
        if (!languages[i])
            return false;
    }
    return good;
}

bool settings_build(struct maker *maker, const struct named_list *hours, const struct node *languages,
                    struct settings *out)
{
    bool good = build_hours(maker, hours, out);

    return build_languages(maker, languages, out) && good;
}
