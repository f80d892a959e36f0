/* `unknown_send: poll`: a message that may have been sent, whose answer gave an id, is asked about. In simulated time. */

#include "enginekit.h"

#include "app/engine_state.h"
#include "store/store_mem.h"
#include "store/store_mem_table.h"

#include <stdio.h>
#include <string.h>

#define RULES(more)                                                                                         \
    "rules: [ { name: track, tap: 'track:(?<id>[A-Z0-9-]+)', dedup: 0s, unknown_send: poll, " more          \
    "reply: [ { text: 'first ${id}' }, { text: 'second ${id}' } ], on_error: { reply: { text: 'in vain' } " \
    "} } ]\n"
#define FIRST "first ORD-7"
#define SECOND "second ORD-7"
#define URL "http://127.0.0.1:9/status/1"
#define GIVEN "{\"message_id\":\"m1\",\"message_status_url\":\"" URL "\"}"
#define USER "700000001"

static void open_stepped(struct kit *kit, bool sqlite, const char *rules)
{
    kit_open(kit, sqlite, rules);
    kit->stepped = true;
    kit_start(kit);
}

/* The next request is a message with this text. */
static void answer_send(struct kit *kit, const char *text, int status, const char *body)
{
    struct request_mail *request = kit_request(kit);

    assert_non_null(request);
    assert_int_equal(request->job.kind, JOB_SEND);
    assert_non_null(strstr(request->body, text));
    kit_answer(kit, request, true, status, body);
}

/* A tap, and all that is known of its first message is what this body says. */
static void begin(struct kit *kit, bool sqlite, const char *rules, const char *body)
{
    open_stepped(kit, sqlite, rules);
    kit_tap(kit, 1, USER);
    answer_send(kit, FIRST, 502, body);
}

/* The next request asks there, with the channel's key. */
static struct request_mail *take_poll(struct kit *kit, const char *url)
{
    struct request_mail *request = kit_request(kit);
    bool key = false;

    assert_non_null(request);
    assert_int_equal(request->job.kind, JOB_POLL);
    assert_string_equal(request->method, "GET");
    assert_string_equal(request->url, url);
    assert_null(request->body);
    for (size_t i = 0; request->headers[i]; i++)
        key = key || strcmp(request->headers[i], "X-Octopods-Auth: kit-secret") == 0;
    assert_true(key);
    return request;
}

static void answer_poll(struct kit *kit, int status, const char *body)
{
    kit_answer(kit, take_poll(kit, URL), true, status, body);
}

/* Lets time pass in which nothing is asked for. */
static void pass(struct kit *kit, int64_t ms)
{
    const int64_t until = engine_now(kit->engine) + ms;

    while (engine_now(kit->engine) < until) {
        kit_pump(kit);
        assert_null(kit->first);
    }
}

/* Messages and questions, until so many runs are done. */
static void answer_all(struct kit *kit, int runs)
{
    while (kit_runs(kit, "done") < runs) {
        if (kit->first)
            kit_answer(kit, kit_request(kit), true, 200, "{\"status\":\"sent\"}");
        kit_pump(kit);
    }
}

static int polls(struct kit *kit, const char *outcome)
{
    return (int)metrics_value(kit->metrics, METRIC_POLLS, "shop", outcome);
}

static void end(struct kit *kit)
{
    kit_stop(kit);
    assert_null(kit->first);
    kit_settled(kit);
    kit_close(kit);
}

/* What the stopped engine's store has of the run's first message. */
static void expect_first(struct kit *kit, enum send_state state, const char *reason)
{
    struct arena *arena = arena_new(1 << 20);
    struct send_row *sends;

    assert_true(store_run_sends(kit_store(kit), kit_only_run(kit, arena), arena, &sends) > 0);
    assert_int_equal(sends[0].state, state);
    assert_int_equal(sends[0].due_at, 0);
    assert_int_equal(sends[0].attempt, 1);
    assert_true(text_is(sends[0].reply_id, "m1"));
    assert_true(text_is(sends[0].status_url, URL));
    if (!text_is(sends[0].reason, reason))
        fail_msg("%.*s", TEXT_ARG(sends[0].reason));
    arena_free(arena);
}

static void what_was_sent_goes_on(void **state)
{
    (void)state;
    for (int sqlite = 0; sqlite < 2; sqlite++) {
        struct kit kit;

        begin(&kit, sqlite, RULES(""), GIVEN);
        answer_poll(&kit, 200, "{\"status\":\"DELIVERED\"}");
        answer_send(&kit, SECOND, 200, "{}");
        kit_until_runs(&kit, "done", 1);
        assert_int_equal(polls(&kit, "ok"), 1);
        kit_stop(&kit);
        expect_first(&kit, SEND_OK, "message status DELIVERED");
        end(&kit);
    }
}

static void an_id_is_enough(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit, true, RULES(""), "{\"message_id\":\"m/1\"}");
    kit_answer(&kit, take_poll(&kit, "http://127.0.0.1:9/api/v1/telegram/messages/m%2F1"), true, 200,
               "{\"status\":\"sent\"}");
    answer_send(&kit, SECOND, 200, "{}");
    kit_until_runs(&kit, "done", 1);
    end(&kit);
}

static void the_customers_side_is_rejected(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit, true, RULES(""), GIVEN);
    answer_poll(&kit, 200,
                "{\"status\":\"FAILED\",\"failure_reason\":\"Forbidden: bot was blocked by the user\"}");
    kit_until_runs(&kit, "rejected", 1);
    kit_stop(&kit);
    expect_first(&kit, SEND_REJECTED, "message status FAILED: Forbidden: bot was blocked by the user");
    end(&kit);
}

static void what_failed_has_its_way_out(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit, true, RULES(""), GIVEN);
    answer_poll(&kit, 200, "{\"status\":\"failed\",\"failure_reason\":{\"title\":\"too long\"}}");
    answer_send(&kit, "in vain", 200, "{}");
    kit_until_runs(&kit, "done", 1);
    kit_stop(&kit);
    expect_first(&kit, SEND_FAILED, "message status failed: too long");
    end(&kit);
}

/* Octopods' pages want 10 to 30 s between two requests; the chat's next tap waits, others do not. */
static void what_is_queued_is_asked_about_again(void **state)
{
    static const char *const pending[] = { "{\"status\":\"queued\"}", "{\"status\":\"UNKNOWN\"}", "", "{}" };
    struct kit kit;
    int64_t asked_at = 0;

    (void)state;
    begin(&kit, true, RULES(""), GIVEN);
    for (size_t i = 0; i < sizeof(pending) / sizeof(*pending); i++) {
        struct request_mail *request = take_poll(&kit, URL);

        if (i)
            assert_in_range(engine_now(kit.engine) - asked_at, 10000, 30500);
        asked_at = engine_now(kit.engine);
        kit_answer(&kit, request, true, i == 2 ? 404 : 200, pending[i]);
        if (i == 0) {
            kit_tap(&kit, 2, USER);
            kit_tap(&kit, 3, "800000001");
            answer_send(&kit, FIRST, 200, "{}");
            answer_send(&kit, SECOND, 200, "{}");
            kit_until_runs(&kit, "done", 1);
        }
    }
    answer_poll(&kit, 200, "{\"status\":\"read\"}");
    answer_send(&kit, SECOND, 200, "{}");
    answer_send(&kit, FIRST, 200, "{}");
    answer_send(&kit, SECOND, 200, "{}");
    kit_until_runs(&kit, "done", 3);
    assert_int_equal(polls(&kit, "retry"), 4);
    end(&kit);
}

static void what_stays_queued_is_held(void **state)
{
    struct kit kit;
    int64_t begun;
    int n = 0;

    (void)state;
    begin(&kit, true, RULES(""), GIVEN);
    begun = engine_now(kit.engine);
    for (; kit_runs(&kit, "held") == 0; kit_pump(&kit))
        if (kit.first) {
            kit_answer(&kit, take_poll(&kit, URL), true, 200, "{\"status\":\"queued\"}");
            n++;
        }
    assert_in_range(n, 10, 31);
    assert_in_range(engine_now(kit.engine) - begun, 300000, 331000);
    pass(&kit, 60000);
    kit_stop(&kit);
    expect_first(&kit, SEND_UNKNOWN, "message status queued");
    end(&kit);
}

/* The key goes to the configured server alone. */
static void no_other_server_is_asked(void **state)
{
    static const char *const urls[] = {
        "https://127.0.0.1:9/1",
        "http://127.0.0.1/1",
        "http://127.0.0.1:99/1",
        "http://localhost:9/1",
        "http://127.0.0.1:9@evil/1",
        "http://evil/1",
        "//127.0.0.1:9/1",
        "/1",
        "http://127.0.0.1:9\\\\@evil/",
        "http://evil#@127.0.0.1:9/",
        "file:///etc/passwd",
        "x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        char body[200];
        struct kit kit;

        snprintf(body, sizeof(body), "{\"message_id\":\"m1\",\"message_status_url\":\"%s\"}", urls[i]);
        begin(&kit, false, RULES(""), body);
        pass(&kit, 5000);
        assert_int_equal(kit_runs(&kit, "held"), 1);
        kit_tap(&kit, 2, USER); /* a held run steps out of line */
        answer_send(&kit, FIRST, 200, "{}");
        answer_send(&kit, SECOND, 200, "{}");
        kit_until_runs(&kit, "done", 1);
        end(&kit);
    }
}

static void without_an_id_it_is_held(void **state)
{
    static const char *const bodies[] = { "", "<html>502</html>", "{\"message_id\":null}",
                                          "{\"request_id\":\"r\"}" };

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        struct kit kit;

        begin(&kit, false, RULES(""), bodies[i]);
        kit_until_runs(&kit, "held", 1);
        pass(&kit, 60000);
        end(&kit);
    }
}

/* Killed before it asks, while it does, and after an answer that said nothing yet. */
static void killed_on_the_way(void **state)
{
    (void)state;
    for (int when = 0; when < 3; when++) {
        struct kit kit;

        begin(&kit, true, RULES(""), GIVEN);
        if (when == 0)
            pass(&kit, 1000);
        if (when == 1)
            mail_free(&take_poll(&kit, URL)->mail);
        if (when == 2) {
            answer_poll(&kit, 200, "{\"status\":\"queued\"}");
            pass(&kit, 1000);
        }
        kit_kill(&kit);
        answer_poll(&kit, 200, "{\"status\":\"sent\"}");
        answer_send(&kit, SECOND, 200, "{}");
        kit_until_runs(&kit, "done", 1);
        end(&kit);
    }
}

/* `queue hold`, then `queue retry --may-duplicate`. */
static void send_again_by_hand(struct kit *kit, struct arena *arena)
{
    const int64_t now = engine_now(kit->engine), run = kit_only_run(kit, arena);
    struct store *store = kit_store(kit);
    struct fault fault;

    assert_int_equal(store_begin(store, &fault), STORE_OK);
    assert_true(store_set_run(store, run, RUN_HELD, text_of("by hand"), now));
    assert_true(store_rearm_run(store, run, now, now + 900000));
    assert_int_equal(store_commit(store, &fault), STORE_OK);
}

/* What is sent again, and then lost in a crash, is not what an earlier answer's id is about. */
static void an_earlier_id_is_not_asked_for(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct request_mail *request;
    struct kit kit;

    (void)state;
    begin(&kit, true, RULES(""), GIVEN);
    answer_poll(&kit, 200, "{\"status\":\"queued\"}");
    kit_stop(&kit);
    send_again_by_hand(&kit, arena);
    kit_again(&kit);
    kit_start(&kit);
    request = kit_request(&kit);
    assert_int_equal(request->job.kind, JOB_SEND);
    assert_int_equal(request->job.attempt, 2);
    mail_free(&request->mail);
    kit_kill(&kit);
    kit_until_runs(&kit, "held", 1);
    pass(&kit, 60000);
    end(&kit);
    arena_free(arena);
}

/* Asking counts as a request to the channel: while that does not answer, one at a time. */
static void the_breaker_is_open_for_questions_too(void **state)
{
    struct kit kit;
    char user[16];

    (void)state;
    open_stepped(&kit, false, RULES(""));
    for (int i = 0; i < 2 * BREAKER_FAILURES; i++) {
        snprintf(user, sizeof(user), "%d", 700000001 + i);
        kit_tap(&kit, i + 1, user);
    }
    for (int i = 0; i < 2 * BREAKER_FAILURES; i++)
        answer_send(&kit, FIRST, 502, GIVEN);
    for (int i = 0; i < 20; i++) {
        struct request_mail *request = take_poll(&kit, URL);

        kit_pump(&kit);
        assert_null(kit.first);
        kit_answer(&kit, request, true, i % 2 ? 0 : 503, "");
    }
    answer_all(&kit, 2 * BREAKER_FAILURES);
    end(&kit);
}

/* What it is told about too many requests is told of all. */
static void the_channel_waits_after_429(void **state)
{
    struct kit kit;
    int64_t at;

    (void)state;
    begin(&kit, false, RULES(""), GIVEN);
    answer_poll(&kit, 429, "{\"description\":\"Too Many Requests: retry after 40\"}");
    at = engine_now(kit.engine);
    kit_tap(&kit, 2, "800000001");
    pass(&kit, 39000);
    answer_all(&kit, 2);
    assert_in_range(engine_now(kit.engine) - at, 40000, 42000);
    end(&kit);
}

static void drop_by_hand(struct kit *kit, struct arena *arena)
{
    struct store *store = kit_store(kit);
    struct fault fault;

    assert_int_equal(store_begin(store, &fault), STORE_OK);
    assert_true(store_set_run(store, kit_only_run(kit, arena), RUN_DROPPED, text_of("by hand"),
                              engine_now(kit->engine)));
    assert_int_equal(store_commit(store, &fault), STORE_OK);
    kit->engine->recount = true;
}

/* The run may end while its question is under way. */
static void an_answer_for_a_run_that_has_ended(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct request_mail *request;
    struct kit kit;

    (void)state;
    begin(&kit, true, RULES(""), GIVEN);
    request = take_poll(&kit, URL);
    drop_by_hand(&kit, arena);
    arena_free(arena);
    kit_until_runs(&kit, "dropped", 1);
    kit_tap(&kit, 2, "800000001");
    answer_send(&kit, FIRST, 200, "{}");
    answer_send(&kit, SECOND, 200, "{}");
    kit_answer(&kit, request, true, 200, "{\"status\":\"failed\"}");
    pass(&kit, 1000);
    assert_int_equal(kit_runs(&kit, "dropped"), 1);
    end(&kit);
}

/* Its last message may be out: nothing is left that could come too late. */
static void what_is_asked_about_does_not_expire(void **state)
{
    static const char one[] = "rules: [ { name: track, tap: 'track:(?<id>[A-Z0-9-]+)', dedup: 0s, "
                              "unknown_send: poll, send_within: 10s, "
                              "reply: { text: 'first ${id}' } } ]\n";

    (void)state;
    for (int sqlite = 0; sqlite < 2; sqlite++) {
        struct kit kit;

        begin(&kit, sqlite, one, GIVEN);
        answer_poll(&kit, 200, "{\"status\":\"queued\"}");
        answer_poll(&kit, 200, "{\"status\":\"queued\"}");
        assert_int_equal(kit_runs(&kit, "expired"), 0);
        answer_poll(&kit, 200, "{\"status\":\"sent\"}");
        kit_until_runs(&kit, "done", 1);
        end(&kit);
    }
}

/* The second message would. */
static void what_follows_a_question_expires(void **state)
{
    struct kit kit;

    (void)state;
    begin(&kit, true, RULES("send_within: 10s, "), GIVEN);
    answer_poll(&kit, 200, "{\"status\":\"queued\"}");
    kit_until_runs(&kit, "expired", 1);
    pass(&kit, 60000);
    end(&kit);
}

/* A status that can be read says nothing of whether messages are taken again. */
static void a_question_opens_no_channel(void **state)
{
    struct request_mail *request;
    struct kit kit;

    (void)state;
    begin(&kit, true, RULES(""), GIVEN);
    kit_tap(&kit, 2, "800000001");
    answer_send(&kit, FIRST, 404, "{\"error\":\"no such endpoint\"}");
    for (int i = 0; i < 2; i++) {
        request = kit_request(&kit);
        assert_non_null(request);
        assert_int_equal(request->job.kind, JOB_SEND);
        assert_true(kit.engine->channels[0].paused[0]);
        kit_answer(&kit, request, true, i ? 200 : 404, "{}");
    }
    answer_all(&kit, 2);
    assert_int_equal(polls(&kit, "ok"), 1);
    end(&kit);
}

static void questions_do_not_hide_failures(void **state)
{
    struct kit kit;

    (void)state;
    open_stepped(&kit, true, RULES(""));
    for (int i = 0; i < BREAKER_FAILURES; i++) {
        char user[16];

        snprintf(user, sizeof(user), "%d", 700000001 + i);
        kit_tap(&kit, 2 * i + 1, user);
        for (struct request_mail *request = kit_request(&kit); request; request = kit_request(&kit)) {
            if (request->job.kind == JOB_POLL) {
                kit_answer(&kit, request, true, 200, "{\"status\":\"queued\"}");
                break;
            }
            kit_answer(&kit, request, true, 502, GIVEN);
        }
    }
    assert_true(kit.engine->channels[0].breaker.state != BREAKER_CLOSED);
    answer_all(&kit, BREAKER_FAILURES);
    end(&kit);
}

/* A person did not want to wait for it. */
static void an_answer_for_a_send_that_is_ready_again(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct request_mail *request;
    struct kit kit;

    (void)state;
    begin(&kit, true, RULES(""), GIVEN);
    request = take_poll(&kit, URL);
    send_again_by_hand(&kit, arena);
    kit_answer(&kit, request, true, 200, "{\"status\":\"sent\"}");
    answer_send(&kit, FIRST, 200, "{}");
    answer_send(&kit, SECOND, 200, "{}");
    kit_until_runs(&kit, "done", 1);
    end(&kit);
    arena_free(arena);
}

/* As test_engine.c's: whatever goes wrong with the store, it is asked, and each message goes out once. */
static void go_way(struct kit *kit, int attempts)
{
    struct request_mail *request;
    bool asked = false;

    kit_tap(kit, 1, USER);
    answer_send(kit, FIRST, 502, GIVEN);
    while ((request = kit_request(kit)) && request->job.kind == JOB_POLL) {
        kit_answer(kit, request, true, 200, "{\"status\":\"sent\"}");
        asked = true;
    }
    assert_true(asked && request);
    assert_non_null(strstr(request->body, SECOND));
    assert_in_range(request->job.attempt, 1, attempts);
    kit_answer_ok(kit, request);
    kit_until_runs(kit, "done", 1);
}

static void any_call_fails(void **state)
{
    static const enum store_status statuses[] = { STORE_TEMPFAIL, STORE_AGAIN };

    (void)state;
    for (int i = 0; i < 2; i++) {
        bool over = false;

        for (int n = 1; !over; n++) {
            struct kit kit;

            open_stepped(&kit, false, RULES(""));
            store_mem_fail(kit_store(&kit), n, statuses[i]);
            go_way(&kit, 1);
            over = mem_of(kit_store(&kit))->fail_in > 0;
            store_mem_fail(kit_store(&kit), -1, STORE_OK);
            end(&kit);
        }
    }
}

/* What was stored in doubt, and did not leave, counts as an attempt. */
static void any_commit_is_in_doubt(void **state)
{
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        bool over = false;

        for (int n = 1; !over; n++) {
            struct kit kit;

            open_stepped(&kit, false, RULES(""));
            store_mem_doubt(kit_store(&kit), n, stored);
            go_way(&kit, stored ? 2 : 1);
            over = mem_of(kit_store(&kit))->doubt_in > 0;
            end(&kit);
        }
    }
}

/* The first commit was stored, the second, which was to make good for it, may have been. Never two questions at a time. */
static void doubt_upon_doubt(void **state)
{
    (void)state;
    for (int second = 0; second < 2; second++) {
        bool over = false;

        for (int n = 1; !over; n++) {
            uint64_t request = 0;
            bool again = false;
            struct kit kit;
            char body[KIT_BODY];

            open_stepped(&kit, false, RULES(""));
            kit_intercom(body, sizeof(body), 1, USER, KIT_TAP);
            store_mem_doubt(kit_store(&kit), n, true);
            for (int i = 0; i < 400 && kit_runs(&kit, "done") == 0; i++) {
                if (!request || kit.status[request] == 503)
                    request = kit_post(&kit, "intercom", body);
                kit_pump(&kit);
                if (!again && mem_of(kit_store(&kit))->doubt_in == 0) {
                    store_mem_doubt(kit_store(&kit), 1, second);
                    again = true;
                }
                if (!kit.first)
                    continue;
                assert_null(kit.first->mail.next);
                if (kit.first->job.kind == JOB_SEND && strstr(kit.first->body, FIRST))
                    answer_send(&kit, FIRST, 502, GIVEN);
                else
                    kit_answer(&kit, kit_request(&kit), true, 200, "{\"status\":\"sent\"}");
            }
            over = !again;
            assert_int_equal(kit_runs(&kit, "done"), 1);
            end(&kit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_sent_goes_on),
        cmocka_unit_test(an_id_is_enough),
        cmocka_unit_test(the_customers_side_is_rejected),
        cmocka_unit_test(what_failed_has_its_way_out),
        cmocka_unit_test(what_is_queued_is_asked_about_again),
        cmocka_unit_test(what_stays_queued_is_held),
        cmocka_unit_test(no_other_server_is_asked),
        cmocka_unit_test(without_an_id_it_is_held),
        cmocka_unit_test(killed_on_the_way),
        cmocka_unit_test(an_earlier_id_is_not_asked_for),
        cmocka_unit_test(the_breaker_is_open_for_questions_too),
        cmocka_unit_test(the_channel_waits_after_429),
        cmocka_unit_test(an_answer_for_a_run_that_has_ended),
        cmocka_unit_test(an_answer_for_a_send_that_is_ready_again),
        cmocka_unit_test(any_call_fails),
        cmocka_unit_test(any_commit_is_in_doubt),
        cmocka_unit_test(what_is_asked_about_does_not_expire),
        cmocka_unit_test(what_follows_a_question_expires),
        cmocka_unit_test(a_question_opens_no_channel),
        cmocka_unit_test(questions_do_not_hide_failures),
        cmocka_unit_test(doubt_upon_doubt),
    };

    return cmocka_run_group_tests_name("engine poll", tests, NULL, NULL);
}
