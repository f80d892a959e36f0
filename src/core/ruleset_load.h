#pragma once

/* A ruleset's inside. Private to core/ruleset*.c. */

#include "core/pattern_pool.h"
#include "core/ruleset.h"
#include "core/ruleset_index.h"
#include "core/sign.h"

struct ruleset {
    struct arena *arena;
    struct rule *rules;
    size_t count;
    struct rule **by_name; /* sorted */
    const struct ruleset_index *taps, *texts;
    char *source;
    size_t source_len;
    unsigned char hash[SIGN_MAX];
    struct wants wants;
    const struct secret_use *secrets; /* that lookups use */
    int64_t longest, window;
    struct pattern_pool *pool;
    struct settings settings;
};
