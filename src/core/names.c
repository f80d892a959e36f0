#include "core/names.h"

#include "core/condition.h"
#include "core/config_forms.h"
#include "core/lookup_build.h"

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
        INSIDE_SECRET
    } inside;
} reserved[] = {
    { "chat", INSIDE_CHAT },        { "contact", INSIDE_ANY },
    { "conversation", INSIDE_ANY }, { "attachment", INSIDE_ATTACHMENT },
    { "hours", INSIDE_HOURS },      { "lang", INSIDE_NOTHING },
    { "pages", INSIDE_PAGES },      { "secret", INSIDE_SECRET },
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
    enum names_use use;
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

/* False: there is no other word that may be meant. */
static bool unknown_inside(const struct checking *check, const char *what, const char *const *words)
{
    const char *inside = check->path->words[1];
    const char *near = words && *words ? text_closest(text_of(inside), words) : NULL;

    finding_error(check->maker->findings, here(check), "%s '%s'", what, inside);
    if (near)
        hint(check, "did you mean %s.%s?", check->path->words[0], near);
    return near;
}

static bool unknown_attachment(const struct checking *check)
{
    if (!unknown_inside(check, "an attachment has no", attachment_words))
        hint(check, "it has type, url and name");
    return false;
}

static bool unknown_pages(const struct checking *check)
{
    if (!unknown_inside(check, "pages have no", pages_words))
        hint(check, "they have now, count, next and prev");
    return false;
}

static bool unknown_variable(const struct checking *check)
{
    const char *inside = check->path->words[1];

    if (!unknown_inside(check, "no 'set' gives the chat a variable", check->maker->variables))
        hint(check, "give it one where it is known: set: { %s: ... }", inside);
    return false;
}

static bool unknown_hours(const struct checking *check)
{
    const char *inside = check->path->words[1];

    if (!unknown_inside(check, "no hours are called", check->maker->settings->hours_names))
        hint(check, "write them at the top: hours: { %s: { open: [ 'Mon-Fri 09:00-18:00' ] } }", inside);
    return false;
}

static bool check_pages(const struct checking *check)
{
    const struct names *names = check->maker->names;

    if (!in_list(pages_words, text_of(check->path->words[1])))
        return unknown_pages(check);
    if (names && names->pages)
        return true;
    (void)wrong(check, "nothing here has pages");
    hint(check, "a row with 'repeat' and 'page' makes them, for its own message");
    return false;
}

/* Where else they stood, they would be stored or shown. */
static bool check_secret(const struct checking *check)
{
    struct maker *maker = check->maker;
    const char *name = check->path->words[1];
    struct secret_use *use;

    if (!maker->in_header) {
        (void)wrong(check, "secrets stand only in the headers of lookups");
        hint(check, "a text of yours belongs into the rules as it is");
        return false;
    }
    if (check->path->count != 2 || !config_is_secret_name(text_of(name)))
        return wrong(check, "'%s' is no name of a secret: capital letters, digits and '_'", name);
    if (maker->names)
        return true;
    use = arena_alloc(maker->arena, sizeof(*use));
    if (!use)
        return wrong(check, "out of memory");
    *use = (struct secret_use){ name, here(check), maker->secrets };
    maker->secrets = use;
    return true;
}

static bool check_inside(const struct checking *check, int which)
{
    const struct settings *settings = check->maker->settings;
    const char *inside = check->path->words[1];

    switch (reserved[which].inside) {
    case INSIDE_ATTACHMENT:
        if (check->path->count == 2 && in_list(attachment_words, text_of(inside)))
            return true;
        return unknown_attachment(check);
    case INSIDE_CHAT:
        if (check->path->count == 2 &&
            (!check->maker->variables || in_list(check->maker->variables, text_of(inside))))
            return true;
        return unknown_variable(check);
    case INSIDE_HOURS:
        if (check->path->count == 2 && in_list(settings->hours_names, text_of(inside)))
            return true;
        return unknown_hours(check);
    case INSIDE_PAGES:
        return check_pages(check);
    case INSIDE_SECRET:
        return check_secret(check);
    default:
        return true;
    }
}

static bool check_reserved(const struct checking *check, int which)
{
    const struct path *path = check->path;

    if (reserved[which].inside == INSIDE_NOTHING)
        return path->count == 1 || wrong(check, "${%s} is one text, nothing is inside it", path->words[0]);
    if (path->count == 1)
        return wrong(check, "${%s} is not one value; write ${%s.NAME}", path->words[0], path->words[0]);
    return check_inside(check, which);
}

/* --- names of the rule ---------------------------------------------------------------------------------------------- */

static const struct names_inner *find_inner(const struct names_inner *inner, const char *word)
{
    while (inner && strcmp(inner->name, word) != 0)
        inner = inner->outer;
    return inner;
}

bool names_inner_has(const struct names *names, const char *word)
{
    return names && find_inner(names->inner, word);
}

const struct names_lookup *names_lookup_find(const struct names_lookups *lookups, struct text as)
{
    const struct names_lookup *lookup = lookups ? lookups->last : NULL;

    while (lookup && !text_is(as, lookup->as))
        lookup = lookup->before;
    return lookup;
}

/* A path without the names that `repeat` binds: "o.id" is "orders", "list", "*", "id". */
struct full_path {
    const char *words[4 * PATH_WORDS_MAX];
    size_t n;
};

static bool add_words(struct full_path *full, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (full->n == sizeof(full->words) / sizeof(*full->words))
            return false;
        full->words[full->n++] = words[i];
    }
    return true;
}

static bool make_full(const struct names_inner *inner, const struct path *path, struct full_path *full)
{
    static const char *const each = "*";

    inner = find_inner(inner, path->words[0]);
    if (!inner)
        return add_words(full, path->words, path->count);
    return inner->list && make_full(inner->outer, inner->list, full) && add_words(full, &each, 1) &&
           add_words(full, path->words + 1, path->count - 1);
}

static const struct names_lookup *find_answer(const struct names *names, const struct path *path,
                                              struct full_path *full)
{
    full->n = 0;
    if (!names || !make_full(names->inner, path, full) || full->n == 0)
        return NULL;
    return names_lookup_find(names->lookups, text_of(full->words[0]));
}

const struct lookup_form *names_form(const struct names *names, const struct path *path)
{
    struct full_path full;
    const struct names_lookup *lookup = find_answer(names, path, &full);

    return lookup ? lookup->form : NULL;
}

const struct pattern *names_field(const struct names *names, const struct path *path)
{
    struct full_path full;
    const struct names_lookup *lookup = find_answer(names, path, &full);
    const struct pattern *language = NULL;

    if (lookup && lookup->form)
        language = lookup_form_field(lookup->form, full.words + 1, full.n - 1);
    /* on other ways to here another lookup may have given the answer */
    for (; language && lookup && lookup->elsewhere; lookup = lookup->before)
        if (strcmp(lookup->as, full.words[0]) == 0 &&
            (!lookup->form || lookup_form_field(lookup->form, full.words + 1, full.n - 1) != language))
            language = NULL;
    return language;
}

/* --- samples -------------------------------------------------------------------------------------------------------- */

/* How far a path leads into a sample. */
struct reached {
    const struct node *node; /* where it ends; NULL: the number of a list's elements */
    const struct node *last; /* the last node that it came to */
    size_t i;                /* how many words led there */
};

static bool leads(const struct node *node, const struct full_path *full, size_t i, struct reached *out)
{
    int64_t at;

    if (i >= out->i) {
        out->last = node;
        out->i = i;
    }
    out->node = node;
    if (i == full->n)
        return true;
    if (node->kind != NODE_LIST) {
        node = node_get(node, full->words[i]);
        return node && leads(node, full, i + 1, out);
    }
    if (i + 1 == full->n && strcmp(full->words[i], "count") == 0) {
        out->node = NULL;
        return true;
    }
    if (strcmp(full->words[i], "*") != 0)
        return text_i64(text_of(full->words[i]), &at) && at >= 0 && (uint64_t)at < node->count &&
               leads(node->items[at], full, i + 1, out);
    for (size_t k = 0; k < node->count; k++)
        if (leads(node->items[k], full, i + 1, out))
            return true;
    return false;
}

static void hint_sample(const struct checking *check, const struct reached *reached, const char *word)
{
    const struct node *map = reached->last;
    const char **keys =
        map && map->kind == NODE_MAP ? arena_array(check->maker->arena, map->count + 1, sizeof(*keys)) : NULL;
    const char *near = NULL;

    for (size_t i = 0; keys && i < map->count; i++)
        keys[i] = map->keys[i]->text.p;
    if (keys)
        near = text_closest(text_of(word), keys);
    if (near)
        hint(check, "did you mean '%s'?", near);
    else
        hint(check, "every path that is used occurs in the sample; add it there, or correct the path");
}

static bool check_sample(const struct checking *check, const struct names_lookup *lookup,
                         const struct full_path *full)
{
    const struct node *sample = lookup_form_sample(lookup->form);
    struct reached reached = { NULL, NULL, 0 };
    const struct path *path = check->path;

    if (!leads(sample, full, 1, &reached)) {
        if (reached.i + path->count < full->n)
            return true; /* what is wrong with a list is said where `repeat` names it */
        const char *word = full->words[reached.i < full->n ? reached.i : full->n - 1];

        (void)wrong(check, "${%.*s}: the sample of lookup '%s' has no '%s' there", TEXT_ARG(path->text),
                    lookup->as, strcmp(word, "*") == 0 ? "list" : word);
        hint_sample(check, &reached, word);
        return false;
    }
    if (check->use == NAMES_VALUE && reached.node && reached.node->kind != NODE_SCALAR) {
        (void)wrong(check, "${%.*s} is a %s in the sample, not one value", TEXT_ARG(path->text),
                    reached.node->kind == NODE_LIST ? "list" : "map");
        return false;
    }
    if (check->use == NAMES_LIST && (!reached.node || reached.node->kind != NODE_LIST))
        return wrong(check, "%.*s is no list in the sample", TEXT_ARG(path->text));
    return true;
}

static bool unknown_path(const struct checking *check)
{
    const struct path *path = check->path;

    (void)wrong(check, "nothing gives ${%.*s} a value in rule '%s'", TEXT_ARG(path->text),
                check->maker->names->rule);
    hint(check, "an answer has a value behind its step only: lookup: %s", path->words[0]);
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
    struct full_path full;
    const struct names_lookup *lookup = find_answer(names, path, &full);

    if (lookup)
        return !lookup->form || check_sample(check, lookup, &full);
    if (names_inner_has(names, path->words[0]))
        return true;
    if (names && in_list(names->all, text_of(path->words[0])))
        return path->count == 1 ||
               wrong(check, "'%s' is a text that a group took, nothing is inside it", path->words[0]);
    if (!names || !names->all)
        return true;
    return path->count > 1 ? unknown_path(check) : unknown_name(check);
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

static bool is_uncertain(const struct names *names, const struct path *path)
{
    struct full_path full;
    const struct names_lookup *lookup = find_answer(names, path, &full);

    return lookup && lookup->maybe;
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
    } else if (is_uncertain(names, path)) {
        finding_add(findings, FINDING_WARNING, here(check),
                    "not every way to here in rule '%s' asks for ${%.*s}; without it nothing is sent",
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
    const struct checking check = { maker, path, node, from, n, use };
    int which = find_reserved(text_of(path->words[0]));

    if (which >= 0 ? !check_reserved(&check, which) : !check_own(&check))
        return false;
    maker->wants.contact |= path_first(path, "contact") || path_first(path, "lang");
    maker->wants.conversation |= may_lack(path, "conversation", "id");
    if (use == NAMES_VALUE)
        warn_missing(&check);
    return true;
}
