#pragma once

/* What the parts of the flow checker share: memory and work with common bounds, growing arrays, characters. Nothing in the
   checker ends the program: when memory is out, `out` is set and stays, functions give their "limit" value, and what was asked
   is undecided; so it is when the work of a query is done. Work is counted in steps, not in time, so that the same rules have
   the same findings everywhere. */

#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_CODE_MAX 0x10FFFFu

struct flow_mem {
    size_t used, max; /* bytes */
    bool out;
    uint64_t steps, stop; /* done, and where it is enough; 0: never */
};

/* flow_work: that many steps were done, each about a few nanoseconds. */
static inline void flow_work(struct flow_mem *mem, size_t steps)
{
    mem->steps += steps;
}

/* flow_sorted: n things were sorted. */
void flow_sorted(struct flow_mem *mem, int n);

/* flow_spent: was enough done? */
static inline bool flow_spent(const struct flow_mem *mem)
{
    return mem->stop && mem->steps >= mem->stop;
}

enum flow_answer { FLOW_NO, FLOW_YES, FLOW_UNKNOWN };

struct flow_ints {
    int *v, n, cap;
};

/* flow_grow: *array (a pointer to any type, *cap items of `size` bytes) gets room for `need` items; new room is zeroed. */
bool flow_grow(struct flow_mem *mem, void *array, int *cap, int need, size_t size) CHECKED;
/* flow_drop: frees *array and makes it NULL. */
void flow_drop(struct flow_mem *mem, void *array, int *cap, size_t size);
bool flow_push(struct flow_mem *mem, struct flow_ints *ints, int value);
void flow_ints_drop(struct flow_mem *mem, struct flow_ints *ints);

/* flow_hash: goes on with `hash`. */
uint64_t flow_hash(uint64_t hash, const void *bytes, size_t n);
/* flow_slots: makes a table of `count` entries, open addressing, at least half empty: *slots (of *cap, a power of two) are -1
   where free. False when memory is out; *fresh: the table was made anew and is empty. */
bool flow_slots(struct flow_mem *mem, int **slots, int *cap, int count, bool *fresh) CHECKED;

/* flow_encode: UTF-8 of a code point (1 to 4 bytes); flow_decode: of valid UTF-8, gives how many bytes it took. */
size_t flow_encode(uint32_t code, char out[4]);
size_t flow_decode(const char *p, uint32_t *code);
/* flow_bytes: how long a code point's UTF-8 is. */
int flow_bytes(uint32_t code);
