#pragma once

/* The circuit breaker of a channel. Closed: requests leave. After BREAKER_FAILURES in a row that met no working server it is open:
   none leaves for a while, longer each time. Then it is half open: one request, the probe, tells whether it closes or opens
   again. So thousands of waiting chats cost nothing while a host is down, and a host that hangs takes one message at a time
   with it, not all. */

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_FAILURES 3

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

/* All zero: closed. */
struct breaker {
    enum breaker_state state;
    int failures;      /* in a row, BREAKER_FAILURES at most */
    int64_t wait_ms;   /* how long it was open last */
    int64_t opened_at; /* last */
    int64_t worked_at; /* when the latest request that was answered left */
    int64_t next_at;   /* open: of the probe; half open: of another one, if the first is never heard of */
};

/* breaker_next: when a request may leave, `now` if at once. */
int64_t breaker_next(const struct breaker *breaker, int64_t now);
/* breaker_leave: a request leaves; its result comes within patience_ms. */
void breaker_leave(struct breaker *breaker, int64_t now, int64_t patience_ms);
/* breaker_failed: no working server; the request left took_ms ago. Those that were under way together count as one once it is open;
   what left before a request that was answered does not count. True: it was closed and is open now. */
bool breaker_failed(struct breaker *breaker, int64_t now, int64_t took_ms) CHECKED;
/* breaker_worked: the host answered a request that left took_ms ago. True: it was not closed, and is now. */
bool breaker_worked(struct breaker *breaker, int64_t now, int64_t took_ms) CHECKED;
