#include "base/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Under the size at which glibc's free() tidies up the whole heap. */
#define BLOCK_SIZE 32768
#define KEPT_MAX 8 /* blocks that arena_reset keeps for the next round */

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *blocks;
    struct block *kept; /* empty ones of BLOCK_SIZE */
    int n_kept;
    size_t total, max;
};

struct arena *arena_new(size_t max)
{
    struct arena *arena = calloc(1, sizeof(*arena));

    if (arena)
        arena->max = max;
    return arena;
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena->blocks);
    free_blocks(arena->kept);
    free(arena);
}

static struct block *new_block(struct arena *arena, size_t size)
{
    struct block *block = size == BLOCK_SIZE ? arena->kept : NULL;

    if (block) {
        arena->kept = block->next;
        arena->n_kept--;
        return block;
    }
    return malloc(sizeof(*block) + size);
}

static struct block *grow(struct arena *arena, size_t n)
{
    size_t size = n > BLOCK_SIZE ? n : BLOCK_SIZE;
    struct block *block;

    if (n > arena->max || arena->total > arena->max - n)
        return NULL;
    block = new_block(arena, size);
    if (!block) {
        memory_failed();
        return NULL;
    }
    block->next = arena->blocks;
    block->used = 0;
    block->size = size;
    arena->blocks = block;
    arena->total += size;
    return block;
}

void *arena_alloc(struct arena *arena, size_t n)
{
    const size_t align = alignof(max_align_t);
    struct block *block = arena->blocks;
    char *at;

    if (n > SIZE_MAX - align)
        return NULL;
    n = (n + align - 1) / align * align;
    if (!block || block->size - block->used < n)
        block = grow(arena, n);
    if (!block)
        return NULL;
    at = block->bytes + block->used;
    block->used += n;
    memset(at, 0, n);
    return at;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t n;

    return __builtin_mul_overflow(count, size, &n) ? NULL : arena_alloc(arena, n);
}

struct text arena_text(struct arena *arena, struct text text)
{
    char *copy = text.n < SIZE_MAX ? arena_alloc(arena, text.n + 1) : NULL;

    if (!copy)
        return TEXT_NONE;
    if (text.n)
        memcpy(copy, text.p, text.n);
    return text_make(copy, text.n);
}

const char *arena_str(struct arena *arena, struct text text)
{
    return arena_text(arena, text).p;
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks) {
        struct block *block = arena->blocks;

        arena->blocks = block->next;
        if (block->size != BLOCK_SIZE || arena->n_kept == KEPT_MAX) {
            free(block);
            continue;
        }
        block->next = arena->kept;
        arena->kept = block;
        arena->n_kept++;
    }
    arena->total = 0;
}
