#pragma once

/* malloc and its like in the whole program, libraries included, one call of which can fail. One thread. */

#include <stdbool.h>

/* failmalloc_possible: not in a build with a sanitizer, or without glibc: see base/memory.h. */
bool failmalloc_possible(void);
/* failmalloc_arm: the n-th call from now on fails, of those made while it is on. */
void failmalloc_arm(long n);
void failmalloc_on(bool on);
/* failmalloc_over: disarms; has it failed by then? */
bool failmalloc_over(void);
