#pragma once

/* Which names a path may begin with where it stands in a rule. */

#include "core/maker.h"
#include "core/path.h"

struct condition;
struct lookup_form;
struct pattern;

/* A name that `repeat` binds around a place. */
struct names_inner {
    const char *name;
    const struct names_inner *outer;
    const struct path *list; /* whose element it is; NULL: it is a text */
};

/* A condition that is known to hold around a place, or, if it has one part only, known not to. */
struct names_guard {
    const struct condition *when;
    bool fails;
    const struct names_guard *outer;
};

/* Variables of the chat that steps before a place have set. */
struct names_given {
    const char *names[50];
    size_t n;
};

/* An answer that lookups before a place have given. */
struct names_lookup {
    const char *as;
    const struct lookup_form *form; /* NULL: there are errors in it, anything is believed */
    bool maybe;                     /* not on every way to here */
    bool elsewhere;                 /* in another branch or rule: may be asked again under this name */
    struct names_lookup *before;
};

struct names_lookups {
    struct names_lookup *last;
};

struct names {
    const char *rule;         /* for errors */
    const char *const *all;   /* NULL-terminated: captures */
    const char *const *maybe; /* NULL-terminated: those of them that not every match gives; NULL: none */
    bool again;     /* what stands here was built before: only what has to do with the names is new */
    bool pages;     /* a row of the message has `page` */
    bool handled;   /* the rule has steps for the case that a value is missing */
    bool not_found; /* ... that a lookup finds nothing */
    const struct names_inner *inner;
    const struct names_guard *guards;
    const struct names_given *given;     /* NULL: none */
    const struct names_lookups *lookups; /* NULL: none */
};

enum names_use {
    NAMES_VALUE,    /* without a value nothing is sent */
    NAMES_OPTIONAL, /* a default, a condition */
    NAMES_LIST,     /* `repeat` */
};

/* names_reserved: has the word a meaning of its own? */
bool names_reserved(struct text word);
/* names_inner_has: is the word a name that `repeat` binds here? */
bool names_inner_has(const struct names *names, const char *word);
/* names_lookup_find: NULL: no answer has that name. */
const struct names_lookup *names_lookup_find(const struct names_lookups *lookups, struct text as);
/* names_form: the lookup in whose answer the path leads, through `repeat` too; NULL: none. names_field: the language of the value
   by its `fields`; NULL: none. */
const struct lookup_form *names_form(const struct names *names, const struct path *path);
const struct pattern *names_field(const struct names *names, const struct path *path);
/* names_check: the path that stands in n bytes of a node's text from `from` on. False after adding an error; adds a warning
   where a value may be missing. maker->names NULL: names come later, only reserved words are looked at. */
bool names_check(struct maker *maker, const struct path *path, enum names_use use, const struct node *node,
                 size_t from, size_t n) CHECKED;
