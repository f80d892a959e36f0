/* Every allocation of the program fails once, those of the libraries, too: while configuration and rules are loaded, and on the
   whole way of a tap: parsing, matching, rendering, storing, reading the answer. What must come of it is a clear failure or the
   right result; never half of one. */

#include "enginekit.h"
#include "failmalloc.h"

#include "app/engine_state.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES 4
#define BODY 4000

/* --- loading ------------------------------------------------------------------------------------------------------------ */

/* Either nothing with the reason, or what is loaded without a failure. */
static void loading(void **state)
{
    struct kit kit;
    long n = 0;
    bool failed;

    (void)state;
    kit_open(&kit, false, NULL);
    do {
        struct findings *findings = findings_new();
        struct generation *generation;

        failmalloc_arm(++n);
        failmalloc_on(true);
        generation = generation_load(kit.config, SECRETS_NEEDED, findings);
        failed = failmalloc_over();
        if (generation && !text_eq(ruleset_hash(generation->ruleset), ruleset_hash(kit.generation->ruleset)))
            fail_msg("other rules were loaded when allocation %ld failed", n);
        if (!generation && findings_count(findings, FINDING_ERROR) == 0)
            fail_msg("nothing says why nothing was loaded when allocation %ld failed", n);
        assert_true(generation || failed);
        generation_unref(generation);
        findings_free(findings);
    } while (failed);
    printf("# loading: %ld allocations\n", n - 1);
    assert_true(n > 500);
    kit_close(&kit);
}

/* --- the way of a tap ---------------------------------------------------------------------------------------------------- */

struct way {
    const char *source, *text;
    char sends[LINES][BODY]; /* what each message is, whole */
    size_t n_sends;
};

/* The first time it notes what is sent; then it must be that. */
static void go_way(struct kit *kit, struct way *way, bool first)
{
    char body[KIT_BODY];
    size_t n = 0;

    if (way->text)
        kit_intercom(body, sizeof(body), 1, "700000001", way->text);
    else
        kit_hubspot(body, sizeof(body), 1);
    kit_deliver(kit, way->source, body);
    while (kit_runs(kit, "done") == 0 && n < LINES) {
        struct request_mail *request = kit_next_send(kit);

        if (!request)
            break;
        if (first)
            snprintf(way->sends[way->n_sends++], BODY, "%s", request->body);
        assert_true(n < way->n_sends);
        assert_string_equal(request->body, way->sends[n++]);
        assert_int_equal(request->job.attempt, 1);
        kit_answer_ok(kit, request);
        for (int i = 0; i < 100 && !kit->first && kit_runs(kit, "done") == 0; i++)
            kit_pump(kit);
    }
    assert_int_equal(n, way->n_sends);
    kit_until_runs(kit, "done", 1);
    kit_stop(kit);
}

static bool one_failure(struct way *way, bool sqlite, long n)
{
    struct kit kit;
    bool failed;

    if (getenv("KIT_LOG"))
        fprintf(stderr, "# %s %s, allocation %ld fails\n", way->source, way->text ? way->text : "", n);
    kit_open(&kit, sqlite, NULL);
    kit.stepped = true;
    kit_start(&kit);
    kit.around_step = failmalloc_on;
    failmalloc_arm(n);
    go_way(&kit, way, n == 0);
    failed = failmalloc_over();
    kit.around_step = NULL;
    kit_settled(&kit);
    assert_int_equal(kit_count(&kit, STORE_RUN, NULL), 1);
    assert_int_equal(kit_count(&kit, STORE_ENTRY, "done"), 1);
    assert_int_equal(kit_count(&kit, STORE_NOTIFICATION, "stuck"), 0);
    kit_close(&kit);
    return failed;
}

static void the_way_of_a_tap(bool sqlite, long step)
{
    static struct way ways[] = {
        { "intercom", "track:ORD-7", .n_sends = 0 },
        { "intercom", "two:ORD-7", .n_sends = 0 },
        { "hubspot", NULL, .n_sends = 0 },
        { "intercom", "asks:ORD-7", .n_sends = 0 },
    };

    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        long n = 0;

        ways[i].n_sends = 0;
        one_failure(&ways[i], sqlite, 0);
        for (n = 1; one_failure(&ways[i], sqlite, n); n += step)
            ;
        printf("# %s %s, %s: %ld allocations\n", ways[i].source, ways[i].text ? ways[i].text : "",
               sqlite ? "sqlite" : "memory", n - 1);
        assert_true(n > 100);
    }
}

static void the_way_with_a_store_in_memory(void **state)
{
    (void)state;
    the_way_of_a_tap(false, 1);
}

/* MEMORY_ALL: each of them, which takes half an hour of waiting for the disk; else every 97th. */
static void the_way_with_sqlite(void **state)
{
    (void)state;
    the_way_of_a_tap(true, getenv("MEMORY_ALL") ? 1 : 97);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading),
        cmocka_unit_test(the_way_with_a_store_in_memory),
        cmocka_unit_test(the_way_with_sqlite),
    };

    if (!failmalloc_possible()) {
        printf("1..0 # SKIP this build has a malloc of its own that cannot be made to fail\n");
        return 0;
    }
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
