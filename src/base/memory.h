#pragma once

/* Remembers that memory was out. What is built from buffers and arenas is less than it should be then, and often nobody can tell:
   a text that is empty, a list that is short. Whoever makes something durable of it asks before.

   Where there is jemalloc it is what gives memory, else the C library: see HACKING. With either (the C library being glibc) this replaces malloc, calloc and realloc of the whole program: so the failures of libraries are counted, too, of which
   some crash, or leave out what they have no memory for and say nothing (json-c 0.16 does both). And it keeps a reserve for them:
   what fails first gets its memory from there, so that the work can be given up in good order. */

#include <stdbool.h>

/* MEMORY_SANITIZED: a sanitizer has a malloc of its own, which stays. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MEMORY_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_SANITIZED
#endif

/* memory_hold_pages: bodies go from thread to thread and are freed in the other. Without this glibc gives memory back to the kernel
   after each batch, only to ask for it again; jemalloc waits by itself. */
void memory_hold_pages(void);
/* memory_failed: an allocation of this thread failed. */
void memory_failed(void);
/* memory_failures: how many have, since the thread began. */
unsigned long memory_failures(void);
/* memory_keep_reserve: sets it aside, at the start and after it was used. */
void memory_keep_reserve(void);
