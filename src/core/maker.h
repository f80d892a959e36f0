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
};

struct maker {
    struct arena *arena;
    struct findings *findings;
    struct pattern_pool *pool;
    const struct settings *settings;
    const struct names *names; /* NULL: the names come later, every one is taken */
    struct wants wants;
};
