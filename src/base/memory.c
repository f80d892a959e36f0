#include "base/memory.h"

#include "config.h"

#include <errno.h>
#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#else
#include <malloc.h>
#endif
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

void memory_hold_pages(void)
{
#if !HAVE_JEMALLOC
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
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

#if !defined(MEMORY_SANITIZED) && (HAVE_JEMALLOC || HAVE___LIBC_MALLOC)

/* The allocator's own functions, behind the names that a program may take. */
#if HAVE_JEMALLOC

/* jemalloc reads this. What one thread frees the other may take; with more arenas each would keep pages for itself. */
const char *malloc_conf = "narenas:1";

static void *own_malloc(size_t size)
{
    return mallocx(size ? size : 1, 0);
}

static void *own_calloc(size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    return mallocx(total ? total : 1, MALLOCX_ZERO);
}

static void *own_realloc(void *old, size_t size)
{
    return old ? rallocx(old, size ? size : 1, 0) : own_malloc(size);
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

#define own_malloc __libc_malloc
#define own_calloc __libc_calloc
#define own_realloc __libc_realloc

#endif

/* True: it may work now. */
static bool use_reserve(void)
{
    void *last = atomic_exchange(&reserve, NULL);
    const bool there = last != NULL;

    memory_failed();
    free(last);
    errno = ENOMEM;
    return there;
}

void *malloc(size_t size)
{
    void *p = own_malloc(size);

    return p || !use_reserve() ? p : own_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    void *p = own_calloc(n, size);

    return p || !use_reserve() ? p : own_calloc(n, size);
}

/* glibc frees what becomes of no size, and gives nothing: that is no failure. */
void *realloc(void *old, size_t size)
{
    void *p = own_realloc(old, size);

    return p || size == 0 || !use_reserve() ? p : own_realloc(old, size);
}

#endif
