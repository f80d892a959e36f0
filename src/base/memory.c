#include "base/memory.h"

#include "config.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static _Thread_local unsigned long failures;

void memory_failed(void)
{
    failures++;
}

unsigned long memory_failures(void)
{
    return failures;
}

/* --- what is kept for the end ------------------------------------------------------------------------------------------- */

#define RESERVE ((size_t)4 << 20)

static _Atomic(void *) reserve;

void memory_keep_reserve(void)
{
    void *fresh, *none = NULL;

    if (atomic_load(&reserve))
        return;
    fresh = malloc(RESERVE);
    if (fresh && !atomic_compare_exchange_strong(&reserve, &none, fresh))
        free(fresh);
}

#if HAVE___LIBC_MALLOC && !defined(MEMORY_SANITIZED)

/* glibc's own, behind the names that a program may take. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

/* True: it may work now. */
static bool use_reserve(void)
{
    void *last = atomic_exchange(&reserve, NULL);
    const bool there = last != NULL;

    memory_failed();
    free(last);
    return there;
}

void *malloc(size_t size)
{
    void *p = __libc_malloc(size);

    return p || !use_reserve() ? p : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    void *p = __libc_calloc(n, size);

    return p || !use_reserve() ? p : __libc_calloc(n, size);
}

/* Nothing of no size is freed by it: that is no failure. */
void *realloc(void *old, size_t size)
{
    void *p = __libc_realloc(old, size);

    return p || size == 0 || !use_reserve() ? p : __libc_realloc(old, size);
}

#endif
