#pragma once

/* Scheduling time, ids made from it, and pacing. */

#include <stdbool.h>
#include <stdint.h>

/* Scheduling time is the later of the wall clock and the newest stored time at start, and from then on counts
   CLOCK_BOOTTIME: it never jumps. Where several nodes have one server, it is the server's clock. */
struct schedule {
    int64_t base_ms, base_boot_ms;
    int64_t drift_ms;        /* of the wall clock, as last logged */
    int64_t last_id, number; /* number: of the node */
    int64_t newest_ms;       /* what the store had at the start: time does not begin before it */
    bool follows;            /* the server's clock */
    int64_t followed_ms;     /* the time when it was looked at last */
    bool stands;             /* only schedule_advance moves it */
};

void schedule_start(struct schedule *schedule, int64_t newest_stored_ms, int64_t newest_id);
/* schedule_start_at: time stands at this moment, and only schedule_advance moves it: for the sandbox. */
void schedule_start_at(struct schedule *schedule, int64_t ms);
void schedule_advance(struct schedule *schedule, int64_t ms);
/* schedule_follow: the server's clock is this. From the first time on it is the time; later it is followed, as such clocks drift, but
   not backwards, and not over a jump of 5 s or more, which is logged: the other nodes do not follow it, either. */
void schedule_follow(struct schedule *schedule, int64_t server_ms);
/* schedule_now: in ms. Logs, and does not follow, a jump of the wall clock over 5 s. */
int64_t schedule_now(struct schedule *schedule);
/* schedule_set_number: the node's, 0 to 1023; 0 until then. */
void schedule_set_number(struct schedule *schedule, int64_t number);
/* schedule_id: 41 bits of milliseconds, 10 of node number, 12 of counter; never backwards, never twice. */
int64_t schedule_id(struct schedule *schedule, int64_t now);

/* A token bucket, kept as one number: the time at which it is full again (GCRA). */
struct pace {
    double interval_ms; /* between two at the rate; 0: no limit */
    double burst;
    double full_at_ms;
};

/* pace_make: `per_second` 0: no limit. */
struct pace pace_make(double per_second, int burst);
/* pace_next: when the next token is there, `now` if at once. */
int64_t pace_next(const struct pace *pace, int64_t now);
void pace_take(struct pace *pace, int64_t now);
/* pace_empty: at this time there is one token, and no burst. */
void pace_empty(struct pace *pace, int64_t at);
/* pace_tokens: how many can be taken now, at most `most`. */
int pace_tokens(const struct pace *pace, int64_t now, int most);
