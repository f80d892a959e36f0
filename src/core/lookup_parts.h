#pragma once

/* A lookup's inside. Private to core/lookup*.c. */

#include "core/lookup_build.h"
#include "core/template.h"

/* `fields`: a path's language; a word of "*" is any element. */
struct lookup_field {
    const char *const *words;
    size_t n;
    struct text text; /* as written */
    const struct pattern *pattern;
};

struct lookup_form {
    const char *name;
    const struct node *node;
    const struct node *sample;
    struct text *hosts;
    size_t n_hosts;
    struct lookup_field *fields;
    size_t n_fields;
    bool posts;
    int64_t timeout_ms, cache_ms;
};

struct lookup_value {
    const char *name;
    const struct template *value;
};

/* A body as it will be: maps, lists, templates, and scalars that stay what they are. */
struct lookup_body {
    const struct node *node;
    const struct template *text; /* NULL: no text */
    const struct lookup_body *items;
};

struct lookup {
    const struct lookup_form *form;
    const char *as;
    const struct template *url;
    const struct lookup_value *headers, *with;
    size_t n_headers, n_with;
    const struct lookup_body *body; /* NULL: none */
};

/* lookup_field_keeps: a value that stands where the field says. NULL, which is null, is missing, and not wrong. */
bool lookup_field_keeps(const struct lookup_field *field, struct json_object *value,
                        struct pattern_scratch *scratch);
