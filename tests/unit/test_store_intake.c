/* T1 to T3: notifications, entries, matching. */

#include "test_store.h"

#include <string.h>

static void test_notifications(struct fixture *f)
{
    struct notification_row *rows, row;
    int64_t ids[4];

    for (int i = 0; i < 4; i++)
        ids[i] = put_notification(f, i == 1 ? NOTIFICATION_DONE : NOTIFICATION_NEW);
    assert_int_equal(store_new_notifications(f->store, 0, 9, f->arena, &rows), 3);
    assert_int_equal(rows[0].id, ids[0]);
    assert_int_equal(rows[2].id, ids[3]);
    assert_text(rows[0].source, "desk");
    assert_text(rows[0].reason, NULL);
    assert_text(rows[0].headers, "H: 1");
    assert_int_equal(rows[0].body.n, 3);
    assert_memory_equal(rows[0].body.p, "\0\xff{", 3);
    assert_int_equal(store_new_notifications(f->store, ids[0], 1, f->arena, &rows), 1);
    assert_int_equal(rows[0].id, ids[2]);
    begin(f);
    store_try_notification(f->store, ids[0]);
    store_try_notification(f->store, ids[0]);
    store_end_notification(f->store, ids[0], NOTIFICATION_STUCK, T("three times"));
    store_end_notification(f->store, ids[0], NOTIFICATION_DONE, T("too late"));
    store_end_notification(f->store, ids[1], NOTIFICATION_STUCK, T("not new"));
    commit(f);
    assert_true(store_get_notification(f->store, ids[0], f->arena, &row));
    assert_int_equal(row.state, NOTIFICATION_STUCK);
    assert_int_equal(row.tries, 2);
    assert_text(row.reason, "three times");
    assert_true(store_get_notification(f->store, ids[1], f->arena, &row));
    assert_int_equal(row.state, NOTIFICATION_DONE);
}

static void test_seen(struct fixture *f)
{
    unsigned char keys[4][STORE_KEY_BYTES] = { { 1 }, { 2 }, { 1 }, { 0 } };
    bool fresh[4];

    begin(f);
    store_seen(f->store, keys[0], 4, 7, 100, fresh);
    commit(f);
    assert_true(fresh[0] && fresh[1] && !fresh[2] && fresh[3]);
    begin(f);
    store_seen(f->store, keys[0], 2, 8, 100, fresh);
    assert_true(!fresh[0] && !fresh[1]);
    keys[0][15] = 9; /* the last byte counts */
    store_seen(f->store, keys[0], 1, 8, 100, fresh);
    assert_true(fresh[0]);
    store_rollback(f->store);
    begin(f);
    store_seen(f->store, keys[0], 1, 8, 100, fresh);
    assert_true(fresh[0]);
    commit(f);
}

static size_t claim_entries(struct fixture *f, const char *source, int64_t now, size_t limit,
                            struct entry_row **rows)
{
    size_t n;

    begin(f);
    n = store_claim_entries(f->store, T(source), now, 1, limit, f->arena, rows);
    commit(f);
    return n;
}

static void test_entries(struct fixture *f)
{
    struct entry_row in[5], *rows, row;

    for (int i = 0; i < 5; i++)
        in[i] = an_entry(f, 7, i == 3 ? ENTRY_DONE : ENTRY_FETCH);
    in[2].due_at = 500;
    in[4].source = T("other");
    in[0].stored_at = 50;
    begin(f);
    store_add_entries(f->store, in, 5);
    commit(f);
    assert_int_equal(store_old_entries(f->store, 100, 9, f->arena, &rows), 1);
    assert_int_equal(rows[0].id, in[0].id);
    assert_int_equal(claim_entries(f, "desk", 499, 1, &rows), 1);
    assert_int_equal(rows[0].id, in[1].id);
    assert_int_equal(claim_entries(f, "desk", 500, 9, &rows), 2);
    assert_int_equal(rows[0].id, in[2].id);
    assert_int_equal(rows[1].id, in[0].id);
    assert_int_equal(claim_entries(f, "desk", 500, 9, &rows), 0);
    assert_int_equal(store_old_entries(f->store, 100, 9, f->arena, &rows), 0);
    in[0].tries = 2;
    in[0].due_at = 600;
    in[0].said_at = 42;
    in[0].doc = T("{\"a\":1}");
    in[0].reason = T("502");
    begin(f);
    store_update_entry(f->store, &in[0]);
    commit(f);
    assert_int_equal(claim_entries(f, "desk", 599, 9, &rows), 0);
    assert_int_equal(claim_entries(f, "desk", 600, 9, &rows), 1);
    assert_int_equal(rows[0].tries, 3); /* one more with each claim */
    assert_int_equal(rows[0].said_at, 42);
    assert_text(rows[0].doc, "{\"a\":1}");
    assert_text(rows[0].reason, "502");
    in[0].state = ENTRY_UNADDRESSED;
    begin(f);
    store_update_entry(f->store, &in[0]);
    in[0].state = ENTRY_DONE; /* it is not in fetch any more */
    store_update_entry(f->store, &in[0]);
    commit(f);
    assert_true(store_get_entry(f->store, in[0].id, f->arena, &row));
    assert_int_equal(row.state, ENTRY_UNADDRESSED);
    assert_text(row.conversation, "c1");
    assert_text(row.message, "m1");
    assert_int_equal(store_notification_entries(f->store, 7, f->arena, &rows), 5);
    assert_int_equal(rows[4].id, in[4].id);
    assert_false(store_get_entry(f->store, 1, f->arena, &row));
}

/* Each at the place of its id: one that is not there, one that is asked for twice. */
static void test_get_entries(struct fixture *f)
{
    const int64_t notification = put_notification(f, NOTIFICATION_DONE);
    struct entry_row in[] = { an_entry(f, notification, ENTRY_FETCH),
                              an_entry(f, notification, ENTRY_STUCK) };
    const int64_t ids[] = { in[1].id, 1, in[0].id, in[1].id };
    struct entry_row rows[4];

    in[0].doc = T("{\"a\":1}");
    in[1].reason = T("why");
    begin(f);
    store_add_entries(f->store, in, 2);
    store_get_entries(f->store, ids, 4, f->arena, rows);
    commit(f);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(rows[i].id, i == 1 ? 0 : ids[i]);
    assert_text(rows[2].doc, "{\"a\":1}");
    assert_text(rows[0].reason, "why");
    assert_text(rows[3].reason, "why");
    assert_int_equal(rows[3].state, ENTRY_STUCK);
    store_get_entries(f->store, ids, 0, f->arena, rows);
    store_get_entries(f->store, &ids[1], 1, f->arena, rows);
    assert_int_equal(rows[0].id, 0);
}

/* A new store has no others. */
static void test_orders_keys(struct fixture *f)
{
    begin(f);
    assert_true(store_orders_keys(f->store));
    commit(f);
}

static void test_next_seq(struct fixture *f)
{
    struct chat_row row;
    struct run_row run;
    struct chat_place place;

    assert_false(store_find_chat(f->store, T("shop"), T("7"), f->arena, &row));
    begin(f);
    assert_true(store_next_seq(f->store, T("shop"), T("7"), 21, &place));
    assert_int_equal(place.chat, 21);
    assert_int_equal(place.seq, 1);
    assert_true(place.idle);
    assert_true(store_next_seq(f->store, T("shop"), T("7"), 22, &place));
    assert_int_equal(place.chat, 21);
    assert_int_equal(place.seq, 1); /* nobody took it */
    assert_true(place.idle);
    run = (struct run_row){ .id = 31, .entry = 1, .rule = T("a"), .chat = 21, .seq = 1 };
    assert_true(store_add_run(f->store, &run, 0, 100));
    run.id = 32;
    assert_false(store_add_run(f->store, &run, 0, 90)); /* a run of this entry and rule is there */
    assert_true(store_next_seq(f->store, T("shop"), T("7"), 22, &place));
    assert_int_equal(place.seq, 2);
    assert_false(place.idle); /* it is due */
    run.rule = T("b");
    run.seq = place.seq;
    assert_true(store_add_run(f->store, &run, 0, 110));
    assert_true(store_next_seq(f->store, T("shop2"), T("7"), 23, &place));
    assert_int_equal(place.chat, 23);
    assert_int_equal(place.seq, 1);
    commit(f);
    assert_true(store_find_chat(f->store, T("shop"), T("7"), f->arena, &row));
    assert_int_equal(row.id, 21);
    assert_int_equal(row.next_seq, 3);
    assert_int_equal(row.due_at, 100);
    assert_int_equal(row.owner, 0);
    assert_text(row.held, NULL);
    begin(f);
    assert_false(store_next_seq(f->store, T("shop"), T("8"), 21, &place)); /* the id is another's */
    commit_gives(f, STORE_BAD_DATA);
}

static void test_tap_window(struct fixture *f)
{
    static const struct {
        int64_t chat;
        const char *rule, *data;
        int64_t said_at;
        bool accepted;
    } cases[] = {
        { 1, "r", "d", 10000, true },  { 1, "r", "d", 10000, false },
        { 1, "r", "d", 11999, false }, { 1, "r", "d", 8001, false },
        { 1, "r", "d", 12000, true }, /* from the last accepted one, not the last one */
        { 1, "r", "d", 13999, false }, { 1, "r", "d", 8000, true },
        { 1, "r", "d", 12500, false }, /* one that came late does not hide the later one */
        { 1, "r", "d", 9999, false },  { 1, "r", "d", 6001, false },
        { 2, "r", "d", 10000, true },  { 1, "q", "d", 10000, true },
        { 1, "r", "e", 10000, true },  { 1, "r", "", 10000, true },
        { 1, "r", "d", 4000, true },   { 1, "r", "d", 6000, true },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(f);
        if (store_tap(f->store, cases[i].chat, T(cases[i].rule), T(cases[i].data), cases[i].said_at, 2000,
                      1) != cases[i].accepted)
            fail_msg("case %zu", i);
        commit(f);
    }
    begin(f);
    assert_true(store_tap(f->store, 3, T("r"), T("d"), 5, 0, 1));
    assert_true(store_tap(f->store, 3, T("r"), T("d"), 5, 0, 1));
    store_rollback(f->store);
    begin(f);
    assert_true(store_tap(f->store, 3, T("r"), T("d"), 6, 100, 1));
    commit(f);
}

static void test_add_run(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "7");
    struct run_row run = a_run(f, chat, 2, 90), again = run, got;
    struct chat_row row, *rows;

    again.id = ++f->id;
    begin(f);
    assert_true(store_add_run(f->store, &run, 0, 100));
    assert_false(store_add_run(f->store, &again, 0, 50));
    commit(f);
    assert_true(store_get_chat(f->store, chat, f->arena, &row));
    assert_int_equal(row.due_at, 100);
    assert_false(store_get_run(f->store, again.id, f->arena, &got));
    assert_true(store_get_run(f->store, run.id, f->arena, &got));
    assert_int_equal(got.state, RUN_READY);
    assert_int_equal(got.ended_at, 0);
    assert_int_equal(got.expires_at, 5000);
    assert_int_equal(got.said_at, 90);
    assert_false(got.begun);
    assert_int_equal(got.ruleset.n, STORE_HASH_BYTES);
    assert_text(got.doc, "{}");
    begin(f);
    again.entry = 77;
    assert_true(store_add_run(f->store, &again, 0, 300)); /* due before already */
    assert_int_equal(store_claim_chats(f->store, T("shop"), 300, 1, STORE_LONGEST_DUE, 9, f->arena, &rows),
                     1);
    assert_int_equal(rows[0].due_at, 100);
    again.id = ++f->id;
    again.rule = T("r2");
    assert_true(store_add_run(f->store, &again, 0, 40)); /* an owner looks by himself */
    commit(f);
    assert_true(store_get_chat(f->store, chat, f->arena, &row));
    assert_int_equal(row.due_at, 100);
    assert_int_equal(row.owner, 1);
    begin(f);
    again.entry = 78;
    assert_false(store_add_run(f->store, &again, 0, 40)); /* the id is there */
    commit_gives(f, STORE_BAD_DATA);
}

/* Chat 21, which is new, goes to owner 4. */
static void take_chat(struct fixture *f)
{
    struct chat_place place;
    struct run_row run;

    assert_true(store_next_seq(f->store, T("shop"), T("7"), 21, &place));
    run = a_run(f, place.chat, place.seq, 90);
    run.begun = true;
    assert_true(store_add_run(f->store, &run, 4, 100));
}

/* A chat that waits for nothing may be taken together with what it gets: then it is not due, and its number is taken. */
static void test_take_chat(struct fixture *f)
{
    struct chat_place place;
    struct chat_row row, *rows;
    struct run_row run;

    begin(f);
    take_chat(f);
    assert_true(store_next_seq(f->store, T("shop"), T("7"), 22, &place));
    assert_int_equal(place.seq, 2);
    assert_false(place.idle);
    commit(f);
    assert_true(store_get_chat(f->store, 21, f->arena, &row));
    assert_int_equal(row.owner, 4);
    assert_int_equal(row.due_at, 0);
    assert_true(store_head_run(f->store, 21, f->arena, &run));
    assert_true(run.begun);
    begin(f);
    assert_int_equal(store_claim_chats(f->store, T("shop"), 300, 1, STORE_LONGEST_DUE, 9, f->arena, &rows),
                     0);
    assert_true(store_set_run(f->store, run.id, RUN_DONE, TEXT_NONE, 110));
    store_release_chat(f->store, 21, 0, 0);
    assert_true(store_next_seq(f->store, T("shop"), T("7"), 22, &place));
    assert_true(place.idle);
    store_hold_chat(f->store, 21, T("why"), 120);
    assert_true(store_next_seq(f->store, T("shop"), T("7"), 22, &place));
    assert_false(place.idle);
    commit(f);
}

/* Whoever owned it is gone. */
static void test_taken_chat_is_disowned(struct fixture *f)
{
    struct chat_row *rows;

    begin(f);
    take_chat(f);
    commit(f);
    begin(f);
    store_disown(f->store, 0, 200);
    assert_int_equal(store_claim_chats(f->store, T("shop"), 300, 1, STORE_LONGEST_DUE, 9, f->arena, &rows),
                     1);
    assert_int_equal(rows[0].due_at, 200);
    commit(f);
}

/* What is not begun cannot be committed: an acknowledgement may hang on it. */
static void test_give_up(struct fixture *f)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW), *rows;

    commit_gives(f, STORE_TEMPFAIL);
    begin(f);
    store_rollback(f->store);
    commit_gives(f, STORE_TEMPFAIL);
    begin(f);
    store_add_notifications(f->store, &row, 1);
    store_give_up(f->store, "no memory");
    assert_true(store_failed(f->store));
    commit_gives(f, STORE_TEMPFAIL);
    begin(f);
    assert_int_equal(store_new_notifications(f->store, 0, 10, f->arena, &rows), 0);
    commit(f);
}

const struct store_test intake_tests[] = {
    { "give up", test_give_up },
    { "notifications", test_notifications },
    { "seen", test_seen },
    { "entries", test_entries },
    { "get entries", test_get_entries },
    { "orders keys", test_orders_keys },
    { "next_seq", test_next_seq },
    { "tap window", test_tap_window },
    { "add_run", test_add_run },
    { "take chat", test_take_chat },
    { "taken chat", test_taken_chat_is_disowned },
    { NULL, NULL },
};
