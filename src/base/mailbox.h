#pragma once

/* A queue from one thread to another. Messages own what they carry and are handed over whole. A plain post may be
   refused at the bounds (new work from outside); a reserved post never is (results, whose number is bounded by what is in
   flight), so that neither thread ever waits for the other. */

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mail {
    struct mail *next; /* the mailbox's own */
    int kind;
    size_t bytes; /* what it counts against the byte bound */
};

struct mailbox;

/* mailbox_new: at most `items` plain messages of `bytes` in all wait. NULL when memory or descriptors are out. */
struct mailbox *mailbox_new(size_t items, size_t bytes) CHECKED;
/* mailbox_set_bounds: from now on; what waits already stays. */
void mailbox_set_bounds(struct mailbox *box, size_t items, size_t bytes);
void mailbox_free(struct mailbox *box);
/* mailbox_post: hands the message over; false at a bound: it stays the caller's. */
bool mailbox_post(struct mailbox *box, struct mail *mail) CHECKED;
/* mailbox_post_reserved: hands the message over, always. */
void mailbox_post_reserved(struct mailbox *box, struct mail *mail);
/* mailbox_take: everything that waits, oldest first, at most `items` messages or about `bytes`; reserved ones first.
   With wait_ms > 0 waits that long for the first one; -1 for ever. NULL: nothing came. */
struct mail *mailbox_take(struct mailbox *box, size_t items, size_t bytes, int64_t wait_ms) CHECKED;
/* mailbox_await: waits until a message waits, or this descriptor can be read, or the time is over. */
void mailbox_await(struct mailbox *box, int fd, int64_t wait_ms);
/* mailbox_gather: waits until so many messages wait, or the time is over; more at once may cost less than some at a time. */
void mailbox_gather(struct mailbox *box, size_t awaited, int64_t wait_us);
/* mailbox_fd: a descriptor that is readable while something may wait; for event loops. */
int mailbox_fd(const struct mailbox *box);
/* mailbox_waiting: number of messages that wait. */
size_t mailbox_waiting(struct mailbox *box);
/* mailbox_posted: number of plain messages among them. */
size_t mailbox_posted(struct mailbox *box);
