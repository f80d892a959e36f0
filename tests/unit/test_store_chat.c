/* What is kept of a chat: the buttons that it was sent, its variables. */

#include "test_store.h"

/* --- the ledger ------------------------------------------------------------------------------------------------- */

static bool find(struct fixture *f, int64_t chat, struct text token, int64_t now, struct issued_row *row)
{
    return store_find_issued(f->store, chat, token, now, f->arena, row);
}

static void issue(struct fixture *f, int64_t run, int n, const char *token, const char *data, int64_t now)
{
    const struct issued_button button = { token ? T(token) : TEXT_NONE, T(data) };

    begin(f);
    store_issue(f->store, 5, run, 0, n, &button, 1, now, now + 1000);
    commit(f);
}

static bool spend(struct fixture *f, const char *token, int64_t by)
{
    struct issued_row row;
    bool spent;

    assert_true(find(f, 5, T(token), 100, &row));
    begin(f);
    spent = store_spend(f->store, &row, by);
    commit(f);
    return spent;
}

static int64_t spent_by(struct fixture *f, const char *token)
{
    struct issued_row row;

    assert_true(find(f, 5, T(token), 100, &row));
    return row.spent_by;
}

static void test_issued(struct fixture *f)
{
    const struct issued_button buttons[2] = { { .data = T("a") }, { .data = text_make("b\0c", 3) } };
    struct send_row send = a_send(9, 0, 0);
    struct issued_row row;

    begin(f);
    store_add_sends(f->store, &send, 1);
    store_issue(f->store, 5, 9, 0, 0, buttons, 2, 90, 1000);
    commit(f);
    assert_false(find(f, 5, T("a"), 100, &row)); /* the send is not on its way yet */
    begin(f);
    store_start_send(f->store, 9, 0, 0, 1, 1, 100);
    commit(f);
    assert_true(find(f, 5, T("a"), 100, &row));
    assert_true(find(f, 5, buttons[1].data, 999, &row));
    assert_int_equal(row.data.n, 3);
    assert_false(find(f, 5, T("b"), 100, &row));
    assert_false(find(f, 5, T("a"), 1000, &row));
    assert_false(find(f, 6, T("a"), 100, &row));
    for (int state = SEND_READY; state < SEND_STATES; state++) {
        begin(f);
        send.attempt = 1;
        send.state = (enum send_state)state;
        assert_true(store_settle_send(f->store, &send));
        assert_int_equal(find(f, 5, T("a"), 100, &row),
                         state == SEND_SENDING || state == SEND_OK || state == SEND_UNKNOWN);
        store_rollback(f->store);
    }
    begin(f);
    store_issue(f->store, 5, 9, 0, 0, buttons, 1, 1500, 2000); /* with the next attempt */
    commit(f);
    assert_true(find(f, 5, T("a"), 1001, &row));
    assert_int_equal(row.at, 1500);
}

static void test_tokens(struct fixture *f)
{
    struct issued_row row;

    issue(f, 9, 0, "t.secret", "pay:1", 90);
    issue(f, 9, 1, NULL, "plain", 91);
    assert_true(find(f, 5, T("t.secret"), 100, &row));
    assert_text(row.token, "t.secret");
    assert_text(row.data, "pay:1");
    assert_int_equal(row.run, 9);
    assert_int_equal(row.n, 0);
    assert_int_equal(row.at, 90);
    assert_int_equal(row.until, 1090);
    assert_false(find(f, 5, T("pay:1"), 100, &row)); /* the data is no way past its token */
    assert_true(find(f, 5, T("plain"), 100, &row));
    assert_text(row.token, "plain");
    assert_text(row.data, "plain");
}

/* Every button once, page by page, those of a chat side by side. */
static void test_list_issued(struct fixture *f)
{
    const struct issued_button buttons[3] = { { .data = T("a") },
                                              { .token = T("t.b"), .data = text_make("b\0c", 3) },
                                              { .data = T("c") } };
    struct send_row sends[3] = { a_send(9, 0, 0), a_send(9, 0, 1), a_send(10, 0, 0) };
    struct issued_row *rows, last;
    size_t count = 0;

    begin(f);
    store_add_sends(f->store, sends, 3);
    store_issue(f->store, 5, 9, 0, 0, buttons, 3, 0, 1000);
    store_issue(f->store, 5, 9, 0, 1, buttons, 1, 0, 50); /* too old */
    store_issue(f->store, -7, 10, 0, 0, buttons, 2, 0, 1000);
    store_issue(f->store, 6, 11, 0, 0, buttons, 1, 0, 1000); /* its send was pruned */
    store_start_send(f->store, 9, 0, 0, 1, 1, 100);
    store_start_send(f->store, 9, 0, 1, 1, 1, 100);
    store_start_send(f->store, 10, 0, 0, 1, 1, 100);
    commit(f);
    assert_int_equal(store_list_issued(f->store, NULL, 100, 10, f->arena, &rows), 6);
    assert_int_equal(rows[0].chat, -7);
    assert_true(text_eq(rows[4].data, buttons[1].data));
    assert_text(rows[4].token, "t.b");
    assert_int_equal(rows[5].chat, 6);
    while (store_list_issued(f->store, count ? &last : NULL, 100, 1, f->arena, &rows) == 1) {
        last = rows[0];
        count++;
    }
    assert_int_equal(count, 6);
    begin(f);
    sends[0].attempt = 1;
    sends[0].state = SEND_FAILED;
    assert_true(store_settle_send(f->store, &sends[0]));
    commit(f);
    assert_int_equal(store_list_issued(f->store, NULL, 100, 10, f->arena, &rows), 3);
}

static void test_spend(struct fixture *f)
{
    struct issued_row gone = { .chat = 5, .run = 77 };

    issue(f, 9, 0, NULL, "yes", 90);
    issue(f, 9, 0, "t.no", "no", 90);
    issue(f, 9, 1, NULL, "other", 90);
    assert_int_equal(spent_by(f, "yes"), 0);
    assert_true(spend(f, "yes", 21));
    assert_int_equal(spent_by(f, "yes"), 21);
    assert_int_equal(spent_by(f, "t.no"), 21); /* the whole message */
    assert_int_equal(spent_by(f, "other"), 0);
    assert_false(spend(f, "t.no", 22));
    assert_int_equal(spent_by(f, "t.no"), 21);
    issue(f, 9, 0, NULL, "yes", 95); /* an attempt more, of the same message */
    assert_int_equal(spent_by(f, "yes"), 21);
    assert_true(spend(f, "other", 22));
    begin(f);
    store_unspend(f->store, 5, 21);
    store_unspend(f->store, 6, 22); /* another chat's */
    assert_false(store_spend(f->store, &gone, 23));
    commit(f);
    assert_int_equal(spent_by(f, "yes"), 0);
    assert_int_equal(spent_by(f, "t.no"), 0);
    assert_int_equal(spent_by(f, "other"), 22);
}

/* The same button in several messages: what is pressed counts for the newest that is still good. */
static void test_newest(struct fixture *f)
{
    struct issued_row row;

    issue(f, 12, 0, NULL, "yes", 80);
    issue(f, 10, 0, NULL, "yes", 95);
    issue(f, 11, 0, NULL, "yes", 90);
    assert_true(find(f, 5, T("yes"), 100, &row));
    assert_int_equal(row.run, 10);
    assert_true(spend(f, "yes", 21));
    assert_true(find(f, 5, T("yes"), 100, &row));
    assert_int_equal(row.run, 11);
    assert_true(spend(f, "yes", 22));
    assert_true(spend(f, "yes", 23));
    assert_true(find(f, 5, T("yes"), 100, &row));
    assert_int_equal(row.run, 10);
    assert_int_equal(row.spent_by, 21);
    issue(f, 13, 0, NULL, "same time", 90);
    issue(f, 13, 1, NULL, "same time", 90);
    assert_true(find(f, 5, T("same time"), 100, &row));
    assert_int_equal(row.n, 1);
}

/* --- variables ---------------------------------------------------------------------------------------------------- */

static void set(struct fixture *f, const char *name, const char *value, int64_t until, bool session)
{
    const struct variable_row row = { T(name), T(value), until, session };

    begin(f);
    store_set_variable(f->store, 5, &row);
    commit(f);
}

static void test_variables(struct fixture *f)
{
    const struct variable_row bytes = { T("b"), text_make("\0\xff", 2), 1000, false },
                              bad = { .name = T("\xff") };
    struct variable_row *rows;

    set(f, "c", "old", 300, true);
    set(f, "c", "", 200, false);
    set(f, ":quiet", "", 900, false);
    begin(f);
    store_set_variable(f->store, 5, &bytes);
    store_set_variable(f->store, 6, &bytes);
    commit(f);
    assert_int_equal(store_variables(f->store, 5, 100, f->arena, &rows), 3);
    assert_text(rows[0].name, ":quiet");
    assert_text(rows[1].name, "b");
    assert_int_equal(rows[1].value.n, 2);
    assert_text(rows[2].value, "");
    assert_int_equal(rows[2].until, 200);
    assert_false(rows[2].session);
    assert_int_equal(store_variables(f->store, 5, 200, f->arena, &rows), 2);
    begin(f);
    store_drop_variable(f->store, 5, T("b"));
    store_drop_variable(f->store, 5, T("never set"));
    commit(f);
    assert_int_equal(store_variables(f->store, 5, 200, f->arena, &rows), 1);
    assert_int_equal(store_variables(f->store, 6, 200, f->arena, &rows), 1);
    begin(f);
    store_set_variable(f->store, 5, &bad);
    commit_gives(f, STORE_BAD_DATA);
}

static void test_session(struct fixture *f)
{
    struct variable_row *rows;

    set(f, "ended", "1", 100, true);
    set(f, "kept", "2", 150, false);
    set(f, "lives", "3", 101, true);
    begin(f);
    store_touch_session(f->store, 5, 100, 500);
    store_touch_session(f->store, 6, 100, 500);
    commit(f);
    assert_int_equal(store_variables(f->store, 5, 99, f->arena, &rows), 3);
    assert_int_equal(rows[0].until, 100); /* what has ended is not brought back by what comes after */
    assert_int_equal(rows[1].until, 150);
    assert_int_equal(rows[2].until, 500);
    assert_true(rows[2].session);
}

static void test_prune_variables(struct fixture *f)
{
    int64_t runs[RUN_STATES] = { 0 };
    struct variable_row *rows;

    set(f, "a", "1", 100, true);
    set(f, "b", "2", 101, false);
    set(f, "c", "3", 102, false);
    begin(f);
    assert_int_equal(store_prune(f->store, &(struct store_keep){ .before = 100 }, 9, runs), 0);
    assert_int_equal(store_prune(f->store, &(struct store_keep){ .before = 103 }, 1, runs), 1);
    assert_int_equal(store_variables(f->store, 5, 0, f->arena, &rows), 2);
    assert_text(rows[0].name, "b");
    assert_int_equal(store_prune(f->store, &(struct store_keep){ .before = 102 }, 9, runs), 1);
    commit(f);
    assert_int_equal(store_variables(f->store, 5, 0, f->arena, &rows), 1);
    assert_text(rows[0].name, "c");
}

/* --- forgetting --------------------------------------------------------------------------------------------------- */

static int64_t put_entry(struct fixture *f, int64_t notification, int n, const char *conversation)
{
    struct entry_row entry = an_entry(f, notification, ENTRY_DONE);

    entry.n = n;
    entry.conversation = T(conversation);
    begin(f);
    store_add_entries(f->store, &entry, 1);
    commit(f);
    return entry.id;
}

/* A run on the entry, with a send, a button and a tap; the chat has a variable. */
static int64_t put_life(struct fixture *f, int64_t chat, int64_t entry)
{
    const struct variable_row variable = { T("a"), T("1"), 1000, false };
    const struct issued_button button = { .data = T("yes") };
    struct run_row run = a_run(f, chat, f->id, 10);
    struct send_row send = a_send(run.id, 0, 0);

    run.entry = entry;
    begin(f);
    assert_true(store_add_run(f->store, &run, 0, 100));
    store_add_sends(f->store, &send, 1);
    store_issue(f->store, chat, run.id, 0, 0, &button, 1, 100, 1000);
    store_set_variable(f->store, chat, &variable);
    assert_true(store_tap(f->store, chat, T("r"), T("yes"), 100 * run.id, 10, 100));
    commit(f);
    return run.id;
}

static bool forget(struct fixture *f, const char *channel, const char *user, struct store_forgotten *counts)
{
    enum store_forget done;

    store_forget_find(f->store, channel ? T(channel) : TEXT_NONE, T(user));
    begin(f);
    done = store_forget_chat(f->store, channel ? T(channel) : TEXT_NONE, T(user), counts);
    commit(f);
    return done == STORE_FORGOTTEN;
}

static void test_forget(struct fixture *f)
{
    int64_t anna = put_chat(f, "shop", "1"), bert = put_chat(f, "shop", "2"),
            only = put_notification(f, NOTIFICATION_DONE);
    int64_t shared = put_notification(f, NOTIFICATION_DONE),
            unmatched = put_notification(f, NOTIFICATION_DONE);
    int64_t theirs, run = put_life(f, anna, put_entry(f, only, 0, "c-anna"));
    struct notification_row row;
    struct store_forgotten counts;
    struct entry_row entry;
    struct run_row found;
    struct chat_row chat;

    put_life(f, anna, put_entry(f, shared, 0, ""));
    theirs = put_entry(f, shared, 1, "c-bert");
    put_life(f, bert, theirs);
    put_entry(f, unmatched, 0, "c-anna"); /* no rule took it */
    put_entry(f, put_notification(f, NOTIFICATION_DONE), 0, "");
    assert_true(forget(f, "shop", "9", &counts));
    assert_true(forget(f, "other", "1", &counts));
    assert_int_equal(counts.chats + counts.runs + counts.entries + counts.notifications + counts.bodies, 0);
    assert_true(forget(f, "shop", "1", &counts));
    assert_int_equal(counts.chats, 1);
    assert_int_equal(counts.runs, 2);
    assert_int_equal(counts.sends, 2);
    assert_int_equal(counts.buttons, 2);
    assert_int_equal(counts.taps, 2);
    assert_int_equal(counts.variables, 1);
    assert_int_equal(counts.entries, 3);
    assert_int_equal(counts.notifications, 2);
    assert_int_equal(counts.bodies, 1);
    assert_false(store_get_notification(f->store, only, f->arena, &row));
    assert_false(store_get_notification(f->store, unmatched, f->arena, &row));
    assert_true(store_get_notification(f->store, shared, f->arena, &row));
    assert_int_equal(row.body.n, 0);
    assert_false(store_get_run(f->store, run, f->arena, &found));
    assert_false(store_find_chat(f->store, T("shop"), T("1"), f->arena, &chat));
    assert_true(store_get_entry(f->store, theirs, f->arena, &entry));
    assert_true(store_head_run(f->store, bert, f->arena, &found));
    assert_true(store_clear_log(f->store));
    begin(f);
    assert_false(store_clear_log(f->store)); /* it would be of no use, and this one writes to it */
    commit(f);
}

static void test_forget_all_channels(struct fixture *f)
{
    int64_t here = put_chat(f, "shop", "1"), there = put_chat(f, "other", "1"), run = put_run(f, here, 10);
    struct send_row sent = { .run = run, .attempt = 1, .state = SEND_OK };
    struct store_forgotten counts;

    put_run(f, there, 10);
    put_sending(f, run, 0, 0, 1);
    assert_false(forget(f, NULL, "1", &counts)); /* what is on its way has a result to come */
    assert_int_equal(counts.chats, 0);
    assert_true(forget(f, "other", "1", &counts));
    assert_int_equal(counts.runs, 1);
    put_run(f, put_chat(f, "third", "1"), 10);
    begin(f);
    assert_true(store_settle_send(f->store, &sent));
    commit(f);
    assert_true(forget(f, NULL, "1", &counts));
    assert_int_equal(counts.chats, 2);
    assert_int_equal(counts.sends, 1);
}

/* What is found and gone is not the same then. Backends that find and forget at once have nothing to do again. */
static void test_forget_after_more_was_said(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "1"), note = put_notification(f, NOTIFICATION_DONE), seen;
    struct store_forgotten counts;
    enum store_forget done;

    put_life(f, chat, put_entry(f, note, 0, "c"));
    put_life(f, put_chat(f, "shop", "2"), put_entry(f, note, 1, "d"));
    for (int n = 2; n < 6; n++) {
        store_forget_find(f->store, TEXT_NONE, T("1"));
        seen = put_entry(f, note, n,
                         n % 2 ? "c" : "d"); /* of the same conversation, or only a run says whose it is */
        if (n == 2)
            put_life(f, put_chat(f, "other", "1"), seen);
        else if (n == 4)
            put_life(f, chat, seen);
        begin(f);
        done = store_forget_chat(f->store, TEXT_NONE, T("1"), &counts);
        if (done == STORE_FORGET_AGAIN)
            assert_int_equal(counts.chats + counts.runs + counts.entries + counts.bodies, 0);
        else
            assert_true(done == STORE_FORGOTTEN && counts.entries == n + 1);
        store_rollback(f->store);
    }
    store_forget_find(f->store, TEXT_NONE, T("1"));
    put_entry(f, put_notification(f, NOTIFICATION_DONE), 0, "e"); /* somebody else's */
    begin(f);
    assert_int_equal(store_forget_chat(f->store, TEXT_NONE, T("1"), &counts), STORE_FORGOTTEN);
    commit(f);
    assert_int_equal(counts.chats, 2);
    assert_int_equal(counts.runs, 3);
    assert_int_equal(counts.entries, 6); /* all: runs of theirs have made "d" a conversation of both */
}

const struct store_test chat_tests[] = {
    { "the ledger", test_issued },
    { "tokens", test_tokens },
    { "list_issued", test_list_issued },
    { "spending", test_spend },
    { "the newest button first", test_newest },
    { "variables", test_variables },
    { "the session", test_session },
    { "forgetting a customer", test_forget },
    { "forgetting in all channels", test_forget_all_channels },
    { "forgetting after more was said", test_forget_after_more_was_said },
    { "variables are pruned", test_prune_variables },
    { NULL, NULL },
};
