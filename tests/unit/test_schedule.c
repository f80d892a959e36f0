#include "app/schedule.h"

#include "base/log.h"
#include "base/now.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- ids ---------------------------------------------------------------------------------------------------------------- */

static void ids_grow(void **state)
{
    struct schedule schedule = { .last_id = 0 };
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 20000; i++) { /* more than a millisecond has; the clock stands, goes back, jumps */
        int64_t now = 1000 + (i % 7 == 0 ? -500 : 0) + i / 5000 * 3, id = schedule_id(&schedule, now);

        assert_true(id > last);
        assert_int_equal(id >> 12 & 0x3FF, 0); /* the node's number */
        last = id;
    }
}

static void ids_of(void **state)
{
    static const struct {
        int64_t last, now, id;
    } cases[] = {
        { 0, 5, 5 << 22 },
        { 5 << 22, 5, (5 << 22) + 1 },
        { (5 << 22) + 0xFFE, 5, (5 << 22) + 0xFFF },
        { (5 << 22) + 0xFFF, 5, 6 << 22 },   /* the counter is used up */
        { (9 << 22) + 7, 5, (9 << 22) + 8 }, /* the clock is behind the store */
        { (5 << 22) + 0xFFF, 7, 7 << 22 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct schedule schedule = { .last_id = cases[i].last };

        assert_int_equal(schedule_id(&schedule, cases[i].now), cases[i].id);
    }
}

/* Two nodes that give ids in the same milliseconds, and began with the same id of a third one. */
static void ids_of_nodes_differ(void **state)
{
    const int64_t newest = (INT64_C(5) << 22) | (INT64_C(900) << 12) | 0xFFD;
    struct schedule a = { .last_id = newest }, b = { .last_id = newest };
    int64_t last[2] = { newest, 0 };

    (void)state;
    schedule_set_number(&a, 1);
    schedule_set_number(&b, 1023);
    for (int i = 0; i < 10000; i++) {
        int64_t id[2] = { schedule_id(&a, 5), schedule_id(&b, 5) };

        assert_int_equal(id[0] >> 12 & 1023, 1);
        assert_int_equal(id[1] >> 12 & 1023, 1023);
        assert_int_not_equal(id[0], newest);
        assert_true(i == 0 || (id[0] > last[0] && id[1] > last[1]));
        memcpy(last, id, sizeof(last));
    }
}

/* --- time --------------------------------------------------------------------------------------------------------------- */

static void time_begins_at_the_later(void **state)
{
    int64_t wall = now_wall_ms();
    struct schedule schedule;

    (void)state;
    log_setup(LOG_ERROR, false);
    schedule_start(&schedule, 0, 0);
    assert_true(schedule_now(&schedule) >= wall);
    schedule_start(&schedule, wall + 3600000, 0);
    assert_true(schedule_now(&schedule) >= wall + 3600000);
    assert_true(schedule_now(&schedule) < wall + 2 * 3600000);
}

static void time_does_not_follow_a_jump(void **state)
{
    struct schedule schedule;
    int64_t before;

    (void)state;
    log_setup(LOG_ERROR, false);
    schedule_start(&schedule, 0, 0);
    before = schedule_now(&schedule);
    schedule.base_ms -= 10000; /* as if the wall clock had gone 10 s ahead of it */
    assert_true(schedule_now(&schedule) < before);
    assert_true(schedule.drift_ms >= 9000);
    assert_true(schedule_now(&schedule) < before);
}

/* The server's clock is the time from the first look at it on, and does not go back. */
static void time_is_the_servers(void **state)
{
    const int64_t hour = 3600000, server = now_wall_ms() - hour;
    struct schedule schedule;
    int64_t now;

    (void)state;
    log_setup(LOG_ERROR, false);
    schedule_start(&schedule, 0, 0);
    schedule_follow(&schedule, server);
    now = schedule_now(&schedule);
    assert_in_range(now, server, server + hour / 2);
    schedule_follow(&schedule, now + 4000); /* it drifts */
    assert_true(schedule_now(&schedule) >= now + 4000);
    now = schedule_now(&schedule);
    schedule_follow(&schedule, now - 3000);
    assert_true(schedule_now(&schedule) >= now);
    assert_true(schedule_now(&schedule) < now + 2000);
    schedule_follow(&schedule, now + hour); /* it jumps, and goes on from there */
    assert_true(schedule_now(&schedule) < now + hour / 2);
    now = schedule_now(&schedule);
    schedule_follow(&schedule, now + hour + 4000);
    assert_in_range(schedule_now(&schedule), now + 1000, now + hour / 2);
    schedule_start(&schedule, server + 2 * hour, 0); /* the store has been further */
    schedule_follow(&schedule, server);
    assert_true(schedule_now(&schedule) >= server + 2 * hour);
}

/* --- pacing ------------------------------------------------------------------------------------------------------------- */

/* Takes as soon as it may, from time 0 on. */
static void times_of_sends(void **state)
{
    static const struct {
        double per_second;
        int burst;
        int64_t at[6];
    } cases[] = {
        { 1, 1, { 0, 1000, 2000, 3000, 4000, 5000 } },     { 1, 3, { 0, 0, 0, 1000, 2000, 3000 } },
        { 25, 1, { 0, 40, 80, 120, 160, 200 } },           { 30, 1, { 0, 34, 67, 100, 134, 167 } },
        { 0.05, 2, { 0, 0, 20000, 40000, 60000, 80000 } }, { 0, 1, { 0, 0, 0, 0, 0, 0 } },
        { 2, 0, { 0, 500, 1000, 1500, 2000, 2500 } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pace pace = pace_make(cases[i].per_second, cases[i].burst);
        int64_t now = 0;

        for (size_t j = 0; j < 6; j++) {
            now = pace_next(&pace, now);
            assert_int_equal(now, cases[i].at[j]);
            pace_take(&pace, now);
        }
    }
}

/* What pace_tokens says can be taken, and no more; and it is none exactly while pace_next is in the future. */
static void tokens_can_be_taken(void **state)
{
    static const double rates[] = { 0.05, 1, 3, 7, 25, 30, 999 };

    (void)state;
    for (size_t i = 0; i < COUNT(rates); i++) {
        for (int burst = 1; burst <= 5; burst += 2) {
            struct pace pace = pace_make(rates[i], burst);
            int64_t now = 1760000000000;

            for (int step = 0; step < 400; step++, now += 1 + step % 53) {
                int tokens = pace_tokens(&pace, now, 100);

                assert_true(tokens >= 0 && tokens <= burst);
                assert_int_equal(tokens > 0, pace_next(&pace, now) <= now);
                for (int j = 0; j < tokens; j++) {
                    assert_true(pace_next(&pace, now) <= now);
                    pace_take(&pace, now);
                }
                assert_true(pace_next(&pace, now) > now);
            }
        }
    }
}

static void rates_are_kept(void **state)
{
    static const double rates[] = { 0.5, 30, 333, 999, 5000 };

    (void)state;
    for (size_t i = 0; i < COUNT(rates); i++) {
        struct pace pace = pace_make(rates[i], 1);
        const int64_t begun = 1760000000000;
        int64_t now = begun;

        for (int j = 0; j <= 1000; j++) {
            now = pace_next(&pace, now);
            pace_take(&pace, now);
        }
        assert_true(now - begun >= (int64_t)(1000000 / rates[i]) - 1);
        assert_true(now - begun <= (int64_t)(1000000 / rates[i]) + 2);
    }
}

static void tokens_are_limited(void **state)
{
    struct pace unlimited = pace_make(0, 0), few = pace_make(1, 10);

    (void)state;
    assert_int_equal(pace_tokens(&unlimited, 5, 64), 64);
    assert_int_equal(pace_tokens(&few, 5, 64), 10);
    assert_int_equal(pace_tokens(&few, 5, 4), 4);
    assert_int_equal(pace_tokens(&few, 5, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_grow),
        cmocka_unit_test(ids_of_nodes_differ),
        cmocka_unit_test(ids_of),
        cmocka_unit_test(time_begins_at_the_later),
        cmocka_unit_test(time_does_not_follow_a_jump),
        cmocka_unit_test(time_is_the_servers),
        cmocka_unit_test(times_of_sends),
        cmocka_unit_test(tokens_can_be_taken),
        cmocka_unit_test(rates_are_kept),
        cmocka_unit_test(tokens_are_limited),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
