/* The engine without a network: restarts, data that cannot be stored, and what waits. */

#include "enginekit.h"

#include "app/engine_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

        kit_intercom(body, sizeof(body), i, "700000001", KIT_TAP);
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
        kit_intercom(body, sizeof(body), i, "700000002", KIT_TAP);
        kit_deliver(&kit, "intercom", body);
    }
    answer_all(&kit, 230);
    kit_stop(&kit);
    kit_settled(&kit);
    assert_int_equal(kit_count(&kit, STORE_NOTIFICATION, "stuck"), 0);
    assert_int_equal(kit_count(&kit, STORE_NOTIFICATION, "done"), 230);
    kit_close(&kit);
}

/* An answer of the inbox that crashes the program may not crash every start. */
static void three_tries_of_an_entry(void **state)
{
    char body[KIT_BODY];
    struct kit kit;

    (void)state;
    kit_open(&kit, true, NULL);
    kit.stepped = true;
    kit_start(&kit);
    kit_hubspot(body, sizeof(body), 1);
    kit_deliver(&kit, "hubspot", body);
    for (int i = 0; i < 5; i++) /* what the inbox cannot answer is no try */
        kit_answer(&kit, kit_request(&kit), true, 500, "");
    for (int i = 0; i < 3; i++) {
        struct request_mail *request = kit_request(&kit);

        assert_int_equal(request->job.kind, JOB_FETCH);
        mail_free(&request->mail);
        kit_kill(&kit);
    }
    for (int i = 0; i < 400; i++) /* past the time that its last answer asked for */
        kit_pump(&kit);
    kit_stop(&kit);
    assert_null(kit.first);
    assert_int_equal(kit_count(&kit, STORE_ENTRY, "stuck"), 1);
    kit_close(&kit);
}

/* A node that was fenced reads an entry again whose first GET is still under way: both answers come together, and one of them counts. */
static void two_answers_to_one_entry(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct request_mail *first, *second;
    struct entry_row row;
    struct fault fault;
    struct kit kit;
    char body[KIT_BODY];

    (void)state;
    kit_open(&kit, false, NULL);
    kit.stepped = true;
    kit_start(&kit);
    kit_hubspot(body, sizeof(body), 1);
    kit_deliver(&kit, "hubspot", body);
    first = kit_request(&kit);
    assert_int_equal(store_begin(kit_store(&kit), &fault), STORE_OK);
    assert_true(store_get_entry(kit_store(&kit), first->job.entry, arena, &row));
    store_update_entry(kit_store(&kit), &row); /* nobody's any more */
    assert_int_equal(store_commit(kit_store(&kit), &fault), STORE_OK);
    second = kit_request(&kit);
    assert_int_equal(second->job.kind, JOB_FETCH);
    assert_int_equal(second->job.entry, row.id);
    kit_answer(&kit, first, true, 200, kit_hubspot_message);
    kit_answer(&kit, second, true, 200, kit_hubspot_message);
    kit_expect_sent(&kit, "Order ORD-7 is on its way.");
    kit_until_runs(&kit, "done", 1);
    assert_int_equal(metrics_value(kit.metrics, METRIC_WAITING, "fetches", NULL), 0);
    kit_stop(&kit);
    assert_null(kit.first);
    kit_settled(&kit);
    arena_free(arena);
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

/* JSON may say NUL, a text column may not hold it. */
static void an_answer_that_cannot_be_stored(void **state)
{
    struct kit kit;

    (void)state;
    for (int sqlite = 0; sqlite < 2; sqlite++) {
        kit_open(&kit, sqlite, NULL);
        kit_start(&kit);
        kit_tap(&kit, 1, "700000001");
        kit_tap(&kit, 2, "700000001");
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

/* `queue retry --may-duplicate` of a run that is over, because its message counts as sent. */
static void an_unknown_send_again(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct fault fault;
    struct kit kit;

    (void)state;
    kit_open(&kit, true, NULL);
    kit_start(&kit);
    kit_tap(&kit, 1, "700000001");
    kit_answer(&kit, kit_request(&kit), true, 0, "");
    kit_until_runs(&kit, "unknown", 1);
    kit_stop(&kit);
    kit_settled(&kit);
    assert_int_equal(store_begin(kit_store(&kit), &fault), STORE_OK);
    assert_true(store_rearm_run(kit_store(&kit), kit_only_run(&kit, arena), kit.engine->now,
                                kit.engine->now + 900000));
    assert_int_equal(store_commit(kit_store(&kit), &fault), STORE_OK);
    kit_again(&kit);
    kit_start(&kit);
    answer_all(&kit, 1);
    kit_close(&kit);
    arena_free(arena);
}

/* --- unknown sends ------------------------------------------------------------------------------------------------------------- */

#define RULE(policy, text)                                                                     \
    "rules: [ { name: track, tap: 'track:(?<id>[A-Z0-9-]+)', dedup: 0s, unknown_send: " policy \
    ", reply: { text: '" text "', buttons: [ [ { text: A, callback_data: 'track:A' } ] ] } } ]\n"

static void read_only_send(struct kit *kit, struct arena *arena, struct send_row *send)
{
    struct send_row *sends;

    assert_int_equal(store_run_sends(kit_store(kit), kit_only_run(kit, arena), arena, &sends), 1);
    *send = sends[0];
}

/* A gateway that answers 502 at once is not asked again at once. */
static void a_resend_waits(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct request_mail *again;
    struct send_row send;
    struct kit kit;

    (void)state;
    kit_open(&kit, true, RULE("resend", "Order ${id}"));
    kit_start(&kit);
    kit_tap(&kit, 1, "700000001");
    kit_answer(&kit, kit_request(&kit), true, 502, "");
    again = kit_request(&kit);
    assert_int_equal(again->job.attempt, 2);
    kit_answer(&kit, again, true, 502, "");
    kit_stop(&kit);
    read_only_send(&kit, arena, &send);
    assert_int_equal(send.state, SEND_READY);
    assert_int_not_equal(send.due_at, 0);
    kit_close(&kit);
    arena_free(arena);
}

/* The program is killed while a request is under way: the request may have arrived. */
static void killed_while_sending(void **state)
{
    static const struct {
        const char *rules, *state;
        bool again;
    } cases[] = { { RULE("drop", "Order ${id}"), "unknown", false },
                  { RULE("poll", "Order ${id}"), "held", false },
                  { RULE("resend", "Order ${id}"), "done", true } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct request_mail *request;
        struct kit kit;
        char *body;

        kit_open(&kit, true, cases[i].rules);
        kit_start(&kit);
        kit_tap(&kit, 1, "700000001");
        request = kit_request(&kit);
        body = text_dup(text_of(request->body));
        kit_crash(&kit, request);
        kit_start(&kit);
        if (cases[i].again) {
            request = kit_request(&kit);
            assert_int_equal(request->job.attempt, 2);
            assert_string_equal(request->body, body);
            kit_answer_ok(&kit, request);
        }
        kit_until_runs(&kit, cases[i].state, 1);
        kit_stop(&kit);
        assert_null(kit.first);
        kit_settled(&kit);
        kit_close(&kit);
        free(body);
    }
}

/* --- reloads --------------------------------------------------------------------------------------------------------------------- */

/* Whichever rules a run began with are in the store, or it could not go on after a restart. */
static void rules_of_runs_are_stored(void **state)
{
    struct arena *arena = arena_new(1 << 22);
    struct store_filter filter = { .all = true };
    struct store_item *items;
    struct kit kit;
    size_t n;

    (void)state;
    kit_open(&kit, true, NULL);
    kit_start(&kit);
    for (int i = 0; i < 12; i++) {
        char rules[KIT_BODY];

        snprintf(rules, sizeof(rules), RULE("drop", "Order ${id} %02d"), i);
        kit_reload(&kit, rules);
        if (i % 2)
            continue; /* rules that no run began with */
        kit_tap(&kit, i, "700000001");
        kit_answer_ok(&kit, kit_request(&kit));
    }
    kit_until_runs(&kit, "done", 6);
    kit_stop(&kit);
    n = store_list(kit_store(&kit), &filter, 100, arena, &items);
    for (size_t i = 0; i < n; i++) {
        struct run_row run;
        struct text source;

        if (items[i].kind != STORE_RUN)
            continue;
        assert_true(store_get_run(kit_store(&kit), items[i].id, arena, &run));
        assert_true(store_get_ruleset(kit_store(&kit), run.ruleset, arena, &source));
    }
    kit_close(&kit);
    arena_free(arena);
}

/* --- the tap window -------------------------------------------------------------------------------------------------------------- */

static void double_taps(void **state)
{
    static const char rules[] =
        "rules:\n"
        "  - { name: track, tap: 'track:(.*)', reply: { text: a, buttons: [ [ { text: A, callback_data: "
        "'track:A' } ] ] } }\n"
        "  - { name: hello, text: 'hello', reply: { type: remove_reply_keyboard, text: b } }\n"
        "  - { name: old, default: any, reply: { type: remove_reply_keyboard, text: c } }\n";
    static const struct {
        const char *text;
        int runs; /* of two in the same second */
    } cases[] = { { "track:1", 1 }, { "hello", 2 }, { "unknown:1", 1 }, { "good morning", 2 } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char body[KIT_BODY];
        struct kit kit;

        kit_open(&kit, false, rules);
        kit_start(&kit);
        for (int number = 2; number < 4; number++) {
            kit_intercom(body, sizeof(body), number, "700000001", cases[i].text);
            kit_deliver(&kit, "intercom", body);
        }
        answer_all(&kit, cases[i].runs);
        kit_stop(&kit);
        assert_int_equal(kit_count(&kit, STORE_RUN, NULL), cases[i].runs);
        kit_close(&kit);
    }
}

/* --- steps and conditions --------------------------------------------------------------------------------------------- */

static const char conditional[] =
    "hours: { never: { open: [ 'Mon 00:00-00:01' ], closed: [] } }\n"
    "rules:\n"
    "  - { name: passed-over, tap: '.*', when: { source: hubspot }, reply: { text: wrong } }\n"
    "  - name: branches\n"
    "    tap: 'track:(?<id>.*)'\n"
    "    when: { source: intercom, topic: 'conversation\\..*', channel: '.+', conversation.id: '.+' }\n"
    "    continue: true\n"
    "    choose:\n"
    "      - { when: { id: 'x.*' }, reply: { text: wrong } }\n"
    "      - when: { id: 'ORD-.*', hours.never: 'open|closed' }\n"
    "        do:\n"
    "          - reply: { text: 'first ${id}' }\n"
    "          - choose: [ { when: { id: '' }, reply: { text: wrong } }, { reply: { text: 'second' } } "
    "]\n"
    "      - reply: { text: wrong }\n"
    "    reply: { text: 'third' }\n"
    "  - { name: too, tap: 'track:.*', reply: { text: 'fourth' } }\n"
    "  - { name: not-reached, tap: 'track:.*', reply: { text: wrong } }\n";

/* Each branch sends what is its own, a restart between two steps loses nothing, and a second rule answers behind the first. */
static void branches_are_gone_through(void **state)
{
    struct kit kit;
    char body[KIT_BODY];

    (void)state;
    kit_open(&kit, true, conditional);
    kit_start(&kit);
    kit_intercom(body, sizeof(body), 1, "700000001", KIT_TAP);
    kit_deliver(&kit, "intercom", body);
    kit_expect_sent(&kit, "first ORD-7");
    kit_expect_sent(&kit, "second");
    kit_again(&kit);
    kit_start(&kit);
    kit_expect_sent(&kit, "third");
    kit_expect_sent(&kit, "fourth");
    kit_until_runs(&kit, "done", 2);
    kit_stop(&kit);
    kit_settled(&kit);
    assert_int_equal(kit_count(&kit, STORE_RUN, "done"), 2);
    kit_close(&kit);
}

/* --- lookups --------------------------------------------------------------------------------------------------------------- */

static void deliver_asks(struct kit *kit, int number)
{
    char body[KIT_BODY];

    kit_intercom(body, sizeof(body), number, "700000001", "asks:ORD-7");
    kit_deliver(kit, "intercom", body);
}

static struct request_mail *next_lookup(struct kit *kit, const char *method, int attempt)
{
    struct request_mail *request = kit_request(kit);

    assert_non_null(request);
    assert_int_equal(request->job.kind, JOB_LOOKUP);
    assert_string_equal(request->method, method);
    assert_int_equal(request->job.attempt, attempt);
    assert_true(request->public_only);
    return request;
}

static const char *key_of(const struct request_mail *request)
{
    for (int i = 0; request->headers[i]; i++)
        if (strncmp(request->headers[i], "Idempotency-Key: ", 17) == 0)
            return request->headers[i];
    return NULL;
}

/* A restart loses nothing of what was answered, asks again what was not, and a POST has its key whenever it is made. */
static void lookups_go_on_after_a_crash(void **state)
{
    struct request_mail *request;
    struct kit kit;
    char *key;

    (void)state;
    kit_open(&kit, true, NULL);
    kit_start(&kit);
    deliver_asks(&kit, 1);
    request = next_lookup(&kit, "GET", 1);
    assert_string_equal(request->url, "https://shop.example/orders/ORD-7");
    assert_null(request->body);
    assert_null(key_of(request));
    kit_crash(&kit, request);
    kit_start(&kit);
    kit_answer_lookup(&kit, next_lookup(&kit, "GET", 2));
    kit_expect_sent(&kit, "asked ORD-7: shipped");
    request = next_lookup(&kit, "POST", 1);
    assert_string_equal(request->body, "{\"id\":\"ORD-7\"}");
    key = text_dup(text_of(key_of(request)));
    kit_crash(&kit, request);
    kit_start(&kit);
    request = next_lookup(&kit, "POST", 2);
    assert_string_equal(key_of(request), key);
    kit_answer(&kit, request, true, 0, "");
    request = next_lookup(&kit, "POST", 3);
    assert_string_equal(key_of(request), key);
    kit_answer_lookup(&kit, request);
    kit_expect_sent(&kit, "booked ORD-7: B-7, shipped");
    kit_until_runs(&kit, "done", 1);
    kit_stop(&kit);
    kit_settled(&kit);
    kit_close(&kit);
    free(key);
}

/* The second run has the first one's answer, but asks for its own booking, which never comes. */
static void answers_are_used_again(void **state)
{
    struct request_mail *request;
    struct kit kit;
    char *key;

    (void)state;
    kit_open(&kit, false, NULL);
    kit_start(&kit);
    deliver_asks(&kit, 1);
    kit_answer_lookup(&kit, next_lookup(&kit, "GET", 1));
    kit_expect_sent(&kit, "asked ORD-7: shipped");
    request = next_lookup(&kit, "POST", 1);
    key = text_dup(text_of(key_of(request)));
    kit_answer_lookup(&kit, request);
    kit_expect_sent(&kit, "booked ORD-7: B-7, shipped");
    deliver_asks(&kit, 2);
    kit_expect_sent(&kit, "asked ORD-7: shipped");
    for (int i = 1; i <= 3; i++) {
        request = next_lookup(&kit, "POST", i);
        assert_string_not_equal(key_of(request), key);
        kit_answer(&kit, request, i % 2, 0, "");
    }
    kit_expect_sent(&kit, "asked ORD-7 in vain");
    kit_expect_sent(&kit, "booked ORD-7 not");
    kit_until_runs(&kit, "done", 2);
    kit_stop(&kit);
    kit_settled(&kit);
    kit_close(&kit);
    free(key);
}

static void deliver_text(struct kit *kit, int number, const char *user, const char *text)
{
    char body[KIT_BODY];

    kit_intercom(body, sizeof(body), number, user, text);
    kit_deliver(kit, "intercom", body);
}

/* What was asked is what the answer is kept for, though it would be asked otherwise by the time that it comes. */
static void an_answer_is_kept_for_its_question(void **state)
{
    static const char rules[] =
        "lookups: { who: { url: 'https://shop.example/c/${chat.x:-0}', cache: 1h, sample: { name: A } } }\n"
        "rules:\n"
        "  - name: put\n"
        "    tap: 'put:(?<x>.*)'\n"
        "    do: [ { set: { x: { value: '${x}', keep: 1s } } }, { lookup: who }, { reply: { text: "
        "'${who.name}' "
        "} } ]\n"
        "  - { name: ask, tap: ask, lookup: who, reply: { text: '${who.name}' } }\n";
    struct request_mail *request;
    struct kit kit;

    (void)state;
    kit_open(&kit, false, rules);
    kit.stepped = true;
    kit_start(&kit);
    deliver_text(&kit, 1, "700000001", "put:7");
    request = next_lookup(&kit, "GET", 1);
    assert_string_equal(request->url, "https://shop.example/c/7");
    for (int i = 0; i < 20; i++) /* the variable is gone */
        kit_pump(&kit);
    kit_answer(&kit, request, true, 200, "{\"name\":\"Seven\"}");
    kit_expect_sent(&kit, "Seven");
    deliver_text(&kit, 2, "700000002", "put:7");
    kit_expect_sent(&kit, "Seven");
    deliver_text(&kit, 3, "700000003", "ask");
    request = next_lookup(&kit, "GET", 1);
    assert_string_equal(request->url, "https://shop.example/c/0");
    kit_answer(&kit, request, true, 200, "{\"name\":\"Nobody\"}");
    kit_expect_sent(&kit, "Nobody");
    kit_stop(&kit);
    kit_settled(&kit);
    kit_close(&kit);
}

/* Those that find no place wait for one, and nobody else waits with them. */
static void lookups_have_places(void **state)
{
    struct request_mail *first, *second;
    struct kit kit;
    char body[KIT_BODY], user[24];

    (void)state;
    kit_open_with(&kit, false, NULL, "limits: { lookups: 4 }\n");
    kit_start(&kit);
    for (int i = 0; i < 8; i++) {
        char text[24];

        snprintf(user, sizeof(user), "70000000%d", i);
        snprintf(text, sizeof(text), "asks:ORD-%d", i);
        kit_intercom(body, sizeof(body), i, user, text);
        kit_deliver(&kit, "intercom", body);
    }
    first = next_lookup(&kit, "GET", 1);
    second = next_lookup(&kit, "GET", 1); /* half of the places */
    kit_intercom(body, sizeof(body), 8, "700000008", "track:ORD-7");
    kit_deliver(&kit, "intercom", body);
    kit_expect_sent(&kit, "Order ORD-7 is on its way.");
    kit_answer_lookup(&kit, first);
    kit_answer_lookup(&kit, second);
    for (int i = 0; i < 6 + 8 + 16; i++) { /* GETs, POSTs, messages */
        struct request_mail *request = kit_request(&kit);

        assert_non_null(request);
        if (request->job.kind == JOB_LOOKUP)
            kit_answer_lookup(&kit, request);
        else
            kit_answer_ok(&kit, request);
    }
    kit_until_runs(&kit, "done", 9);
    kit_stop(&kit);
    kit_settled(&kit);
    kit_close(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_is_not_trying),
        cmocka_unit_test(two_answers_to_one_entry),
        cmocka_unit_test(three_tries_are_enough),
        cmocka_unit_test(three_tries_of_an_entry),
        cmocka_unit_test(an_unknown_send_again),
        cmocka_unit_test(a_resend_waits),
        cmocka_unit_test(killed_while_sending),
        cmocka_unit_test(rules_of_runs_are_stored),
        cmocka_unit_test(double_taps),
        cmocka_unit_test(an_answer_that_cannot_be_stored),
        cmocka_unit_test(branches_are_gone_through),
        cmocka_unit_test(lookups_go_on_after_a_crash),
        cmocka_unit_test(answers_are_used_again),
        cmocka_unit_test(an_answer_is_kept_for_its_question),
        cmocka_unit_test(lookups_have_places),
    };

    return cmocka_run_group_tests_name("engine_work", tests, NULL, NULL);
}
