#pragma once

/* Which names a path may begin with where it stands in a rule. */

#include "core/maker.h"
#include "core/path.h"

struct condition;

/* A name that `repeat` binds around a place. */
struct names_inner {
    const char *name;
    const struct names_inner *outer;
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

struct names {
    const char *rule;         /* for errors */
    const char *const *all;   /* NULL-terminated: captures */
    const char *const *maybe; /* NULL-terminated: those of them that not every match gives; NULL: none */
    bool again;   /* what stands here was built before: only what has to do with the names is new */
    bool pages;   /* a row of the message has `page` */
    bool handled; /* the rule has steps for the case that a value is missing */
    const struct names_inner *inner;
    const struct names_guard *guards;
    const struct names_given *given; /* NULL: none */
};

enum names_use {
    NAMES_VALUE,   /* without a value nothing is sent */
    NAMES_OPTIONAL /* a default, a condition, a list */
};

/* names_reserved: has the word a meaning of its own? */
bool names_reserved(struct text word);
/* names_inner_has: is the word a name that `repeat` binds here? */
bool names_inner_has(const struct names *names, const char *word);
/* names_check: the path that stands in n bytes of a node's text from `from` on. False after adding an error; adds a warning
   where a value may be missing. maker->names NULL: names come later, only reserved words are looked at. */
bool names_check(struct maker *maker, const struct path *path, enum names_use use, const struct node *node,
                 size_t from, size_t n) CHECKED;
