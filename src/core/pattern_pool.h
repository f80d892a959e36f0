#pragma once

/* Patterns of conditions: each is compiled once however often it stands, and all go together. */

#include "base/arena.h"
#include "core/pattern.h"

struct pattern_pool;

/* pattern_pool_new: lives in the arena, its patterns do not: pattern_pool_clear (NULL is fine) before the arena goes. */
struct pattern_pool *pattern_pool_new(struct arena *arena) CHECKED;
void pattern_pool_clear(struct pattern_pool *pool);
/* pattern_pool_get: as pattern_compile for the whole string; lends. */
const struct pattern *pattern_pool_get(struct pattern_pool *pool, struct text source, size_t *offset,
                                       struct fault *fault) CHECKED;
