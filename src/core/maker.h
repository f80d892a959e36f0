#pragma once

/* What everything that is built from rule files shares. */

#include "base/arena.h"
#include "core/finding.h"
#include "core/settings.h"

struct names;
struct pattern_pool;

/* What templates and conditions use of that which has its price. */
struct wants {
    bool contact;
    bool conversation; /* other than its id */
    bool ledger;       /* which buttons were sent: guards, tokens */
};

/* ${secret.NAME} in a rule file. */
struct secret_use {
    const char *name;
    struct place at;
    struct secret_use *next;
};

struct maker {
    struct arena *arena;
    struct findings *findings;
    struct pattern_pool *pool;
    const struct settings *settings;
    const struct names *names;    /* NULL: the names come later, every one is taken */
    const char *const *variables; /* NULL-terminated: those that some `set` gives; NULL: not known */
    struct wants wants;
    bool in_header; /* of a lookup: secrets may stand here */
    struct secret_use *secrets;
    bool no_languages; /* said already: it is one mistake, however many texts have several */
};
