#pragma once

/* Something that is dear to make: each thread makes one of its own when it first needs it, and keeps it until it ends. */

#include "base/fault.h"

#include <pthread.h>
#include <stdbool.h>

struct kept {
    void (*const drop)(void *thing);
    pthread_mutex_t lock;
    bool has_key;
    pthread_key_t key;
};

/* static struct kept name = KEPT(drop), with a `drop` that frees such a thing. */
#define KEPT(drop)                                  \
    {                                               \
        (drop), PTHREAD_MUTEX_INITIALIZER, false, 0 \
    }

/* kept_get: what this thread keeps; NULL: nothing. */
void *kept_get(struct kept *kept);
/* kept_set: keeps this (NULL: nothing) instead of what it kept, which is the caller's. False when memory or keys are out. */
bool kept_set(struct kept *kept, void *thing) CHECKED;
