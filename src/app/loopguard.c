#include "app/loopguard.h"

#include <stddef.h>

#define HELD (-1) /* instead of a count */

/* Ids are times with a counter: their low bits alone would fill few places. */
static struct loopguard_slot *place_of(struct loopguard *guard, int64_t chat)
{
    uint64_t hash = (uint64_t)chat * 0x9E3779B97F4A7C15u;

    return &guard->slots[(hash >> 32) % (LOOPGUARD_SLOTS / LOOPGUARD_WAYS) * LOOPGUARD_WAYS];
}

static struct loopguard_slot *find(struct loopguard *guard, int64_t chat)
{
    struct loopguard_slot *slots = place_of(guard, chat);

    for (int i = 0; i < LOOPGUARD_WAYS; i++)
        if (slots[i].chat == chat)
            return &slots[i];
    return NULL;
}

static struct loopguard_slot *take(struct loopguard *guard, int64_t chat, int64_t now)
{
    struct loopguard_slot *slots = place_of(guard, chat), *oldest = slots;

    for (int i = 1; i < LOOPGUARD_WAYS; i++)
        if (slots[i].last_at < oldest->last_at)
            oldest = &slots[i];
    *oldest = (struct loopguard_slot){ .chat = chat, .begun_at = now };
    return oldest;
}

bool loopguard_full(struct loopguard *guard, int64_t chat, int most, int64_t now, bool *first)
{
    struct loopguard_slot *slot = find(guard, chat);

    *first = false;
    if (!slot || now - slot->begun_at >= LOOPGUARD_MS || (slot->count != HELD && slot->count < most))
        return false;
    *first = slot->count != HELD;
    slot->count = HELD;
    slot->begun_at = slot->last_at = now;
    return true;
}

void loopguard_count(struct loopguard *guard, int64_t chat, int64_t now)
{
    struct loopguard_slot *slot = find(guard, chat);

    if (!slot)
        slot = take(guard, chat, now);
    if (slot->count == HELD || now - slot->begun_at >= LOOPGUARD_MS)
        *slot = (struct loopguard_slot){ .chat = chat, .begun_at = now };
    slot->last_at = now;
    slot->count++;
}
