#include "failmalloc.h"

#include "base/memory.h"
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#include <stddef.h>

static long fail_in;
static bool is_on, has_failed;

void failmalloc_arm(long n)
{
    fail_in = n;
    has_failed = false;
}

void failmalloc_on(bool on)
{
    is_on = on;
}

bool failmalloc_over(void)
{
    fail_in = 0;
    is_on = false;
    return has_failed;
}

#if !defined(MEMORY_SANITIZED) && (HAVE_JEMALLOC || HAVE___LIBC_MALLOC)

static bool fails(void)
{
    if (!is_on || fail_in <= 0 || --fail_in > 0)
        return false;
    has_failed = true;
    errno = ENOMEM;
    return true;
}

bool failmalloc_possible(void)
{
    return true;
}

/* What base/memory.c calls: the allocator's own, found behind these. */
#define REAL(result, name, ...)         \
    static result (*real)(__VA_ARGS__); \
    if (!real)                          \
        *(void **)&real = dlsym(RTLD_NEXT, #name);

#if HAVE_JEMALLOC

void *mallocx(size_t size, int flags)
{
    REAL(void *, mallocx, size_t, int)
    return fails() ? NULL : real(size, flags);
}

void *rallocx(void *old, size_t size, int flags)
{
    REAL(void *, rallocx, void *, size_t, int)
    return fails() ? NULL : real(old, size, flags);
}

#else

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

void *__libc_malloc(size_t size)
{
    REAL(void *, __libc_malloc, size_t)
    return fails() ? NULL : real(size);
}

void *__libc_calloc(size_t n, size_t size)
{
    REAL(void *, __libc_calloc, size_t, size_t)
    return fails() ? NULL : real(n, size);
}

void *__libc_realloc(void *old, size_t size)
{
    REAL(void *, __libc_realloc, void *, size_t)
    return fails() ? NULL : real(old, size);
}

#endif

#else

bool failmalloc_possible(void)
{
    return false;
}

#endif
