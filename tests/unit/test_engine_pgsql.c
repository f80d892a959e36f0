/* The engine on PostgreSQL: how often a batch waits for the server. */

#include "config.h"

#include "enginekit.h"
#include "pgkit.h"

#if HAVE_LIBPQ

#include "store/store_pgsql.h"

#include <stdio.h>
#include <string.h>

#define MOST 60
/* What comes by the clock (the lease, what others wrote, what expires) may fall into the batch. */
#define BY_THE_CLOCK 20

static const char *server;

/* The message of a customer of its own. */
static void make_message(char *out, size_t size, int number)
{
    char *id;

    snprintf(out, size, "%s", kit_hubspot_message);
    id = strstr(out, "700000001");
    assert_non_null(id);
    snprintf(id, 10, "7%08d", number);
    id[9] = '"';
}

/* Entries that need a GET, all under way. */
static void deliver(struct kit *kit, struct request_mail **gets, int first, int n)
{
    char body[KIT_BODY];

    for (int i = 0; i < n; i++) {
        kit_hubspot(body, sizeof(body), first + i);
        kit_deliver(kit, "hubspot", body);
    }
    for (int i = 0; i < n; i++) {
        gets[i] = kit_request(kit);
        assert_non_null(gets[i]);
        assert_int_equal(gets[i]->job.kind, JOB_FETCH);
    }
}

/* All are answered, and matched in one batch; how often that waits. */
static unsigned long answer_gets(struct kit *kit, int first, int n)
{
    struct request_mail *gets[MOST];
    char message[1000];
    unsigned long before;

    deliver(kit, gets, first, n);
    for (int i = 0; i < n; i++) {
        make_message(message, sizeof(message), first + i);
        kit_answer(kit, gets[i], true, 200, message);
    }
    before = store_pgsql_trips(kit_store(kit));
    kit_pump(kit);
    before = store_pgsql_trips(kit_store(kit)) - before;
    for (int i = 0; i < n; i++)
        kit_expect_sent(kit, "Order ORD-7 is on its way.");
    return before;
}

/* For new customers, and for such that have chats. */
static void answers_of_the_inbox(void **state)
{
    struct kit kit;
    unsigned long one;

    (void)state;
    kit_open_at(&kit, server, NULL, "limits: { fetches: 64 }\n");
    kit.stepped = true;
    kit_start(&kit);
    one = answer_gets(&kit, 1, 1);
    for (int again = 0; again < 2; again++)
        assert_in_range(answer_gets(&kit, 100 + again * MOST, MOST), 1, one + BY_THE_CLOCK);
    kit_until_runs(&kit, "done", 1 + 2 * MOST);
    kit_stop(&kit);
    kit_close(&kit);
}

static int test_all(const char *url)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(answers_of_the_inbox) };

    server = url;
    return cmocka_run_group_tests_name("engine_pgsql", tests, NULL, NULL);
}

#else
#define test_all NULL
#endif

int main(void)
{
    return pgkit_main(test_all);
}
