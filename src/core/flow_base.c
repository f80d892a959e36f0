#include "core/flow_base.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

void flow_sorted(struct flow_mem *mem, int n)
{
    for (int rest = n; rest > 0; rest >>= 1)
        flow_work(mem, (size_t)n);
}

bool flow_grow(struct flow_mem *mem, void *array, int *cap, int need, size_t size)
{
    void *old, *new;
    int more;

    if (need <= *cap)
        return true;
    if (need > INT_MAX / 2)
        mem->out = true;
    if (mem->out)
        return false;
    more = need < 16 ? 16 : need + need / 2;
    if (mem->used > mem->max || ((size_t)more - (size_t)*cap) > (mem->max - mem->used) / size) {
        mem->out = true;
        return false;
    }
    memcpy(&old, array, sizeof(old));
    new = realloc(old, (size_t)more * size);
    if (!new) {
        mem->out = true;
        return false;
    }
    memset((char *)new + (size_t)*cap *size, 0, (size_t)(more - *cap) * size);
    *(void **)array = new;
    mem->used += (size_t)(more - *cap) * size;
    *cap = more;
    return true;
}

void flow_drop(struct flow_mem *mem, void *array, int *cap, size_t size)
{
    void *old, *none = NULL;

    memcpy(&old, array, sizeof(old));
    free(old);
    memcpy(array, &none, sizeof(none));
    mem->used -= (size_t)*cap * size;
    *cap = 0;
}

bool flow_push(struct flow_mem *mem, struct flow_ints *ints, int value)
{
    if (!flow_grow(mem, &ints->v, &ints->cap, ints->n + 1, sizeof(int)))
        return false;
    ints->v[ints->n++] = value;
    return true;
}

void flow_ints_drop(struct flow_mem *mem, struct flow_ints *ints)
{
    flow_drop(mem, &ints->v, &ints->cap, sizeof(int));
    ints->n = 0;
}

uint64_t flow_hash(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint32_t word;

    hash ^= 1469598103934665603u;
    for (; n >= 4; n -= 4, p += 4) {
        memcpy(&word, p, 4);
        hash = (hash ^ word) * 1099511628211u;
    }
    for (; n; n--, p++)
        hash = (hash ^ *p) * 1099511628211u;
    return hash ^ hash >> 29;
}

bool flow_slots(struct flow_mem *mem, int **slots, int *cap, int count, bool *fresh)
{
    int want = *cap ? *cap : 64;

    *fresh = false;
    if (*cap && count < *cap / 2)
        return true;
    while (want / 2 <= count && want < INT_MAX / 4)
        want *= 2;
    flow_drop(mem, slots, cap, sizeof(int));
    if (mem->out || mem->used > mem->max || (size_t)want * sizeof(int) > mem->max - mem->used) {
        mem->out = true;
        return false;
    }
    *slots = malloc((size_t)want * sizeof(int));
    if (!*slots) {
        mem->out = true;
        return false;
    }
    memset(*slots, 0xFF, (size_t)want * sizeof(int));
    mem->used += (size_t)want * sizeof(int);
    *cap = want;
    *fresh = true;
    return true;
}

int flow_bytes(uint32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

size_t flow_encode(uint32_t code, char out[4])
{
    static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    int n = flow_bytes(code);

    for (int i = n - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(lead[n] | code);
    return (size_t)n;
}

size_t flow_decode(const char *p, uint32_t *code)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t n = u[0] < 0x80 ? 1 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;

    *code = n == 1 ? u[0] : u[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        *code = *code << 6 | (u[i] & 0x3F);
    return n;
}
