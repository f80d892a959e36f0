/* T4 to T6: claiming, settling, taking over. */

#include "test_store.h"

static size_t claim(struct fixture *f, const char *channel, int64_t now, size_t limit, struct chat_row **rows)
{
    size_t n;

    begin(f);
    n = store_claim_chats(f->store, T(channel), now, 1, STORE_LONGEST_DUE, limit, f->arena, rows);
    commit(f);
    return n;
}

static void release(struct fixture *f, int64_t chat, int64_t due_at, int64_t not_before)
{
    begin(f);
    store_release_chat(f->store, chat, due_at, not_before);
    commit(f);
}

static int64_t due_of(struct fixture *f, int64_t chat)
{
    struct chat_row row;

    assert_true(store_get_chat(f->store, chat, f->arena, &row));
    assert_int_equal(row.owner, 0);
    return row.due_at;
}

static void test_claim_chats(struct fixture *f)
{
    int64_t a = put_chat(f, "shop", "a"), b = put_chat(f, "shop", "b"), c = put_chat(f, "shop", "c");
    int64_t other = put_chat(f, "other", "a");
    struct chat_row *rows;

    release(f, a, 300, 0);
    release(f, b, 200, 0);
    release(f, c, 400, 0);
    release(f, other, 1, 0);
    assert_int_equal(claim(f, "shop", 199, 9, &rows), 0);
    begin(f);
    store_hold_chat(f->store, a, T("a person looks"), 250);
    commit(f);
    assert_int_equal(claim(f, "shop", 399, 9, &rows), 1);
    assert_int_equal(rows[0].id, b);
    assert_int_equal(rows[0].owner, 1);
    assert_text(rows[0].user_id, "b");
    begin(f);
    store_hold_chat(f->store, a, TEXT_NONE, 250);
    commit(f);
    assert_int_equal(due_of(f, a), 250);
    release(f, b, 350, 77);
    assert_int_equal(claim(f, "shop", 900, 2, &rows), 2);
    assert_int_equal(rows[0].id, a);
    assert_int_equal(rows[1].id, b);
    assert_int_equal(rows[1].not_before, 77);
    assert_int_equal(claim(f, "shop", 900, 2, &rows), 1);
    assert_int_equal(rows[0].id, c);
}

static size_t claim_fresh(struct fixture *f, int64_t now, size_t limit, struct chat_row **rows)
{
    size_t n;

    begin(f);
    n = store_claim_chats(f->store, T("shop"), now, 7, STORE_LATEST_DUE, limit, f->arena, rows);
    commit(f);
    return n;
}

static void test_claim_fresh(struct fixture *f)
{
    int64_t a = put_chat(f, "shop", "a"), b = put_chat(f, "shop", "b"), c = put_chat(f, "shop", "c"),
            begun = put_chat(f, "shop", "d"), later = put_chat(f, "shop", "e"), run;
    struct chat_row *rows;

    run = put_run(f, begun, 300);
    begin(f);
    store_begin_run(f->store, run);
    commit(f);
    put_run(f, begun, 100);
    put_run(f, a, 250);
    release(f, a, 300, 0);
    release(f, b, 200, 0);
    release(f, c, 200, 0);
    release(f, begun, 350, 0);
    release(f, later, 500, 0);
    release(f, put_chat(f, "car", "a"), 1, 0);
    release(f, put_chat(f, "tea", "a"), 1, 0);
    assert_int_equal(claim_fresh(f, 400, 2, &rows), 2);
    assert_int_equal(rows[0].id, a);
    assert_int_equal(rows[0].owner, 7);
    assert_int_equal(rows[1].id, b > c ? b : c);
    assert_int_equal(claim_fresh(f, 400, 9, &rows), 1);
    assert_int_equal(rows[0].id, b > c ? c : b);
    assert_int_equal(claim_fresh(f, 400, 9, &rows), 0);
    assert_int_equal(claim(f, "shop", 400, 9, &rows), 1);
    assert_int_equal(rows[0].id, begun);
}

static void test_next_channel(struct fixture *f)
{
    int64_t b = put_chat(f, "b", "1"), b2 = put_chat(f, "b", "2"), c = put_chat(f, "c", "1"),
            d = put_chat(f, "d", "1");
    struct chat_row *rows;
    struct text name;

    assert_false(store_next_channel(f->store, T(""), f->arena, &name)); /* none is due */
    release(f, b, 300, 0);
    release(f, b2, 200, 0);
    release(f, c, 400, 0);
    release(f, d, 1, 0);
    assert_int_equal(claim(f, "c", 900, 2, &rows), 1); /* it has an owner now */
    assert_true(store_next_channel(f->store, T(""), f->arena, &name));
    assert_text(name, "b");
    assert_true(store_next_channel(f->store, T("b"), f->arena, &name));
    assert_text(name, "d");
    assert_false(store_next_channel(f->store, T("d"), f->arena, &name));
    begin(f);
    store_hold_chat(f->store, d, T("a person looks"), 250);
    commit(f);
    assert_false(store_next_channel(f->store, T("b"), f->arena, &name));
}

static void test_keep_chat(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a");
    struct chat_row *rows, row;

    release(f, chat, 100, 5);
    assert_int_equal(claim(f, "shop", 100, 9, &rows), 1);
    begin(f);
    store_keep_chat(f->store, chat, 700);
    store_keep_chat(f->store, 999999, 800);
    commit(f);
    assert_true(store_get_chat(f->store, chat, f->arena, &row));
    assert_int_equal(row.not_before, 700);
    assert_int_equal(row.owner, 1);
    assert_int_equal(row.due_at, 100);
}

static void test_release_keeps_runs(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), run = put_run(f, chat, 10);
    struct chat_row *rows;

    assert_int_equal(claim(f, "shop", 100, 9, &rows), 1);
    set_run(f, run, RUN_DONE, 100);
    release(f, chat, 0, 0);
    assert_int_equal(due_of(f, chat), 0);
    run = put_run(f, chat, 10);
    assert_int_equal(claim(f, "shop", 100, 9, &rows), 1);
    set_run(f, run, RUN_DONE, 100);
    run = put_run(f, chat, 20); /* while it is owned */
    release(f, chat, 0, 0);
    assert_int_equal(due_of(f, chat), 100);
    assert_int_equal(claim(f, "shop", 100, 9, &rows), 1);
    release(f, chat, 0, 450);
    assert_int_equal(due_of(f, chat), 450);
    assert_int_equal(claim(f, "shop", 449, 9, &rows), 0);
    assert_int_equal(claim(f, "shop", 450, 9, &rows), 1);
    set_run(f, run, RUN_HELD, 450);
    release(f, chat, 0, 0);
    assert_int_equal(due_of(f, chat), 0);
    set_run(f, run, RUN_READY, 500); /* without owner: somebody must look */
    assert_int_equal(due_of(f, chat), 500);
}

static void test_drop_sends(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), run = put_run(f, chat, 10), other = put_run(f, chat, 20);
    struct send_row ready[] = { a_send(run, 1, 0), a_send(run, 1, 1), a_send(other, 1, 0) }, *rows;

    begin(f);
    store_add_sends(f->store, ready, 3);
    commit(f);
    put_sending(f, run, 2, 0, 1);
    begin(f);
    store_drop_sends(f->store, run, T("why"));
    commit(f);
    assert_int_equal(store_run_sends(f->store, run, f->arena, &rows), 3);
    assert_int_equal(rows[0].state, SEND_DROPPED);
    assert_text(rows[1].reason, "why");
    assert_int_equal(rows[1].state, SEND_DROPPED);
    assert_int_equal(rows[2].state, SEND_SENDING);
    assert_int_equal(store_run_sends(f->store, other, f->arena, &rows), 1);
    assert_int_equal(rows[0].state, SEND_READY);
}

/* What waited behind a run need not wait as long as it did. */
static void test_who_is_behind_goes_on(struct fixture *f)
{
    static const enum run_state states[] = { RUN_EXPIRED, RUN_DROPPED, RUN_HELD };

    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
        int64_t chat = put_chat(f, "shop", "a"), run = put_run(f, chat, 10);

        put_run(f, chat, 20);
        release(f, chat, 9000, 0);
        set_run(f, run, states[i], 500);
        assert_int_equal(due_of(f, chat), 500);
    }
}

static int64_t head(struct fixture *f, int64_t chat)
{
    struct run_row row;

    return store_head_run(f->store, chat, f->arena, &row) ? row.id : 0;
}

static void test_head_run(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), other = put_chat(f, "shop", "b");
    int64_t late = put_run(f, chat, 30), first, second, begun;

    put_run(f, other, 1);
    assert_int_equal(head(f, chat), late);
    first = put_run(f, chat, 10);
    second = put_run(f, chat, 10); /* the same time: by seq */
    assert_int_equal(head(f, chat), first);
    set_run(f, first, RUN_HELD, 100);
    assert_int_equal(head(f, chat), second);
    set_run(f, first, RUN_READY, 100);
    assert_int_equal(head(f, chat), first);
    begin(f);
    store_begin_run(f->store, late);
    commit(f);
    begun = head(f, chat);
    assert_int_equal(begun, late);
    put_run(f, chat, 1);
    assert_int_equal(head(f, chat), late);
    set_run(f, late, RUN_HELD, 100);
    assert_int_not_equal(head(f, chat), late);
    set_run(f, late, RUN_READY, 100);
    assert_int_equal(head(f, chat), late);
    set_run(f, late, RUN_FAILED, 100);
    assert_int_not_equal(head(f, chat), late);
    assert_int_equal(head(f, 999999), 0);
}

/* What never left is not shown as waiting once nobody waits for it. */
static void test_ends_sends(struct fixture *f)
{
    static const enum send_state expected[RUN_STATES] = {
        [RUN_READY] = SEND_READY,      [RUN_HELD] = SEND_READY,      [RUN_DONE] = SEND_READY,
        [RUN_REJECTED] = SEND_DROPPED, [RUN_FAILED] = SEND_DROPPED,  [RUN_UNKNOWN] = SEND_DROPPED,
        [RUN_EXPIRED] = SEND_EXPIRED,  [RUN_DROPPED] = SEND_DROPPED,
    };
    int64_t chat = put_chat(f, "shop", "a");

    for (int state = RUN_READY; state < RUN_STATES; state++) {
        int64_t run = put_run(f, chat, 10);
        struct send_row ready = a_send(run, 1, 0), *rows;

        begin(f);
        store_add_sends(f->store, &ready, 1);
        commit(f);
        put_sending(f, run, 0, 0, 1);
        begin(f);
        assert_true(store_set_run(f->store, run, (enum run_state)state, T("why"), 300));
        commit(f);
        assert_int_equal(store_run_sends(f->store, run, f->arena, &rows), 2);
        assert_int_equal(rows[0].state, SEND_SENDING);
        assert_int_equal(rows[1].state, expected[state]);
        assert_text(rows[1].reason, state > RUN_DONE ? "why" : NULL);
    }
}

static void expect_unsettled(struct fixture *f, int64_t run, int64_t unknown, int64_t open)
{
    int64_t is_unknown, is_open;

    store_unsettled(f->store, run, &is_unknown, &is_open);
    assert_int_equal(is_unknown, unknown);
    assert_int_equal(is_open, open);
}

static void test_sends(struct fixture *f)
{
    struct send_row in[3] = { a_send(5, 1, 0), a_send(5, 0, 1), a_send(5, 0, 0) }, *rows;

    begin(f);
    store_add_sends(f->store, in, 3);
    store_start_send(f->store, 5, 0, 1, 4, 1, 222);
    store_start_send(f->store, 5, 0, 1, 5, 1, 333); /* not ready any more */
    commit(f);
    assert_int_equal(store_step_sends(f->store, 5, 0, f->arena, &rows), 2);
    assert_int_equal(rows[0].n, 0);
    assert_int_equal(rows[1].state, SEND_SENDING);
    assert_int_equal(rows[1].attempt, 4);
    assert_int_equal(rows[1].sent_at, 222);
    assert_text(rows[1].body, "{\"text\":1}");
    assert_text(rows[1].reply_id, NULL);
    assert_int_equal(store_run_sends(f->store, 5, f->arena, &rows), 3);
    assert_int_equal(rows[2].step, 1);
    assert_int_equal(rows[2].state, SEND_READY);
    assert_int_equal(store_next_sending(f->store, 0, 9, f->arena, &rows), 1);
    assert_int_equal(rows[0].n, 1);
    assert_int_equal(store_run_sends(f->store, 6, f->arena, &rows), 0);
    expect_unsettled(f, 5, 0, 3);
    expect_unsettled(f, 6, 0, 0);
    begin(f);
    store_add_sends(f->store, in, 1);
    commit_gives(f, STORE_BAD_DATA);
}

static void test_settle(struct fixture *f)
{
    struct send_row row = a_send(5, 0, 0), *rows;

    put_sending(f, 5, 0, 0, 2);
    row.state = SEND_UNKNOWN;
    row.attempt = 1;
    begin(f);
    assert_false(store_settle_send(f->store, &row)); /* an older attempt */
    row.attempt = 2;
    row.n = 1;
    assert_false(store_settle_send(f->store, &row));
    row.n = 0;
    row.due_at = 900;
    row.reason = T("no answer");
    row.status_url = T("https://api.example/1");
    assert_true(store_settle_send(f->store, &row));
    assert_false(store_settle_send(f->store, &row)); /* once */
    row.attempt = 3;
    assert_false(store_amend_send(f->store, &row));
    row.attempt = 2;
    row.reply_id = T("77");
    commit(f);
    assert_int_equal(store_run_sends(f->store, 5, f->arena, &rows), 1);
    assert_int_equal(rows[0].state, SEND_UNKNOWN);
    assert_int_equal(rows[0].due_at, 900);
    assert_text(rows[0].reason, "no answer");
    expect_unsettled(f, 5, 1, 0);
    row.due_at = 1200;
    row.reason = T("queued");
    begin(f);
    assert_true(store_amend_send(f->store, &row)); /* as often as something is said of it */
    commit(f);
    assert_int_equal(store_run_sends(f->store, 5, f->arena, &rows), 1);
    assert_int_equal(rows[0].state, SEND_UNKNOWN);
    assert_int_equal(rows[0].due_at, 1200);
    assert_text(rows[0].reason, "queued");
    row.state = SEND_OK;
    row.due_at = 0;
    row.reason = TEXT_NONE;
    begin(f);
    assert_true(store_amend_send(f->store, &row));
    assert_false(store_amend_send(f->store, &row)); /* it is known */
    commit(f);
    assert_int_equal(store_run_sends(f->store, 5, f->arena, &rows), 1);
    assert_int_equal(rows[0].state, SEND_OK);
    assert_int_equal(rows[0].due_at, 0);
    expect_unsettled(f, 5, 0, 0);
    assert_text(rows[0].reply_id, "77");
    assert_text(rows[0].status_url, "https://api.example/1");
    assert_text(rows[0].reason, NULL);
}

static void test_set_run(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), run = put_run(f, chat, 10);
    struct run_row row;

    begin(f);
    store_step_run(f->store, run, 3, T("[3]"));
    assert_true(store_set_run(f->store, run, RUN_HELD, T("unknown"), 150));
    commit(f);
    assert_true(store_get_run(f->store, run, f->arena, &row));
    assert_int_equal(row.state, RUN_HELD);
    assert_int_equal(row.step, 3);
    assert_int_equal(row.ended_at, 0);
    assert_text(row.doc, "[3]");
    assert_text(row.reason, "unknown");
    begin(f);
    assert_true(store_set_run(f->store, run, RUN_REJECTED, T("blocked"), 160));
    assert_false(store_set_run(f->store, run, RUN_READY, TEXT_NONE, 170));
    store_step_run(f->store, run, 4, T("[4]"));
    assert_false(store_set_run(f->store, 999999, RUN_DONE, TEXT_NONE, 170));
    commit(f);
    assert_true(store_get_run(f->store, run, f->arena, &row));
    assert_int_equal(row.state, RUN_REJECTED);
    assert_int_equal(row.ended_at, 160);
    assert_int_equal(row.step, 3);
}

static void test_owned_chats(struct fixture *f)
{
    int64_t a = put_chat(f, "shop", "a"), b = put_chat(f, "shop", "b"), c = put_chat(f, "shop", "c"),
            other = put_chat(f, "other", "a");
    struct chat_row *rows;

    release(f, a, 300, 0);
    release(f, b, 200, 0);
    release(f, c, 100, 0);
    release(f, other, 100, 0);
    begin(f);
    assert_int_equal(store_owned_chats(f->store, 1, 9, f->arena, &rows), 0);
    assert_int_equal(store_claim_chats(f->store, T("other"), 999, 2, STORE_LONGEST_DUE, 9, f->arena, &rows),
                     1);
    commit(f);
    assert_int_equal(claim(f, "shop", 250, 9, &rows), 2);
    assert_int_equal(store_owned_chats(f->store, 1, 9, f->arena, &rows), 2);
    assert_int_equal(rows[0].id, b);
    assert_text(rows[0].user_id, "b");
    assert_int_equal(rows[1].id, c);
    assert_int_equal(store_owned_chats(f->store, 1, 1, f->arena, &rows), 1);
    assert_int_equal(rows[0].id, b);
    assert_int_equal(store_owned_chats(f->store, 2, 9, f->arena, &rows), 1);
    assert_int_equal(rows[0].id, other);
    release(f, b, 0, 0);
    assert_int_equal(store_owned_chats(f->store, 1, 9, f->arena, &rows), 1);
    assert_int_equal(rows[0].id, c);
}

static void test_disown(struct fixture *f)
{
    int64_t with = put_chat(f, "shop", "a"), without = put_chat(f, "shop", "b"),
            later = put_chat(f, "shop", "c");
    struct entry_row entry = an_entry(f, 7, ENTRY_FETCH), *entries;
    struct chat_row *rows;

    put_run(f, with, 10);
    release(f, without, 100, 0);
    assert_int_equal(claim(f, "shop", 100, 9, &rows), 2);
    put_run(f, later, 10);
    release(f, later, 9000, 0);
    begin(f);
    store_add_entries(f->store, &entry, 1);
    assert_int_equal(store_claim_entries(f->store, T("desk"), 100, 1, 9, f->arena, &entries), 1);
    commit(f);
    begin(f);
    store_disown(f->store, 0, 400);
    commit(f);
    assert_int_equal(due_of(f, with), 100);
    assert_int_equal(due_of(f, without), 100);
    assert_int_equal(due_of(f, later), 400);
    begin(f);
    assert_int_equal(store_claim_entries(f->store, T("desk"), 100, 1, 9, f->arena, &entries), 1);
    commit(f);
}

const struct store_test run_tests[] = {
    { "claim_chats", test_claim_chats },
    { "claim_fresh", test_claim_fresh },
    { "next_channel", test_next_channel },
    { "keep_chat", test_keep_chat },
    { "release keeps runs", test_release_keeps_runs },
    { "who is behind goes on", test_who_is_behind_goes_on },
    { "head_run", test_head_run },
    { "sends", test_sends },
    { "a run that ends ends its sends", test_ends_sends },
    { "drop_sends", test_drop_sends },
    { "settle", test_settle },
    { "set_run", test_set_run },
    { "owned_chats", test_owned_chats },
    { "disown", test_disown },
    { NULL, NULL },
};
