/* The engine without a network: what is begun as it is made, keys, and counts. */

#include "enginekit.h"

#include "app/engine_state.h"
#include "store/store_mem.h"
#include "store/store_mem_table.h"

#include <stdio.h>

/* One tap of a customer of its own, and the answer to it. */
static void quiet_tap(struct kit *kit, int number)
{
    const int done = kit_runs(kit, "done");
    char user[16];

    snprintf(user, sizeof(user), "%d", 700001000 + number);
    kit_tap(kit, 2 * number + 101, user);
    while (kit_runs(kit, "done") == done) {
        if (kit->first)
            kit_answer_ok(kit, kit_request(kit));
        kit_pump(kit);
    }
}

/* Trouble passes: then what comes is begun as it is made, as before. */
static void at_once_after_trouble(void **state)
{
    const struct text shop = text_of("shop");
    struct kit kit;

    (void)state;
    kit_open(&kit, true, NULL);
    kit.stepped = true;
    kit_start(&kit);
    quiet_tap(&kit, 1);
    assert_true(stage_send_at_once(kit.engine, shop));
    for (int i = 0; i < 4; i++) {
        char user[16];

        snprintf(user, sizeof(user), "%d", 700000001 + i);
        kit_tap(&kit, 2 * i + 1, user);
    }
    for (int i = 0; i < 10; i++)
        kit_answer(&kit, kit_request(&kit), true, 503, "");
    assert_false(stage_send_at_once(kit.engine, shop));
    while (kit_runs(&kit, "done") < 5) {
        if (kit.first)
            kit_answer_ok(&kit, kit_request(&kit));
        kit_pump(&kit);
    }
    quiet_tap(&kit, 2);
    assert_true(stage_send_at_once(kit.engine, shop));
    kit_stop(&kit);
    kit_close(&kit);
}

/* A channel of which each chat gets three messages, and then one a second; of five in a minute the next is held. */
#define STRICT \
    "  strict: { url: http://127.0.0.1:9, key: env:KIT_SECRET, rate: off, chat_rate: 1/s, loop_guard: 5 }\n"
#define TO_STRICT \
    "rules: [ { name: track, tap: 'track:.*', dedup: 0s, reply: { channel: strict, text: a } } ]\n"

/* A chat that waits for nothing, and whose messages come too fast: what is begun as it is made waits, and is held, like any other. */
static void at_once_and_too_fast(void **state)
{
    struct kit kit;
    int64_t before;

    (void)state;
    kit_open_with(&kit, true, TO_STRICT, STRICT);
    kit.stepped = true;
    kit_start(&kit);
    quiet_tap(&kit, 1);
    before = kit.engine->now;
    for (int i = 0; i < 5; i++) {
        assert_true(stage_send_at_once(kit.engine, text_of("shop")));
        kit_tap(&kit, 2 * i + 1, "700000001");
        kit_answer_ok(&kit, kit_request(&kit));
        kit_until_runs(&kit, "done", i + 2);
    }
    assert_true(kit.engine->now - before >= 2000);
    kit_tap(&kit, 11, "700000001");
    kit_until_runs(&kit, "held", 1);
    kit_stop(&kit);
    assert_null(kit.first);
    kit_settled(&kit);
    kit_close(&kit);
}

/* What lay in the store for longer than its rule allows is not sent, though its chat waits for nothing. */
static void at_once_and_too_late(void **state)
{
    struct notification_row row = { .id = 1, .source = text_of("intercom"), .state = NOTIFICATION_NEW };
    char body[KIT_BODY];
    struct fault fault;
    struct kit kit;

    (void)state;
    kit_open(&kit, true,
             "rules: [ { name: track, tap: 'track:.*', send_within: 1s, reply: { text: a } } ]\n");
    kit_intercom(body, sizeof(body), 1, "700000001", KIT_TAP);
    row.body = text_of(body);
    row.stored_at = engine_now(kit.engine) - 1000;
    assert_int_equal(store_begin(kit_store(&kit), &fault), STORE_OK);
    store_add_notifications(kit_store(&kit), &row, 1);
    assert_int_equal(store_commit(kit_store(&kit), &fault), STORE_OK);
    kit.stepped = true;
    kit_start(&kit);
    kit_until_runs(&kit, "expired", 1);
    kit_stop(&kit);
    assert_null(kit.first);
    kit_settled(&kit);
    kit_close(&kit);
}

/* A rule that has nothing to say answers, too. */
static void what_ends_as_it_begins_is_answered(void **state)
{
    static const char rules[] =
        "rules: [ { name: track, tap: 'track:(?<id>[A-Z0-9-]+)', dedup: 0s, set: { last: '${id}' } } ]\n";
    struct kit kit;

    (void)state;
    kit_open(&kit, true, rules);
    kit.stepped = true;
    kit_start(&kit);
    for (int i = 1; i < 100; i++)
        quiet_tap(&kit, i);
    assert_true(kit.engine->answered > 0.5);
    kit_stop(&kit);
    kit_close(&kit);
}

/* Messages of one number, in two conversations, are two. */
static void one_number_twice(void **state)
{
    struct kit kit;

    (void)state;
    kit_open(&kit, true, NULL);
    kit_start(&kit);
    assert_true(kit.engine->ordered_keys);
    kit_tap(&kit, 1, "700000001");
    kit_tap(&kit, 1, "700000002");
    kit_tap(&kit, 1, "700000001");
    for (int i = 0; i < 2; i++)
        kit_answer_ok(&kit, kit_request(&kit));
    kit_until_runs(&kit, "done", 2);
    kit_stop(&kit);
    kit_settled(&kit);
    assert_int_equal(kit_count(&kit, STORE_RUN, NULL), 2);
    kit_close(&kit);
}

/* What a transaction counts in the store is worth nothing when another node was in its way. */
static void counts_are_of_what_is_stored(void **state)
{
    bool over = false;
    int n;

    (void)state;
    for (n = 1; !over; n++) {
        struct kit kit;

        kit_open(&kit, false, NULL);
        kit.stepped = true;
        kit_start(&kit);
        kit.engine->recount = true;
        engine_advance(kit.engine, ENGINE_LOOK_MS);
        store_mem_fail(kit_store(&kit), n, STORE_AGAIN);
        kit_tap(&kit, 1, "700000001");
        over = mem_of(kit_store(&kit))->fail_in > 0;
        store_mem_fail(kit_store(&kit), -1, STORE_OK);
        for (int i = 0; i < 3; i++)
            kit_pump(&kit);
        assert_int_equal(kit_runs(&kit, "ready"), 1);
        kit_answer_ok(&kit, kit_request(&kit));
        kit_until_runs(&kit, "done", 1);
        kit_stop(&kit);
        kit_close(&kit);
    }
    assert_true(n > 20); /* the failures have been where they should */
}

/* As another node would: claims the only chat, and sends what is next there for the second time. The run. */
static int64_t send_elsewhere(struct kit *kit, struct arena *arena)
{
    struct store *store = kit_store(kit);
    struct chat_row *chats;
    struct run_row run;
    struct fault fault;

    assert_int_equal(store_begin(store, &fault), STORE_OK);
    assert_int_equal(
        store_claim_chats(store, text_of("shop"), INT64_MAX, 77, STORE_LONGEST_DUE, 1, arena, &chats), 1);
    assert_true(store_head_run(store, chats[0].id, arena, &run));
    store_start_send(store, run.id, 0, 0, 2, 77, kit->engine->now);
    assert_int_equal(store_commit(store, &fault), STORE_OK);
    return run.id;
}

/* The claim was not stored, and another node has the chat by now: what it sends is not undone. */
static void a_doubt_about_another_nodes_chat(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct send_row *sends;
    struct kit kit;
    int64_t run;

    (void)state;
    kit_open(&kit, false, NULL);
    kit.stepped = true;
    kit_start(&kit);
    kit_tap(&kit, 1, "700000001");
    kit_answer(&kit, kit_request(&kit), true, 503, "");
    kit_pump(&kit); /* the send is ready again, and due in a second or two */
    for (int i = 0; i < 100 && !kit.engine->n_doubts; i++) {
        store_mem_doubt(kit_store(&kit), 1, false);
        kit_pump(&kit);
    }
    assert_int_equal(kit.engine->n_doubts, 1);
    store_mem_doubt(kit_store(&kit), 0, false);
    run = send_elsewhere(&kit, arena);
    for (int i = 0; i < 20; i++)
        kit_pump(&kit);
    assert_null(kit.first);
    assert_int_equal(kit.engine->n_doubts, 0);
    assert_int_equal(store_step_sends(kit_store(&kit), run, 0, arena, &sends), 1);
    assert_int_equal(sends[0].state, SEND_SENDING);
    kit_close(&kit);
    arena_free(arena);
}

/* What another node wrote of a channel is there, whatever this one has to write. */
static void another_nodes_penalty_stays(void **state)
{
    struct kit kit;
    struct arena *arena = arena_new(65536);
    struct channel_row *rows;
    struct fault fault;
    int64_t until;

    (void)state;
    kit_open(&kit, false, NULL);
    kit.stepped = true;
    kit_start(&kit);
    kit_tap(&kit, 1, "700000001");
    until = kit.engine->now + 60000;
    assert_int_equal(store_begin(kit_store(&kit), &fault), STORE_OK);
    store_penalize_channel(kit_store(&kit), text_of("shop"), until);
    store_pause_channel(kit_store(&kit), text_of("shop"), text_of("another node's key is wrong"));
    assert_int_equal(store_commit(kit_store(&kit), &fault), STORE_OK);
    kit_answer(&kit, kit_request(&kit), true, 429, "{}");
    kit_pump(&kit);
    assert_true(kit.engine->channels[0].not_before > kit.engine->now); /* it has got one of its own */
    assert_int_equal(store_channels(kit_store(&kit), arena, &rows), 1);
    assert_int_equal(rows[0].not_before, until);
    assert_true(text_is(rows[0].paused, "another node's key is wrong"));
    kit_stop(&kit);
    kit_close(&kit);
    arena_free(arena);
}

/* So many cycles whose transactions come to nothing. */
static void pump_in_vain(struct kit *kit, int times)
{
    for (int i = 0; i < times; i++) {
        store_mem_fail(kit_store(kit), 0, STORE_TEMPFAIL);
        kit_pump(kit);
        engine_advance(kit->engine, ENGINE_STORE_RETRY_MS);
    }
}

/* What was never stored never was: neither follow-ups, nor that the channel did not answer. */
static void only_what_is_stored_counts(void **state)
{
    struct kit kit;
    struct request_mail *request;
    const struct channel_state *channel;
    char body[KIT_BODY];
    bool first;

    (void)state;
    kit_open(&kit, false, NULL);
    kit.stepped = true;
    kit_start(&kit);
    channel = &kit.engine->channels[0];
    kit_tap(&kit, 1, "700000001");
    kit_answer_ok(&kit, kit_request(&kit));
    kit_until_runs(&kit, "done", 1);
    kit_intercom(body, sizeof(body), 3, "700000001", KIT_TAP);
    for (int i = 0; i < 5; i++) {
        kit_post(&kit, "intercom", body);
        pump_in_vain(&kit, 1);
    }
    assert_int_equal(channel->in_flight, 0);
    kit_deliver(&kit, "intercom", body);
    request = kit_request(&kit);
    assert_non_null(request);
    assert_false(
        loopguard_full(&kit.engine->loopguard, request->job.chat, 3, engine_now(kit.engine), &first));
    assert_true(loopguard_full(&kit.engine->loopguard, request->job.chat, 2, engine_now(kit.engine), &first));
    kit_answer(&kit, request, true, 503, "");
    pump_in_vain(&kit, 5);
    kit_pump(&kit);
    assert_int_equal(channel->breaker.failures, 1);
    assert_int_equal(channel->breaker.state, BREAKER_CLOSED);
    kit_stop(&kit);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once_after_trouble),
        cmocka_unit_test(at_once_and_too_fast),
        cmocka_unit_test(at_once_and_too_late),
        cmocka_unit_test(what_ends_as_it_begins_is_answered),
        cmocka_unit_test(one_number_twice),
        cmocka_unit_test(counts_are_of_what_is_stored),
        cmocka_unit_test(a_doubt_about_another_nodes_chat),
        cmocka_unit_test(another_nodes_penalty_stays),
        cmocka_unit_test(only_what_is_stored_counts),
    };

    return cmocka_run_group_tests_name("engine_begin", tests, NULL, NULL);
}
