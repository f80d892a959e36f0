#include "app/schedule.h"

#include "base/log.h"
#include "base/now.h"

#include <math.h>

#define JUMP_MS 5000
#define SLACK_MS 0.001 /* for the rounding of numbers of the size of a time */

void schedule_start(struct schedule *schedule, int64_t newest_stored_ms, int64_t newest_id)
{
    int64_t wall = now_wall_ms();

    *schedule = (struct schedule){ .base_ms = wall > newest_stored_ms ? wall : newest_stored_ms,
                                   .base_boot_ms = now_boot_ms(),
                                   .newest_ms = newest_stored_ms,
                                   .last_id = newest_id };
    schedule->drift_ms = wall - schedule->base_ms;
    if (schedule->drift_ms < -JUMP_MS)
        log_warn("the clock is behind the store; scheduling goes on from the newest stored time",
                 log_num("behind_ms", -schedule->drift_ms));
}

void schedule_start_at(struct schedule *schedule, int64_t ms)
{
    *schedule = (struct schedule){ .base_ms = ms, .stands = true };
}

void schedule_advance(struct schedule *schedule, int64_t ms)
{
    schedule->base_ms += ms;
}

static void set_time(struct schedule *schedule, int64_t now)
{
    schedule->base_ms = schedule->followed_ms = now;
    schedule->base_boot_ms = now_boot_ms();
}

static void begin_to_follow(struct schedule *schedule, int64_t server_ms)
{
    int64_t off = server_ms - now_wall_ms();

    schedule->follows = true;
    set_time(schedule, server_ms > schedule->newest_ms ? server_ms : schedule->newest_ms);
    schedule->drift_ms = server_ms - schedule->base_ms;
    if (off > JUMP_MS || off < -JUMP_MS)
        log_warn("the clocks of this machine and of the store's server differ; the server's counts",
                 log_num("server_ahead_ms", off));
}

void schedule_follow(struct schedule *schedule, int64_t server_ms)
{
    int64_t now = schedule_now(schedule), off = server_ms - now - schedule->drift_ms;

    if (schedule->stands)
        return;
    if (!schedule->follows) {
        begin_to_follow(schedule, server_ms);
        return;
    }
    if (off > JUMP_MS || off < -JUMP_MS) {
        log_warn("the server's clock jumped; scheduling does not follow", log_num("jump_ms", off));
        schedule->drift_ms += off;
    } else {
        set_time(schedule, now + off > schedule->followed_ms ? now + off : schedule->followed_ms);
    }
}

int64_t schedule_now(struct schedule *schedule)
{
    int64_t now, drift;

    if (schedule->stands)
        return schedule->base_ms;
    now = schedule->base_ms + now_boot_ms() - schedule->base_boot_ms;
    if (schedule->follows)
        return now;
    drift = now_wall_ms() - now;
    if (drift - schedule->drift_ms > JUMP_MS || schedule->drift_ms - drift > JUMP_MS) {
        log_warn("the wall clock jumped; scheduling does not follow",
                 log_num("jump_ms", drift - schedule->drift_ms));
        schedule->drift_ms = drift;
    }
    return now;
}

void schedule_set_number(struct schedule *schedule, int64_t number)
{
    schedule->number = number;
}

int64_t schedule_id(struct schedule *schedule, int64_t now)
{
    const int64_t last = schedule->last_id >> 22;
    int64_t ms = now, count = 0;

    if (ms <= last) {
        ms = last;
        count = (schedule->last_id & 0xFFF) + 1;
    }
    if (count > 0xFFF) { /* the counter is used up: the next millisecond's ids */
        ms++;
        count = 0;
    }
    schedule->last_id = ms << 22 | schedule->number << 12 | count;
    return schedule->last_id;
}

struct pace pace_make(double per_second, int burst)
{
    return (struct pace){ .interval_ms = per_second > 0 ? 1000 / per_second : 0,
                          .burst = burst > 0 ? burst : 1 };
}

/* The clock's ticks are milliseconds: what is full since less than one keeps its fraction, or a rate of 30/s would be 29.4/s and one of
   999/s half of itself. */
static double filled_at(const struct pace *pace, int64_t now)
{
    return pace->full_at_ms > (double)(now - 1) ? pace->full_at_ms : (double)now;
}

int64_t pace_next(const struct pace *pace, int64_t now)
{
    double at = pace->full_at_ms - (pace->burst - 1) * pace->interval_ms - SLACK_MS;

    return pace->interval_ms > 0 && at > (double)now ? (int64_t)ceil(at) : now;
}

void pace_take(struct pace *pace, int64_t now)
{
    pace->full_at_ms = filled_at(pace, now) + pace->interval_ms;
}

void pace_empty(struct pace *pace, int64_t at)
{
    pace->full_at_ms = (double)at + (pace->burst - 1) * pace->interval_ms;
}

int pace_tokens(const struct pace *pace, int64_t now, int most)
{
    double tokens;

    if (pace->interval_ms <= 0)
        return most;
    tokens = floor(pace->burst + ((double)now + SLACK_MS - filled_at(pace, now)) / pace->interval_ms);
    if (tokens > pace->burst)
        tokens = pace->burst;
    return tokens < 0 ? 0 : tokens < most ? (int)tokens : most;
}
