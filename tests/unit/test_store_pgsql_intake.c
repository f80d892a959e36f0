/* What comes in, prefetched: how often that waits for the server, and what two nodes make of the same. */

#include "config.h"

#include "test_store.h"

#if HAVE_LIBPQ

#include "store/store_pgsql.h"

#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST 200
#define NOW 5000

/* So many messages, each of a customer of its own, and what is asked of them. */
struct messages {
    size_t n;
    unsigned char keys[MOST][STORE_KEY_BYTES];
    char users[MOST][24];
    struct store_asked_entry entries[MOST];
};

static struct store_asked make_messages(struct fixture *f, struct messages *m, size_t n)
{
    *m = (struct messages){ .n = n };
    for (size_t i = 0; i < n; i++) {
        snprintf(m->users[i], sizeof(m->users[i]), "u%zu", i);
        f->id++;
        memcpy(m->keys[i], &f->id, sizeof(f->id));
        m->entries[i] = (struct store_asked_entry){ .id = f->id,
                                                    .notification = f->id,
                                                    .key = m->keys[i],
                                                    .said_at = 1000 * f->id,
                                                    .channel = T("shop"),
                                                    .user_id = T(m->users[i]),
                                                    .token = T("more") };
    }
    return (struct store_asked){ .entries = m->entries, .n_entries = n, .now = NOW, .window_ms = 100 };
}

static void be_new(struct fixture *f, const struct store_asked_entry *entry)
{
    bool fresh;

    store_seen(f->store, entry->key, 1, entry->notification, NOW, &fresh);
    assert_true(fresh);
}

/* As stage_match does it. */
static void take_in(struct fixture *f, const struct store_asked_entry *entry, bool pressed)
{
    struct variable_row *variables;
    struct issued_row button;
    struct chat_place place;
    struct chat_row chat;
    struct run_row run;

    assert_int_equal(store_find_chat(f->store, entry->channel, entry->user_id, f->arena, &chat), pressed);
    if (pressed) {
        store_touch_session(f->store, chat.id, NOW, NOW + 100);
        assert_int_equal(store_variables(f->store, chat.id, NOW, f->arena, &variables), 1);
        assert_true(store_find_issued(f->store, chat.id, entry->token, NOW, f->arena, &button));
    }
    assert_true(store_next_seq(f->store, entry->channel, entry->user_id, ++f->id, &place));
    assert_true(store_tap(f->store, place.chat, T("r"), entry->token, entry->said_at, 100, NOW));
    assert_false(store_tap(f->store, place.chat, T("r"), entry->token, entry->said_at + 1, 99, NOW));
    run = a_run(f, place.chat, place.seq, entry->said_at);
    run.entry = entry->id;
    assert_true(store_add_run(f->store, &run, 0, NOW));
    if (pressed)
        assert_true(store_spend(f->store, &button, run.id));
    store_issue(f->store, place.chat, run.id, 0, 0, &(struct issued_button){ .data = T("more") }, 1, NOW,
                NOW + 100);
    store_set_variable(f->store, place.chat, &(struct variable_row){ T("v"), T("1"), NOW + 100, true });
}

static unsigned long take_all(struct fixture *f, size_t n, bool pressed)
{
    const unsigned long before = store_pgsql_trips(f->store);
    struct messages m;
    const struct store_asked asked = make_messages(f, &m, n);

    begin(f);
    store_prefetch_intake(f->store, &asked);
    for (size_t i = 0; i < n; i++) {
        be_new(f, &m.entries[i]);
        take_in(f, &m.entries[i], pressed);
    }
    commit(f);
    return store_pgsql_trips(f->store) - before;
}

/* The same of entries that were made before: their keys are seen. */
static unsigned long take_old(struct fixture *f, size_t n, bool pressed)
{
    unsigned long before;
    struct messages m;
    const struct store_asked asked = make_messages(f, &m, n);

    begin(f);
    for (size_t i = 0; i < n; i++) {
        be_new(f, &m.entries[i]);
        m.entries[i].key = NULL;
    }
    commit(f);
    before = store_pgsql_trips(f->store);
    begin(f);
    store_prefetch_intake(f->store, &asked);
    for (size_t i = 0; i < n; i++)
        take_in(f, &m.entries[i], pressed);
    commit(f);
    return store_pgsql_trips(f->store) - before;
}

/* Once for new customers, then for their chats. */
static void round_trips(struct fixture *f, unsigned long (*take)(struct fixture *f, size_t n, bool pressed))
{
    static const size_t sizes[] = { 1, 5, MOST };
    struct store_counts counts;

    for (int pressed = 0; pressed < 2; pressed++) {
        unsigned long trips[3];

        for (size_t i = 0; i < 3; i++) {
            if (!pressed)
                renew(f);
            trips[i] = take(f, sizes[i], pressed);
            assert_int_equal(trips[i], trips[0]);
        }
        assert_in_range(trips[0], 1, 4);
        store_count(f->store, &counts);
        assert_int_equal(counts.runs[RUN_READY], pressed ? MOST + 206 : MOST);
    }
}

static void test_round_trips(struct fixture *f)
{
    round_trips(f, take_all);
}

static void test_round_trips_of_old_entries(struct fixture *f)
{
    round_trips(f, take_old);
}

static bool chat_of(struct store *store, const struct store_asked *asked, int64_t id,
                    struct chat_place *place)
{
    return store_next_seq(store, asked->entries[0].channel, asked->entries[0].user_id, id, place);
}

/* A person put an entry back that had got a run before it was set aside: it does not get that again. */
static void test_an_old_entry_with_a_run(struct fixture *f)
{
    struct messages m;
    const struct store_asked asked = make_messages(f, &m, 2);
    struct chat_place place;
    struct run_row run;
    bool added[2];

    m.entries[0].key = m.entries[1].key = NULL;
    begin(f);
    assert_true(chat_of(f->store, &asked, ++f->id, &place));
    run = a_run(f, place.chat, place.seq, 10);
    run.entry = m.entries[0].id;
    run.state = RUN_DONE;
    assert_true(store_add_run(f->store, &run, 0, NOW));
    commit(f);

    begin(f);
    store_prefetch_intake(f->store, &asked);
    for (int i = 0; i < 2; i++) {
        assert_true(chat_of(f->store, &asked, ++f->id, &place));
        run = a_run(f, place.chat, place.seq, 10);
        run.entry = m.entries[i].id;
        added[i] = store_add_run(f->store, &run, 0, NOW);
    }
    commit(f);
    assert_false(added[0]);
    assert_true(added[1]);
}

/* --- two nodes -------------------------------------------------------------------------------------------------------- */

/* A node that is asked about the first message in a thread of its own, because it waits. */
struct other {
    struct store *store;
    struct store_asked asked;
    pthread_t thread;
    enum store_status status;
    bool fresh;
};

static void *ask(void *arg)
{
    struct other *o = arg;
    struct fault fault;

    do {
        o->status = store_begin(o->store, &fault);
        if (o->status != STORE_OK)
            return NULL;
        store_prefetch_intake(o->store, &o->asked);
        store_seen(o->store, o->asked.entries[0].key, 1, 2, NOW, &o->fresh);
        o->status = store_commit(o->store, &fault);
    } while (o->status == STORE_AGAIN); /* it does not wait for long */
    return NULL;
}

static void start_other(struct fixture *f, struct other *o, struct store_asked asked)
{
    PGconn *look = PQconnectdb(f->url);

    *o = (struct other){ .store = open_as(f, STORE_SERVE), .asked = asked };
    assert_int_equal(pthread_create(&o->thread, NULL, ask, o), 0);
    for (int waits = 0; waits == 0; usleep(1000)) {
        PGresult *result = PQexec(look, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");

        waits = PQntuples(result);
        PQclear(result);
    }
    PQfinish(look);
}

static bool end_other(struct other *o)
{
    assert_int_equal(pthread_join(o->thread, NULL), 0);
    assert_int_equal(o->status, STORE_OK);
    store_close(o->store);
    return o->fresh;
}

/* The same message comes to two nodes at once: it is whose asks first, not whose prefetches first. */
static void test_the_same_message(struct fixture *f)
{
    enum { ASKS, ASKS_NOT, ROLLS_BACK, ENDS_THE_IMAGE, WAYS };

    for (int way = 0; way < WAYS; way++) {
        struct messages m;
        const struct store_asked asked = make_messages(f, &m, 3);
        struct other other;
        bool fresh[3];

        begin(f);
        store_prefetch_intake(f->store, &asked);
        if (way == ASKS || way == ROLLS_BACK)
            store_seen(f->store, m.keys[0], 3, 1, NOW, fresh);
        if (way == ENDS_THE_IMAGE)
            (void)!store_rearm_run(f->store, 1, NOW, NOW);
        start_other(f, &other, asked);
        if (way == ROLLS_BACK)
            store_rollback(f->store);
        else
            commit(f);
        assert_int_equal(end_other(&other), way != ASKS);
        begin(f); /* what the other one did not ask for it has not taken either */
        store_seen(f->store, m.keys[0], 3, 1, NOW, fresh);
        assert_false(fresh[0]);
        assert_int_equal(fresh[1], way != ASKS);
        commit(f);
    }
}

/* Messages of a customer who has no chat yet come to two nodes: the one that is slower begins anew, and then looks twice. */
static void test_the_same_new_customer(struct fixture *f)
{
    struct store *other = open_as(f, STORE_SERVE);
    struct messages m, others;
    const struct store_asked asked = make_messages(f, &m, 2), asked_other = make_messages(f, &others, 2);
    struct chat_place place;
    struct fault fault;

    begin(f);
    store_prefetch_intake(f->store, &asked);
    assert_int_equal(store_begin(other, &fault), STORE_OK);
    store_prefetch_intake(other, &asked_other);
    assert_true(chat_of(f->store, &asked, 1001, &place));
    commit(f);
    assert_true(chat_of(other, &asked_other, 1002, &place));
    assert_int_equal(store_commit(other, &fault), STORE_AGAIN);

    assert_int_equal(store_begin(other, &fault), STORE_OK);
    store_prefetch_intake(other, &asked_other);
    assert_true(chat_of(other, &asked_other, 1003, &place));
    assert_int_equal(place.chat, 1001);
    begin(f);
    assert_true(store_next_seq(f->store, T("shop"), T("u1"), 1004, &place));
    commit(f);
    assert_true(store_next_seq(other, T("shop"), T("u1"), 1005, &place));
    assert_int_equal(place.chat, 1004);
    assert_int_equal(store_commit(other, &fault), STORE_OK);
    store_close(other);
}

/* What cannot be somebody's id is refused where it is asked for, not before. */
static void test_what_is_no_text(struct fixture *f)
{
    struct messages m;
    struct store_asked asked = make_messages(f, &m, 2);
    struct chat_place place;
    bool fresh[2];

    m.entries[0].user_id = text_make("a\0b", 3);
    m.entries[1].channel = text_make("\xff", 1);
    begin(f);
    store_prefetch_intake(f->store, &asked);
    store_seen(f->store, m.keys[0], 2, 1, NOW, fresh);
    assert_true(fresh[0] && fresh[1]);
    assert_false(chat_of(f->store, &asked, 1001, &place));
    commit_gives(f, STORE_BAD_DATA);
}

/* More taps near in time than an image keeps, and data that is kept as a hash. */
static void test_many_taps(struct fixture *f)
{
    static char longest[5000];
    struct messages m;
    const struct store_asked asked = make_messages(f, &m, 1);
    const int64_t chat = put_chat(f, "shop", "u0"), said_at = m.entries[0].said_at;

    begin(f);
    for (int i = 0; i < 100; i++) {
        char data[16];

        snprintf(data, sizeof(data), "%d", i);
        assert_true(store_tap(f->store, chat, T("r"), T(data), said_at, 100, NOW));
    }
    assert_true(store_tap(f->store, chat, T("r"), text_make(longest, sizeof(longest)), said_at, 100, NOW));
    commit(f);
    begin(f);
    store_prefetch_intake(f->store, &asked);
    for (int i = 0; i < 100; i++) {
        char data[16];

        snprintf(data, sizeof(data), "%d", i);
        assert_false(store_tap(f->store, chat, T("r"), T(data), said_at + 99, 100, NOW));
    }
    assert_false(
        store_tap(f->store, chat, T("r"), text_make(longest, sizeof(longest)), said_at + 99, 100, NOW));
    assert_true(store_tap(f->store, chat, T("r"), T("0"), said_at + 100, 100, NOW));
    commit(f);
}

/* --- rows that go out together ---------------------------------------------------------------------------------------- */

#define LARGE (3u << 20) /* more than goes out at once */

static size_t size_of(int i)
{
    return i == 5 ? LARGE : i % 3 ? (size_t)i * 9000 : 0;
}

/* With NULLs, without, and of all sizes; what is changed later in the transaction is there by then. */
static void test_rows_together(struct fixture *f)
{
    static char body[LARGE];
    int64_t ids[40];
    struct entry_row *entries;
    struct run_row *runs;
    struct send_row *sends;

    memset(body, '\xff', sizeof(body));
    begin(f);
    for (int i = 0; i < 40; i++) {
        struct notification_row row = a_notification(f, NOTIFICATION_NEW);
        struct entry_row entry = an_entry(f, row.id, ENTRY_FETCH);
        struct run_row run = a_run(f, 1, i, 10);
        struct send_row send = a_send(run.id, 0, 0);

        ids[i] = row.id;
        row.body = text_make(body, size_of(i));
        row.reason = i % 2 ? T("why") : TEXT_NONE;
        entry.doc = i % 2 ? T("{}") : TEXT_NONE;
        run.entry = entry.id;
        send.reply_id = i % 2 ? TEXT_NONE : T("reply");
        store_add_notifications(f->store, &row, 1);
        store_add_entries(f->store, &entry, 1);
        assert_true(store_add_run(f->store, &run, 0, NOW));
        store_add_sends(f->store, &send, 1);
        if (i % 5 == 0)
            store_end_notification(f->store, row.id, NOTIFICATION_DONE, T("done"));
        if (i % 5 == 1)
            store_start_send(f->store, run.id, 0, 0, 1, 7, NOW);
    }
    commit(f);
    for (int i = 0; i < 40; i++) {
        struct notification_row row;

        assert_true(store_get_notification(f->store, ids[i], f->arena, &row));
        assert_int_equal(row.body.n, size_of(i));
        assert_memory_equal(row.body.p, body, row.body.n);
        assert_text(row.reason, i % 5 == 0 ? "done" : i % 2 ? "why" : NULL);
        assert_int_equal(store_notification_entries(f->store, ids[i], f->arena, &entries), 1);
        assert_text(entries[0].doc, i % 2 ? "{}" : NULL);
        assert_int_equal(store_entry_runs(f->store, entries[0].id, f->arena, &runs), 1);
        assert_int_equal(store_run_sends(f->store, runs[0].id, f->arena, &sends), 1);
        assert_text(sends[0].reply_id, i % 2 ? NULL : "reply");
        assert_int_equal(sends[0].state, i % 5 == 1 ? SEND_SENDING : SEND_READY);
    }
}

/* One that cannot be stored takes the others with it; then it is told which it is. What was rolled back comes with nothing else. */
static void test_refused_together(struct fixture *f)
{
    struct notification_row rows[3], row;

    for (int i = 0; i < 3; i++)
        rows[i] = a_notification(f, NOTIFICATION_NEW);
    begin(f);
    store_add_notifications(f->store, rows, 3);
    store_rollback(f->store);
    rows[2].id = rows[0].id;
    begin(f);
    store_add_notifications(f->store, rows, 3);
    assert_false(store_failed(f->store));
    commit_gives(f, STORE_BAD_DATA);
    assert_false(store_get_notification(f->store, rows[1].id, f->arena, &row));
    begin(f);
    store_add_notifications(f->store, rows, 2);
    assert_false(store_failed(f->store));
    store_add_notifications(f->store, &rows[2], 1);
    assert_true(store_failed(f->store));
    store_rollback(f->store);
}

const struct store_test pgsql_intake_tests[] = {
    { "round trips of what comes in do not grow", test_round_trips },
    { "round trips of old entries do not grow", test_round_trips_of_old_entries },
    { "an old entry with a run", test_an_old_entry_with_a_run },
    { "the same message", test_the_same_message },
    { "the same new customer", test_the_same_new_customer },
    { "what is no text", test_what_is_no_text },
    { "many taps", test_many_taps },
    { "rows that go out together", test_rows_together },
    { "rows that are refused together", test_refused_together },
    { NULL, NULL },
};

#endif
