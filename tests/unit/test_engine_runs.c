/* The engine without a network: how runs go on, and how they end. */

#include "enginekit.h"

#include "app/engine_state.h"
#include "core/doc.h"

#include <stdio.h>

/* --- send_within ----------------------------------------------------------------------------------------------------------- */

/* A message that left in time is not expired because its answer comes late; what would come behind it is. */
static void an_answer_after_the_end(void **state)
{
    static const struct {
        const char *steps, *ends;
    } cases[] = {
        { "reply: { text: a }", "done" },
        { "choose: [ { when: { source: intercom }, reply: { text: a } }, { reply: { text: b } } ]", "done" },
        { "reply: [ { text: a }, { text: b } ]", "expired" },
        { "do: [ { reply: { text: a } }, { quiet: 1h } ]", "expired" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct request_mail *request;
        struct kit kit;
        char rules[300];

        snprintf(rules, sizeof(rules), "rules: [ { name: track, tap: 'track:.*', send_within: 1s, %s } ]\n",
                 cases[i].steps);
        kit_open(&kit, false, rules);
        kit.stepped = true;
        kit_start(&kit);
        kit_tap(&kit, 1, "700000001");
        request = kit_request(&kit);
        for (int k = 0; k < 20; k++) /* past the second */
            kit_pump(&kit);
        kit_answer_ok(&kit, request);
        kit_until_runs(&kit, cases[i].ends, 1);
        kit_stop(&kit);
        kit_settled(&kit);
        kit_close(&kit);
    }
}

/* --- goto -------------------------------------------------------------------------------------------------------------------- */

static const char two_gotos[] =
    "rules:\n"
    "  - { name: track, tap: 'track:(?<id>.*)', do: [ { reply: { text: first } }, { goto: middle } ] }\n"
    "  - { name: middle, do: [ { reply: { text: second } }, { goto: last } ] }\n"
    "  - { name: last, reply: { text: 'third ${id}' } }\n";

/* Whether they arrived nobody knows of those first two messages that are not `sure`; the third is refused. */
static void fail_in_the_last(struct kit *kit, const bool *sure)
{
    kit_open(kit, true, two_gotos);
    kit_start(kit);
    kit_tap(kit, 1, "700000001");
    for (int i = 0; i < 2; i++)
        kit_answer(kit, kit_request(kit), true, sure[i] ? 200 : 0, "{}");
    kit_answer(kit, kit_request(kit), true, 422, "{}");
    kit_until_runs(kit, "failed", 1);
    kit_stop(kit);
    kit_settled(kit);
}

/* The document as earlier versions wrote it: they kept the last rule only. */
static void make_old(struct kit *kit, const struct run_row *run)
{
    struct fault fault;
    struct json_object *doc = doc_parse(run->doc, &fault);

    assert_non_null(doc_key(doc, "gotos"));
    json_object_object_del(doc, "gotos");
    json_object_object_add(doc, "at", json_object_new_string("last"));
    json_object_object_add(doc, "base", json_object_new_int(4));
    json_object_object_add(doc, "jumps", json_object_new_int(2));
    store_step_run(kit_store(kit), run->id, run->step, text_of(json_object_to_json_string(doc)));
    json_object_put(doc);
}

static void try_again(struct kit *kit, bool old)
{
    struct arena *arena = arena_new(1 << 20);
    struct fault fault;
    struct run_row run;

    assert_true(store_get_run(kit_store(kit), kit_only_run(kit, arena), arena, &run));
    assert_int_equal(store_begin(kit_store(kit), &fault), STORE_OK);
    assert_true(store_rearm_run(kit_store(kit), run.id, kit->engine->now, kit->engine->now + 900000));
    assert_true(store_get_run(kit_store(kit), run.id, arena, &run));
    if (old)
        make_old(kit, &run);
    assert_int_equal(store_commit(kit_store(kit), &fault), STORE_OK);
    arena_free(arena);
    kit_again(kit);
    kit_start(kit);
}

static void expect_only_reason(struct kit *kit, const char *reason)
{
    struct arena *arena = arena_new(1 << 20);
    struct run_row run;

    assert_true(store_get_run(kit_store(kit), kit_only_run(kit, arena), arena, &run));
    if (!text_is(run.reason, reason))
        fail_msg("%.*s", TEXT_ARG(run.reason));
    arena_free(arena);
}

/* `queue retry` leads back to the first message that is not certain, and from there through all rules again. */
static void a_retry_leads_back_before_a_goto(void **state)
{
    static const struct {
        bool sure[2], old;
        const char *texts[4]; /* none: where it is cannot be told */
    } cases[] = {
        { { false, false }, false, { "first", "second", "third ORD-7" } },
        { { true, false }, false, { "second", "third ORD-7" } },
        { { true, true }, false, { "third ORD-7" } },
        { { false, false }, true, { "first", "second", "third ORD-7" } },
        { { true, false }, true, { NULL } },
        { { true, true }, true, { "third ORD-7" } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *const *text = cases[i].texts;
        struct kit kit;

        fail_in_the_last(&kit, cases[i].sure);
        try_again(&kit, cases[i].old);
        for (; *text; text++)
            kit_expect_sent(&kit, *text);
        kit_until_runs(&kit, text == cases[i].texts ? "held" : "done", 1);
        kit_stop(&kit);
        kit_settled(&kit);
        if (text == cases[i].texts)
            expect_only_reason(&kit, "in which rule it goes on cannot be told");
        kit_close(&kit);
    }
}

/* A second way is not gone with what the first one sent: which of it counts nobody could tell. */
static void a_retry_that_goes_another_way_is_held(void **state)
{
    static const char rules[] = "rules:\n"
                                "  - name: track\n"
                                "    tap: 'track:(?<id>.*)'\n"
                                "    do:\n"
                                "      - set: { x: '1' }\n"
                                "      - reply: { text: first }\n"
                                "      - choose: [ { when: { chat.x: '1' }, goto: last }, { goto: other } ]\n"
                                "  - { name: last, reply: [ { text: a }, { text: b } ] }\n"
                                "  - { name: other, reply: [ { text: c }, { text: d } ] }\n";
    struct arena *arena = arena_new(1 << 20);
    struct run_row run;
    struct fault fault;
    struct kit kit;

    (void)state;
    kit_open(&kit, true, rules);
    kit_start(&kit);
    kit_tap(&kit, 1, "700000001");
    kit_answer(&kit, kit_request(&kit), true, 0, "");
    kit_expect_sent(&kit, "a");
    kit_answer(&kit, kit_request(&kit), true, 422, "");
    kit_until_runs(&kit, "failed", 1);
    kit_stop(&kit);
    assert_true(store_get_run(kit_store(&kit), kit_only_run(&kit, arena), arena, &run));
    assert_int_equal(store_begin(kit_store(&kit), &fault), STORE_OK);
    store_drop_variable(kit_store(&kit), run.chat, text_of("x"));
    assert_int_equal(store_commit(kit_store(&kit), &fault), STORE_OK);
    try_again(&kit, false);
    kit_expect_sent(&kit, "first");
    kit_until_runs(&kit, "held", 1);
    kit_stop(&kit);
    kit_settled(&kit);
    expect_only_reason(&kit,
                       "it would go another way now than at the first try: from rule 'track' to 'other'");
    kit_close(&kit);
    arena_free(arena);
}

static void a_circle_ends(void **state)
{
    struct kit kit;

    (void)state;
    kit_open(&kit, false, "rules: [ { name: a, tap: 'track:.*', reply: { text: round }, goto: a } ]\n");
    kit_start(&kit);
    kit_tap(&kit, 1, "700000001");
    for (int i = 0; i < 101; i++)
        kit_expect_sent(&kit, "round");
    kit_until_runs(&kit, "failed", 1);
    kit_stop(&kit);
    expect_only_reason(&kit, "more than 100 times 'goto' in one run");
    kit_close(&kit);
}

/* --- on_error ---------------------------------------------------------------------------------------------------------------- */

static const char mending[] = "rules:\n"
                              "  - name: track\n"
                              "    tap: 'track:(?<id>.*)'\n"
                              "    reply: [ { text: first }, { text: never } ]\n"
                              "    on_error: { goto: sorry }\n"
                              "  - { name: sorry, reply: { text: sorry } }\n";

/* A run that its on_error led to the end is done, with the reason, wherever that stood and whatever was left. */
static void on_error_ends_a_run_as_done(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct send_row *sends;
    struct kit kit;

    (void)state;
    for (int sqlite = 0; sqlite < 2; sqlite++) {
        kit_open(&kit, sqlite, mending);
        kit_start(&kit);
        kit_tap(&kit, 1, "700000001");
        kit_answer(&kit, kit_request(&kit), true, 422, "{}");
        kit_expect_sent(&kit, "sorry");
        kit_until_runs(&kit, "done", 1);
        kit_stop(&kit);
        kit_settled(&kit);
        expect_only_reason(&kit, "HTTP 422");
        assert_int_equal(store_run_sends(kit_store(&kit), kit_only_run(&kit, arena), arena, &sends), 3);
        assert_int_equal(sends[0].state, SEND_FAILED);
        assert_int_equal(sends[1].state, SEND_DROPPED);
        assert_int_equal(sends[2].state, SEND_OK);
        kit_close(&kit);
    }
    arena_free(arena);
}

/* What failed at the first try is no reason at the second, and its on_error answers again. */
static void a_retry_forgets_what_failed(void **state)
{
    static const struct {
        int status;
        const char *reason;
    } cases[] = { { 200, "" }, { 422, "HTTP 422" } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct kit kit;

        kit_open(&kit, true, mending);
        kit_start(&kit);
        kit_tap(&kit, 1, "700000001");
        kit_answer(&kit, kit_request(&kit), true, 400, "{}");
        kit_answer(&kit, kit_request(&kit), true, 400, "{}");
        kit_until_runs(&kit, "failed", 1);
        kit_stop(&kit);
        try_again(&kit, false);
        kit_answer(&kit, kit_request(&kit), true, cases[i].status, "{}");
        kit_expect_sent(&kit, cases[i].status == 200 ? "never" : "sorry");
        kit_until_runs(&kit, "done", 1);
        kit_stop(&kit);
        expect_only_reason(&kit, cases[i].reason);
        kit_close(&kit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_after_the_end),
        cmocka_unit_test(a_retry_leads_back_before_a_goto),
        cmocka_unit_test(a_retry_that_goes_another_way_is_held),
        cmocka_unit_test(a_circle_ends),
        cmocka_unit_test(on_error_ends_a_run_as_done),
        cmocka_unit_test(a_retry_forgets_what_failed),
    };

    return cmocka_run_group_tests_name("engine_runs", tests, NULL, NULL);
}
