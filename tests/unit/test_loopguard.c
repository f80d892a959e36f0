#include "app/loopguard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define BEGUN 1760000000000
#define CHAT ((int64_t)BEGUN << 22)

static struct loopguard *guard;

static int make(void **state)
{
    (void)state;
    guard = calloc(1, sizeof(*guard));
    return guard ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    free(guard);
    return 0;
}

/* Sends at these times until it is full; how many went. */
static int sent(int64_t chat, int64_t begun, int64_t every, int tries)
{
    bool first;
    int n = 0;

    for (int i = 0; i < tries; i++) {
        if (loopguard_full(guard, chat, 30, begun + i * every, &first))
            continue;
        loopguard_count(guard, chat, begun + i * every);
        n++;
    }
    return n;
}

static void what_people_do_is_not_held(void **state)
{
    (void)state;
    assert_int_equal(sent(CHAT, BEGUN, 2000, 1000), 1000); /* a tap every two seconds, for half an hour */
    assert_int_equal(sent(CHAT + 1, BEGUN, 0, 30), 30);    /* or thirty at once, */
    assert_int_equal(sent(CHAT + 1, BEGUN + 60000, 0, 30), 30); /* each minute */
}

static void a_loop_is_held_until_it_is_quiet(void **state)
{
    bool first;

    (void)state;
    assert_int_equal(sent(CHAT, BEGUN, 1900, 10000), 30); /* for five hours */
    assert_int_equal(sent(CHAT, BEGUN + 10000 * 1900, 1900, 10), 0);
    assert_false(loopguard_full(guard, CHAT, 30, BEGUN + 10009 * 1900 + LOOPGUARD_MS, &first));
    assert_int_equal(sent(CHAT, BEGUN + 10009 * 1900 + LOOPGUARD_MS, 100, 100), 30);
}

static void the_first_time_is_told(void **state)
{
    bool first;

    (void)state;
    assert_int_equal(sent(CHAT, BEGUN, 1, 30), 30);
    assert_true(loopguard_full(guard, CHAT, 30, BEGUN + 30, &first));
    assert_true(first);
    assert_true(loopguard_full(guard, CHAT, 30, BEGUN + 31, &first));
    assert_false(first);
    assert_false(loopguard_full(guard, CHAT + 1, 30, BEGUN + 31, &first));
}

/* Ever new customers do not make it forget one that is in a loop; whatever their ids. */
static void a_loop_among_many_chats(void **state)
{
    (void)state;
    for (int ids = 0; ids < 3; ids++) {
        int64_t next = CHAT + 1;
        int n = 0;

        *guard = (struct loopguard){ 0 };
        for (int second = 0; second < 300; second++) {
            n += sent(CHAT, BEGUN + second * 1000, 0, 1);
            for (int i = 0; i < 1000; i++, next += ids == 0 ? 1 : ids == 1 ? (int64_t)1 << 22 : 12345677)
                assert_int_equal(sent(next, BEGUN + second * 1000 + i, 0, 1), 1);
        }
        assert_int_equal(n, 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_people_do_is_not_held, make, drop),
        cmocka_unit_test_setup_teardown(a_loop_is_held_until_it_is_quiet, make, drop),
        cmocka_unit_test_setup_teardown(the_first_time_is_told, make, drop),
        cmocka_unit_test_setup_teardown(a_loop_among_many_chats, make, drop),
    };

    return cmocka_run_group_tests_name("loopguard", tests, NULL, NULL);
}
