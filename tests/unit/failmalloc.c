#include "failmalloc.h"

#include "base/memory.h"
#include "config.h"

#include <errno.h>
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

/* What base/memory.c calls, the allocator's own: the linker puts these before them (--wrap, see app.mk). */
#if HAVE_JEMALLOC

void *__real_mallocx(size_t size, int flags);
void *__real_rallocx(void *old, size_t size, int flags);
void *__wrap_mallocx(size_t size, int flags);
void *__wrap_rallocx(void *old, size_t size, int flags);

void *__wrap_mallocx(size_t size, int flags)
{
    return fails() ? NULL : __real_mallocx(size, flags);
}

void *__wrap_rallocx(void *old, size_t size, int flags)
{
    return fails() ? NULL : __real_rallocx(old, size, flags);
}

#else

void *__real___libc_malloc(size_t size);
void *__real___libc_calloc(size_t n, size_t size);
void *__real___libc_realloc(void *old, size_t size);
void *__wrap___libc_malloc(size_t size);
void *__wrap___libc_calloc(size_t n, size_t size);
void *__wrap___libc_realloc(void *old, size_t size);

void *__wrap___libc_malloc(size_t size)
{
    return fails() ? NULL : __real___libc_malloc(size);
}

void *__wrap___libc_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real___libc_calloc(n, size);
}

void *__wrap___libc_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real___libc_realloc(old, size);
}

#endif

#else

bool failmalloc_possible(void)
{
    return false;
}

#endif
