#include "core/template.h"

#include "core/doc.h"
#include "core/limits.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8

enum part_kind { PART_LITERAL, PART_CAPTURE, PART_CONTACT, PART_SCOPE };

struct part {
    enum part_kind kind;
    struct text text;         /* the literal, or the path as written: "contact.name" */
    const char *const *words; /* of the path */
    size_t n_words;
    struct text otherwise; /* p == NULL: no default */
};

struct template
{
    enum template_leaf leaf;
    struct part *parts;
    size_t count;
};

/* First words of paths that the language knows and this version does not. */
static const char *const later_words[] = { "chat",   "attachment", "hours",   "lang",  "pages",
                                           "secret", "source",     "channel", "topic", NULL };

struct reader {
    struct arena *arena;
    const struct node *node;
    const struct template_known *known;
    struct findings *findings;
    struct template *template;
    char *literal; /* room for all literals, one behind the other */
    size_t used, begun;
    size_t from, to; /* the path that is being read */
    bool good;
};

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static bool in_list(const char *const *list, struct text word)
{
    for (; list && *list; list++)
        if (text_is(word, *list))
            return true;
    return false;
}

static bool out_of_memory(struct reader *reader)
{
    finding_error(reader->findings, reader->node->at, "out of memory");
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
        .kind = PART_LITERAL,
        .text = text_make(reader->literal + reader->begun, reader->used - reader->begun),
    };
    reader->begun = reader->used;
}

static bool is_word(struct text word, bool first)
{
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c == '_' && i > 0), digit = c >= '0' && c <= '9';

        if (first && !letter && !(digit && i > 0))
            return false;
        if (!first && !letter && !digit && c != '_' && c != '-' && !(c >= 'A' && c <= 'Z'))
            return false;
    }
    return word.n > 0;
}

static bool is_number(struct text word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] < '0' || word.p[i] > '9')
            return false;
    return word.n > 0 && word.n <= 3 && word.p[0] != '0';
}

static bool split_path(struct reader *reader, struct text path, struct part *part)
{
    const char **words = arena_array(reader->arena, WORDS_MAX, sizeof(*words));
    struct text head, tail = path;
    bool more = true;

    if (!words)
        return out_of_memory(reader);
    while (more && part->n_words < WORDS_MAX) {
        more = text_cut(tail, '.', &head, &tail);
        if (!more)
            head = tail;
        if (!is_word(head, part->n_words == 0) && !(path.n == head.n && is_number(head)))
            return false;
        words[part->n_words] = arena_str(reader->arena, head);
        if (!words[part->n_words++])
            return out_of_memory(reader);
    }
    part->words = words;
    part->text = arena_text(reader->arena, path);
    return !more && part->text.p;
}

static void unknown_name(struct reader *reader, struct text name)
{
    const char *near = text_closest(name, reader->known->names);

    finding_error(reader->findings, here(reader), "nothing gives ${%.*s} a value in rule '%s'",
                  TEXT_ARG(name), reader->known->rule);
    if (near && !is_number(name))
        finding_hint(reader->findings, "did you mean ${%s}?", near);
    else if (is_number(name))
        finding_hint(reader->findings, "its patterns have no group %.*s; a dollar is written $$",
                     TEXT_ARG(name));
    else
        finding_hint(reader->findings, "name a group in its pattern: (?<%.*s>...)", TEXT_ARG(name));
    reader->good = false;
}

static void check_name(struct reader *reader, const struct part *part)
{
    const struct template_known *known = reader->known;

    if (!known)
        return;
    if (!in_list(known->names, part->text)) {
        unknown_name(reader, part->text);
    } else if (!part->otherwise.p && in_list(known->maybe, part->text)) {
        finding_add(reader->findings, FINDING_WARNING, here(reader),
                    "not every match of rule '%s' gives ${%.*s} a value; without one nothing is sent",
                    known->rule, TEXT_ARG(part->text));
        finding_hint(reader->findings, "add a default: ${%.*s:-...}", TEXT_ARG(part->text));
    }
}

static void later(struct reader *reader, const char *what)
{
    finding_error(reader->findings, here(reader), "%s not supported by this version of callbackd yet", what);
    reader->good = false;
}

/* What kind of value the path leads to. */
static bool classify_path(struct reader *reader, struct part *part)
{
    struct text first = text_of(part->words[0]);
    struct fault words;

    part->kind = PART_CAPTURE;
    if (text_is(first, "contact") && part->n_words > 1) {
        part->kind = PART_CONTACT;
    } else if (text_is(first, "conversation") && part->n_words == 2 && strcmp(part->words[1], "id") == 0) {
        part->kind = PART_SCOPE;
    } else if (text_is(first, "contact") || (text_is(first, "conversation") && part->n_words == 1)) {
        finding_error(reader->findings, here(reader), "${%s} is not one value; write ${%s.NAME}",
                      part->words[0], part->words[0]);
        reader->good = false;
    } else if (text_is(first, "conversation") || in_list(later_words, first)) {
        fault_set(&words, "${%.*s} is", TEXT_ARG(part->text));
        later(reader, words.text);
    } else if (part->n_words > 1) {
        fault_set(&words, "${%.*s}: lookups are", TEXT_ARG(part->text));
        later(reader, words.text);
    } else {
        check_name(reader, part);
    }
    return reader->good;
}

static void add_path(struct reader *reader, struct text path, struct text otherwise, size_t from, size_t to)
{
    struct part part = { .otherwise = otherwise };

    reader->from = from;
    reader->to = to;
    if (path.n == 0) {
        finding_error(reader->findings, here(reader), "${} names nothing");
        reader->good = false;
        return;
    }
    if (memchr(path.p, '|', path.n)) {
        later(reader, "filters (|) are");
        return;
    }
    if (!split_path(reader, path, &part)) {
        if (reader->good)
            finding_error(reader->findings, here(reader), "'%.*s' is no name", TEXT_ARG(path));
        if (reader->good)
            finding_hint(reader->findings,
                         "names look like order_id or contact.shop_id; a dollar is written $$");
        reader->good = false;
        return;
    }
    (void)classify_path(reader, &part);
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
        finding_error(reader->findings, part_place(reader, from, text.n), "'${' has no '}'");
        finding_hint(reader->findings, "a dollar is written $$");
        reader->good = false;
        return text.n;
    }
    to = (size_t)(close - text.p) + 1;
    inside = text_make(text.p + from + 2, to - from - 3);
    for (size_t i = 0; i + 1 < inside.n; i++)
        if (inside.p[i] == ':' && inside.p[i + 1] == '-') {
            otherwise = arena_text(reader->arena, text_make(inside.p + i + 2, inside.n - i - 2));
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

/* {id}, {{id}} and $id are other programs' templates. */
static void warn_lookalike(struct reader *reader, struct text text, size_t from)
{
    size_t start = from + 1, end;
    struct text name;

    if (!reader->known || (from > 0 && strchr("${", text.p[from - 1])))
        return;
    while (start < text.n && (text.p[start] == '{' || text.p[start] == ' '))
        start++;
    for (end = start; end < text.n && is_word(text_make(text.p + start, end - start + 1), true);)
        end++;
    name = text_make(text.p + start, end - start);
    if (!in_list(reader->known->names, name))
        return;
    if (text.p[from] == '{' && !(end < text.n && (text.p[end] == '}' || text.p[end] == ' ')))
        return;
    finding_add(reader->findings, FINDING_WARNING, part_place(reader, from, end),
                "the customer will see '%.*s' as it stands here", (int)(end - from), text.p + from);
    finding_hint(reader->findings, "the value of '%.*s' is written ${%.*s}", TEXT_ARG(name), TEXT_ARG(name));
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

static void check_address(struct reader *reader)
{
    const struct template *template = reader->template;
    struct text head = template->count ? template->parts[0].text : text_of("");
    struct fault fault;

    if (template->count < 2 && (template->count == 0 || template->parts[0].kind == PART_LITERAL))
        return; /* static: the limits look at it */
    if (template->parts[0].kind != PART_LITERAL || !authority_end(head)) {
        finding_error(
            reader->findings, reader->node->at,
            "the scheme and host of a url must be written out; ${...} may stand behind the host's '/'");
        reader->good = false;
    } else if (!limits_url(head, &fault)) {
        finding_error(reader->findings, reader->node->at, "the url %s", fault.text);
        reader->good = false;
    }
}

struct template *template_compile(struct arena *arena, const struct node *node, enum template_leaf leaf,
                                  const struct template_known *known, struct findings *findings)
{
    struct reader reader = {
        .arena = arena, .node = node, .known = known, .findings = findings, .good = true
    };
    struct template *template = arena_alloc(arena, sizeof(*template));
    size_t dollars = 0;

    for (size_t i = 0; i < node->text.n; i++)
        dollars += node->text.p[i] == '$';
    reader.template = template;
    reader.literal = arena_alloc(arena, node->text.n + 1);
    if (template)
        template->parts = arena_array(arena, 2 * dollars + 1, sizeof(*template->parts));
    if (!template || !template->parts || !reader.literal) {
        (void)out_of_memory(&reader);
        return NULL;
    }
    template->leaf = leaf;
    read_template(&reader);
    if (reader.good && leaf == LEAF_URL)
        check_address(&reader);
    return reader.good ? template : NULL;
}

bool template_static(const struct template *template, struct text *text)
{
    if (template->count > 1 || (template->count == 1 && template->parts[0].kind != PART_LITERAL))
        return false;
    *text = template->count ? template->parts[0].text : text_of("");
    return true;
}

bool template_uses(const struct template *template, const char *word)
{
    for (size_t i = 0; i < template->count; i++)
        if (template->parts[i].kind != PART_LITERAL && strcmp(template->parts[i].words[0], word) == 0)
            return true;
    return false;
}

size_t template_count(const struct template *template)
{
    return template->count;
}

bool template_part(const struct template *template, size_t i, struct template_part *out)
{
    const struct part *part = i < template->count ? &template->parts[i] : NULL;

    if (!part)
        return false;
    *out = (struct template_part){ TEMPLATE_OTHER, part->text, part->otherwise };
    if (part->kind == PART_LITERAL)
        out->kind = TEMPLATE_LITERAL;
    else if (part->kind == PART_CAPTURE)
        out->kind = TEMPLATE_CAPTURE;
    return true;
}

/* --- rendering ---------------------------------------------------------------------------------------------------- */

static struct json_object *walk(struct json_object *value, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n && value; i++)
        value = doc_key(value, words[i]);
    return value;
}

/* ${contact.shop_id}: the contact's own field, else its custom attribute (Intercom) or property (HubSpot). */
static struct json_object *contact_value(struct json_object *contact, const struct part *part)
{
    static const char *const inside[] = { "custom_attributes", "properties" };
    struct json_object *value = walk(contact, part->words + 1, part->n_words - 1);

    for (size_t i = 0; !value && part->n_words == 2 && i < sizeof(inside) / sizeof(*inside); i++)
        value = doc_key(doc_key(contact, inside[i]), part->words[1]);
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

static struct text part_value(const struct part *part, const struct template_names *names)
{
    struct json_object *value = NULL;
    struct text text;

    if (part->kind == PART_CAPTURE)
        value = doc_key(names->captures, part->words[0]);
    else if (part->kind == PART_CONTACT)
        value = contact_value(names->contact, part);
    else if (part->kind == PART_SCOPE)
        value = walk(names->scopes, part->words, part->n_words);
    text = scalar_text(value);
    return text.p ? text : part->otherwise;
}

static void add_encoded(struct buf *out, struct text value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            (c && strchr("-._~", c)))
            buf_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

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

static bool render_parts(const struct template *template, const struct template_names *names, struct buf *out,
                         struct fault *fault)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct part *part = &template->parts[i];
        struct text value = part->text;

        if (part->kind != PART_LITERAL)
            value = part_value(part, names);
        if (!value.p)
            return fault_set(fault, "${%.*s} is missing: it has no value here and no default",
                             TEXT_ARG(part->text));
        if (part->kind != PART_LITERAL && template->leaf == LEAF_URL)
            add_encoded(out, value);
        else
            buf_text(out, value);
    }
    return true;
}

bool template_render(const struct template *template, const struct template_names *names, size_t max,
                     struct arena *arena, struct text *out, struct fault *fault)
{
    struct buf buf = BUF(max);
    bool good = render_parts(template, names, &buf, fault);

    if (good && buf.failed)
        good = fault_set(fault, "is longer than %zu bytes", max);
    if (good && template->leaf == LEAF_URL && template->count > 1 && has_dots(buf_get(&buf)))
        good = fault_set(fault, "a value would make the path of the url lead elsewhere ('..')");
    if (good) {
        *out = arena_text(arena, buf_get(&buf));
        good = out->p || fault_set(fault, "out of memory");
    }
    buf_free(&buf);
    return good;
}
