#include "app/cache.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 1024 /* a power of two: one answer each, a newer one takes the place of an older */

/* Owner, NUL, key, then the body, in one piece. */
struct slot {
    char *bytes;
    size_t n_key, n_body;
    int64_t until;
};

struct cache {
    size_t body_max, bytes_max;
    size_t bytes; /* of all slots */
    size_t hand;  /* the slot that makes room next */
    struct slot slots[SLOTS];
};

struct cache *cache_new(size_t body_max, size_t bytes_max)
{
    struct cache *cache = calloc(1, sizeof(*cache));

    if (cache) {
        cache->body_max = body_max;
        cache->bytes_max = bytes_max;
    }
    return cache;
}

static void forget(struct cache *cache, struct slot *slot)
{
    cache->bytes -= slot->n_key + slot->n_body;
    free(slot->bytes);
    *slot = (struct slot){ 0 };
}

void cache_clear(struct cache *cache)
{
    for (size_t i = 0; i < SLOTS; i++)
        forget(cache, &cache->slots[i]);
}

void cache_free(struct cache *cache)
{
    if (cache)
        cache_clear(cache);
    free(cache);
}

/* FNV-1a */
static size_t place_of(const char *owner, struct text key)
{
    uint32_t hash = 2166136261u;

    for (; *owner; owner++)
        hash = (hash ^ (unsigned char)*owner) * 16777619u;
    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ (unsigned char)key.p[i]) * 16777619u;
    return hash & (SLOTS - 1);
}

static bool is_for(const struct slot *slot, const char *owner, struct text key)
{
    size_t n = strlen(owner) + 1;

    return slot->bytes && slot->n_key == n + key.n && memcmp(slot->bytes, owner, n) == 0 &&
           text_eq(text_make(slot->bytes + n, key.n), key);
}

struct text cache_get(const struct cache *cache, const char *owner, struct text key, int64_t now)
{
    const struct slot *slot = &cache->slots[place_of(owner, key)];

    if (!is_for(slot, owner, key) || now >= slot->until)
        return TEXT_NONE;
    return text_make(slot->bytes + slot->n_key, slot->n_body);
}

static void make_room(struct cache *cache, size_t n)
{
    for (size_t i = 0; i < SLOTS && cache->bytes + n > cache->bytes_max; i++) {
        forget(cache, &cache->slots[cache->hand]);
        cache->hand = (cache->hand + 1) & (SLOTS - 1);
    }
}

void cache_put(struct cache *cache, const char *owner, struct text key, struct text body, int64_t until)
{
    struct slot *slot = &cache->slots[place_of(owner, key)];
    size_t n_owner = strlen(owner) + 1, n = n_owner + key.n + body.n;

    forget(cache, slot);
    if (body.n > cache->body_max || n > cache->bytes_max)
        return;
    make_room(cache, n);
    slot->bytes = malloc(n);
    if (!slot->bytes)
        return;
    memcpy(slot->bytes, owner, n_owner);
    if (key.n)
        memcpy(slot->bytes + n_owner, key.p, key.n);
    if (body.n)
        memcpy(slot->bytes + n_owner + key.n, body.p, body.n);
    slot->n_key = n_owner + key.n;
    slot->n_body = body.n;
    slot->until = until;
    cache->bytes += n;
}
