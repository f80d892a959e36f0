#include "app/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Fails as often as it takes; the time then. */
static int64_t opened(struct breaker *breaker, int64_t now)
{
    *breaker = (struct breaker){ 0 };
    for (int i = 1; i < BREAKER_FAILURES; i++) {
        assert_false(breaker_failed(breaker, ++now, 0));
        assert_int_equal(breaker_next(breaker, now), now);
    }
    assert_true(breaker_failed(breaker, ++now, 0));
    assert_int_equal(breaker->state, BREAKER_OPEN);
    return now;
}

static void opens_after_failures_in_a_row(void **state)
{
    struct breaker breaker = { 0 };

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_false(breaker_failed(&breaker, i, 0));
        assert_false(breaker_failed(&breaker, i, 0));
        assert_false(breaker_worked(&breaker, i, 0));
        assert_int_equal(breaker_next(&breaker, i), i);
    }
}

/* Each probe is alone; the wait doubles up to its bound; an answer closes. */
static void one_probe_at_a_time(void **state)
{
    static const int64_t waits[] = { 250, 500, 1000, 2000, 4000, 5000, 5000 };
    struct breaker breaker;
    int64_t now = opened(&breaker, 1000000);

    (void)state;
    for (size_t i = 0; i < sizeof(waits) / sizeof(*waits); i++) {
        assert_int_equal(breaker_next(&breaker, now), now + waits[i]);
        now += waits[i];
        assert_int_equal(breaker_next(&breaker, now), now);
        breaker_leave(&breaker, now, 10000);
        assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
        assert_int_equal(breaker_next(&breaker, now), now + 10000);
        now += 100;
        assert_false(breaker_failed(&breaker, now, 100));
        assert_int_equal(breaker.state, BREAKER_OPEN);
    }
    assert_true(breaker_worked(&breaker, now, 0));
    assert_int_equal(breaker_next(&breaker, now), now);
    opened(&breaker, now); /* and it takes as many failures as at first */
    assert_int_equal(breaker.wait_ms, waits[0]);
}

/* Sixty requests were under way when the host died: that is one failure, not sixty. */
static void what_was_under_way_together_counts_once(void **state)
{
    struct breaker breaker;
    int64_t now = opened(&breaker, 1000000), next = breaker_next(&breaker, now);

    (void)state;
    for (int i = 0; i < 60; i++)
        assert_false(breaker_failed(&breaker, now + i, 500));
    assert_int_equal(breaker_next(&breaker, now), next);
    breaker_leave(&breaker, next, 10000);
    assert_false(breaker_failed(&breaker, next + 10, 9000)); /* one of them yet, and not the probe */
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_true(breaker_worked(&breaker, now, 0)); /* so is this; but it says that the host is there */
}

/* It hung and answers again: those that it left hanging end later, and say nothing of it as it is now. */
static void what_was_under_way_before_it_worked_does_not_count(void **state)
{
    struct breaker breaker = { 0 };

    (void)state;
    assert_false(breaker_worked(&breaker, 1000300, 20));
    for (int i = 0; i < 60; i++)
        assert_false(breaker_failed(&breaker, 1000400 + i, 10000));
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker.failures, 0);
    assert_false(breaker_worked(&breaker, 1000400, 9000)); /* a slow one that had begun earlier */
    assert_false(breaker_failed(&breaker, 1000500, 1000));
    assert_int_equal(breaker.failures, 0);
    /* What left behind it does. */
    assert_false(breaker_failed(&breaker, 1010290, 10000));
    assert_false(breaker_failed(&breaker, 1010291, 10000));
    assert_true(breaker_failed(&breaker, 1010292, 10000));
}

/* A probe whose result never comes is followed by another. */
static void a_probe_that_is_not_heard_of(void **state)
{
    struct breaker breaker;
    int64_t now = opened(&breaker, 1000000) + 250;

    (void)state;
    breaker_leave(&breaker, now, 10000);
    assert_int_equal(breaker_next(&breaker, now + 10000), now + 10000);
    breaker = (struct breaker){ 0 };
    breaker_leave(&breaker, now, 10000); /* while it is closed there are no probes */
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker_next(&breaker, now), now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_failures_in_a_row),
        cmocka_unit_test(one_probe_at_a_time),
        cmocka_unit_test(what_was_under_way_together_counts_once),
        cmocka_unit_test(what_was_under_way_before_it_worked_does_not_count),
        cmocka_unit_test(a_probe_that_is_not_heard_of),
    };

    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
