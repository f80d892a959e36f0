#pragma once

/* Answers from outside that may be used again for a while: the most recent ones, bounded in number and bytes. */

#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

struct cache;

/* cache_new: keeps bodies of at most `body_max` bytes, and of all at most `bytes_max`. */
struct cache *cache_new(size_t body_max, size_t bytes_max) CHECKED;
void cache_free(struct cache *cache);
/* cache_clear: forgets all. */
void cache_clear(struct cache *cache);
/* cache_get: what was put for this owner's key and lasts beyond `now`; p == NULL: nothing. Lends until the next put. */
struct text cache_get(const struct cache *cache, const char *owner, struct text key, int64_t now);
/* cache_put: until `until`, in the place of what was there. What is too large is not kept. */
void cache_put(struct cache *cache, const char *owner, struct text key, struct text body, int64_t until);
