/* test_store_pgsql: the store's promises, kept by PostgreSQL; and what only a server far away can do wrong. */

#include "config.h"

#include "pgkit.h"
#include "test_store.h"

#include <stdio.h>
#include <stdlib.h>

#if HAVE_LIBPQ

#include "store/store_pgsql.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *server;

/* In a session of its own. */
static bool exec(const char *sql)
{
    PGconn *conn = PQconnectdb(server);
    PGresult *result = PQexec(conn, sql);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK;

    if (!ok)
        print_message("%s", PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    return ok;
}

static bool clear(void)
{
    return exec("SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
}

static void close_store(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

/* --- the tables ---------------------------------------------------------------------------------------------------- */

static void test_reopen(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), run = put_run(f, chat, 10);
    struct notification_row lost = a_notification(f, NOTIFICATION_NEW);
    struct run_row row;

    begin(f);
    store_add_notifications(f->store, &lost, 1);
    close_store(f); /* in the middle */
    f->store = open_as(f, STORE_SERVE);
    assert_true(store_get_run(f->store, run, f->arena, &row));
    assert_text(row.rule, "r1");
    assert_false(store_get_notification(f->store, lost.id, f->arena, &lost));
}

/* Each makes the tables, or waits until another has. */
static void test_many_start_together(struct fixture *f)
{
    pid_t children[6];
    int status;

    close_store(f);
    assert_true(clear());
    for (int i = 0; i < 6; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct fault fault = { "" };
            enum store_status why;
            struct store *store = store_open(f->url, STORE_SERVE, &why, &fault);

            store_close(store);
            if (!store)
                print_message("# %s\n", fault.text);
            _exit(store ? 0 : 1);
        }
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    f->store = open_as(f, STORE_OPERATE);
}

static void test_not_ours(struct fixture *f)
{
    static const struct {
        const char *sql;
        enum store_status status;
        const char *part_of_fault;
    } cases[] = {
        { "UPDATE meta SET v = '1000' WHERE k = 'version'", STORE_BROKEN, "made by a newer callbackd" },
        { "DELETE FROM meta", STORE_BROKEN, "not callbackd's" },
        { "DROP TABLE meta; CREATE TABLE meta(x INTEGER)", STORE_BROKEN, "does not exist" },
        { "DROP TABLE meta", STORE_BROKEN, "already exists" },
        { "SET client_min_messages = error; DROP SCHEMA public CASCADE", STORE_TEMPFAIL, "search_path" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        renew(f);
        close_store(f);
        assert_true(exec(cases[i].sql));
        open_gives(f, STORE_SERVE, cases[i].status, cases[i].part_of_fault);
    }
    assert_true(exec("CREATE SCHEMA public"));
    open_gives(f, STORE_OPERATE, STORE_TEMPFAIL, "callbackd serve makes it");
}

static void test_a_row_that_cannot_be(struct fixture *f)
{
    int64_t id = put_notification(f, NOTIFICATION_NEW);
    struct notification_row row;

    assert_true(exec("UPDATE notification SET state = 9"));
    begin(f);
    assert_false(store_get_notification(f->store, id, f->arena, &row));
    commit_gives(f, STORE_BROKEN);
}

/* Texts are in the order of their bytes, whatever the server thinks of capitals; and no index is too small for what a customer types. */
static void test_texts(struct fixture *f)
{
    const char *names[] = { "b", "B", "a", "\xc3\xa9", ":q" },
               *sorted[] = { ":q", "B", "a", "b", "\xc3\xa9" };
    int64_t chat = put_chat(f, "shop", "a");
    struct variable_row *rows;
    char *longest = malloc(100000);

    begin(f);
    for (size_t i = 0; i < 5; i++)
        store_set_variable(f->store, chat, &(struct variable_row){ T(names[i]), T("v"), 1000, false });
    assert_int_equal(store_variables(f->store, chat, 1, f->arena, &rows), 5);
    for (size_t i = 0; i < 5; i++)
        assert_text(rows[i].name, sorted[i]);
    srand(1);
    for (size_t i = 0; i < 100000; i++)
        longest[i] = (char)rand();
    assert_true(store_tap(f->store, chat, T("r"), text_make(longest, 100000), 100, 10, 100));
    assert_false(store_tap(f->store, chat, T("r"), text_make(longest, 100000), 105, 10, 100));
    assert_true(store_tap(f->store, chat, T("r"), text_make(longest, 99999), 105, 10, 100));
    commit(f);
    free(longest);
}

/* --- what goes wrong ------------------------------------------------------------------------------------------------ */

/* A trigger that fails so often, past any rollback. */
static void fail_with(const char *code, const char *table)
{
    char sql[700];

    snprintf(sql, sizeof(sql),
             "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
             " RAISE EXCEPTION 'a test asked for it' USING ERRCODE = '%s'; END $f$;"
             "CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION fail()",
             code, table);
    assert_true(exec(sql));
}

static void test_what_errors_mean(struct fixture *f)
{
    static const struct {
        const char *code;
        enum store_status status;
    } cases[] = { { "40001", STORE_AGAIN },    { "40P01", STORE_AGAIN },    { "22003", STORE_BAD_DATA },
                  { "23514", STORE_BAD_DATA }, { "54000", STORE_BAD_DATA }, { "53100", STORE_TEMPFAIL },
                  { "55P03", STORE_AGAIN },    { "57014", STORE_TEMPFAIL }, { "25006", STORE_TEMPFAIL },
                  { "42501", STORE_TEMPFAIL }, { "42P01", STORE_BROKEN },   { "XX001", STORE_BROKEN } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct notification_row row = a_notification(f, NOTIFICATION_NEW);

        fail_with(cases[i].code, "notification");
        begin(f);
        store_add_notifications(f->store, &row, 1);
        commit_gives(f, cases[i].status);
        assert_true(exec("DROP TRIGGER fail ON notification"));
        put_notification(f, NOTIFICATION_NEW); /* and it goes on */
    }
}

/* Nobody waits for writes; but after one was refused, whoever replays them is told which. */
static void test_refusals_are_told_at_once_when_it_matters(struct fixture *f)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW), twice[2] = { row, row };

    begin(f);
    store_add_notifications(f->store, twice, 2);
    assert_false(store_failed(f->store));
    commit_gives(f, STORE_BAD_DATA);
    begin(f);
    store_add_notifications(f->store, twice, 1);
    assert_false(store_failed(f->store));
    store_add_notifications(f->store, twice, 1);
    assert_true(store_failed(f->store));
    commit_gives(f, STORE_BAD_DATA);
}

/* --- the server goes and comes ----------------------------------------------------------------------------------------- */

static enum store_status try_once(struct fixture *f, int64_t *id)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW);
    struct fault fault;

    *id = row.id;
    if (store_begin(f->store, &fault) == STORE_OK)
        store_add_notifications(f->store, &row, 1);
    return store_commit(f->store, &fault);
}

static void until_it_works(struct fixture *f)
{
    int64_t id;

    for (int i = 0; i < 3000 && try_once(f, &id) != STORE_OK; i++)
        usleep(10000); /* as the engine: it comes again */
    assert_int_equal(try_once(f, &id), STORE_OK);
}

static void test_server_goes_and_comes(struct fixture *f)
{
    static const char *const ends[] = { "stop", "kill" };
    struct notification_row row, got;
    struct fault fault;

    for (size_t i = 0; i < 2; i++) {
        row = a_notification(f, NOTIFICATION_NEW);
        begin(f);
        store_add_notifications(f->store, &row, 1);
        assert_true(pgkit_say(ends[i]));
        commit_gives(f, STORE_IN_DOUBT); /* the commit was on its way */
        assert_int_equal(store_begin(f->store, &fault), STORE_TEMPFAIL);
        assert_null(strstr(fault.text, "pg-secret"));
        commit_gives(f, STORE_TEMPFAIL);
        assert_true(pgkit_say("start"));
        until_it_works(f);
        assert_false(store_get_notification(f->store, row.id, f->arena, &got));
    }
}

/* A server that closed the session while nothing was under way costs nothing. */
static void test_idle_session_is_ended(struct fixture *f)
{
    const char *end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                      " WHERE application_name = 'callbackd' AND pid <> pg_backend_pid()";
    struct notification_row row;
    int64_t id;

    for (int i = 0; i < 5; i++) {
        assert_true(exec(end));
        assert_int_equal(try_once(f, &id), STORE_OK);
        assert_true(exec(end));
        assert_true(store_get_notification(f->store, id, f->arena, &row)); /* outside of a transaction, too */
    }
}

/* A server that says nothing any more is given up in the end. */
static void test_frozen_server(struct fixture *f)
{
    struct fault fault;
    int64_t id;

    store_pgsql_be_impatient(f->store, 300);
    assert_int_equal(try_once(f, &id), STORE_OK);
    assert_true(pgkit_say("freeze"));
    assert_int_equal(try_once(f, &id), STORE_TEMPFAIL);
    assert_int_equal(store_begin(f->store, &fault), STORE_TEMPFAIL);
    assert_true(pgkit_say("thaw"));
    until_it_works(f);
}

/* After a failover the old server may be asked again: it is not written to. */
static void test_server_that_may_not_be_written_to(struct fixture *f)
{
    close_store(f);
    assert_true(exec("ALTER DATABASE postgres SET default_transaction_read_only = on"));
    open_gives(f, STORE_SERVE, STORE_TEMPFAIL, "read-only");
    assert_true(exec("SET TRANSACTION READ WRITE; ALTER DATABASE postgres RESET "
                     "default_transaction_read_only"));
    f->store = open_as(f, STORE_SERVE);
}

/* Acknowledged means on disk, and a server's default that says otherwise does not count. */
static void test_commits_are_synchronous(struct fixture *f)
{
    struct store_counts counts;

    close_store(f);
    assert_true(exec("ALTER DATABASE postgres SET synchronous_commit = off"));
    f->store = open_as(f, STORE_SERVE);
    assert_true(
        exec("CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN"
             " IF current_setting('synchronous_commit') <> 'on' THEN RAISE EXCEPTION 'off'; END IF;"
             " RETURN NEW; END $f$;"
             "CREATE TRIGGER look BEFORE INSERT ON notification FOR EACH ROW EXECUTE FUNCTION look()"));
    put_notification(f, NOTIFICATION_NEW);
    assert_true(exec("ALTER DATABASE postgres RESET synchronous_commit"));
    store_count(f->store, &counts);
    assert_int_equal(counts.notifications_new, 1);
}

/* The server's clock, at each begin. */
static void test_clock(struct fixture *f)
{
    int64_t first = store_clock(f->store);

    assert_true(first > INT64_C(1700000000000));
    begin(f);
    commit(f);
    assert_true(store_clock(f->store) >= first);
}

/* --- round trips ------------------------------------------------------------------------------------------------------- */

/* As stage_send does it: how often it waits for the server. */
static unsigned long claim_all(struct fixture *f, size_t n)
{
    const unsigned long before = store_pgsql_trips(f->store);
    struct chat_row *chats;
    struct send_row *sends;
    struct run_row run;

    begin(f);
    assert_int_equal(store_claim_chats(f->store, T("shop"), 1000, 7, STORE_LONGEST_DUE, n, f->arena, &chats),
                     n);
    for (size_t i = 0; i < n; i++) {
        struct send_row send;

        assert_true(store_head_run(f->store, chats[i].id, f->arena, &run));
        send = a_send(run.id, 0, 0);
        store_begin_run(f->store, run.id);
        assert_int_equal(store_step_sends(f->store, run.id, 0, f->arena, &sends), 0);
        store_add_sends(f->store, &send, 1);
        store_start_send(f->store, run.id, 0, 0, 1, 7, 1000);
        store_keep_chat(f->store, chats[i].id, 1000);
    }
    commit(f);
    return store_pgsql_trips(f->store) - before;
}

/* As stage_settle does it. */
static unsigned long settle_all(struct fixture *f, const int64_t *chats, const int64_t *runs, size_t n,
                                bool more)
{
    const unsigned long before = store_pgsql_trips(f->store);
    struct send_row *sends;
    struct chat_row chat;
    struct run_row run;
    int64_t unknown, open;

    begin(f);
    store_prefetch_chats(f->store, chats, n);
    for (size_t i = 0; i < n; i++) {
        struct send_row send = a_send(runs[i], 0, 0);

        send.state = SEND_OK;
        send.attempt = 2;
        assert_false(store_settle_send(f->store, &send));
        send.attempt = 1;
        assert_true(store_settle_send(f->store, &send));
        assert_true(store_get_chat(f->store, chats[i], f->arena, &chat));
        assert_int_equal(chat.owner, 7);
        assert_true(store_head_run(f->store, chats[i], f->arena, &run));
        assert_int_equal(store_step_sends(f->store, run.id, 0, f->arena, &sends), 1);
        assert_int_equal(sends[0].state, SEND_OK);
        store_unsettled(f->store, run.id, &unknown, &open);
        assert_int_equal(unknown + open, 0);
        assert_true(store_set_run(f->store, run.id, RUN_DONE, TEXT_NONE, 2000));
        assert_int_equal(store_head_run(f->store, chats[i], f->arena, &run), more);
        store_release_chat(f->store, chats[i], 0, 0);
    }
    commit(f);
    return store_pgsql_trips(f->store) - before;
}

/* A chat of the user's, with so many ready runs. *first: the head. */
static int64_t put_runs(struct fixture *f, const char *user, size_t n, int64_t *first)
{
    struct chat_place place;

    for (size_t i = 0; i < n; i++) {
        struct run_row run;

        assert_true(store_next_seq(f->store, T("shop"), T(user), ++f->id, &place));
        f->id++;
        run = a_run(f, place.chat, place.seq, 10);
        assert_true(store_add_run(f->store, &run, 0, 100));
        *first = i == 0 ? run.id : *first;
    }
    return place.chat;
}

/* Whatever the number of chats, and of the runs in each of them. */
static void test_round_trips_do_not_grow(struct fixture *f)
{
    static const size_t sizes[] = { 1, 5, 200, 1, 20 }, each[] = { 1, 1, 1, 20, 20 };
    unsigned long claims[5], settles[5];
    struct store_counts counts;

    for (size_t k = 0; k < 5; k++) {
        int64_t chats[200], runs[200];
        char user[32];

        renew(f);
        begin(f);
        for (size_t i = 0; i < sizes[k]; i++) {
            snprintf(user, sizeof(user), "u%zu", i);
            chats[i] = put_runs(f, user, each[k], &runs[i]);
        }
        commit(f);
        claims[k] = claim_all(f, sizes[k]);
        settles[k] = settle_all(f, chats, runs, sizes[k], each[k] > 1);
        assert_int_equal(claims[k], claims[0]);
        assert_int_equal(settles[k], settles[0]);
        store_count(f->store, &counts);
        assert_int_equal(counts.runs[RUN_DONE], sizes[k]);
    }
    assert_in_range(claims[0], 1, 4);
    assert_in_range(settles[0], 1, 3);
}

/* Runs that have ended, with sends that went well and such that did not. */
static unsigned long prune_all(struct fixture *f, size_t n)
{
    const struct store_keep keep = { .before = 1000 };
    const struct issued_button button = { .data = T("yes") };
    int64_t gone[RUN_STATES] = { 0 }, chat = put_chat(f, "shop", "a");
    unsigned long before;

    begin(f);
    for (size_t i = 0; i < n; i++) {
        struct run_row run = a_run(f, chat, ++f->id, 10);
        struct send_row sends[2] = { a_send(run.id, 0, 0), a_send(run.id, 0, 1) };

        run.state = RUN_DONE;
        run.ended_at = 500;
        assert_true(store_add_run(f->store, &run, 0, 100));
        sends[0].state = SEND_OK;
        sends[1].state = SEND_FAILED;
        store_add_sends(f->store, sends, 2);
        store_issue(f->store, chat, run.id, 0, 1, &button, 1, 100, 5000);
    }
    commit(f);
    before = store_pgsql_trips(f->store);
    begin(f);
    assert_int_equal(store_prune(f->store, &keep, 2 * n, gone), 4 * n); /* 2 sends, a button, the run */
    commit(f);
    assert_int_equal(gone[RUN_DONE], n);
    return store_pgsql_trips(f->store) - before;
}

static void test_pruning_takes_no_more_trips(struct fixture *f)
{
    assert_int_equal(prune_all(f, 1), prune_all(f, 200));
}

/* Of so many channels one has something due. */
static unsigned long look_for_due(struct fixture *f, size_t n)
{
    char names[200][32];
    struct text channels[200];
    int64_t each[200];
    unsigned long before = store_pgsql_trips(f->store);

    for (size_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof(names[i]), "channel%zu", i);
        channels[i] = T(names[i]);
    }
    channels[n / 2] = T("shop");
    assert_int_equal(store_next_due(f->store, channels, n, each), 100);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(each[i], i == n / 2 ? 100 : 0);
    return store_pgsql_trips(f->store) - before;
}

static void test_channels_take_no_more_trips(struct fixture *f)
{
    put_run(f, put_chat(f, "shop", "a"), 10);
    put_run(f, put_chat(f, "elsewhere", "a"), 10);
    assert_int_equal(look_for_due(f, 1), 1);
    assert_int_equal(look_for_due(f, 2), 1);
    assert_int_equal(look_for_due(f, 200), 1);
}

/* A chat with more runs than an image keeps, and one that comes twice. */
static void test_a_long_chat(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), first = put_run(f, chat, 1);
    const int64_t twice[] = { chat, chat, 1, -1 };
    struct run_row run;

    for (int i = 2; i < 20; i++)
        put_run(f, chat, i);
    for (int i = 0; i < 19; i++) {
        begin(f);
        store_prefetch_chats(f->store, twice, 4);
        store_prefetch_chats(f->store, twice, 4);
        assert_true(store_head_run(f->store, chat, f->arena, &run));
        assert_int_equal(run.said_at, i + 1);
        assert_true(i > 0 || run.id == first);
        assert_true(store_set_run(f->store, run.id, RUN_DONE, TEXT_NONE, 2000));
        commit(f);
    }
    assert_false(store_head_run(f->store, chat, f->arena, &run));
}

/* Its runs end one after the other in one transaction, to which others came, before all and behind all. */
static void test_a_long_chat_at_once(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a");
    struct run_row run, early, late;
    struct chat_row row;
    unsigned long trips;

    for (int i = 0; i < 19; i++)
        put_run(f, chat, 10 + i);
    early = a_run(f, chat, 100, 9);
    late = a_run(f, chat, 101, 29);
    begin(f);
    store_prefetch_chats(f->store, &chat, 1);
    assert_true(store_add_run(f->store, &late, 0, 100));
    assert_true(store_add_run(f->store, &early, 0, 100));
    trips = store_pgsql_trips(f->store);
    for (int i = 0; i < 21; i++) {
        assert_true(store_head_run(f->store, chat, f->arena, &run));
        assert_int_equal(run.said_at, 9 + i);
        store_release_chat(f->store, chat, 0, 0);
        assert_true(store_get_chat(f->store, chat, f->arena, &row));
        assert_int_equal(row.due_at, run.stored_at);
        assert_true(store_set_run(f->store, run.id, RUN_DONE, TEXT_NONE, 2000));
    }
    assert_false(store_head_run(f->store, chat, f->arena, &run));
    assert_in_range(store_pgsql_trips(f->store) - trips, 2, 3); /* each brings eight of them */
    commit(f);
}

static const struct store_test server_tests[] = {
    { "reopen", test_reopen },
    { "many start together", test_many_start_together },
    { "not ours", test_not_ours },
    { "a row that cannot be", test_a_row_that_cannot_be },
    { "texts", test_texts },
    { "what errors mean", test_what_errors_mean },
    { "refusals are told at once when it matters", test_refusals_are_told_at_once_when_it_matters },
    { "server goes and comes", test_server_goes_and_comes },
    { "idle session is ended", test_idle_session_is_ended },
    { "frozen server", test_frozen_server },
    { "server that may not be written to", test_server_that_may_not_be_written_to },
    { "commits are synchronous", test_commits_are_synchronous },
    { "clock", test_clock },
    { "round trips do not grow", test_round_trips_do_not_grow },
    { "channels take no more trips", test_channels_take_no_more_trips },
    { "pruning takes no more trips", test_pruning_takes_no_more_trips },
    { "a long chat", test_a_long_chat },
    { "a long chat at once", test_a_long_chat_at_once },
    { NULL, NULL },
};

/* --- the program --------------------------------------------------------------------------------------------------- */

static int test_all(const char *url)
{
    static const struct store_test *const all[] = { common_tests, intake_tests,       run_tests,
                                                    chat_tests,   upkeep_tests,       node_tests,
                                                    server_tests, pgsql_intake_tests, same_tests };

    server = url;
    setenv("STORE_URL", server, 1);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        add_tests(all[i], PGSQL, clear);
    return run_added_tests();
}

#else
#define test_all NULL
#endif

int main(void)
{
    return pgkit_main(test_all);
}
