#pragma once

/* Memory that is given back all at once: what a batch, a document or a ruleset needs while it lives. */

#include "base/text.h"

#include <stddef.h>

struct arena;

/* arena_new: holds at most `max` bytes. NULL when memory is out. */
struct arena *arena_new(size_t max) CHECKED;
void arena_free(struct arena *arena);
/* arena_alloc: zeroed bytes, aligned for any type, valid until arena_reset or arena_free. NULL when memory is out or
   the maximum is reached. */
void *arena_alloc(struct arena *arena, size_t n) CHECKED;
/* arena_array: zeroed room for `count` items; NULL as arena_alloc, also when count * size overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size) CHECKED;
/* arena_text: a copy, NUL-terminated behind its end; TEXT_NONE (p == NULL) when there is no room. */
struct text arena_text(struct arena *arena, struct text text) CHECKED;
/* arena_str: as arena_text, as a C string. */
const char *arena_str(struct arena *arena, struct text text) CHECKED;
/* arena_reset: gives everything back, keeps a few blocks for the next round. */
void arena_reset(struct arena *arena);
