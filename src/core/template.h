#pragma once

/* Templates: "Order ${id}", "$1", "${name:-Anna}", "$$". */

#include "core/filter.h"
#include "core/maker.h"
#include "core/path.h"

#include <json-c/json.h>

struct template; /* lives in the arena it was compiled into */

/* Where a value goes decides how it is escaped. */
enum template_leaf {
    LEAF_TEXT,   /* text and callback_data: as it is */
    LEAF_URL,    /* percent-encoded: cannot change scheme, host or the structure of the path */
    LEAF_LOOKUP, /* so, too: what rules ask; the host need not be one that Telegram takes */
};

/* template_compile: adds errors with their place to maker->findings and gives NULL. The node is a scalar, or a map of
   languages (then the template has a variant for each). A name that nothing binds is an error with "did you mean". A
   LEAF_URL must show its scheme and host before the first name; or it is one value of a lookup that has `hosts`, and nothing
   else: then it stays as it is. */
struct template *template_compile(struct maker *maker, const struct node *node,
                                  enum template_leaf leaf) CHECKED;
/* template_variants: 1, or the number of languages; template_variant: the i-th, in the order of `languages`. */
size_t template_variants(const struct template *template);
const struct template *template_variant(const struct template *template, size_t i);
/* template_static: the text of a template without names; false if it has names or several languages. */
bool template_static(const struct template *template, struct text *text);
/* template_allows: may this address, which it was rendered to, go out? False: it came from a lookup, and is no https address of
   one of its hosts. */
bool template_allows(const struct template *template, struct text url);
/* template_lacks: is a value missing that has no default? */
bool template_lacks(const struct template *template, struct json_object *scope);
/* template_uses: does it use a path that begins with this word ("contact")? */
bool template_uses(const struct template *template, const char *word);

/* A template's parts, for those that reason about what it can become. */
enum template_part_kind {
    TEMPLATE_LITERAL, /* text: as it stands */
    TEMPLATE_CAPTURE, /* text: the name or number of the group, whose value stands as it is */
    TEMPLATE_OTHER,   /* text: the path of a value that only a run knows */
};

struct template_part {
    enum template_part_kind kind;
    struct text text;
    struct text otherwise; /* the default; p == NULL: none */
    const struct filter *filters;
    size_t n_filters;
    bool looked_up;                 /* a value of a lookup's answer */
    const struct pattern *language; /* ... by its `fields`; NULL: not known */
};

/* template_count: how many parts; template_part: the i-th, false past the end. Texts are lent. Of a template with
   several languages those of the first. */
size_t template_count(const struct template *template);
bool template_part(const struct template *template, size_t i, struct template_part *out);
/* template_render: with the values of a scope, in the language scope.lang; into the arena. False with a fault that names the
   path that is missing, or the value that a filter cannot take. At most `max` bytes. A LEAF_URL fails where a value would
   make a path segment "." or "..", which browsers take for a step up even when encoded. */
bool template_render(const struct template *template, struct json_object *scope, size_t max,
                     struct arena *arena, struct text *out, struct fault *fault) CHECKED;
