#include "core/lookup.h"

#include "core/doc.h"
#include "core/lookup_parts.h"
#include "core/node_json.h"
#include "core/sign.h"

#include <stdlib.h>
#include <string.h>

#define URL_MAX 8192
#define VALUE_MAX 8192
#define BODY_MAX ((size_t)64 << 10)
#define LINES_ADDED 2 /* Accept, Content-Type */

const char *lookup_name(const struct lookup *lookup)
{
    return lookup->form->name;
}

const char *lookup_as(const struct lookup *lookup)
{
    return lookup->as;
}

bool lookup_posts(const struct lookup *lookup)
{
    return lookup->form->posts;
}

int64_t lookup_timeout_ms(const struct lookup *lookup)
{
    return lookup->form->timeout_ms;
}

int64_t lookup_cache_ms(const struct lookup *lookup)
{
    return lookup->form->cache_ms;
}

size_t lookup_answer_max(const struct lookup *lookup)
{
    (void)lookup;
    return LOOKUP_ANSWER_MAX;
}

struct json_object *lookup_sample(const struct lookup *lookup)
{
    return node_json(lookup->form->sample);
}

/* --- what its templates see --------------------------------------------------------------------------------------------- */

/* A map of its own: the scope's members, and over them what `with` gives. A value that is missing is not there. */
static struct json_object *inner_scope(const struct lookup *lookup, struct json_object *scope,
                                       struct arena *arena)
{
    struct json_object *inner = json_object_new_object();
    bool good = inner;

    json_object_object_foreach(scope, key, value)
    {
        good = good && (!value || doc_add(inner, key, json_object_get(value)));
    }
    for (size_t i = 0; good && i < lookup->n_with; i++) {
        struct fault fault;
        struct text text;

        json_object_object_del(inner, lookup->with[i].name);
        if (template_render(lookup->with[i].value, scope, VALUE_MAX, arena, &text, &fault))
            good = doc_add_text(inner, lookup->with[i].name, text);
    }
    if (good)
        return inner;
    json_object_put(inner);
    return NULL;
}

/* --- request ------------------------------------------------------------------------------------------------------------ */

static bool body_value(const struct lookup_body *body, struct json_object *scope, struct arena *arena,
                       struct json_object **out, struct fault *fault);

/* Takes the item; NULL is JSON's null. */
static bool put_item(struct json_object *out, const struct node *node, size_t i, struct json_object *item)
{
    int failed = node->kind == NODE_MAP ? json_object_object_add(out, node->keys[i]->text.p, item)
                                        : json_object_array_add(out, item);

    if (failed)
        json_object_put(item);
    return !failed;
}

static bool body_members(const struct lookup_body *body, struct json_object *scope, struct arena *arena,
                         struct json_object *out, struct fault *fault)
{
    const struct node *node = body->node;

    for (size_t i = 0; i < node->count; i++) {
        struct json_object *item;

        if (!body_value(&body->items[i], scope, arena, &item, fault))
            return node->kind == NODE_MAP && fault_wrap(fault, "%s", node->keys[i]->text.p);
        if (!put_item(out, node, i, item))
            return fault_set(fault, "out of memory");
    }
    return true;
}

static bool body_value(const struct lookup_body *body, struct json_object *scope, struct arena *arena,
                       struct json_object **out, struct fault *fault)
{
    struct text text;

    *out = NULL;
    if (body->node->kind == NODE_SCALAR && !body->text) {
        *out = node_json(body->node);
        return true;
    }
    if (body->text) {
        if (!template_render(body->text, scope, BODY_MAX, arena, &text, fault))
            return false;
        *out = json_object_new_string_len(text.p, (int)text.n);
        return *out || fault_set(fault, "out of memory");
    }
    *out = body->node->kind == NODE_LIST ? json_object_new_array() : json_object_new_object();
    if (*out && body_members(body, scope, arena, *out, fault))
        return true;
    if (!*out)
        fault_set(fault, "out of memory");
    json_object_put(*out);
    *out = NULL;
    return false;
}

static bool render_body(const struct lookup *lookup, struct json_object *scope, struct arena *arena,
                        struct text *out, struct fault *fault)
{
    struct json_object *body;

    *out = lookup->form->posts ? text_of("{}") : TEXT_NONE;
    if (!lookup->body)
        return true;
    if (!body_value(lookup->body, scope, arena, &body, fault))
        return fault_wrap(fault, "body");
    *out = doc_printed(body, BODY_MAX, arena);
    json_object_put(body);
    return out->p || fault_set(fault, "the body is longer than %zu bytes", BODY_MAX);
}

enum lookup_verdict lookup_render(const struct lookup *lookup, struct json_object *scope, struct arena *arena,
                                  struct lookup_request *out, struct fault *fault)
{
    struct json_object *inner = inner_scope(lookup, scope, arena);
    enum lookup_verdict verdict = LOOKUP_FAILED;

    *out = (struct lookup_request){ TEXT_NONE, TEXT_NONE };
    if (!inner) {
        fault_set(fault, "out of memory");
        return LOOKUP_FAILED;
    }
    if (template_lacks(lookup->url, inner))
        verdict = LOOKUP_NOT_FOUND;
    else if (!template_render(lookup->url, inner, URL_MAX, arena, &out->url, fault))
        fault_wrap(fault, "url");
    else if (render_body(lookup, inner, arena, &out->body, fault))
        verdict = LOOKUP_FOUND;
    json_object_put(inner);
    return verdict;
}

/* --- headers ------------------------------------------------------------------------------------------------------------ */

struct heading {
    struct json_object *scope, *secrets;
    struct text (*secret)(void *context, const char *name);
    void *context;
    struct arena *arena;
    struct fault *fault;
};

/* The secrets that a header's template uses, where the template looks for them. */
static bool bind_secrets(const struct heading *heading, const struct template *template)
{
    struct template_part part;

    for (size_t i = 0; template_part(template, i, &part); i++) {
        const char *name;
        struct text value;

        if (part.kind == TEMPLATE_LITERAL || !text_starts(part.text, "secret."))
            continue;
        name = part.text.p + strlen("secret.");
        value = heading->secret(heading->context, name);
        if (!value.p)
            return fault_set(heading->fault, "the secret %s is not in the configuration", name);
        if (!doc_add_text(heading->secrets, name, value))
            return fault_set(heading->fault, "out of memory");
    }
    return true;
}

static bool is_header_value(struct text value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7F)
            return false;
    return true;
}

static bool header_line(const struct heading *heading, const struct lookup_value *header, struct text *out)
{
    struct buf line = BUF(VALUE_MAX + 200);
    struct text value;

    if (!bind_secrets(heading, header->value) ||
        !template_render(header->value, heading->scope, VALUE_MAX, heading->arena, &value, heading->fault))
        return fault_wrap(heading->fault, "header %s", header->name);
    if (!is_header_value(value))
        return fault_set(heading->fault, "header %s: its value holds a line break or control character",
                         header->name);
    buf_printf(&line, "%s: %.*s", header->name, TEXT_ARG(value));
    *out = line.failed ? TEXT_NONE : arena_text(heading->arena, buf_get(&line));
    buf_free(&line);
    return out->p || fault_set(heading->fault, "out of memory");
}

static bool has_header(const struct lookup *lookup, const char *name)
{
    for (size_t i = 0; i < lookup->n_headers; i++)
        if (text_is_nocase(text_of(lookup->headers[i].name), name))
            return true;
    return false;
}

static bool header_lines(const struct lookup *lookup, const struct heading *heading, struct text *lines,
                         size_t *n)
{
    for (size_t i = 0; i < lookup->n_headers; i++)
        if (!header_line(heading, &lookup->headers[i], &lines[(*n)++]))
            return false;
    if (!has_header(lookup, "accept"))
        lines[(*n)++] = text_of("Accept: application/json");
    if (lookup->form->posts && !has_header(lookup, "content-type"))
        lines[(*n)++] = text_of("Content-Type: application/json");
    return true;
}

bool lookup_headers(const struct lookup *lookup, struct json_object *scope,
                    struct text (*secret)(void *context, const char *name), void *context,
                    struct arena *arena, struct text **lines, size_t *n, struct fault *fault)
{
    struct heading heading = {
        inner_scope(lookup, scope, arena), json_object_new_object(), secret, context, arena, fault
    };
    bool good;

    *n = 0;
    *lines = arena_array(arena, lookup->n_headers + LINES_ADDED, sizeof(**lines));
    good = *lines && heading.scope && heading.secrets &&
           doc_add(heading.scope, "secret", json_object_get(heading.secrets));
    if (good)
        good = header_lines(lookup, &heading, *lines, n);
    else
        fault_set(fault, "out of memory");
    json_object_put(heading.scope);
    json_object_put(heading.secrets);
    return good;
}

/* --- hash --------------------------------------------------------------------------------------------------------------- */

/* Each part behind its length, so that no two requests look the same. */
bool lookup_hash(const struct lookup *lookup, struct text url, const struct text *lines, size_t n,
                 unsigned char out[LOOKUP_HASH])
{
    struct buf all = BUF((size_t)1 << 20);
    struct text whole;
    bool good;

    buf_printf(&all, "%zu:%s%zu:", strlen(lookup->form->name), lookup->form->name, url.n);
    buf_text(&all, url);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&all, "%zu:", lines[i].n);
        buf_text(&all, lines[i]);
    }
    whole = buf_get(&all);
    good = !all.failed && sign_digest(SIGN_SHA256, &whole, 1, out);
    if (all.data)
        explicit_bzero(all.data, all.len);
    buf_free(&all);
    return good;
}
