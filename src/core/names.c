#include "core/names.h"

#include "core/condition.h"

#include <string.h>

/* Words with a meaning of their own, and what may stand behind them. */
static const struct {
    const char *word;
    enum {
        INSIDE_NOTHING,
        INSIDE_ANY,
        INSIDE_ATTACHMENT,
        INSIDE_CHAT,
        INSIDE_HOURS,
        INSIDE_PAGES,
        LATER
    } inside;
} reserved[] = {
    { "chat", INSIDE_CHAT },        { "contact", INSIDE_ANY },
    { "conversation", INSIDE_ANY }, { "attachment", INSIDE_ATTACHMENT },
    { "hours", INSIDE_HOURS },      { "lang", INSIDE_NOTHING },
    { "pages", INSIDE_PAGES },      { "secret", LATER },
    { "source", INSIDE_NOTHING },   { "channel", INSIDE_NOTHING },
    { "topic", INSIDE_NOTHING },
};

static const char *const attachment_words[] = { "type", "url", "name", NULL };
static const char *const pages_words[] = { "now", "count", "next", "prev", NULL };

struct checking {
    struct maker *maker;
    const struct path *path;
    const struct node *node;
    size_t from, n;
};

static int find_reserved(struct text word)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
        if (text_is(word, reserved[i].word))
            return (int)i;
    return -1;
}

bool names_reserved(struct text word)
{
    return find_reserved(word) >= 0;
}

static bool in_list(const char *const *list, struct text word)
{
    for (; list && *list; list++)
        if (text_is(word, *list))
            return true;
    return false;
}

/* Only for findings: it costs a look through the file. */
static struct place here(const struct checking *check)
{
    return node_part(check->node, check->from, check->n);
}

#define wrong(check, ...) (finding_error((check)->maker->findings, here(check), __VA_ARGS__), false)
#define hint(check, ...) finding_hint((check)->maker->findings, __VA_ARGS__)

/* --- reserved words ------------------------------------------------------------------------------------------------- */

static bool unknown_inside(const struct checking *check, const char *what, const char *const *words)
{
    const char *inside = check->path->words[1];
    const char *near = words && *words ? text_closest(text_of(inside), words) : NULL;

    finding_error(check->maker->findings, here(check), "%s '%s'", what, inside);
    if (near)
        hint(check, "did you mean %s.%s?", check->path->words[0], near);
    return false;
}

static bool check_pages(const struct checking *check)
{
    const struct names *names = check->maker->names;

    if (!in_list(pages_words, text_of(check->path->words[1])))
        return unknown_inside(check, "pages have no", pages_words);
    if (names && names->pages)
        return true;
    (void)wrong(check, "nothing here has pages");
    hint(check, "a row with 'repeat' and 'page' makes them, for its own message");
    return false;
}

static bool check_inside(const struct checking *check, int which)
{
    const struct settings *settings = check->maker->settings;
    const char *inside = check->path->words[1];

    switch (reserved[which].inside) {
    case INSIDE_ATTACHMENT:
        if (check->path->count == 2 && in_list(attachment_words, text_of(inside)))
            return true;
        return unknown_inside(check, "an attachment has no", attachment_words);
    case INSIDE_CHAT:
        if (check->path->count == 2 &&
            (!check->maker->variables || in_list(check->maker->variables, text_of(inside))))
            return true;
        return unknown_inside(check, "no 'set' gives the chat a variable", check->maker->variables);
    case INSIDE_HOURS:
        if (check->path->count == 2 && in_list(settings->hours_names, text_of(inside)))
            return true;
        return unknown_inside(check, "no hours are called", settings->hours_names);
    case INSIDE_PAGES:
        return check_pages(check);
    default:
        return true;
    }
}

static bool check_reserved(const struct checking *check, int which)
{
    const struct path *path = check->path;

    if (reserved[which].inside == LATER)
        return wrong(check, "${%.*s} is not supported by this version of callbackd yet",
                     TEXT_ARG(path->text));
    if (reserved[which].inside == INSIDE_NOTHING)
        return path->count == 1 || wrong(check, "${%s} is one text, nothing is inside it", path->words[0]);
    if (path->count == 1)
        return wrong(check, "${%s} is not one value; write ${%s.NAME}", path->words[0], path->words[0]);
    return check_inside(check, which);
}

/* --- names of the rule ---------------------------------------------------------------------------------------------- */

bool names_inner_has(const struct names *names, const char *word)
{
    for (const struct names_inner *inner = names ? names->inner : NULL; inner; inner = inner->outer)
        if (strcmp(inner->name, word) == 0)
            return true;
    return false;
}

static bool unknown_name(const struct checking *check)
{
    const struct names *names = check->maker->names;
    struct text name = check->path->text;
    const char *near = text_closest(name, names->all);
    bool number = name.p[0] >= '0' && name.p[0] <= '9';

    (void)wrong(check, "nothing gives ${%.*s} a value in rule '%s'", TEXT_ARG(name), names->rule);
    if (near && !number && near[0] > '9')
        hint(check, "did you mean ${%s}?", near);
    else if (number)
        hint(check, "its patterns have no group %.*s; a dollar is written $$", TEXT_ARG(name));
    else
        hint(check, "name a group in its pattern: (?<%.*s>...)", TEXT_ARG(name));
    return false;
}

static bool check_own(const struct checking *check)
{
    const struct names *names = check->maker->names;
    const struct path *path = check->path;

    if (names_inner_has(names, path->words[0]))
        return true;
    if (names && in_list(names->all, text_of(path->words[0])))
        return path->count == 1 ||
               wrong(check, "'%s' is a text that a group took, nothing is inside it", path->words[0]);
    if (path->count > 1)
        return wrong(check, "${%.*s}: lookups are not supported by this version of callbackd yet",
                     TEXT_ARG(path->text));
    return !names || !names->all || unknown_name(check);
}

/* --- values that may be missing --------------------------------------------------------------------------------------- */

static bool is_guarded(const struct names *names, const struct path *path)
{
    const struct path type = { .text = text_of("attachment.type") };
    bool attached = path_first(path, "attachment"); /* where there is a type the rest is there, too */

    for (const struct names_guard *guard = names->guards; guard; guard = guard->outer)
        if (condition_gives(guard->when, guard->fails, path) ||
            (attached && condition_gives(guard->when, guard->fails, &type)))
            return true;
    return false;
}

static bool is_given(const struct names *names, const struct path *path)
{
    for (size_t i = 0; names->given && path_first(path, "chat") && i < names->given->n; i++)
        if (strcmp(names->given->names[i], path->words[1]) == 0)
            return true;
    return false;
}

/* Is it a value of `word` other than `always`? */
static bool may_lack(const struct path *path, const char *word, const char *always)
{
    return path_first(path, word) && path->count > 1 && strcmp(path->words[1], always) != 0;
}

static void warn_missing(const struct checking *check)
{
    const struct names *names = check->maker->names;
    const struct path *path = check->path;
    struct findings *findings = check->maker->findings;

    if (!names || !names->all || names->handled || is_guarded(names, path) || is_given(names, path))
        return;
    if (in_list(names->maybe, path->text)) {
        finding_add(findings, FINDING_WARNING, here(check),
                    "not every match of rule '%s' gives ${%.*s} a value; without one nothing is sent",
                    names->rule, TEXT_ARG(path->text));
    } else if (path_first(path, "contact") || may_lack(path, "conversation", "id") ||
               path_first(path, "attachment") || path_first(path, "chat") ||
               (path_first(path, "lang") && !check->maker->settings->languages) ||
               (path_first(path, "pages") && strlen(path->words[1]) == 4)) { /* next, prev */
        finding_add(findings, FINDING_WARNING, here(check),
                    "${%.*s} may be missing in rule '%s'; without it nothing is sent", TEXT_ARG(path->text),
                    names->rule);
    } else {
        return;
    }
    if (path_first(path, "pages"))
        hint(check, "show it only where there is one: when: { %.*s: '.+' }", TEXT_ARG(path->text));
    else
        hint(check, "add a default: ${%.*s:-...}", TEXT_ARG(path->text));
}

bool names_check(struct maker *maker, const struct path *path, enum names_use use, const struct node *node,
                 size_t from, size_t n)
{
    const struct checking check = { maker, path, node, from, n };
    int which = find_reserved(text_of(path->words[0]));

    if (which >= 0 ? !check_reserved(&check, which) : !check_own(&check))
        return false;
    maker->wants.contact |= path_first(path, "contact") || path_first(path, "lang");
    maker->wants.chat |= path_first(path, "chat");
    maker->wants.conversation |= may_lack(path, "conversation", "id");
    if (use == NAMES_VALUE)
        warn_missing(&check);
    return true;
}
