/* The engine while Octopods is in trouble for long, in simulated time. */

#include "enginekit.h"

#include "app/engine_state.h"

#include <stdio.h>
#include <string.h>

#define MINUTE 60000
#define CHATS 20
#define RULES(within)                                                                         \
    "rules: [ { name: track, tap: 'track:(?<id>[A-Z0-9-]+)', dedup: 0s, send_within: " within \
    ", reply: { text: 'Order ${id}' } } ]\n"

/* Twenty chats, each with a tap. */
static void begin(struct kit *kit, const char *rules)
{
    char user[16];

    kit_open(kit, false, rules);
    kit->stepped = true;
    kit_start(kit);
    for (int i = 0; i < CHATS; i++) {
        snprintf(user, sizeof(user), "%d", 700000001 + i);
        kit_tap(kit, i + 1, user);
    }
}

static void end(struct kit *kit)
{
    kit_stop(kit);
    kit_settled(kit);
    kit_close(kit);
}

/* Answers whatever comes, for so long; how many requests that were. */
static int answer_for(struct kit *kit, int64_t ms, int status)
{
    const int64_t until = engine_now(kit->engine) + ms;
    int n = 0;

    while (engine_now(kit->engine) < until) {
        kit_pump(kit);
        for (; kit->first; n++)
            kit_answer(kit, kit_request(kit), true, status, status == 200 ? "{\"message_id\":1}" : "");
    }
    return n;
}

/* An hour of 5xx costs a probe every few seconds, and nobody their message. */
static void an_hour_of_503(void **state)
{
    struct kit kit;
    int n;

    (void)state;
    begin(&kit, RULES("2h"));
    n = answer_for(&kit, 60 * MINUTE, 503);
    assert_in_range(n, 60, 60 * 60 / 5 + 2 * CHATS);
    assert_int_equal(kit_runs(&kit, "ready"), CHATS);
    assert_int_equal(answer_for(&kit, 6 * MINUTE, 200), CHATS);
    assert_int_equal(kit_runs(&kit, "done"), CHATS);
    end(&kit);
}

static void too_late_is_expired(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit, RULES("15m"));
    answer_for(&kit, 14 * MINUTE, 503);
    assert_int_equal(kit_runs(&kit, "ready"), CHATS);
    answer_for(&kit, 2 * MINUTE, 503);
    assert_int_equal(kit_runs(&kit, "expired"), CHATS);
    assert_int_equal(answer_for(&kit, 10 * MINUTE, 200), 0);
    end(&kit);
}

/* A gateway that answers 502 for an hour: each probe is a message that nobody knows of; the others wait. */
static void an_hour_of_502(void **state)
{
    struct kit kit;
    int n;

    (void)state;
    begin(&kit, RULES("2h"));
    answer_for(&kit, 1000, 502);
    n = kit_runs(&kit, "unknown");
    assert_in_range(n, BREAKER_FAILURES, CHATS);
    for (int i = 0; i < CHATS; i++) {
        char user[16];

        snprintf(user, sizeof(user), "%d", 800000001 + i);
        kit_tap(&kit, 100 + i, user);
    }
    answer_for(&kit, 30000, 502);
    assert_in_range(kit_runs(&kit, "unknown"), n + 1, n + 12);
    answer_for(&kit, MINUTE, 200);
    assert_int_equal(kit_runs(&kit, "unknown") + kit_runs(&kit, "done"), 2 * CHATS);
    assert_in_range(kit_runs(&kit, "done"), CHATS - 12, CHATS);
    end(&kit);
}

/* One message a minute asks whether the key is good again; then all follow, without a person. */
static void a_key_that_is_revoked_and_restored(void **state)
{
    struct kit kit;
    int n, begun;

    (void)state;
    begin(&kit, RULES("2h"));
    begun = answer_for(&kit, 1000, 401);
    n = answer_for(&kit, 30 * MINUTE, 401);
    assert_in_range(begun, 1, CHATS);
    assert_in_range(n, 28, 31);
    assert_int_equal(kit_runs(&kit, "ready"), CHATS);
    assert_int_equal(answer_for(&kit, 2 * MINUTE, 200), CHATS);
    assert_int_equal(kit_runs(&kit, "done"), CHATS);
    end(&kit);
}

/* Octopods that does not say for how long is asked ever more seldom, whoever waits. */
static void a_channel_that_is_told_429(void **state)
{
    struct kit kit;
    int begun, n;

    (void)state;
    begin(&kit, RULES("2h"));
    begun = answer_for(&kit, 500, 429); /* those that left before its first word */
    n = answer_for(&kit, 30 * MINUTE, 429);
    assert_in_range(begun, 1, CHATS);
    /* The limit of the rate is off here, so all that are due leave at once when the penalty is over. */
    assert_in_range(n, 30, 40 * CHATS);
    assert_int_equal(kit_runs(&kit, "ready"), CHATS);
    assert_int_equal(answer_for(&kit, 6 * MINUTE, 200), CHATS);
    end(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hour_of_503),
        cmocka_unit_test(too_late_is_expired),
        cmocka_unit_test(an_hour_of_502),
        cmocka_unit_test(a_key_that_is_revoked_and_restored),
        cmocka_unit_test(a_channel_that_is_told_429),
    };

    return cmocka_run_group_tests_name("engine_faults", tests, NULL, NULL);
}
