#pragma once

/* What a file may say, as tables: the loader checks a tree against them, and the JSON Schema for editors is made from the
   same tables. After schema_check a builder may take values without looking again. */

#include "core/finding.h"
#include "core/node.h"

enum schema_kind {
    SCHEMA_TEXT, /* any scalar; least and most bound its length in bytes if most > 0 */
    SCHEMA_NAME, /* [a-z0-9-]+, 64 at most */
    SCHEMA_BOOL,
    SCHEMA_INT,      /* least..most */
    SCHEMA_DURATION, /* text_duration; least..most in ms if most > 0 */
    SCHEMA_SIZE,     /* text_size; least..most in bytes if most > 0 */
    SCHEMA_WORD,     /* one of `words` */
    SCHEMA_LIST,     /* of `item`; least..most elements if most > 0 */
    SCHEMA_DICT,     /* any key, values of `item`; at least one if least > 0 */
    SCHEMA_MAP,      /* `keys` */
    SCHEMA_ANY_OF,   /* the first of `options` whose kind of node fits */
    SCHEMA_CUSTOM,   /* any scalar that `check` takes */
};

struct schema;

struct schema_key {
    const char *name;
    const struct schema *schema;
    bool required;
    const char
        *later;       /* part of the language that this version does not know: "lookups"; the error says so */
    const char *help; /* one line for the JSON Schema */
};

struct schema {
    enum schema_kind kind;
    const char *what;              /* for errors: "a duration such as 15m"; NULL: a standard wording */
    const struct schema_key *keys; /* up to a name of NULL */
    /* A map that lacks a required key may have been meant for another one: the way out then, NULL if it was not. */
    const char *(*mistaken)(const struct node *map);
    const struct schema *item;
    const struct schema *const *options; /* up to NULL */
    const char *const *words;            /* up to NULL */
    int64_t least, most;
    bool (*check)(struct text text, struct fault *fault); /* the fault: the whole error text */
};

/* schema_check: adds an error for every unknown key (with "did you mean"), missing required key, wrong kind or value in the
   whole tree. False if there was one. */
bool schema_check(const struct schema *schema, const struct node *node, struct findings *findings) CHECKED;

/* schema_json: the table as JSON Schema, draft 2020-12, for editors. False when memory is out. */
bool schema_json(const struct schema *schema, struct buf *out) CHECKED;

/* Getters for a checked tree: the value, or `otherwise` where the key is absent. */
struct text schema_text(const struct node *map, const char *key, const char *otherwise);
bool schema_bool(const struct node *map, const char *key, bool otherwise);
int64_t schema_int(const struct node *map, const char *key, int64_t otherwise);
int64_t schema_duration(const struct node *map, const char *key, int64_t otherwise);
size_t schema_size(const struct node *map, const char *key, size_t otherwise);
