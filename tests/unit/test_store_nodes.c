/* PostgreSQL's store: others are at work on the same tables. */

#include "config.h"

#include "test_store.h"

#if HAVE_LIBPQ

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_beside(struct fixture *f)
{
    int64_t id = put_notification(f, NOTIFICATION_STUCK);
    struct store *beside = open_as(f, STORE_OPERATE);
    struct notification_row row;
    struct fault fault;

    assert_false(store_changed(f->store));
    assert_true(store_get_notification(beside, id, f->arena, &row));
    assert_false(store_changed(f->store)); /* looking is no change */
    assert_int_equal(store_begin(beside, &fault), STORE_OK);
    assert_true(store_rearm_notification(beside, id));
    assert_int_equal(store_commit(beside, &fault), STORE_OK);
    begin(f); /* whatever the server has to say it says now */
    commit(f);
    assert_true(store_changed(f->store));
    assert_false(store_changed(f->store));
    store_close(beside);
}

static void exec(struct fixture *f, const char *sql)
{
    PGconn *conn = PQconnectdb(f->url);
    PGresult *result = PQexec(conn, sql);

    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    PQfinish(conn);
}

/* The node's number, too. */
static int64_t join(struct store *store, int64_t *number)
{
    struct fault fault = { "" };
    int64_t node;

    assert_int_equal(store_join(store, T("a node"), 3600000, &node, &fault), STORE_OK);
    *number = node >> 12 & (STORE_NODES - 1);
    assert_string_equal(fault.text, "");
    return node;
}

static void test_nodes(struct fixture *f)
{
    struct store *other = open_as(f, STORE_SERVE);
    int64_t numbers[2], first = join(f->store, &numbers[0]), second = join(other, &numbers[1]);
    struct node_row *rows;
    struct fault fault;

    assert_true(numbers[0] == 0 && numbers[1] == 1 && first != second);
    begin(f);
    store_beat(f->store, first, T("rules"), 3000);
    assert_int_equal(store_nodes(f->store, 1000, f->arena, &rows), 2);
    assert_text(rows[0].rules, "rules");
    assert_int_equal(rows[0].lease_until, 3000);
    assert_false(rows[1].rules.p);
    assert_int_equal(store_begin(other, &fault), STORE_OK);
    assert_int_equal(store_lapsed(other, 4000), 0); /* its lease is over, but it is in a transaction */
    assert_int_equal(store_commit(other, &fault), STORE_OK);
    commit(f);

    assert_int_equal(store_begin(other, &fault), STORE_OK);
    assert_int_equal(store_lapsed(other, 2999), 0);
    assert_int_equal(store_lapsed(other, 3000), first);
    store_leave(other, first);
    assert_int_equal(store_nodes(other, 1000, f->arena, &rows), 1);
    assert_int_equal(store_commit(other, &fault), STORE_OK);

    assert_int_equal(store_begin(f->store, &fault), STORE_FENCED);
    assert_true(join(f->store, numbers) != first && numbers[0] == 0); /* the number is free again */
    begin(f);
    commit(f);
    store_close(other);
}

/* Whoever finds tables of a newer program, or changed ones, has nothing to do with them any more: not even after a long sleep. */
static void test_other_versions(struct fixture *f)
{
    int64_t number, node = join(f->store, &number);
    struct fault fault = { "" };
    struct store *newer;

    exec(f, "UPDATE meta SET v = '1' WHERE k = 'version'; DELETE FROM meta WHERE k = 'ordered_keys'");
    open_gives(f, STORE_SERVE, STORE_TEMPFAIL, "1 node still works with them: stop it");
    begin(f); /* nothing was changed */
    store_beat(f->store, node, T("rules"), 1);
    commit(f);
    newer = open_as(f, STORE_SERVE);
    store_close(newer);
    assert_int_equal(store_begin(f->store, &fault), STORE_FENCED);
    exec(f, "UPDATE meta SET v = '1000' WHERE k = 'version'");
    assert_int_equal(store_join(f->store, T("a node"), 3600000, &number, &fault), STORE_BROKEN);
    assert_true(strstr(fault.text, "made by a newer callbackd") && strstr(fault.text, "install"));
    exec(f, "UPDATE meta SET v = '2' WHERE k = 'version'");
    assert_int_not_equal(join(f->store, &number), node);
}

static void test_calls(struct fixture *f)
{
    struct store *other = open_as(f, STORE_SERVE);
    struct pollfd poll_fd = { .fd = store_fd(other), .events = POLLIN };
    struct fault fault;

    assert_false(store_called(other));
    begin(f);
    store_call(f->store);
    commit(f);
    assert_int_equal(poll(&poll_fd, 1, 30000), 1);
    assert_true(store_called(other));
    assert_false(store_called(other));
    assert_false(store_changed(other)); /* work is no news */
    begin(f);
    commit(f);
    assert_false(store_called(f->store)); /* not by itself */
    assert_int_equal(store_begin(other, &fault), STORE_OK);
    store_close(other);
}

/* What a node that is gone had is due at once, and the others' is not touched. */
static void test_disown_one(struct fixture *f)
{
    const int64_t chats[2] = { put_chat(f, "shop", "a"), put_chat(f, "shop", "b") };
    struct chat_row *rows, row;

    for (int i = 0; i < 2; i++)
        put_run(f, chats[i], 10);
    begin(f);
    for (int owner = 7; owner <= 8; owner++)
        assert_int_equal(
            store_claim_chats(f->store, T("shop"), 1000, owner, STORE_LONGEST_DUE, 1, f->arena, &rows), 1);
    store_disown(f->store, 7, 500);
    assert_true(store_get_chat(f->store, chats[0], f->arena, &row));
    assert_int_equal(row.owner, 0);
    assert_true(row.due_at > 0 && row.due_at <= 500);
    assert_true(store_get_chat(f->store, chats[1], f->arena, &row));
    assert_int_equal(row.owner, 8);
    commit(f);
}

/* Those that are fetched just now stay their owner's. */
static void test_disown_fetches(struct fixture *f)
{
    const int64_t notification = put_notification(f, NOTIFICATION_DONE);
    struct entry_row entries[3], *rows;

    begin(f);
    for (int i = 0; i < 3; i++) {
        entries[i] = an_entry(f, notification, ENTRY_FETCH);
        entries[i].n = i;
        store_add_entries(f->store, &entries[i], 1);
    }
    for (int owner = 7; owner <= 8; owner++)
        assert_int_equal(
            store_claim_entries(f->store, T("desk"), 100, owner, owner == 7 ? 2 : 1, f->arena, &rows),
            owner == 7 ? 2 : 1);
    store_disown_fetches(f->store, 7, &entries[2].id, 1);
    assert_int_equal(store_claim_entries(f->store, T("desk"), 100, 9, 9, f->arena, &rows), 1);
    assert_int_equal(rows[0].id, entries[1].id);
    store_disown_fetches(f->store, 7, NULL, 0);
    assert_int_equal(store_claim_entries(f->store, T("desk"), 100, 9, 9, f->arena, &rows), 1);
    assert_int_equal(rows[0].id, entries[2].id);
    commit(f);
}

/* Whoever claims does not wait for a chat that somebody else has in hand, and does not get it. */
static void test_claims_pass_over_what_is_locked(struct fixture *f)
{
    const int64_t chats[2] = { put_chat(f, "shop", "a"), put_chat(f, "shop", "b") };
    PGconn *other = PQconnectdb(f->url);
    struct chat_row *rows;

    for (int i = 0; i < 2; i++)
        put_run(f, chats[i], 10);
    for (int order = STORE_LONGEST_DUE; order <= STORE_LATEST_DUE; order++) {
        PQclear(PQexec(other, "BEGIN; SELECT 1 FROM chat WHERE user_id = 'a' FOR UPDATE"));
        begin(f);
        assert_int_equal(
            store_claim_chats(f->store, T("shop"), 1000, 7, (enum store_order)order, 9, f->arena, &rows), 1);
        assert_int_equal(rows[0].id, chats[1]);
        assert_int_equal(rows[0].owner, 7);
        store_rollback(f->store);
        PQclear(PQexec(other, "ROLLBACK"));
    }
    PQfinish(other);
}

/* Whoever waits for a lock lets go of its own soon: the other one may be waiting for them. */
static void test_waits_for_each_other(struct fixture *f)
{
    struct store *other = open_as(f, STORE_SERVE);
    struct chat_place place;
    struct fault fault;

    put_chat(f, "shop", "a");
    put_chat(f, "shop", "b");
    for (int i = 0; i < 3; i++) {
        begin(f);
        assert_int_equal(store_begin(other, &fault), STORE_OK);
        assert_true(store_next_seq(f->store, T("shop"), T("a"), 0, &place));
        assert_true(store_next_seq(other, T("shop"), T("b"), 0, &place));
        assert_false(store_next_seq(f->store, T("shop"), T("b"), 0, &place));
        commit_gives(f, STORE_AGAIN);
        assert_true(store_next_seq(other, T("shop"), T("a"), 0, &place));
        assert_int_equal(store_commit(other, &fault), STORE_OK);
    }
    begin(f);
    assert_true(store_next_seq(f->store, T("shop"), T("b"), 0, &place));
    commit(f);
    store_close(other);
}

/* Forgets in a process of its own, as the command line does it. */
static pid_t forget_beside(struct fixture *f)
{
    pid_t child = fork();
    struct store_forgotten counts;
    enum store_status status;
    struct fault fault;
    struct store *store;

    if (child != 0)
        return child;
    store = open_as(f, STORE_OPERATE);
    do {
        if (store_begin(store, &fault) == STORE_OK)
            (void)!store_forget_chat(store, TEXT_NONE, T("1"), &counts);
        status = store_commit(store, &fault);
    } while (status == STORE_AGAIN);
    _exit(status == STORE_OK && counts.chats == 1 ? 0 : 1);
}

/* How many rows there are now. */
static int rows_of(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    int n = PQntuples(result);

    PQclear(result);
    return n;
}

/* A customer's words come in the middle of it: they go as a whole, or stay as a whole; and no run comes to the chat. */
static void test_forget_sees_one_moment(struct fixture *f)
{
    const int64_t first = put_notification(f, NOTIFICATION_DONE);
    PGconn *other = PQconnectdb(f->url), *look = PQconnectdb(f->url);
    struct entry_row entry = an_entry(f, first, ENTRY_DONE);
    int status = 1;
    pid_t child;

    put_run(f, put_chat(f, "shop", "1"), 10);
    begin(f);
    store_add_entries(f->store, &entry, 1);
    commit(f);
    assert_int_equal(rows_of(other, "BEGIN; SELECT 1 FROM entry FOR UPDATE"), 2);
    child = forget_beside(f);
    while (rows_of(look, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == 0 &&
           waitpid(child, &status, WNOHANG) == 0)
        usleep(1000);
    assert_int_equal(rows_of(look, "SELECT 1 FROM chat FOR NO KEY UPDATE SKIP LOCKED"), 0);
    entry = an_entry(f, put_notification(f, NOTIFICATION_DONE), ENTRY_DONE);
    begin(f);
    store_add_entries(f->store, &entry, 1);
    commit(f);
    PQfinish(other);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(rows_of(look, "SELECT 1 FROM chat"), 0);
    assert_int_equal(
        rows_of(look, "SELECT 1 FROM notification AS n JOIN entry AS e ON e.notification = n.id"), 1);
    assert_int_equal(rows_of(look, "SELECT 1 FROM notification"), 1);
    PQfinish(look);
}

const struct store_test node_tests[] = {
    { "beside", test_beside },
    { "nodes", test_nodes },
    { "other versions", test_other_versions },
    { "calls", test_calls },
    { "disown one", test_disown_one },
    { "disown fetches", test_disown_fetches },
    { "claims pass over what is locked", test_claims_pass_over_what_is_locked },
    { "waits for each other", test_waits_for_each_other },
    { "forget sees one moment", test_forget_sees_one_moment },
    { NULL, NULL },
};

#endif
