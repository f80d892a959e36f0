#include "core/template.h"

#include "core/address.h"
#include "core/doc.h"
#include "core/limits.h"
#include "core/lookup_build.h"
#include "core/names.h"

#include <stdlib.h>
#include <string.h>

#define FILTERS_MAX 8

struct part {
    bool literal, capture;
    struct text text; /* the literal, or the path as written: "contact.name" */
    struct path path;
    struct text otherwise; /* p == NULL: no default */
    struct filter *filters;
    size_t n_filters;
    const struct pattern *language; /* NULL: not known */
    bool looked_up;                 /* leads into a lookup's answer */
};

struct template
{
    enum template_leaf leaf;
    struct part *parts;
    size_t count;
    struct template **variants; /* NULL: one for all languages */
    const char *const *languages;
    const struct text *hosts; /* NULL: none; else it is an address that a lookup gives */
    size_t n_hosts;
};

struct reader {
    struct maker *maker;
    const struct node *node;
    struct template *template;
    char *literal; /* room for all literals, one behind the other */
    size_t used, begun;
    size_t from, to; /* the path that is being read */
    bool good;
};

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static bool out_of_memory(struct reader *reader)
{
    finding_error(reader->maker->findings, reader->node->at, "out of memory");
    reader->good = false;
    return false;
}

static struct place part_place(const struct reader *reader, size_t from, size_t to)
{
    return node_part(reader->node, from, to - from);
}

/* The place of the path that is being read. Only for findings: it costs a look through the file. */
static struct place here(const struct reader *reader)
{
    return part_place(reader, reader->from, reader->to);
}

static void end_literal(struct reader *reader)
{
    struct template *template = reader->template;

    if (reader->used == reader->begun)
        return;
    template->parts[template->count++] = (struct part){
        .literal = true,
        .text = text_make(reader->literal + reader->begun, reader->used - reader->begun),
    };
    reader->begun = reader->used;
}

static bool is_again(const struct reader *reader)
{
    return reader->maker->names && reader->maker->names->again;
}

#define wrong(reader, ...)                                                   \
    do {                                                                     \
        finding_error((reader)->maker->findings, here(reader), __VA_ARGS__); \
        (reader)->good = false;                                              \
    } while (0)
#define hint(reader, ...) finding_hint((reader)->maker->findings, __VA_ARGS__)

static bool is_address(const struct template *template)
{
    return template->leaf == LEAF_URL || template->leaf == LEAF_LOOKUP;
}

static void add_filter(struct reader *reader, struct text word, struct part *part)
{
    struct filter *filter = &part->filters[part->n_filters++];
    const char *near;
    struct fault fault;

    if (!filter_parse(word, reader->maker->settings->zone, filter, &near, &fault)) {
        wrong(reader, "%s", fault.text);
        if (near)
            hint(reader, "did you mean '%s'?", near);
    } else if (filter->kind == FILTER_URL && is_address(reader->template) && !is_again(reader)) {
        finding_add(reader->maker->findings, FINDING_WARNING, here(reader),
                    "in a url every value is percent-encoded already; '|url' does it twice");
    }
}

/* "upper|truncate(20)". The words lie in the arena: filters keep parts of them. */
static void add_filters(struct reader *reader, struct text words, struct part *part)
{
    struct text head, tail = arena_text(reader->maker->arena, words);

    part->filters = arena_array(reader->maker->arena, FILTERS_MAX, sizeof(*part->filters));
    if (!part->filters || !tail.p) {
        (void)out_of_memory(reader);
        return;
    }
    while (text_cut(tail, '|', &head, &tail) && part->n_filters + 1 < FILTERS_MAX)
        add_filter(reader, head, part);
    if (memchr(tail.p, '|', tail.n))
        wrong(reader, "a value has at most %d filters", FILTERS_MAX);
    else
        add_filter(reader, tail, part);
}

static void wrong_path(struct reader *reader, struct text path, const struct part *part)
{
    if (!part->path.text.p) {
        (void)out_of_memory(reader);
        return;
    }
    wrong(reader, "'%.*s' is no name", TEXT_ARG(path));
    hint(reader, "names look like order_id or contact.shop_id; a dollar is written $$");
}

static void add_path(struct reader *reader, struct text path, struct text otherwise, size_t from, size_t to)
{
    struct part part = { .otherwise = otherwise };
    struct text filters = TEXT_NONE;

    reader->from = from;
    reader->to = to;
    (void)text_cut(path, '|', &path, &filters);
    if (path.n == 0) {
        wrong(reader, "${} names nothing");
        return;
    }
    if (!path_read(path, reader->maker->arena, &part.path)) {
        wrong_path(reader, path, &part);
        return;
    }
    part.text = part.path.text;
    part.capture = part.path.count == 1 && !names_reserved(path) &&
                   !names_inner_has(reader->maker->names, part.path.words[0]);
    if (filters.p)
        add_filters(reader, filters, &part);
    if (!names_check(reader->maker, &part.path, otherwise.p ? NAMES_OPTIONAL : NAMES_VALUE, reader->node,
                     from, to - from))
        reader->good = false;
    part.language = names_field(reader->maker->names, &part.path);
    part.looked_up = names_form(reader->maker->names, &part.path);
    end_literal(reader);
    reader->template->parts[reader->template->count++] = part;
}

/* "${...}" at `from`; gives the offset behind it. */
static size_t read_braces(struct reader *reader, struct text text, size_t from)
{
    const char *close = memchr(text.p + from, '}', text.n - from);
    struct text inside, otherwise = TEXT_NONE;
    size_t to;

    if (!close) {
        reader->from = from;
        reader->to = text.n;
        wrong(reader, "'${' has no '}'");
        hint(reader, "a dollar is written $$");
        return text.n;
    }
    to = (size_t)(close - text.p) + 1;
    inside = text_make(text.p + from + 2, to - from - 3);
    for (size_t i = 0; i + 1 < inside.n; i++)
        if (inside.p[i] == ':' && inside.p[i + 1] == '-') {
            otherwise = arena_text(reader->maker->arena, text_make(inside.p + i + 2, inside.n - i - 2));
            if (!otherwise.p)
                (void)out_of_memory(reader);
            inside.n = i;
            break;
        }
    add_path(reader, inside, otherwise, from, to);
    return to;
}

/* "$1" */
static size_t read_number(struct reader *reader, struct text text, size_t from)
{
    size_t to = from + 1;

    while (to < text.n && text.p[to] >= '0' && text.p[to] <= '9')
        to++;
    add_path(reader, text_make(text.p + from + 1, to - from - 1), TEXT_NONE, from, to);
    return to;
}

static size_t word_end(struct text text, size_t from)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    size_t end = from;

    while (end < text.n && text.p[end] && strchr(letters, text.p[end]))
        end++;
    return end;
}

static bool is_known(const struct reader *reader, struct text name)
{
    const struct names *names = reader->maker->names;

    for (const char *const *known = names->all; *known; known++)
        if (text_is(name, *known))
            return true;
    return false;
}

/* "id", "contact.name": what may be meant for the path of a value; empty if it begins with no letter. */
static struct text path_at(struct text text, size_t from)
{
    size_t end = word_end(text, from);

    if (end == from || text.p[from] < 'a' || text.p[from] > 'z')
        return TEXT_NONE;
    while (end < text.n && text.p[end] == '.' && word_end(text, end + 1) > end + 1)
        end = word_end(text, end + 1);
    return text_make(text.p + from, end - from);
}

/* {id}, {{id}} and $id are other programs' templates. The name; n == 0: this is none. Words in braces that stand apart, { so },
   are the customer's, unless it is a name. */
static struct text lookalike(const struct reader *reader, struct text text, size_t from)
{
    bool twice = from + 1 < text.n && text.p[from + 1] == '{';
    size_t start = from + 1, end;
    struct text name;

    if (text.p[from] == '$')
        return path_at(text, start);
    while (start < text.n && (text.p[start] == '{' || text.p[start] == ' '))
        start++;
    name = path_at(text, start);
    end = start + name.n;
    if (name.n == 0 || end == text.n || !strchr("} |", text.p[end]))
        return TEXT_NONE;
    return twice || is_known(reader, name) || (start == from + 1 && text.p[end] == '}') ? name : TEXT_NONE;
}

static void warn_lookalike(struct reader *reader, struct text text, size_t from)
{
    struct text name;
    size_t end;

    if (!reader->maker->names || !reader->maker->names->all || (from > 0 && strchr("${", text.p[from - 1])))
        return;
    name = lookalike(reader, text, from);
    if (name.n == 0)
        return;
    end = (size_t)(name.p - text.p) + name.n;
    finding_add(reader->maker->findings, FINDING_WARNING, part_place(reader, from, end),
                "the customer will see '%.*s' as it stands here", (int)(end - from), text.p + from);
    if (is_known(reader, name))
        hint(reader, "the value of '%.*s' is written ${%.*s}", TEXT_ARG(name), TEXT_ARG(name));
    else
        hint(reader, "a value is written ${%.*s}%s", TEXT_ARG(name),
             text.p[from] == '$' ? ", a dollar $$" : "");
}

static void read_template(struct reader *reader)
{
    struct text text = reader->node->text;

    for (size_t i = 0; i < text.n;) {
        char c = text.p[i], next = i + 1 < text.n ? text.p[i + 1] : '\0';

        if (c == '$' && next == '{') {
            i = read_braces(reader, text, i);
            continue;
        }
        if (c == '$' && next >= '1' && next <= '9') {
            i = read_number(reader, text, i);
            continue;
        }
        if (c == '{' || (c == '$' && next != '$'))
            warn_lookalike(reader, text, i);
        reader->literal[reader->used++] = c;
        i += c == '$' && next == '$' ? 2 : 1;
    }
    end_literal(reader);
}

/* Where the authority of an address ends, 0 if that is not in this text. */
static size_t authority_end(struct text text)
{
    size_t i = 0;

    while (i < text.n && text.p[i] != ':')
        i++;
    if (i == text.n)
        return 0;
    i++;
    while (i < text.n && text.p[i] == '/')
        i++;
    for (; i < text.n; i++)
        if (strchr("/?#", text.p[i]))
            return i;
    return 0;
}

/* One value of an answer and nothing else. What it is of is not known before there are names. */
static bool is_answer(struct reader *reader)
{
    struct template *template = reader->template;
    const struct part *part = &template->parts[0];
    const struct names *names = reader->maker->names;
    const struct lookup_form *form;

    if (template->leaf != LEAF_URL || template->count != 1 || part->n_filters || part->otherwise.p)
        return false;
    form = names_form(names, &part->path);
    if (!form)
        return (!names || !names->all) && part->path.count > 1 &&
               !names_reserved(text_of(part->path.words[0]));
    template->hosts = lookup_form_hosts(form, &template->n_hosts);
    if (template->hosts)
        return true;
    wrong(reader, "where an address of lookup '%s' may lead is not said", part->path.words[0]);
    hint(reader, "add to the lookup: hosts: [ www.example.com ]");
    return true;
}

static void check_address(struct reader *reader)
{
    const struct template *template = reader->template;
    struct text head = template->count ? template->parts[0].text : text_of("");
    bool (*check)(struct text url, struct fault * fault) =
        template->leaf == LEAF_LOOKUP ? address_check : limits_url;
    struct fault fault;

    if (template->leaf == LEAF_URL && template->count < 2 &&
        (template->count == 0 || template->parts[0].literal))
        return; /* static: the limits look at it */
    reader->from = 0;
    reader->to = reader->node->text.n;
    if (is_answer(reader))
        return;
    if (template->count < 2 && template->count && template->parts[0].literal) {
        if (!is_again(reader) && !check(head, &fault))
            wrong(reader, "the url %s", fault.text);
        return;
    }
    if (!template->parts[0].literal || !authority_end(head))
        wrong(reader,
              "the scheme and host of a url must be written out; ${...} may stand behind the host's '/'");
    else if (!check(head, &fault))
        wrong(reader, "the url %s", fault.text);
}

static struct template *compile_text(struct maker *maker, const struct node *node, enum template_leaf leaf)
{
    struct reader reader = { .maker = maker, .node = node, .good = true };
    struct template *template = arena_alloc(maker->arena, sizeof(*template));
    size_t dollars = 0;

    for (size_t i = 0; i < node->text.n; i++)
        dollars += node->text.p[i] == '$';
    reader.template = template;
    reader.literal = arena_alloc(maker->arena, node->text.n + 1);
    if (template)
        template->parts = arena_array(maker->arena, 2 * dollars + 1, sizeof(*template->parts));
    if (!template || !template->parts || !reader.literal) {
        (void)out_of_memory(&reader);
        return NULL;
    }
    template->leaf = leaf;
    read_template(&reader);
    if (reader.good && is_address(template))
        check_address(&reader);
    return reader.good ? template : NULL;
}

/* --- languages ---------------------------------------------------------------------------------------------------- */

static void no_languages(struct maker *maker, const struct node *node)
{
    if (maker->no_languages)
        return;
    maker->no_languages = true;
    finding_error(maker->findings, node->at, "a text in several languages needs 'languages' at the top");
    finding_hint(maker->findings, "languages: [ en, de ]; the first is the default");
}

static void unknown_language(struct maker *maker, const struct node *key)
{
    const char *const *languages = maker->settings->languages;
    struct buf list = BUF(200);
    char shown[41];

    text_printable(key->text, shown, sizeof(shown) - 1);
    for (size_t i = 0; languages[i]; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", languages[i]);
    finding_error(maker->findings, key->at, "'%s' is none of the languages", shown);
    finding_hint(maker->findings, "languages: [ %s ]; add it there, or leave it out here", buf_get(&list).p);
    buf_free(&list);
}

/* A line that is a map, where the text should stand by itself. */
static void line_alone(struct maker *maker, const struct node *node)
{
    finding_error(maker->findings, node->at,
                  "a map here is a text in several languages, and 'text' is no language");
    finding_hint(maker->findings, "lines that are maps stand in a list: text: [ { text: ..., when: ... } ]");
}

static bool check_languages(struct maker *maker, const struct node *node)
{
    const char *const *languages = maker->settings->languages;
    bool good = languages;

    if (node_get(node, "text")) {
        line_alone(maker, node);
        return false;
    }
    if (!languages)
        no_languages(maker, node);
    for (size_t i = 0; languages && i < node->count; i++) {
        const char *const *known = languages;

        while (*known && !text_is(node->keys[i]->text, *known))
            known++;
        if (*known)
            continue;
        unknown_language(maker, node->keys[i]);
        good = false;
    }
    for (size_t i = 0; languages && languages[i]; i++)
        if (!node_get(node, languages[i])) {
            finding_error(maker->findings, node->at, "the language '%s' is missing here", languages[i]);
            finding_hint(maker->findings, "add it: { ..., %s: ... }", languages[i]);
            good = false;
        }
    return good;
}

static struct template *compile_languages(struct maker *maker, const struct node *node,
                                          enum template_leaf leaf)
{
    const char *const *languages = maker->settings->languages;
    struct template *template = arena_alloc(maker->arena, sizeof(*template));
    bool good = true;

    if ((!maker->names || !maker->names->again) && !check_languages(maker, node))
        return NULL;
    if (template)
        template->variants = arena_array(maker->arena, node->count, sizeof(*template->variants));
    if (!template || !template->variants) {
        finding_error(maker->findings, node->at, "out of memory");
        return NULL;
    }
    template->leaf = leaf;
    template->languages = languages;
    for (; languages[template->count]; template->count++) {
        struct template *one = compile_text(maker, node_get(node, languages[template->count]), leaf);

        template->variants[template->count] = one;
        good = one && good;
    }
    return good ? template : NULL;
}

struct template *template_compile(struct maker *maker, const struct node *node, enum template_leaf leaf)
{
    return node->kind == NODE_MAP ? compile_languages(maker, node, leaf) : compile_text(maker, node, leaf);
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

size_t template_variants(const struct template *template)
{
    return template->variants ? template->count : 1;
}

const struct template *template_variant(const struct template *template, size_t i)
{
    return template->variants ? template->variants[i < template->count ? i : 0] : template;
}

bool template_static(const struct template *template, struct text *text)
{
    if (template->variants || template->count > 1 || (template->count == 1 && !template->parts[0].literal))
        return false;
    *text = template->count ? template->parts[0].text : text_of("");
    return true;
}

bool template_uses(const struct template *template, const char *word)
{
    for (size_t v = 0; v < template_variants(template); v++) {
        const struct template *one = template_variant(template, v);

        for (size_t i = 0; i < one->count; i++)
            if (!one->parts[i].literal && path_first(&one->parts[i].path, word))
                return true;
    }
    return false;
}

size_t template_count(const struct template *template)
{
    return template_variant(template, 0)->count;
}

bool template_part(const struct template *template, size_t i, struct template_part *out)
{
    const struct template *one = template_variant(template, 0);
    const struct part *part = i < one->count ? &one->parts[i] : NULL;

    if (!part)
        return false;
    *out = (struct template_part){ .kind = TEMPLATE_OTHER,
                                   .text = part->text,
                                   .otherwise = part->otherwise,
                                   .filters = part->filters,
                                   .n_filters = part->n_filters,
                                   .looked_up = part->looked_up,
                                   .language = part->language };
    if (part->literal)
        out->kind = TEMPLATE_LITERAL;
    else if (part->capture && part->n_filters == 0)
        out->kind = TEMPLATE_CAPTURE;
    return true;
}

/* --- rendering ---------------------------------------------------------------------------------------------------- */

/* Is a whole segment of the path "." or ".."? Those that the author wrote are not looked at: without names nothing is. */
static bool has_dots(struct text url)
{
    size_t from = authority_end(url);

    while (from < url.n && url.p[from] == '/') {
        size_t to = from + 1, dots;

        while (to < url.n && !strchr("/?#", url.p[to]))
            to++;
        dots = to - from - 1;
        if ((dots == 1 || dots == 2) && url.p[from + 1] == '.' && url.p[to - 1] == '.')
            return true;
        from = to;
    }
    return false;
}

static void add_value(const struct template *template, struct text value, struct buf *out)
{
    if (is_address(template) && !template->hosts)
        filter_encode(value, out);
    else
        buf_text(out, value);
}

/* The filtered value, in one of two buffers that take turns; p == NULL with a fault: it is missing. */
static struct text filtered(const struct part *part, struct text value, struct buf rooms[2],
                            struct fault *fault)
{
    for (size_t i = 0; i < part->n_filters; i++) {
        struct buf *room = &rooms[i % 2];

        buf_cut(room, 0);
        if (!filter_apply(&part->filters[i], value, room, fault))
            return TEXT_NONE;
        if (room->failed) {
            fault_set(fault, "it is longer than %zu bytes", room->max);
            return TEXT_NONE;
        }
        value = buf_get(room);
    }
    return value;
}

static bool render_part(const struct template *template, const struct part *part, struct json_object *scope,
                        struct buf *out, struct fault *fault)
{
    struct buf rooms[2] = { BUF(out->max), BUF(out->max) };
    struct fault why = { "it has no value here and no default" };
    struct path_room room;
    struct text value = path_text(scope, &part->path, &room);

    if (value.p)
        value = filtered(part, value, rooms, &why);
    if (!value.p)
        value = part->otherwise;
    if (value.p)
        add_value(template, value, out);
    else
        fault_set(fault, "${%.*s} is missing: %.800s", TEXT_ARG(part->text), why.text);
    buf_free(&rooms[0]);
    buf_free(&rooms[1]);
    return value.p;
}

static bool render_parts(const struct template *template, struct json_object *scope, struct buf *out,
                         struct fault *fault)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct part *part = &template->parts[i];

        if (part->literal)
            buf_text(out, part->text);
        else if (!render_part(template, part, scope, out, fault))
            return false;
    }
    return true;
}

static const struct template *in_language(const struct template *template, struct json_object *scope)
{
    struct text lang = doc_str(scope, "lang");

    for (size_t i = 0; template->variants && i < template->count; i++)
        if (text_is(lang, template->languages[i]))
            return template->variants[i];
    return template_variant(template, 0);
}

bool template_lacks(const struct template *whole, struct json_object *scope)
{
    const struct template *template = in_language(whole, scope);
    struct path_room room;

    for (size_t i = 0; i < template->count; i++)
        if (!template->parts[i].literal && !template->parts[i].otherwise.p &&
            !path_text(scope, &template->parts[i].path, &room).p)
            return true;
    return false;
}

bool template_allows(const struct template *template, struct text url)
{
    return !template->hosts || address_allowed(url, template->hosts, template->n_hosts);
}

bool template_render(const struct template *whole, struct json_object *scope, size_t max, struct arena *arena,
                     struct text *out, struct fault *fault)
{
    const struct template *template = in_language(whole, scope);
    struct buf buf = BUF(max);
    bool good = render_parts(template, scope, &buf, fault);

    if (good && buf.failed)
        good = fault_set(fault, "is longer than %zu bytes", max);
    if (good && is_address(template) && template->count > 1 && has_dots(buf_get(&buf)))
        good = fault_set(fault, "a value would make the path of the url lead elsewhere ('..')");
    if (good) {
        *out = arena_text(arena, buf_get(&buf));
        good = out->p || fault_set(fault, "out of memory");
    }
    buf_free(&buf);
    return good;
}
