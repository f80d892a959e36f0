/* Every backend must answer the same as the memory store to any sequence of calls; and that one fails where it is told to. */

#include "store/store_mem.h"
#include "store/store_sqlite.h"
#include "test_store.h"

#include "base/buf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- one side: a store, and what it said ---------------------------------------------------------------------------- */

struct side {
    struct store *store;
    struct arena *arena;
    struct buf said;
};

static void say_text(struct side *s, struct text text)
{
    buf_printf(&s->said, text.p ? "'%.*s' " : "- ", TEXT_ARG(text));
}

static void say_int(struct side *s, int64_t number)
{
    buf_printf(&s->said, "%" PRId64 " ", number);
}

static void say_entries(struct side *s, const struct entry_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int64_t numbers[] = { rows[i].id,    rows[i].notification, rows[i].n,       rows[i].state,
                                    rows[i].tries, rows[i].due_at,       rows[i].said_at, rows[i].stored_at };

        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
            say_int(s, numbers[k]);
        say_text(s, rows[i].reason);
        say_text(s, rows[i].source);
        say_text(s, rows[i].doc);
    }
}

static void say_chats(struct side *s, const struct chat_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int64_t numbers[] = { rows[i].id, rows[i].next_seq, rows[i].due_at, rows[i].owner,
                                    rows[i].not_before };

        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
            say_int(s, numbers[k]);
        say_text(s, rows[i].channel);
        say_text(s, rows[i].user_id);
        say_text(s, rows[i].held);
    }
}

static void say_runs(struct side *s, const struct run_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int64_t numbers[] = { rows[i].id,        rows[i].entry,      rows[i].chat,    rows[i].seq,
                                    rows[i].state,     rows[i].step,       rows[i].begun,   rows[i].said_at,
                                    rows[i].stored_at, rows[i].expires_at, rows[i].ended_at };

        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
            say_int(s, numbers[k]);
        say_text(s, rows[i].rule);
        say_text(s, rows[i].reason);
        say_text(s, rows[i].doc);
    }
}

static void say_sends(struct side *s, const struct send_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int64_t numbers[] = { rows[i].run,   rows[i].step,    rows[i].n,      rows[i].kind,
                                    rows[i].state, rows[i].attempt, rows[i].due_at, rows[i].sent_at };

        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
            say_int(s, numbers[k]);
        say_text(s, rows[i].reply_id);
        say_text(s, rows[i].status_url);
        say_text(s, rows[i].reason);
    }
}

static void say_items(struct side *s, const struct store_item *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        say_int(s, rows[i].id);
        say_text(s, T(rows[i].state));
        say_text(s, rows[i].reason);
        say_text(s, rows[i].source);
        say_text(s, rows[i].channel);
        say_text(s, rows[i].user_id);
        say_text(s, rows[i].rule);
        say_int(s, rows[i].expires_at);
    }
}

/* --- the steps: each makes the same calls on either side ------------------------------------------------------------ */

struct world {
    uint64_t seed;
    int64_t id, now;
    int64_t begun; /* the transaction */
    int64_t r[6];  /* this step's random numbers, the same for either side */
};

static int64_t draw(struct world *w)
{
    w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(w->seed >> 34);
}

/* An id near the newest ones: often there, sometimes not. */
static int64_t some_id(const struct world *w, int64_t r)
{
    return w->id - r % 120;
}

static struct text pick(const char *const *of, size_t n, int64_t r)
{
    return T(of[(size_t)r % n]);
}

static const char *const channels[] = { "shop", "other" }, *const users[] = { "1", "2", "3" };
static const char *const rules[] = { "a", "b" }, *const sources[] = { "desk", "hub" },
                         *const words[] = { "x", "yy" };

#define PICK(table, r) pick(table, sizeof(table) / sizeof((table)[0]), r)

static void step_notification(struct side *s, const struct world *w)
{
    struct notification_row *rows, row = { .id = w->id,
                                           .source = PICK(sources, w->r[0]),
                                           .state = (enum notification_state)(w->r[1] % 3),
                                           .stored_at = w->now,
                                           .body = PICK(words, w->r[2]) };
    size_t n;

    store_add_notifications(s->store, &row, 1);
    store_try_notification(s->store, some_id(w, w->r[3]));
    store_end_notification(s->store, some_id(w, w->r[3]), NOTIFICATION_DONE, PICK(words, w->r[2]));
    n = store_new_notifications(s->store, some_id(w, w->r[4]), 3, s->arena, &rows);
    for (size_t i = 0; i < n; i++)
        say_int(s, rows[i].id);
}

static void step_entry(struct side *s, const struct world *w)
{
    struct entry_row *rows, row = { .id = w->id,
                                    .notification = some_id(w, w->r[0]),
                                    .n = (int)(w->r[1] % 50),
                                    .state = (enum entry_state)(w->r[2] % 5),
                                    .due_at = w->now + w->r[3] % 50,
                                    .said_at = w->now,
                                    .stored_at = w->now,
                                    .source = PICK(sources, w->r[4]),
                                    .conversation = w->r[0] % 3 ? PICK(users, w->r[2]) : T(""),
                                    .doc = w->r[5] % 2 ? PICK(words, w->r[5]) : TEXT_NONE };
    size_t n;

    store_add_entries(s->store, &row, 1);
    n = store_claim_entries(s->store, row.source, w->now, 1, 2, s->arena, &rows);
    say_entries(s, rows, n);
    row.id = some_id(w, w->r[1]);
    store_update_entry(s->store, &row);
    n = store_old_entries(s->store, w->now - w->r[2] % 100, 3, s->arena, &rows);
    say_entries(s, rows, n);
}

/* Of step_match: of an entry that had no run yet, or of one that may have some. */
static int64_t entry_of(const struct world *w)
{
    return w->r[3] % 3 ? w->id + 1000000 : some_id(w, w->r[0]);
}

static void fill_keys(const struct world *w, unsigned char keys[2][STORE_KEY_BYTES])
{
    memset(keys[0], (int)(w->r[2] % 100), STORE_KEY_BYTES);
    memset(keys[1], (int)(w->r[3] % 100), STORE_KEY_BYTES);
}

static void step_match(struct side *s, const struct world *w)
{
    struct run_row run = { .id = w->id,
                           .entry = entry_of(w),
                           .rule = PICK(rules, w->r[1]),
                           .said_at = w->now - w->r[2] % 60,
                           .stored_at = w->now,
                           .expires_at = w->r[3] % 4 ? w->now + w->r[3] % 900 : 0,
                           .state = w->r[5] % 9 == 0 ? RUN_HELD : RUN_READY };
    const int64_t owner = w->r[4] % 3 == 0;
    struct chat_place place;
    unsigned char keys[2][STORE_KEY_BYTES];
    bool fresh[2];

    fill_keys(w, keys);
    store_seen(s->store, keys[0], 2, 1, w->begun, fresh);
    buf_printf(&s->said, "seen %d%d ", fresh[0], fresh[1]);
    if (!store_next_seq(s->store, PICK(channels, w->r[4]), PICK(users, w->r[5]), w->id, &place))
        return;
    run.chat = place.chat;
    run.seq = place.seq;
    run.begun = place.idle && owner;
    say_int(s, run.seq);
    say_int(s, place.idle);
    say_int(s, place.not_before);
    say_int(s, store_tap(s->store, run.chat, run.rule, PICK(words, w->r[0]), run.said_at, 20, w->now));
    say_int(s, store_add_run(s->store, &run, place.idle ? owner : 0, w->now));
}

static void work_head(struct side *s, const struct world *w, const struct run_row *run)
{
    struct send_row send = { .run = run->id, .step = run->step, .channel = T("shop") }, *rows;
    struct issued_button buttons[2] = { { .data = PICK(words, w->r[1]) },
                                        { .token = PICK(words, w->r[4]), .data = T("z") } };

    store_begin_run(s->store, run->id);
    if (store_step_sends(s->store, run->id, run->step, s->arena, &rows) == 0)
        store_add_sends(s->store, &send, 1);
    store_start_send(s->store, run->id, run->step, 0, 1 + (int)(w->r[2] % 2), 1, w->now);
    store_issue(s->store, run->chat, run->id, run->step, 0, buttons, 2, w->now, w->now + w->r[3] % 500);
}

static void step_claim(struct side *s, const struct world *w)
{
    struct chat_row *rows;
    struct run_row run;
    size_t n = store_claim_chats(s->store, PICK(channels, w->r[0]), w->now, 1,
                                 (enum store_order)(w->r[5] % 2), 1 + (size_t)w->r[1] % 2, s->arena, &rows);

    say_chats(s, rows, n);
    for (size_t i = 0; i < n; i++)
        if (store_head_run(s->store, rows[i].id, s->arena, &run)) {
            say_runs(s, &run, 1);
            store_keep_chat(s->store, rows[i].id, w->now + w->r[4] % 30);
            work_head(s, w, &run);
        } else {
            store_release_chat(s->store, rows[i].id, 0, 0);
        }
}

static void step_settle(struct side *s, const struct world *w)
{
    struct send_row *rows, row = { 0 };
    struct run_row run;
    size_t n = store_next_sending(s->store, 0, 5, s->arena, &rows);

    say_sends(s, rows, n);
    if (n)
        row = rows[(size_t)w->r[0] % n];
    row.attempt = 1 + (int)(w->r[1] % 2);
    row.state = (enum send_state)(w->r[2] % SEND_STATES);
    row.reason = PICK(words, w->r[3]);
    say_int(s, store_settle_send(s->store, &row));
    say_int(s, store_amend_send(s->store, &row));
    if (!store_get_run(s->store, row.run, s->arena, &run))
        return;
    store_step_run(s->store, run.id, run.step + (int)(w->r[4] % 2), PICK(words, w->r[4]));
    if (w->r[3] % 5 == 0)
        store_drop_sends(s->store, run.id, T("another way"));
    if (w->r[5] % 3)
        say_int(s, store_set_run(s->store, run.id, (enum run_state)(w->r[5] % RUN_STATES),
                                 PICK(words, w->r[3]), w->now));
    store_release_chat(s->store, run.chat, w->r[1] % 3 ? 0 : w->now + 10, w->now + w->r[3] % 20);
}

static void step_operate(struct side *s, const struct world *w)
{
    int64_t id = some_id(w, w->r[0]);
    struct text held = w->r[1] % 2 ? T("held") : TEXT_NONE;
    struct run_row *rows;
    struct chat_row chat;
    size_t n;

    if (store_find_chat(s->store, PICK(channels, w->r[2]), PICK(users, w->r[3]), s->arena, &chat)) {
        store_hold_chat(s->store, chat.id, held, w->now);
    }
    say_int(s, store_rearm_run(s->store, id, w->now, w->now + 500));
    say_int(s, store_rearm_notification(s->store, id));
    say_int(s, store_rearm_entry(s->store, id, w->now));
    say_int(s, w->r[5] % 2 ? store_drop_notification(s->store, id + 1, T("gone"))
                           : store_drop_entry(s->store, id + 1, T("gone")));
    n = store_expired_runs(s->store, w->now, 3, s->arena, &rows);
    say_runs(s, rows, n);
}

static void press(struct side *s, const struct world *w, int64_t chat)
{
    struct issued_row row;

    if (!store_find_issued(s->store, chat, PICK(words, w->r[2]), w->now, s->arena, &row))
        return;
    say_int(s, row.run);
    say_int(s, row.step);
    say_int(s, row.at);
    say_int(s, row.until);
    say_int(s, row.spent_by);
    say_text(s, row.data);
    if (w->r[3] % 2)
        say_int(s, store_spend(s->store, &row, 1 + w->r[3] % 5));
    else
        store_unspend(s->store, chat, 1 + w->r[3] % 5);
}

static void step_chat(struct side *s, const struct world *w)
{
    struct variable_row *rows, row = { .name = PICK(rules, w->r[2]),
                                       .value = w->r[4] % 3 ? PICK(words, w->r[3]) : TEXT_NONE,
                                       .until = w->now + w->r[4] % 100,
                                       .session = w->r[5] % 2 };
    struct chat_row chat;
    size_t n;

    if (!store_find_chat(s->store, PICK(channels, w->r[0]), PICK(users, w->r[1]), s->arena, &chat))
        return;
    press(s, w, chat.id);
    if (w->r[2] % 5 == 0)
        store_hold_chat(s->store, chat.id, w->r[4] % 2 ? T("held") : TEXT_NONE, w->now);
    if (w->r[3] % 5)
        store_set_variable(s->store, chat.id, &row);
    else
        store_drop_variable(s->store, chat.id, row.name);
    store_touch_session(s->store, chat.id, w->now + w->r[2] % 20 - 10, w->now + w->r[5] % 90);
    n = store_variables(s->store, chat.id, w->now, s->arena, &rows);
    for (size_t i = 0; i < n; i++) {
        say_text(s, rows[i].name);
        say_text(s, rows[i].value);
        say_int(s, rows[i].until);
        say_int(s, rows[i].session);
    }
}

static void forget(struct side *s, const struct world *w)
{
    const struct text channel = w->r[0] % 2 ? PICK(channels, w->r[1]) : TEXT_NONE;
    struct store_forgotten counts;

    if (w->r[3] % 2)
        store_forget_find(s->store, channel, PICK(users, w->r[2]));
    say_int(s, store_forget_chat(s->store, channel, PICK(users, w->r[2]), &counts));
    for (size_t i = 0; i < sizeof(counts) / sizeof(int64_t); i++)
        say_int(s, ((const int64_t *)&counts)[i]);
}

static void step_prune(struct side *s, const struct world *w)
{
    const struct store_source_keep own = { PICK(sources, w->r[3]), w->now - w->r[1] % 300 };
    const struct store_keep keep = { w->now - w->r[0] % 300, &own, w->r[5] % 2 };
    int64_t runs[RUN_STATES] = { 0 };
    struct chat_row *chats;
    size_t n;

    n = store_owned_chats(s->store, 1, 3, s->arena, &chats);
    say_chats(s, chats, n);
    if (w->r[4] % 10 == 0)
        store_disown(s->store, 0, w->now);
    if (w->r[5] % 25 == 0)
        forget(s, w);
    say_int(s, (int64_t)store_prune(s->store, &keep, 1 + (size_t)w->r[2] % 5, runs));
    /* a whole round: how far a step comes is each backend's own */
    say_int(s, store_sweep(s->store, w->now - w->r[0] % 300, w->now - w->r[1] % 300, 1000000));
    for (int i = 0; i < RUN_STATES; i++)
        say_int(s, runs[i]);
}

static void step_numbers(struct side *s, const struct world *w)
{
    struct text channel = PICK(channels, w->r[0]);
    struct store_filter filter = { .all = w->r[1] % 2, .after = some_id(w, w->r[2]) };
    struct store_counts counts;
    struct store_item *items;
    int64_t id, at;
    size_t n;

    store_count(s->store, &counts);
    for (size_t i = 0; i < sizeof(counts) / sizeof(int64_t); i++)
        say_int(s, ((const int64_t *)&counts)[i]);
    store_newest(s->store, &id, &at);
    say_int(s, id);
    say_int(s, store_next_due(s->store, &channel, 1, NULL));
    n = store_list(s->store, &filter, 1 + (size_t)w->r[4] % 20, s->arena, &items);
    say_items(s, items, n);
}

static void (*const steps[])(struct side *s, const struct world *w) = {
    step_notification, step_entry,   step_match, step_match, step_claim, step_settle,
    step_settle,       step_operate, step_chat,  step_chat,  step_prune, step_numbers
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* Everything that can be asked about the last ids. */
static void say_all(struct side *s, const struct world *w)
{
    struct entry_row *entries;
    struct run_row *runs, run;
    struct send_row *sends;
    struct chat_row chat;
    int64_t unknown, open;
    size_t n;

    for (int64_t id = w->id - 300; id <= w->id; id++) {
        n = store_notification_entries(s->store, id, s->arena, &entries);
        say_entries(s, entries, n);
        n = store_entry_runs(s->store, id, s->arena, &runs);
        say_runs(s, runs, n);
        n = store_run_sends(s->store, id, s->arena, &sends);
        say_sends(s, sends, n);
        store_unsettled(s->store, id, &unknown, &open);
        say_int(s, unknown);
        say_int(s, open);
        if (store_get_chat(s->store, id, s->arena, &chat))
            say_chats(s, &chat, 1);
        if (store_head_run(s->store, id, s->arena, &run))
            say_runs(s, &run, 1);
    }
    step_numbers(s, w);
}

/* --- both sides ------------------------------------------------------------------------------------------------------ */

static void finish(struct side *s, bool keep)
{
    struct fault fault;

    buf_printf(&s->said, "failed %d ", store_failed(s->store));
    if (keep)
        say_int(s, store_commit(s->store, &fault));
    else
        store_rollback(s->store);
}

/* The chats of the world. */
static size_t find_chats(struct side *s, int64_t *chats)
{
    struct chat_row chat;
    size_t n = 0;

    for (size_t i = 0; i < 6; i++)
        if (store_find_chat(s->store, T(channels[i / 3]), T(users[i % 3]), s->arena, &chat))
            chats[n++] = chat.id;
    return n;
}

/* Changes no answer. */
static void prefetch(struct side *s, const int64_t *ids, bool known)
{
    int64_t chats[6];
    size_t n = known ? find_chats(s, chats) : 3;

    store_prefetch_chats(s->store, known ? chats : ids, n);
}

/* Changes no answer, whether the next step asks for it or not. */
static void prefetch_intake(struct side *s, const struct world *w)
{
    unsigned char keys[2][STORE_KEY_BYTES];
    const struct store_asked_delivery delivery = { keys[0], 1 };
    const struct store_asked_entry entries[] = {
        { .id = w->id + 1000000,
          .notification = 1,
          .key = keys[1],
          .said_at = w->now - w->r[2] % 60,
          .channel = PICK(channels, w->r[4]),
          .user_id = PICK(users, w->r[5]) },
        { .id = w->id + 2000000,
          .notification = 1,
          .key = keys[1],
          .said_at = w->now,
          .channel = PICK(channels, w->r[0]),
          .user_id = w->r[4] % 5 ? PICK(users, w->r[1]) : TEXT_NONE,
          .token = w->r[5] % 5 ? PICK(words, w->r[2]) : TEXT_NONE },
    };
    const struct store_asked asked = { .deliveries = &delivery,
                                       .n_deliveries = (size_t)w->r[5] % 2,
                                       .entries = entries,
                                       .n_entries = (size_t)w->r[2] % 3,
                                       .now = w->begun,
                                       .window_ms = w->r[4] % 30 };

    fill_keys(w, keys);
    store_prefetch_intake(s->store, &asked);
}

/* What the transaction sees of what it did itself. */
static void look(struct side *s)
{
    int64_t chats[6], unknown, open;
    size_t n = find_chats(s, chats), n_sends;
    struct send_row *sends;
    struct chat_row chat;
    struct run_row run, again;

    for (size_t i = 0; i < n; i++) {
        if (store_get_chat(s->store, chats[i], s->arena, &chat))
            say_chats(s, &chat, 1);
        if (!store_head_run(s->store, chats[i], s->arena, &run))
            continue;
        say_runs(s, &run, 1);
        if (store_get_run(s->store, run.id, s->arena, &again))
            say_runs(s, &again, 1);
        n_sends = store_step_sends(s->store, run.id, run.step, s->arena, &sends);
        say_sends(s, sends, n_sends);
        n_sends = store_run_sends(s->store, run.id, s->arena, &sends);
        say_sends(s, sends, n_sends);
        store_unsettled(s->store, run.id, &unknown, &open);
        say_int(s, unknown);
        say_int(s, open);
    }
}

static void transaction(struct world *w, struct side sides[2])
{
    int64_t n = 1 + draw(w) % 6, keep = draw(w) % 8;
    struct fault fault;

    w->begun = w->now;
    for (int i = 0; i < 2; i++)
        assert_int_equal(store_begin(sides[i].store, &fault), STORE_OK);
    for (int64_t k = 0; k < n; k++) {
        const int64_t chats[3] = { some_id(w, draw(w)), some_id(w, draw(w)), some_id(w, draw(w)) };
        size_t step = (size_t)draw(w) % STEPS;

        w->id++;
        w->now += draw(w) % 10;
        for (int i = 0; i < 6; i++)
            w->r[i] = draw(w);
        for (int i = 0; i < 2; i++) {
            prefetch(&sides[i], chats, w->r[0] % 2);
            if (w->r[1] % 3)
                prefetch_intake(&sides[i], w);
            steps[step](&sides[i], w);
            look(&sides[i]);
        }
    }
    for (int i = 0; i < 2; i++)
        finish(&sides[i], keep > 0);
}

static void compare(struct side sides[2], uint64_t seed, int round)
{
    const char *a = buf_get(&sides[0].said).p, *b = buf_get(&sides[1].said).p;
    size_t at = 0;

    while (a[at] && a[at] == b[at])
        at++;
    if (a[at] || b[at]) {
        at = at > 60 ? at - 60 : 0;
        fail_msg("seed %" PRIu64 ", round %d:\n%.160s\n%.160s", seed, round, a + at, b + at);
    }
    assert_false(sides[0].said.failed);
    for (int i = 0; i < 2; i++) {
        buf_cut(&sides[i].said, 0);
        arena_reset(sides[i].arena);
    }
}

static void play(struct fixture *f, uint64_t seed)
{
    struct world w = { .seed = seed * 7919, .id = 1000, .now = 10000 };
    struct side sides[2] = { { .arena = arena_new(64 << 20), .said = BUF(8 << 20) },
                             { .arena = arena_new(64 << 20), .said = BUF(8 << 20) } };
    struct fault fault;
    enum store_status status;

    renew(f);
    sides[0].store = store_open("memory:", STORE_SERVE, &status, &fault);
    sides[1].store = f->store;
    if (f->backend == SQLITE) /* only the answers count */
        assert_true(store_sqlite_exec(f->store, "PRAGMA synchronous = OFF", &fault));
    for (int round = 0; round < 600; round++) {
        transaction(&w, sides);
        if (round % 20 == 19)
            for (int i = 0; i < 2; i++)
                say_all(&sides[i], &w);
        compare(sides, seed, round);
    }
    store_close(sides[0].store);
    for (int i = 0; i < 2; i++) {
        arena_free(sides[i].arena);
        buf_free(&sides[i].said);
    }
}

/* RANDOM_SEEDS: so many, by hand. */
static void test_same_answers(struct fixture *f)
{
    const char *wanted = getenv("RANDOM_SEEDS");
    uint64_t seeds = wanted ? strtoull(wanted, NULL, 10) : f->backend == SQLITE ? 6 : 3;

    for (uint64_t seed = 1; seed <= seeds; seed++)
        play(f, seed);
}

const struct store_test same_tests[] = {
    { "the same answers as memory", test_same_answers },
    { NULL, NULL },
};

/* --- failures on demand ---------------------------------------------------------------------------------------------- */

static void test_fail(struct fixture *f)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW), *rows;
    struct fault fault;

    store_mem_fail(f->store, 0, STORE_TEMPFAIL);
    begin(f);
    store_add_notifications(f->store, &row, 1);
    assert_false(store_failed(f->store));
    commit_gives(f, STORE_TEMPFAIL);
    assert_int_equal(store_new_notifications(f->store, 0, 9, f->arena, &rows), 0);
    store_mem_fail(f->store, 1, STORE_TEMPFAIL);
    assert_int_equal(store_begin(f->store, &fault), STORE_TEMPFAIL);
    commit_gives(f, STORE_TEMPFAIL);
    store_mem_fail(f->store, 3, STORE_BAD_DATA);
    begin(f);
    store_add_notifications(f->store, &row, 1);
    store_try_notification(f->store, row.id);
    assert_true(store_failed(f->store));
    commit_gives(f, STORE_BAD_DATA);
    begin(f);
    store_add_notifications(f->store, &row, 1);
    commit(f);
}

static void test_many_rows(struct fixture *f)
{
    struct notification_row row;
    struct store_counts counts;

    begin(f);
    for (int i = 0; i < 100000; i++) {
        row = a_notification(f, NOTIFICATION_NEW);
        store_add_notifications(f->store, &row, 1);
        store_end_notification(f->store, row.id - i / 2, NOTIFICATION_DONE, TEXT_NONE);
    }
    store_rollback(f->store);
    store_count(f->store, &counts);
    assert_int_equal(counts.notifications_new, 0);
}

const struct store_test memory_tests[] = {
    { "failures on demand", test_fail },
    { "many rows, undone", test_many_rows },
    { NULL, NULL },
};
