/* The store fails over to a server that was behind: what was committed last is gone, and the engine, which goes on, had the results of
   it. In simulated time. */

#include "enginekit.h"

#include "app/engine_state.h"
#include "store/store_mem.h"
#include "store/store_mem_table.h"

#include <stdio.h>
#include <string.h>

#define RULES                                                                                        \
    "rules:\n"                                                                                       \
    "  - { name: track, tap: 'track:.*', dedup: 0s, unknown_send: poll, reply: [ { text: first }, {" \
    " text: second } ] }\n"                                                                          \
    "  - { name: asks, tap: asks, dedup: 0s, do: [ { lookup: book }, { reply: { text: booked } } ]," \
    " on_error: { reply: { text: sorry } } }\n"                                                      \
    "lookups:\n"                                                                                     \
    "  book: { url: 'https://shop.example/', method: POST, body: { id: 1 }, sample: { number: B-1 } }\n"
#define GIVEN "{\"message_id\":\"m1\"}"
#define ANY "700000001"
#define OTHER "700000002"

static void open_stepped(struct kit *kit, bool sqlite)
{
    kit_open(kit, sqlite, RULES);
    kit->stepped = true;
    kit_start(kit);
}

static struct request_mail *take(struct kit *kit, enum job_kind kind)
{
    struct request_mail *request = kit_request(kit);

    assert_non_null(request);
    assert_int_equal(request->job.kind, kind);
    return request;
}

static void expect_asked(struct kit *kit)
{
    kit_answer(kit, take(kit, JOB_POLL), true, 200, "{\"status\":\"sent\"}");
}

/* Up to the question what became of the first message. */
static struct request_mail *begin(struct kit *kit)
{
    open_stepped(kit, true);
    kit_tap(kit, 1, ANY);
    kit_answer(kit, take(kit, JOB_SEND), true, 502, GIVEN);
    return take(kit, JOB_POLL);
}

static void end(struct kit *kit)
{
    kit_stop(kit);
    assert_null(kit->first);
    kit_settled(kit);
    kit_close(kit);
}

/* The store has it only that the chat is ours. */
static void a_question_is_asked_again(void **state)
{
    struct request_mail *request;
    struct kit kit;

    (void)state;
    request = begin(&kit);
    kit_save(&kit);
    kit_answer(&kit, request, true, 200, "{\"status\":\"failed\"}");
    kit_until_runs(&kit, "failed", 1);
    kit_fail_over(&kit);
    expect_asked(&kit);
    kit_expect_sent(&kit, "second");
    kit_until_runs(&kit, "done", 1);
    end(&kit);
}

/* It is not asked, or sent, beside what is on its way, and its answer counts. */
static void what_is_under_way_is_left_alone(void **state)
{
    struct request_mail *request, *lookup;
    struct kit kit;
    char body[KIT_BODY];

    (void)state;
    request = begin(&kit);
    kit_intercom(body, sizeof(body), 2, OTHER, "asks");
    kit_deliver(&kit, "intercom", body);
    lookup = take(&kit, JOB_LOOKUP);
    kit_save(&kit);
    kit_fail_over(&kit);
    for (int i = 0; i < 400; i++)
        kit_pump(&kit);
    assert_null(kit.first);
    kit_answer_lookup(&kit, lookup);
    kit_expect_sent(&kit, "booked");
    kit_answer(&kit, request, true, 200, "{\"status\":\"sent\"}");
    kit_expect_sent(&kit, "second");
    kit_until_runs(&kit, "done", 2);
    end(&kit);
}

/* Its chat waits for the result, and goes on then, whatever that is. */
static void a_result_of_a_run_that_is_lost(void **state)
{
    static const char *const taps[] = { KIT_TAP, "asks" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct request_mail *request;
        struct kit kit;
        char body[KIT_BODY];

        request = begin(&kit);
        kit_save(&kit);
        kit_answer(&kit, request, true, 200, "{\"status\":\"sent\"}");
        kit_expect_sent(&kit, "second");
        kit_until_runs(&kit, "done", 1);
        kit_intercom(body, sizeof(body), 2, ANY, taps[i]);
        kit_deliver(&kit, "intercom", body);
        request = kit_request(&kit);
        kit_fail_over(&kit);
        kit_pump(&kit);
        assert_null(kit.first);
        kit_answer(&kit, request, true, 422, "{}");
        expect_asked(&kit);
        kit_expect_sent(&kit, "second");
        kit_until_runs(&kit, "done", 1);
        end(&kit);
    }
}

/* What came is not lost, though it is settled one by one, as after any refusal. */
static void results_that_wait(void **state)
{
    bool over = false;

    (void)state;
    for (int n = 0; !over; n++) {
        struct request_mail *requests[2];
        struct kit kit;

        kit_open(&kit, false,
                 "rules: [ { name: track, tap: 'track:.*', unknown_send: poll, reply: { text: first } } ]\n");
        kit.stepped = true;
        kit_start(&kit);
        kit_tap(&kit, 1, ANY);
        kit_tap(&kit, 2, OTHER);
        for (int i = 0; i < 2; i++)
            requests[i] = take(&kit, JOB_SEND);
        for (int i = 0; i < 2; i++)
            kit_answer_ok(&kit, requests[i]);
        kit.engine->node.look_back = true;
        store_mem_fail(kit_store(&kit), n, STORE_BAD_DATA);
        kit_pump(&kit);
        over = mem_of(kit_store(&kit))->fail_in > 0;
        store_mem_fail(kit_store(&kit), -1, STORE_OK);
        kit_until_runs(&kit, "done", 2);
        end(&kit);
    }
}

/* The store knows the attempt before the one that is under way, whose answer counts all the same. */
static void a_later_attempt_is_under_way(void **state)
{
    struct request_mail *request;
    struct kit kit;

    (void)state;
    open_stepped(&kit, true);
    kit_tap(&kit, 1, ANY);
    request = take(&kit, JOB_SEND);
    kit_save(&kit);
    kit_answer(&kit, request, true, 503, "");
    request = take(&kit, JOB_SEND);
    assert_int_equal(request->job.attempt, 2);
    kit_fail_over(&kit);
    for (int i = 0; i < 20; i++)
        kit_pump(&kit);
    assert_null(kit.first);
    kit_answer_ok(&kit, request);
    kit_expect_sent(&kit, "second");
    kit_until_runs(&kit, "done", 1);
    end(&kit);
}

/* A GET is answered in the very transaction that looks back: its run needs the rules. */
static void rules_of_what_was_read(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct request_mail *request;
    struct text source;
    struct kit kit;
    char body[KIT_BODY];

    (void)state;
    open_stepped(&kit, true);
    kit_hubspot(body, sizeof(body), 1);
    kit_deliver(&kit, "hubspot", body);
    request = take(&kit, JOB_FETCH);
    kit_save(&kit);
    kit_tap(&kit, 2, OTHER);
    kit_expect_sent(&kit, "first");
    kit_expect_sent(&kit, "second");
    kit_until_runs(&kit, "done", 1);
    kit_fail_over(&kit);
    kit_answer(&kit, request, true, 200, kit_hubspot_message);
    kit_expect_sent(&kit, "first");
    assert_true(store_get_ruleset(kit_store(&kit), ruleset_hash(kit.generation->ruleset), arena, &source));
    kit_expect_sent(&kit, "second");
    kit_pump(&kit);
    end(&kit);
    arena_free(arena);
}

/* Whoever works on its runs later, with other rules, needs those. */
static void rules_are_stored_again(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct text source;
    struct kit kit;

    (void)state;
    open_stepped(&kit, true);
    kit_save(&kit);
    for (int i = 0; i < 2; i++) {
        kit_tap(&kit, 1 + i, ANY);
        kit_expect_sent(&kit, "first");
        kit_expect_sent(&kit, "second");
        kit_until_runs(&kit, "done", 1);
        assert_true(
            store_get_ruleset(kit_store(&kit), ruleset_hash(kit.generation->ruleset), arena, &source));
        if (i == 0)
            kit_fail_over(&kit);
    }
    end(&kit);
    arena_free(arena);
}

/* --- at any time ------------------------------------------------------------------------------------------------------------- */

#define REQUESTS 100
#define STEPS 400

struct handed {
    struct request_mail *request; /* NULL: answered */
    struct job job;
    int at;
};

struct drive {
    struct kit kit;
    int saved_at, failed_at, slow; /* in steps; an answer takes `slow` */
    bool looks;                    /* back, in every step */
    struct handed handed[REQUESTS];
    int n;
};

static void answer(struct kit *kit, struct request_mail *request)
{
    if (request->job.kind == JOB_LOOKUP)
        kit_answer_lookup(kit, request);
    else if (request->job.kind == JOB_SEND && strstr(request->body, "first"))
        kit_answer(kit, request, true, 502, GIVEN);
    else
        kit_answer_ok(kit, request);
}

/* Whether all was answered. */
static bool answer_all(struct drive *drive, int at)
{
    bool all = true;

    for (; drive->kit.first; drive->n++) {
        struct request_mail *request = kit_request(&drive->kit);

        assert_in_range(drive->n, 0, REQUESTS - 1);
        drive->handed[drive->n] = (struct handed){ request, request->job, at };
    }
    for (int i = 0; i < drive->n; i++) {
        struct handed *handed = &drive->handed[i];

        if (!handed->request)
            continue;
        all = false;
        if (handed->at + drive->slow > at)
            continue;
        answer(&drive->kit, handed->request);
        handed->request = NULL;
    }
    return all;
}

static void post_taps(struct kit *kit, int at)
{
    char body[KIT_BODY];

    if (at != 0 && at != 1 && at != 12)
        return;
    kit_intercom(body, sizeof(body), 2 * at, at == 1 ? OTHER : ANY, at == 1 ? "asks" : KIT_TAP);
    kit_post(kit, "intercom", body);
}

/* Until nothing waits. */
static void go(struct drive *drive)
{
    int quiet = 0, at;

    for (at = 0; at < STEPS && quiet < 3; at++) {
        if (at == drive->saved_at)
            kit_save(&drive->kit);
        if (at == drive->failed_at)
            kit_fail_over(&drive->kit);
        drive->kit.engine->node.look_back |= drive->looks;
        post_taps(&drive->kit, at);
        kit_pump(&drive->kit);
        quiet =
            answer_all(drive, at) && kit_runs(&drive->kit, "ready") == 0 && at > drive->failed_at && at > 12
                ? quiet + 1
                : 0;
    }
    if (at == STEPS)
        fail_msg("saved at %d, failed over at %d, slow %d: something is left behind", drive->saved_at,
                 drive->failed_at, drive->slow);
}

/* A message is sent once more only if the store lost that it was to leave. */
static void expect_none_twice(const struct drive *drive)
{
    for (int i = 0; i < drive->n; i++) {
        int sent = 0, lost = 0;

        for (int k = 0; k < drive->n; k++) {
            const struct job *a = &drive->handed[i].job, *b = &drive->handed[k].job;

            if (b->kind != JOB_SEND || a->kind != JOB_SEND || a->run != b->run || a->step != b->step ||
                a->n != b->n)
                continue;
            sent++;
            lost += drive->handed[k].at >= drive->saved_at && drive->handed[k].at < drive->failed_at;
        }
        if (sent > 1 + lost)
            fail_msg("saved at %d, failed over at %d, slow %d: sent %d times", drive->saved_at,
                     drive->failed_at, drive->slow, sent);
    }
}

static void at_any_time(void **state)
{
    static const int losses[] = { 0, 1, 3, 7, 15 };

    (void)state;
    for (int slow = 0; slow < 4; slow += 3)
        for (int at = 0; at < 45; at++)
            for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
                struct drive drive = { .saved_at = at, .failed_at = at + losses[i], .slow = slow };

                open_stepped(&drive.kit, true);
                go(&drive);
                expect_none_twice(&drive);
                if (losses[i] == 0)
                    assert_int_equal(kit_runs(&drive.kit, "done"), 3);
                end(&drive.kit);
            }
}

/* Where nothing is lost it changes nothing, whatever is under way, or in doubt. */
static void looking_back_for_nothing(void **state)
{
    (void)state;
    for (int stored = 0; stored < 2; stored++) {
        bool over = false;

        for (int n = 1; !over; n++) {
            struct drive drive = { .saved_at = -1, .failed_at = -1, .slow = 2, .looks = true };

            open_stepped(&drive.kit, false);
            store_mem_doubt(kit_store(&drive.kit), n, stored);
            go(&drive);
            over = mem_of(kit_store(&drive.kit))->doubt_in > 0;
            expect_none_twice(&drive);
            assert_int_equal(kit_runs(&drive.kit, "held"), 0);
            end(&drive.kit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_asked_again),      cmocka_unit_test(what_is_under_way_is_left_alone),
        cmocka_unit_test(a_result_of_a_run_that_is_lost), cmocka_unit_test(results_that_wait),
        cmocka_unit_test(a_later_attempt_is_under_way),   cmocka_unit_test(rules_of_what_was_read),
        cmocka_unit_test(rules_are_stored_again),         cmocka_unit_test(at_any_time),
        cmocka_unit_test(looking_back_for_nothing),
    };

    return cmocka_run_group_tests_name("engine lost", tests, NULL, NULL);
}
