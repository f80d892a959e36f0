#include "app/breaker.h"

#define WAIT_LEAST_MS 250
#define WAIT_MOST_MS 5000

int64_t breaker_next(const struct breaker *breaker, int64_t now)
{
    return breaker->state != BREAKER_CLOSED && breaker->next_at > now ? breaker->next_at : now;
}

void breaker_leave(struct breaker *breaker, int64_t now, int64_t patience_ms)
{
    if (breaker->state == BREAKER_CLOSED)
        return;
    breaker->state = BREAKER_HALF_OPEN;
    breaker->next_at = now + patience_ms;
}

static bool was_under_way(const struct breaker *breaker, int64_t now, int64_t took_ms)
{
    return breaker->state != BREAKER_CLOSED && now - took_ms <= breaker->opened_at;
}

bool breaker_failed(struct breaker *breaker, int64_t now, int64_t took_ms)
{
    const bool closed = breaker->state == BREAKER_CLOSED;

    if (now - took_ms < breaker->worked_at)
        return false;
    if (breaker->failures < BREAKER_FAILURES)
        breaker->failures++;
    if (breaker->failures < BREAKER_FAILURES || was_under_way(breaker, now, took_ms))
        return false;
    breaker->state = BREAKER_OPEN;
    breaker->wait_ms = closed ? WAIT_LEAST_MS : 2 * breaker->wait_ms;
    if (breaker->wait_ms > WAIT_MOST_MS)
        breaker->wait_ms = WAIT_MOST_MS;
    breaker->opened_at = now;
    breaker->next_at = now + breaker->wait_ms;
    return closed;
}

bool breaker_worked(struct breaker *breaker, int64_t now, int64_t took_ms)
{
    const bool closed = breaker->state == BREAKER_CLOSED;
    const int64_t left_at = now - took_ms;

    *breaker = (struct breaker){ BREAKER_CLOSED,
                                 .worked_at = left_at > breaker->worked_at ? left_at : breaker->worked_at };
    return !closed;
}
