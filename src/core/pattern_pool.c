#include "core/pattern_pool.h"

#define BUCKETS 256

struct pooled {
    struct pattern *pattern;
    struct pooled *next;
};

struct pattern_pool {
    struct arena *arena;
    struct pooled *buckets[BUCKETS];
};

struct pattern_pool *pattern_pool_new(struct arena *arena)
{
    struct pattern_pool *pool = arena_alloc(arena, sizeof(*pool));

    if (pool)
        pool->arena = arena;
    return pool;
}

void pattern_pool_clear(struct pattern_pool *pool)
{
    for (size_t i = 0; pool && i < BUCKETS; i++) {
        for (struct pooled *one = pool->buckets[i]; one; one = one->next)
            pattern_free(one->pattern);
        pool->buckets[i] = NULL;
    }
}

static struct pooled **bucket_of(struct pattern_pool *pool, struct text source)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < source.n; i++)
        hash = (hash ^ (unsigned char)source.p[i]) * 16777619u;
    return &pool->buckets[hash % BUCKETS];
}

const struct pattern *pattern_pool_get(struct pattern_pool *pool, struct text source, size_t *offset,
                                       struct fault *fault)
{
    struct pooled **bucket = bucket_of(pool, source), *one;

    for (one = *bucket; one; one = one->next)
        if (text_eq(pattern_source(one->pattern), source))
            return one->pattern;
    one = arena_alloc(pool->arena, sizeof(*one));
    if (!one) {
        *offset = 0;
        fault_set(fault, "out of memory");
        return NULL;
    }
    one->pattern = pattern_compile(source, PATTERN_WHOLE, offset, fault);
    if (!one->pattern)
        return NULL;
    one->next = *bucket;
    *bucket = one;
    return one->pattern;
}
