/* The engine without a network: restarts, data that cannot be stored, and what waits. */

#include "enginekit.h"

#include "app/engine_state.h"

#include <stdio.h>
#include <string.h>

#define TAP "track:ORD-7"

/* Notifications as an earlier process left them; ids from `first` on. */
static void leave_notifications(struct kit *kit, int first, int count, int tries)
{
    struct store *store = kit_store(kit);
    struct fault fault;

    assert_int_equal(store_begin(store, &fault), STORE_OK);
    for (int i = first; i < first + count; i++) {
        struct notification_row row = { .id = i,
                                        .source = text_of("intercom"),
                                        .state = NOTIFICATION_NEW,
                                        .tries = tries,
                                        .stored_at = kit->engine->now };
        char body[KIT_BODY];

        kit_intercom(body, sizeof(body), i, "700000001", TAP);
        row.body = text_of(body);
        store_add_notifications(store, &row, 1);
    }
    assert_int_equal(store_commit(store, &fault), STORE_OK);
}

static void answer_all(struct kit *kit, int count)
{
    for (int i = 0; i < count; i++) {
        struct request_mail *request = kit_request(kit);

        assert_non_null(request);
        kit_answer_ok(kit, request);
    }
    kit_until_runs(kit, "done", count);
}

/* What waits from before a restart gets only a little of each cycle while webhooks come in; that is no failed try. */
static void waiting_is_not_trying(void **state)
{
    struct kit kit;
    char body[KIT_BODY];

    (void)state;
    kit_open(&kit, false, NULL);
    leave_notifications(&kit, 1, 150, 0);
    leave_notifications(&kit, 151, 50, 2);
    kit_start(&kit);
    for (int i = 1000; i < 1030; i++) {
        kit_intercom(body, sizeof(body), i, "700000002", TAP);
        kit_deliver(&kit, "intercom", body);
    }
    answer_all(&kit, 230);
    kit_stop(&kit);
    kit_settled(&kit);
    assert_int_equal(kit_count(&kit, STORE_NOTIFICATION, "stuck"), 0);
    assert_int_equal(kit_count(&kit, STORE_NOTIFICATION, "done"), 230);
    kit_close(&kit);
}

static void three_tries_are_enough(void **state)
{
    struct kit kit;

    (void)state;
    kit_open(&kit, false, NULL);
    leave_notifications(&kit, 1, 2, 2);
    leave_notifications(&kit, 3, 2, 3);
    leave_notifications(&kit, 5, 2, 0);
    kit_start(&kit);
    answer_all(&kit, 4);
    kit_stop(&kit);
    assert_int_equal(kit_count(&kit, STORE_NOTIFICATION, "stuck"), 2);
    assert_int_equal(kit_count(&kit, STORE_NOTIFICATION, "done"), 4);
    kit_close(&kit);
}

/* --- data that the store refuses ------------------------------------------------------------------------------------------ */

static void deliver_tap(struct kit *kit, int number, const char *user)
{
    char body[KIT_BODY];

    kit_intercom(body, sizeof(body), number, user, TAP);
    kit_deliver(kit, "intercom", body);
}

/* JSON may say NUL, a text column may not hold it. */
static void an_answer_that_cannot_be_stored(void **state)
{
    struct kit kit;

    (void)state;
    for (int sqlite = 0; sqlite < 2; sqlite++) {
        kit_open(&kit, sqlite, NULL);
        kit_start(&kit);
        deliver_tap(&kit, 1, "700000001");
        deliver_tap(&kit, 2, "700000001");
        kit_answer(&kit, kit_request(&kit), true, 200,
                   "{\"message_id\":1,\"message_status_url\":\"https://x/\\u0000\"}");
        kit_answer_ok(&kit, kit_request(&kit));
        kit_until_runs(&kit, "done", 2);
        kit_stop(&kit);
        kit_settled(&kit);
        kit_close(&kit);
    }
}

/* --- what a person does with the queue --------------------------------------------------------------------------------------- */

static int64_t only_run(struct kit *kit, struct arena *arena)
{
    struct store_filter filter = { .all = true };
    struct store_item *items;
    size_t n = store_list(kit_store(kit), &filter, 100, arena, &items);

    while (n > 0 && items[n - 1].kind != STORE_RUN)
        n--;
    assert_int_not_equal(n, 0);
    return items[n - 1].id;
}

/* `queue retry --may-duplicate` of a run that is over, because its message counts as sent. */
static void an_unknown_send_again(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct fault fault;
    struct kit kit;

    (void)state;
    kit_open(&kit, true, NULL);
    kit_start(&kit);
    deliver_tap(&kit, 1, "700000001");
    kit_answer(&kit, kit_request(&kit), true, 0, "");
    kit_until_runs(&kit, "unknown", 1);
    kit_stop(&kit);
    kit_settled(&kit);
    assert_int_equal(store_begin(kit_store(&kit), &fault), STORE_OK);
    assert_true(
        store_rearm_run(kit_store(&kit), only_run(&kit, arena), kit.engine->now, kit.engine->now + 900000));
    assert_int_equal(store_commit(kit_store(&kit), &fault), STORE_OK);
    kit_again(&kit);
    kit_start(&kit);
    answer_all(&kit, 1);
    kit_close(&kit);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_is_not_trying),
        cmocka_unit_test(three_tries_are_enough),
        cmocka_unit_test(an_unknown_send_again),
        cmocka_unit_test(an_answer_that_cannot_be_stored),
    };

    return cmocka_run_group_tests_name("engine_work", tests, NULL, NULL);
}
