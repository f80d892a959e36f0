/* The engine without a network. The first part makes the nth call of the store fail, for every n on the whole way of a tap, and
   asks the same of each: what was acknowledged is stored, each tap has its follow-ups once and in order, and nothing stays behind
   in flight. */

#include "enginekit.h"

#include "app/engine_state.h"
#include "store/store_mem.h"
#include "store/store_mem_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- every call of the store fails once --------------------------------------------------------------------------------- */

struct way {
    const char *source, *text; /* text: of the tap; HubSpot's is in the message */
    const char *sends[3];      /* what each request must say, in order */
};

static const struct way ways[] = {
    { "intercom", "track:ORD-7", { "Order ORD-7 is on its way." } },
    { "intercom", "two:ORD-7", { "first ORD-7", "second ORD-7" } },
    { "hubspot", NULL, { "Order ORD-7 is on its way." } },
    { "intercom", "asks:ORD-7", { "asked ORD-7", "booked ORD-7" } },
};

static void way_body(const struct way *way, char *body)
{
    if (way->text)
        kit_intercom(body, KIT_BODY, 1, "700000001", way->text);
    else
        kit_hubspot(body, KIT_BODY, 1);
}

static size_t acknowledged(const struct kit *kit)
{
    size_t n = 0;

    for (uint64_t i = 1; i <= kit->request; i++)
        n += kit->status[i] == 200;
    return n;
}

/* `attempts`: what was stored in doubt, and did not leave, counts as one. */
static void go_way(struct kit *kit, const struct way *way, int attempts)
{
    char body[KIT_BODY];

    kit_start(kit);
    way_body(way, body);
    kit_deliver(kit, way->source, body);
    for (size_t i = 0; way->sends[i]; i++) {
        struct request_mail *request = kit_next_send(kit);

        assert_non_null(request);
        assert_non_null(strstr(request->body, way->sends[i]));
        assert_in_range(request->job.attempt, 1, attempts);
        kit_answer_ok(kit, request);
    }
    kit_until_runs(kit, "done", 1);
    kit_deliver(kit, way->source, body); /* and what comes twice makes nothing new */
    kit_stop(kit);
    assert_true(kit->stored);
    assert_null(kit->first);
}

/* What must be in the store in the end. `more`: so many of those that were refused may be there, too. */
static void arrived(struct kit *kit, size_t more)
{
    size_t stored;

    kit_settled(kit);
    stored = kit_count(kit, STORE_NOTIFICATION, NULL);
    assert_true(stored >= acknowledged(kit) && stored <= acknowledged(kit) + kit->unheard + more);
    assert_int_equal(kit_count(kit, STORE_RUN, NULL), 1);
    assert_int_equal(kit_count(kit, STORE_ENTRY, NULL), 1);
    assert_int_equal(kit_count(kit, STORE_ENTRY, "done"), 1);
    assert_int_equal(kit_count(kit, STORE_NOTIFICATION, "stuck"), 0);
}

/* Until the way ends before the failure's turn comes. */
static void fail_everywhere(const struct way *way, enum store_status status)
{
    bool over = false;
    int n;

    for (n = 1; !over; n++) {
        struct kit kit;

        if (getenv("KIT_LOG"))
            fprintf(stderr, "# %s, call %d fails with %d\n", way->sends[0], n, (int)status);
        kit_open(&kit, false, NULL);
        store_mem_fail(kit_store(&kit), n, status);
        go_way(&kit, way, 1);
        over = mem_of(kit_store(&kit))->fail_in > 0;
        store_mem_fail(kit_store(&kit), -1, STORE_OK);
        assert_int_equal(kit.unheard, 0);
        arrived(&kit, 0);
        kit_close(&kit);
    }
    assert_true(n > 40); /* the failures have been where they should */
}

static void any_call_fails_for_a_while(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        fail_everywhere(&ways[i], STORE_TEMPFAIL);
}

/* Whoever posts hears nothing of it. */
static void any_call_meets_another_node(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        fail_everywhere(&ways[i], STORE_AGAIN);
}

/* The server went away before a commit reached it, or after that, before it said so. */
static void any_commit_is_in_doubt(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(ways) / sizeof(*ways); i++) {
        bool over = false;
        int n;

        for (n = 1; !over; n++) {
            struct kit kit;

            kit_open(&kit, false, NULL);
            store_mem_doubt(kit_store(&kit), n, i % 2);
            go_way(&kit, &ways[i / 2], i % 2 ? 2 : 1);
            over = mem_of(kit_store(&kit))->doubt_in > 0;
            arrived(&kit, i % 2);
            kit_close(&kit);
        }
        assert_true(n > 4);
    }
}

/* One after the other: the first was stored, the second, which was to make good for it, was not. A customer hears it once. */
static void doubt_upon_doubt(void **state)
{
    bool over = false;
    int n;

    (void)state;
    for (n = 1; !over; n++) {
        struct kit kit;
        bool again = false;
        uint64_t request = 0;

        kit_open(&kit, false, NULL);
        kit.stepped = true;
        kit_start(&kit);
        store_mem_doubt(kit_store(&kit), n, true);
        for (int i = 0; i < 100 && kit_runs(&kit, "done") == 0; i++) {
            char body[KIT_BODY];

            way_body(&ways[0], body);
            if (!request || kit.status[request] == 503)
                request = kit_post(&kit, "intercom", body);
            kit_pump(&kit);
            if (!again && mem_of(kit_store(&kit))->doubt_in == 0) {
                store_mem_doubt(kit_store(&kit), 1, false);
                again = true;
            }
            if (!kit.first)
                continue;
            assert_null(kit.first->mail.next);
            kit_answer_ok(&kit, kit_request(&kit));
        }
        over = !again;
        assert_int_equal(kit_runs(&kit, "done"), 1);
        kit_stop(&kit);
        kit_close(&kit);
    }
    assert_true(n > 3);
}

static void any_call_meets_bad_data(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        fail_everywhere(&ways[i], STORE_BAD_DATA);
}

/* --- every allocation fails once ---------------------------------------------------------------------------------------------- */

/* Of the engine's thread, in our own code (the linker's --wrap): libraries have their own. */
static atomic_int fail_in;
static pthread_t tester;

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);

static bool fails(void)
{
    return atomic_load(&fail_in) > 0 && !pthread_equal(pthread_self(), tester) &&
           atomic_fetch_sub(&fail_in, 1) == 1;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

static void any_allocation_fails(void **state)
{
    (void)state;
    tester = pthread_self();
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        bool over = false;

        for (int n = 2; !over; n++) { /* 1: the mail that says the engine has ended */
            struct kit kit;

            if (getenv("KIT_LOG"))
                fprintf(stderr, "# %s, allocation %d fails\n", ways[i].sends[0], n);
            kit_open(&kit, false, NULL);
            atomic_store(&fail_in, n);
            go_way(&kit, &ways[i], 1);
            over = atomic_exchange(&fail_in, 0) > 0;
            assert_true(kit.unheard <= 1);
            arrived(&kit, 0);
            kit_close(&kit);
        }
    }
}

static void no_call_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct kit kit;

        for (int sqlite = 0; sqlite < 2; sqlite++) {
            kit_open(&kit, sqlite, NULL);
            go_way(&kit, &ways[i], 1);
            arrived(&kit, 0);
            kit_close(&kit);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_fails),           cmocka_unit_test(any_call_fails_for_a_while),
        cmocka_unit_test(any_call_meets_bad_data), cmocka_unit_test(any_call_meets_another_node),
        cmocka_unit_test(any_commit_is_in_doubt),  cmocka_unit_test(doubt_upon_doubt),
        cmocka_unit_test(any_allocation_fails),
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
