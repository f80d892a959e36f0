#pragma once

/* Counts the follow-ups of each chat, for two bots that answer each other. In memory, and of a fixed size: a restart begins to count
   anew, and where too many chats are active at a time those that were quiet the longest are forgotten. */

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

#define LOOPGUARD_SLOTS 8192 /* a power of two */
#define LOOPGUARD_WAYS 4     /* slots that a chat may be in */
#define LOOPGUARD_MS 60000

/* All zero: nothing is counted. */
struct loopguard {
    struct loopguard_slot {
        int64_t chat;              /* 0: free */
        int64_t begun_at, last_at; /* of the minute that is counted; when it was looked at last */
        int count;
    } slots[LOOPGUARD_SLOTS];
};

/* loopguard_full: has the chat got `most` follow-ups within a minute? Then this begins the minute anew: it is over when nothing
   wanted to be sent for so long. `first`: this is the first time that it says so. */
bool loopguard_full(struct loopguard *guard, int64_t chat, int most, int64_t now, bool *first) CHECKED;
/* loopguard_count: one more. */
void loopguard_count(struct loopguard *guard, int64_t chat, int64_t now);
