/* T7 and what the command line asks. */

#include "test_store.h"

static void test_expired(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), runs[4];
    struct run_row *rows;
    struct send_row asked;

    for (int i = 0; i < 4; i++)
        runs[i] = put_run(f, chat, i);
    set_run(f, runs[0], RUN_HELD, 100);
    set_run(f, runs[1], RUN_DONE, 100);
    put_sending(f, runs[2], 0, 0, 1);
    assert_int_equal(store_expired_runs(f->store, 4999, 9, f->arena, &rows), 0);
    assert_int_equal(store_expired_runs(f->store, 5000, 9, f->arena, &rows), 2);
    assert_int_equal(rows[0].id, runs[0]);
    assert_int_equal(rows[1].id, runs[3]);
    assert_int_equal(store_expired_runs(f->store, 5000, 1, f->arena, &rows), 1);

    put_sending(f, runs[3], 0, 0, 1);
    asked = a_send(runs[3], 0, 0);
    asked.attempt = 1;
    asked.state = SEND_UNKNOWN;
    asked.due_at = 7000; /* somebody is going to be asked what became of it */
    begin(f);
    assert_true(store_settle_send(f->store, &asked));
    commit(f);
    assert_int_equal(store_expired_runs(f->store, 5000, 9, f->arena, &rows), 1);
    assert_int_equal(rows[0].id, runs[0]);
    asked.due_at = 0;
    begin(f);
    assert_true(store_amend_send(f->store, &asked));
    commit(f);
    assert_int_equal(store_expired_runs(f->store, 5000, 9, f->arena, &rows), 2);
}

static void test_rearm_run(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), run = put_run(f, chat, 10), next = put_run(f, chat, 20);
    struct send_row sends[3] = { a_send(run, 0, 0), a_send(run, 0, 1), a_send(run, 0, 2) }, *rows;
    struct run_row row, was;

    begin(f);
    assert_false(store_rearm_run(f->store, run, 700, 9000)); /* ready */
    store_begin_run(f->store, run);
    sends[1].state = SEND_OK;
    sends[2].state = SEND_FAILED;
    sends[2].attempt = 3;
    store_add_sends(f->store, sends, 3);
    store_start_send(f->store, run, 0, 0, 1, 1, 100);
    commit(f);
    set_run(f, run, RUN_HELD, 600);
    begin(f);
    assert_false(store_rearm_run(f->store, run, 700, 9000)); /* a send is on its way */
    sends[0].state = SEND_UNKNOWN;
    sends[0].attempt = 1;
    assert_true(store_settle_send(f->store, &sends[0]));
    store_step_run(f->store, run, 1, T("{}")); /* an unknown send is taken as sent */
    assert_true(store_set_run(f->store, run, RUN_UNKNOWN, T("why"), 600));
    store_release_chat(f->store, chat, 8000, 0);
    assert_true(store_get_run(f->store, run, f->arena, &was));
    assert_true(store_rearm_run(f->store, run, 700, 9000));
    commit(f);
    assert_true(store_get_run(f->store, run, f->arena, &row));
    assert_int_equal(row.state, RUN_READY);
    assert_int_equal(row.seq, was.seq + 2);
    assert_int_equal(row.said_at, 700);
    assert_int_equal(row.expires_at, 9000);
    assert_int_equal(row.ended_at, 0);
    assert_int_equal(row.step, 0);
    assert_text(row.reason, NULL);
    assert_true(store_head_run(f->store, chat, f->arena, &row)); /* it is at the tail */
    assert_int_equal(row.id, next);
    assert_int_equal(store_run_sends(f->store, run, f->arena, &rows), 3);
    assert_int_equal(rows[0].state, SEND_READY);
    assert_int_equal(rows[0].attempt, 1);
    assert_int_equal(rows[1].state, SEND_OK);
    assert_int_equal(rows[2].state, SEND_READY);
    assert_int_equal(rows[2].attempt, 3);
    assert_int_equal(store_next_due(f->store, &(struct text){ "shop", 4 }, 1, NULL), 700);
}

static void test_rearm_others(struct fixture *f)
{
    int64_t stuck = put_notification(f, NOTIFICATION_STUCK), fresh = put_notification(f, NOTIFICATION_NEW);
    int64_t done = put_notification(f, NOTIFICATION_DONE);
    struct notification_row notification;
    struct entry_row in[5], row;

    for (int i = 0; i < 5; i++) {
        in[i] = an_entry(f, 7, (enum entry_state)i);
        in[i].tries = 3;
    }
    begin(f);
    store_try_notification(f->store, stuck);
    store_add_entries(f->store, in, 5);
    assert_true(store_rearm_notification(f->store, stuck));
    assert_false(store_rearm_notification(f->store, fresh));
    assert_false(store_rearm_notification(f->store, done));
    assert_true(store_drop_notification(f->store, fresh, T("dropped")));
    assert_false(store_drop_notification(f->store, done, T("dropped")));
    for (int i = 0; i < 5; i++)
        assert_int_equal(store_rearm_entry(f->store, in[i].id, 800), i != ENTRY_FETCH && i != ENTRY_DONE);
    commit(f);
    assert_true(store_get_notification(f->store, stuck, f->arena, &notification));
    assert_int_equal(notification.state, NOTIFICATION_NEW);
    assert_int_equal(notification.tries, 0);
    assert_true(store_get_notification(f->store, fresh, f->arena, &notification));
    assert_int_equal(notification.state, NOTIFICATION_DONE);
    assert_text(notification.reason, "dropped");
    assert_true(store_get_entry(f->store, in[ENTRY_EXPIRED].id, f->arena, &row));
    assert_int_equal(row.state, ENTRY_FETCH);
    assert_int_equal(row.tries, 0);
    assert_int_equal(row.due_at, 800);
    begin(f);
    assert_true(store_drop_entry(f->store, in[ENTRY_EXPIRED].id, T("gone")));
    assert_false(store_drop_entry(f->store, in[ENTRY_DONE].id, T("gone")));
    commit(f);
    assert_true(store_get_entry(f->store, in[ENTRY_EXPIRED].id, f->arena, &row));
    assert_int_equal(row.state, ENTRY_DONE);
    assert_text(row.reason, "gone");
}

static size_t prune(struct fixture *f, int64_t before, size_t limit)
{
    struct store_counts was, is;
    int64_t runs[RUN_STATES] = { 0 };
    size_t n;

    begin(f);
    store_count(f->store, &was);
    n = store_prune(f->store, &(struct store_keep){ .before = before }, limit, runs);
    store_count(f->store, &is);
    commit(f);
    for (int i = 0; i < RUN_STATES; i++)
        assert_int_equal(was.runs[i] - runs[i], is.runs[i]);
    return n;
}

/* A whole round. */
static void sweep(struct fixture *f, int64_t before, int64_t seen_before, size_t limit)
{
    for (bool done = false; !done;) {
        begin(f);
        done = store_sweep(f->store, before, seen_before, limit);
        commit(f);
    }
}

/* A notification with two entries, each with a run that has two sends. */
struct family {
    int64_t notification, entries[2], runs[2];
};

static struct family put_family(struct fixture *f, int64_t chat)
{
    struct family family = { .notification = put_notification(f, NOTIFICATION_DONE) };
    struct issued_button data[2] = { { .data = T("good") }, { .data = T("failed") } };

    begin(f);
    for (int i = 0; i < 2; i++) {
        struct entry_row entry = an_entry(f, family.notification, ENTRY_DONE);
        struct run_row run = a_run(f, chat, f->id, 10);
        struct send_row sends[2] = { a_send(run.id, 0, 0), a_send(run.id, 0, 1) };

        family.entries[i] = entry.id;
        family.runs[i] = run.id;
        sends[0].state = i ? SEND_FAILED : SEND_OK;
        store_add_entries(f->store, &entry, 1);
        assert_true(store_add_run(f->store, &run, 0, 100));
        store_add_sends(f->store, sends, 2);
        store_issue(f->store, chat, run.id, 0, 0, &data[i], 1, 100, 4000);
    }
    commit(f);
    return family;
}

static bool is_issued(struct fixture *f, int64_t chat, const char *data)
{
    struct issued_row row;

    return store_find_issued(f->store, chat, T(data), 200, f->arena, &row);
}

static void test_prune_family(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a");
    struct family family = put_family(f, chat);
    struct notification_row row;
    struct entry_row entry;
    struct run_row run;

    assert_int_equal(prune(f, 1000, 9), 0);
    set_run(f, family.runs[0], RUN_DONE, 500);
    assert_int_equal(prune(f, 500, 9), 0); /* ended at 500 is not before 500 */
    assert_int_equal(prune(f, 501, 9), 3);
    assert_true(store_get_entry(f->store, family.entries[0], f->arena, &entry)); /* the other run waits */
    assert_true(is_issued(f, chat, "good"));                                     /* its send was good */
    set_run(f, family.runs[1], RUN_FAILED, 600);
    assert_int_equal(prune(f, 1000, 1), 2); /* a send and its button, in small steps */
    assert_true(store_get_run(f->store, family.runs[1], f->arena, &run));
    assert_true(prune(f, 1000, 1) > 0);
    while (prune(f, 1000, 1) > 0)
        ;
    assert_false(store_get_run(f->store, family.runs[1], f->arena, &run));
    assert_false(store_get_entry(f->store, family.entries[1], f->arena, &entry));
    assert_false(store_get_notification(f->store, family.notification, f->arena, &row));
    assert_true(is_issued(f, chat, "good"));
    assert_false(is_issued(f, chat, "failed"));
    sweep(f, 4000, 0, 9);
    assert_true(is_issued(f, chat, "good"));
    sweep(f, 4001, 0, 9);
    assert_false(is_issued(f, chat, "good"));
}

/* A notification of the source, its entry, and a run that ended at 500. */
static struct family put_done(struct fixture *f, int64_t chat, const char *source)
{
    struct notification_row notification = a_notification(f, NOTIFICATION_DONE);
    struct entry_row entry = an_entry(f, notification.id, ENTRY_DONE);
    struct run_row run = a_run(f, chat, f->id, 10);
    struct send_row send = a_send(run.id, 0, 0);

    notification.source = entry.source = T(source);
    begin(f);
    store_add_notifications(f->store, &notification, 1);
    store_add_entries(f->store, &entry, 1);
    assert_true(store_add_run(f->store, &run, 0, 100));
    store_add_sends(f->store, &send, 1);
    commit(f);
    set_run(f, run.id, RUN_DONE, 500);
    return (struct family){ notification.id, { entry.id }, { run.id } };
}

static bool is_kept(struct fixture *f, const struct family *family)
{
    struct notification_row notification;
    struct send_row *sends;
    struct entry_row entry;
    struct run_row run;
    bool kept = store_get_notification(f->store, family->notification, f->arena, &notification);

    assert_int_equal(store_get_entry(f->store, family->entries[0], f->arena, &entry), kept);
    assert_int_equal(store_get_run(f->store, family->runs[0], f->arena, &run), kept);
    assert_int_equal(store_run_sends(f->store, family->runs[0], f->arena, &sends), kept);
    return kept;
}

static void prune_all(struct fixture *f, const struct store_keep *keep, size_t limit)
{
    int64_t runs[RUN_STATES] = { 0 };
    size_t n;

    do {
        begin(f);
        n = store_prune(f->store, keep, limit, runs);
        commit(f);
    } while (n > 0);
}

static void test_prune_sources(struct fixture *f)
{
    static const struct store_source_keep sources[] = { { { "brief", 5 }, 501 },
                                                        { { "nobody", 6 }, 900 },
                                                        { { "long", 4 }, 99 } };
    const struct store_keep keep = { 400, sources, 3 };
    int64_t chat = put_chat(f, "shop", "a"), alone;
    struct family brief[3], other = put_done(f, chat, "other"), longer = put_done(f, chat, "long");
    struct run_row run;

    for (int i = 0; i < 3; i++)
        brief[i] = put_done(f, chat, "brief");
    set_run(f, alone = put_run(f, chat, 10), RUN_DONE, 100); /* its notification is not there */
    begin(f);
    assert_true(store_rearm_run(f->store, brief[1].runs[0], 600, 5000));
    commit(f);
    prune_all(f, &keep, 2);
    assert_false(is_kept(f, &brief[0]));
    assert_true(is_kept(f, &brief[1])); /* it waits */
    assert_false(is_kept(f, &brief[2]));
    assert_true(is_kept(f, &other));
    assert_true(is_kept(f, &longer));
    assert_true(store_get_run(f->store, alone, f->arena, &run)); /* as long as anything */
    prune_all(f, &(struct store_keep){ 501, sources, 3 }, 2);
    assert_false(is_kept(f, &other));
    assert_true(is_kept(f, &longer));
    prune_all(f, &(struct store_keep){ 501, sources, 2 }, 2);
    assert_false(is_kept(f, &longer));
    assert_false(store_get_run(f->store, alone, f->arena, &run));
    assert_true(is_kept(f, &brief[1]));
}

static void test_prune_rest(struct fixture *f)
{
    int64_t runs[RUN_STATES] = { 0 };
    int64_t fresh = put_notification(f, NOTIFICATION_NEW), stuck = put_notification(f, NOTIFICATION_STUCK);
    int64_t done = put_notification(f, NOTIFICATION_DONE), fetches = put_notification(f, NOTIFICATION_DONE);
    struct entry_row entry = an_entry(f, fetches, ENTRY_FETCH);
    struct notification_row row;

    begin(f);
    store_add_entries(f->store, &entry, 1);
    commit(f);
    begin(f);
    assert_int_equal(store_prune(f->store, &(struct store_keep){ .before = 200 }, 9, runs),
                     1); /* the one that is done */
    commit(f);
    assert_true(store_get_notification(f->store, fresh, f->arena, &row));
    assert_true(store_get_notification(f->store, stuck, f->arena, &row));
    assert_true(store_get_notification(f->store, fetches, f->arena, &row));
    assert_false(store_get_notification(f->store, done, f->arena, &row));
}

#define KEYS 20

static size_t count_fresh(struct fixture *f, unsigned char keys[KEYS][STORE_KEY_BYTES])
{
    bool is_fresh[KEYS];
    size_t n = 0;

    begin(f);
    store_seen(f->store, keys[0], KEYS, 1, 300, is_fresh);
    for (int i = 0; i < KEYS; i++)
        n += is_fresh[i];
    commit(f);
    return n;
}

static void test_sweep_keys(struct fixture *f)
{
    unsigned char keys[KEYS][STORE_KEY_BYTES] = { { 0 } };
    bool is_fresh;

    begin(f);
    for (int i = 0; i < KEYS; i++) {
        keys[i][0] = (unsigned char)(i * 13);
        keys[i][STORE_KEY_BYTES - 1] = (unsigned char)i;
        store_seen(f->store, keys[i], 1, 1, i % 4 ? 300 : 100, &is_fresh);
    }
    commit(f);
    sweep(f, 0, 100, 3);
    assert_int_equal(count_fresh(f, keys), 0);
    sweep(f, 0, 101, 3);
    assert_int_equal(count_fresh(f, keys), KEYS / 4);
    sweep(f, 0, 301, 1);
    assert_int_equal(count_fresh(f, keys), KEYS);
    sweep(f, 0, 301, KEYS);
    assert_int_equal(count_fresh(f, keys), KEYS);
}

static bool taps(struct fixture *f, int64_t chat)
{
    bool first;

    begin(f);
    first = store_tap(f->store, chat, T("r"), T("d"), 5, 100, 100);
    commit(f);
    return first;
}

static void test_sweep_chats(struct fixture *f)
{
    static const char *const users[] = { "a", "b", "c", "d", "e" };
    struct issued_button button = { .data = T("data") };
    int64_t chats[5];

    for (int i = 0; i < 5; i++)
        chats[i] = put_chat(f, "shop", users[i]);
    begin(f);
    for (int i = 0; i < 5; i++) {
        assert_true(store_tap(f->store, chats[i], T("r"), T("d"), 5, 100, i % 2 ? 100 : 500));
        store_issue(f->store, chats[i], 7, 0, 0, &button, 1, 100, i % 2 ? 250 : 500);
    }
    assert_true(
        store_tap(f->store, 1LL << 60, T("r"), T("d"), 5, 100, 100)); /* of a chat that is not there */
    commit(f);
    sweep(f, 300, 0, 2);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(is_issued(f, chats[i], "data"), i % 2 == 0);
        assert_int_equal(taps(f, chats[i]), i % 2);
    }
    assert_true(taps(f, 1LL << 60));
}

static void test_rulesets_channels(struct fixture *f)
{
    struct text hash = T("0123456789abcdef0123456789abcdef"), source;
    struct channel_row row = { T("b"), 50, T("wrong key") }, other = { T("a"), 0, TEXT_NONE }, *rows;

    assert_false(store_get_ruleset(f->store, hash, f->arena, &source));
    begin(f);
    store_put_ruleset(f->store, hash, T("rules: 1"), 100);
    store_put_ruleset(f->store, hash, T("rules: 1"), 200);
    store_put_channel(f->store, &row);
    store_put_channel(f->store, &other);
    commit(f);
    assert_true(store_get_ruleset(f->store, hash, f->arena, &source));
    assert_text(source, "rules: 1");
    assert_int_equal(store_channels(f->store, f->arena, &rows), 2);
    assert_text(rows[0].name, "a");
    assert_text(rows[0].paused, NULL);
    assert_text(rows[1].paused, "wrong key");
    assert_int_equal(rows[1].not_before, 50);
    row.paused = TEXT_NONE;
    row.not_before = 60;
    begin(f);
    store_put_channel(f->store, &row);
    commit(f);
    assert_int_equal(store_channels(f->store, f->arena, &rows), 2);
    assert_text(rows[1].paused, NULL);
    assert_int_equal(rows[1].not_before, 60);
}

/* What one node knows of a channel is not all that there is to know of it. */
static void test_channels_of_several(struct fixture *f)
{
    struct channel_row *rows;

    begin(f);
    store_penalize_channel(f->store, T("a"), 500);
    store_pause_channel(f->store, T("a"), T("wrong key"));
    store_penalize_channel(f->store, T("a"), 400);
    store_pause_channel(f->store, T("b"), T("wrong key"));
    store_penalize_channel(f->store, T("b"), 500);
    store_penalize_channel(f->store, T("b"), 600);
    store_pause_channel(f->store, T("b"), TEXT_NONE);
    store_pause_channel(f->store, T("c"), TEXT_NONE);
    commit(f);
    assert_int_equal(store_channels(f->store, f->arena, &rows), 3);
    assert_text(rows[0].paused, "wrong key");
    assert_int_equal(rows[0].not_before, 500);
    assert_text(rows[1].paused, NULL);
    assert_int_equal(rows[1].not_before, 600);
    assert_text(rows[2].paused, NULL);
    assert_int_equal(rows[2].not_before, 0);
}

static bool has_ruleset(struct fixture *f, const char *hash)
{
    struct text source;

    return store_get_ruleset(f->store, T(hash), f->arena, &source);
}

static void test_prune_rulesets(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "1"), run = put_run(f, chat, 5);
    struct run_row row;

    assert_true(store_get_run(f->store, run, f->arena, &row)); /* not ended */
    begin(f);
    store_put_ruleset(f->store, row.ruleset, T("rules: 0"), 10);
    store_put_ruleset(f->store, T("a"), T("rules: 1"), 20);
    store_put_ruleset(f->store, T("b"), T("rules: 2"), 100);
    store_put_ruleset(f->store, T("c"), T("rules: 3"), 200);
    assert_int_equal(store_prune_rulesets(f->store, T("c"), 99), 0); /* "a" was in use until "b" came */
    assert_int_equal(store_prune_rulesets(f->store, T("b"), 100), 1);
    commit(f);
    assert_false(has_ruleset(f, "a"));
    assert_true(has_ruleset(f, "b"));
    assert_true(store_get_ruleset(f->store, row.ruleset, f->arena, &row.doc));
    begin(f);
    assert_int_equal(store_prune_rulesets(f->store, T("c"), 900), 1);
    assert_true(store_set_run(f->store, run, RUN_FAILED, T("x"), 300));
    assert_int_equal(store_prune_rulesets(f->store, T("c"), 900), 1);
    commit(f);
    assert_true(has_ruleset(f, "c"));
    assert_false(has_ruleset(f, "b"));
}

static void test_numbers(struct fixture *f)
{
    struct store_counts counts;
    int64_t chat, id, at, run;
    struct entry_row entry;

    store_newest(f->store, &id, &at);
    assert_int_equal(id, 0);
    assert_int_equal(at, 0);
    put_notification(f, NOTIFICATION_NEW);
    put_notification(f, NOTIFICATION_NEW);
    put_notification(f, NOTIFICATION_STUCK);
    put_notification(f, NOTIFICATION_DONE);
    entry = an_entry(f, 7, ENTRY_UNADDRESSED);
    begin(f);
    store_add_entries(f->store, &entry, 1);
    commit(f);
    chat = put_chat(f, "shop", "a");
    put_run(f, chat, 1);
    run = put_run(f, chat, 2);
    set_run(f, run, RUN_DROPPED, 777);
    store_count(f->store, &counts);
    assert_int_equal(counts.notifications_new, 2);
    assert_int_equal(counts.notifications_stuck, 1);
    assert_int_equal(counts.entries_unaddressed, 1);
    assert_int_equal(counts.entries_fetch, 0);
    assert_int_equal(counts.runs[RUN_READY], 1);
    assert_int_equal(counts.runs[RUN_DROPPED], 1);
    assert_int_equal(counts.runs[RUN_DONE], 0);
    store_newest(f->store, &id, &at);
    assert_int_equal(id, run);
    assert_int_equal(at, 777);
    assert_false(store_changed(f->store));
}

static void test_next_due(struct fixture *f)
{
    struct text channels[3] = { T("none"), T("other"), T("shop") };
    int64_t a = put_chat(f, "shop", "a"), b = put_chat(f, "other", "b"), c = put_chat(f, "shop", "c");
    int64_t each[3] = { 7, 7, 7 };
    struct chat_row *rows;

    assert_int_equal(store_next_due(f->store, channels, 3, NULL), 0);
    begin(f);
    store_release_chat(f->store, a, 300, 0);
    store_release_chat(f->store, b, 400, 0);
    store_release_chat(f->store, c, 500, 0);
    commit(f);
    assert_int_equal(store_next_due(f->store, channels, 3, each), 300);
    assert_true(each[0] == 0 && each[1] == 400 && each[2] == 300);
    assert_int_equal(store_next_due(f->store, channels, 2, NULL), 400);
    assert_int_equal(store_next_due(f->store, channels + 1, 1, each), 400);
    assert_int_equal(each[0], 400);
    assert_int_equal(store_next_due(f->store, channels, 1, NULL), 0);
    assert_int_equal(store_next_due(f->store, NULL, 0, NULL), 0);
    begin(f);
    assert_int_equal(store_claim_chats(f->store, T("shop"), 300, 1, STORE_LONGEST_DUE, 9, f->arena, &rows),
                     1);
    assert_int_equal(store_next_due(f->store, channels, 3, NULL), 400);
    store_hold_chat(f->store, b, T("held"), 0);
    assert_int_equal(store_next_due(f->store, channels, 3, NULL), 500);
    commit(f);
    assert_int_equal(store_next_due(f->store, channels, 2, NULL), 0);
}

static void test_list(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), other = put_chat(f, "other", "b");
    int64_t fresh = put_notification(f, NOTIFICATION_NEW), run = put_run(f, chat, 1),
            held = put_run(f, other, 1);
    int64_t done = put_run(f, chat, 2);
    const struct {
        struct store_filter filter;
        size_t n;
        int64_t first;
    } cases[] = {
        { { .all = false }, 3, fresh },
        { { .all = true }, 7, fresh },
        { { .all = true, .after = held }, 2, done - 1 },
        { { .state = T("held") }, 1, held },
        { { .state = T("done") }, 4, run - 1 }, /* three entries and a run */
        { { .state = T("none") }, 0, 0 },
        { { .channel = T("shop") }, 1, run },
        { { .all = true, .channel = T("shop") }, 2, run },
        { { .user_id = T("b") }, 1, held },
        { { .all = true, .rule = T("r1") }, 3, run },
        { { .all = true, .rule = T("r2") }, 0, 0 },
        { { .all = true, .source = T("desk") }, 7, fresh },
        { { .all = true, .source = T("desk2") }, 0, 0 },
    };
    struct store_item *items;

    set_run(f, held, RUN_HELD, 100);
    set_run(f, done, RUN_DONE, 100);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = store_list(f->store, &cases[i].filter, 99, f->arena, &items);

        if (n != cases[i].n || (n && items[0].id != cases[i].first))
            fail_msg("case %zu: %zu items", i, n);
    }
    assert_int_equal(store_list(f->store, &cases[0].filter, 2, f->arena, &items), 2);
    assert_int_equal(items[0].kind, STORE_NOTIFICATION);
    assert_string_equal(items[0].state, "new");
    assert_text(items[0].source, "desk");
    assert_text(items[0].channel, NULL);
    assert_int_equal(items[1].kind, STORE_RUN);
    assert_text(items[1].channel, "shop");
    assert_text(items[1].user_id, "a");
    assert_text(items[1].rule, "r1");
    assert_text(items[1].source, "desk");
    assert_int_equal(items[1].expires_at, 5000);
}

static void test_entry_runs(struct fixture *f)
{
    struct run_row run = a_run(f, 1, 1, 1), *rows;

    begin(f);
    assert_true(store_add_run(f->store, &run, 0, 1));
    run.id = ++f->id;
    run.rule = T("r0");
    assert_true(store_add_run(f->store, &run, 0, 1));
    commit(f);
    assert_int_equal(store_entry_runs(f->store, run.entry, f->arena, &rows), 2);
    assert_text(rows[0].rule, "r0");
    assert_int_equal(store_entry_runs(f->store, run.entry + 1, f->arena, &rows), 0);
}

const struct store_test upkeep_tests[] = {
    { "expired_runs", test_expired },
    { "rearm_run", test_rearm_run },
    { "rearm and drop the others", test_rearm_others },
    { "prune a notification and what is its", test_prune_family },
    { "prune by source", test_prune_sources },
    { "prune leaves what waits", test_prune_rest },
    { "sweep the keys of what was seen", test_sweep_keys },
    { "sweep the chats' taps and buttons", test_sweep_chats },
    { "rulesets and channels", test_rulesets_channels },
    { "channels of several nodes", test_channels_of_several },
    { "prune rulesets", test_prune_rulesets },
    { "count and newest", test_numbers },
    { "next_due", test_next_due },
    { "list", test_list },
    { "entry_runs", test_entry_runs },
    { NULL, NULL },
};
