#pragma once

/* Templates: "Order ${id}", "$1", "${name:-Anna}", "$$". */

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "core/finding.h"
#include "core/node.h"

#include <json-c/json.h>

struct template; /* lives in the arena it was compiled into */

/* Where a value goes decides how it is escaped. */
enum template_leaf {
    LEAF_TEXT, /* text and callback_data: as it is */
    LEAF_URL,  /* percent-encoded: cannot change scheme, host or the structure of the path */
};

/* What ${...} can name. Captures are { "1": "...", "id": "..." }. */
struct template_names {
    struct json_object *captures;
    struct json_object *contact; /* NULL: nothing known */
    struct json_object
        *scopes; /* further first words of a path -> object: conversation, source, channel, topic */
};

/* The names that captures can have where a template is used. */
struct template_known {
    const char *rule;         /* for errors */
    const char *const *names; /* NULL-terminated */
    const char *const *maybe; /* NULL-terminated: those of them that not every match gives; NULL: none */
    bool again; /* the template was compiled before: only what has to do with the names is new */
};

/* template_compile: adds errors with their place to findings and gives NULL. A name that nothing binds is an error with "did
   you mean"; `known` NULL: the names come later, every one is taken. A LEAF_URL must show its scheme and host before the
   first name. */
struct template *template_compile(struct arena *arena, const struct node *node, enum template_leaf leaf,
                                  const struct template_known *known, struct findings *findings) CHECKED;
/* template_static: the text of a template without names; false if it has names. */
bool template_static(const struct template *template, struct text *text);
/* template_uses: does it use a path that begins with this word ("contact")? */
bool template_uses(const struct template *template, const char *word);

/* A template's parts, for those that reason about what it can become. */
enum template_part_kind {
    TEMPLATE_LITERAL, /* text: as it stands */
    TEMPLATE_CAPTURE, /* text: the name or number of the group */
    TEMPLATE_OTHER,   /* text: the path of a value that only a run knows */
};

struct template_part {
    enum template_part_kind kind;
    struct text text;
    struct text otherwise; /* the default; p == NULL: none */
};

/* template_count: how many parts; template_part: the i-th, false past the end. Texts are lent. */
size_t template_count(const struct template *template);
bool template_part(const struct template *template, size_t i, struct template_part *out);
/* template_render: into the arena; false with a fault that names the path that is missing. At most `max` bytes. A LEAF_URL
   fails where a value would make a path segment "." or "..", which browsers take for a step up even when encoded. */
bool template_render(const struct template *template, const struct template_names *names, size_t max,
                     struct arena *arena, struct text *out, struct fault *fault) CHECKED;
