#include "store/store_db.h"

#include <string.h>

/* Expiring, operating, pruning, numbers and lists: T7. */

size_t db_expired_runs(struct store *store, int64_t now, size_t limit, struct arena *arena,
                       struct run_row **rows)
{
    size_t n;

    *rows =
        db_rows(db_of(store), SQL_EXPIRED_RUNS, DB_VALUES(db_int(now), db_limit(limit)), &db_run, arena, &n);
    return n;
}

bool db_rearm_run(struct store *store, int64_t run, int64_t now, int64_t expires_at)
{
    struct db *db = db_of(store);
    struct db_pair seq;

    if (!db_one(db, SQL_REARM_SEQ, DB_VALUES(db_int(run)), &db_one_number, NULL, &seq))
        return false;
    db_write(db, SQL_REARM_RUN, DB_VALUES(db_int(run), db_int(seq.first), db_int(now), db_int(expires_at)));
    db_write(db, SQL_REARM_SENDS, DB_VALUES(db_int(run)));
    db_write(db, SQL_RUN_CHAT_DUE, DB_VALUES(db_int(run), db_int(now)));
    return !store_failed(store);
}

bool db_rearm_notification(struct store *store, int64_t id)
{
    return db_do(db_of(store), SQL_REARM_NOTIFICATION, DB_VALUES(db_int(id))) > 0;
}

bool db_rearm_entry(struct store *store, int64_t id, int64_t now)
{
    return db_do(db_of(store), SQL_REARM_ENTRY, DB_VALUES(db_int(id), db_int(now))) > 0;
}

bool db_drop_notification(struct store *store, int64_t id, struct text reason)
{
    return db_do(db_of(store), SQL_DROP_NOTIFICATION, DB_VALUES(db_int(id), db_text0(reason))) > 0;
}

bool db_drop_entry(struct store *store, int64_t id, struct text reason)
{
    return db_do(db_of(store), SQL_DROP_ENTRY, DB_VALUES(db_int(id), db_text0(reason))) > 0;
}

/* A step of pruning: what ended before `before`, of one source (source.p == NULL: of all), a page of it. */
struct pruning {
    struct db *db;
    struct text source;
    int64_t before;
    size_t limit;
    int64_t *runs;
};

static struct arena *pruning_arena(struct db *db)
{
    struct arena *arena = arena_new(SIZE_MAX);

    if (!arena)
        store_fail(&db->store, STORE_TEMPFAIL, "no memory for pruning");
    return arena;
}

/* A statement that is not about a source has no third place. */
static struct db_values values_of(const struct pruning *p, struct db_value values[3])
{
    values[0] = db_int(p->before);
    values[1] = db_limit(p->limit);
    values[2] = db_text0(p->source);
    return (struct db_values){ values, p->source.p ? 3 : 2 };
}

/* The buttons of a send that did not go well leave with it: they are told to be no good by their send only. Nobody waits for any of
   these to go. */
static size_t prune_sends(const struct pruning *p, enum sql sql, struct arena *arena)
{
    struct db_value values[3];
    struct db_old_send *sends;
    size_t n, gone = 0;

    sends = db_rows(p->db, sql, values_of(p, values), &db_old_sends, arena, &n);
    for (size_t i = 0; i < n && !store_failed(&p->db->store); i++) {
        const struct db_old_send *s = &sends[i];

        if (s->buttons)
            db_write(p->db, SQL_DELETE_ISSUED,
                     DB_VALUES(db_int(s->chat), db_int(s->run), db_int(s->step), db_int(s->n)));
        db_write(p->db, SQL_DELETE_SEND, DB_VALUES(db_int(s->run), db_int(s->step), db_int(s->n)));
        gone += 1 + (size_t)s->buttons;
    }
    return gone;
}

static size_t prune_runs(const struct pruning *p, enum sql sql, struct arena *arena)
{
    struct db_value values[3];
    struct db_pair *states;
    size_t n;

    states = db_rows(p->db, sql, values_of(p, values), &db_one_number, arena, &n);
    for (size_t i = 0; i < n; i++)
        if (states[i].first >= 0 && states[i].first < RUN_STATES)
            p->runs[states[i].first]++;
    return n;
}

/* Children before parents, so that a step that stops at the limit leaves nothing without its parent. */
static size_t prune_lives(const struct pruning *p)
{
    struct arena *arena = pruning_arena(p->db);
    size_t gone = 0;

    if (!arena)
        return 0;
    gone += prune_sends(p, p->source.p ? SQL_SOURCE_SENDS : SQL_OLD_SENDS, arena);
    gone += prune_runs(p, p->source.p ? SQL_SOURCE_RUNS : SQL_PRUNE_RUNS, arena);
    arena_free(arena);
    return gone;
}

static size_t prune_source(const struct pruning *p, int64_t longest)
{
    size_t gone = p->before > longest ? prune_lives(p) : 0; /* else they went already */
    struct db_value values[3];

    gone += (size_t)db_do(p->db, SQL_PRUNE_ENTRIES, values_of(p, values));
    return gone + (size_t)db_do(p->db, SQL_PRUNE_NOTIFICATIONS, values_of(p, values));
}

size_t db_prune(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs)
{
    struct pruning p = { db_of(store), TEXT_NONE, store_keep_longest(keep), limit, runs };
    const int64_t longest = p.before;
    struct arena *arena = pruning_arena(p.db);
    struct text source = text_of("");
    size_t gone = 0;

    if (!arena)
        return 0;
    gone += prune_lives(&p);
    while (db_one(p.db, SQL_NEXT_SOURCE, DB_VALUES(db_text(source)), &db_text_only, arena, &source)) {
        p.source = source;
        p.before = store_keep_from(keep, source);
        gone += prune_source(&p, longest);
    }
    arena_free(arena);
    return gone + (size_t)db_do(p.db, SQL_PRUNE_VARIABLES, DB_VALUES(db_int(keep->before), db_limit(limit)));
}

/* --- sweeping: a table by its key, and where it stopped is known to this process only ---------------------------- */

/* Up to the last chat: then also what a chat has left that is not there itself. */
static void sweep_chats(struct db *db, int64_t before, size_t limit)
{
    const int64_t from = db->sweep.chat;
    struct db_pair page = { 0 };

    if (!db_one(db, SQL_SWEEP_CHATS, DB_VALUES(db_int(from), db_limit(limit)), &db_two, NULL, &page))
        return;
    db->sweep.chats_done = page.second < (int64_t)limit;
    db->sweep.chat = db->sweep.chats_done ? INT64_MAX : page.first;
    db_write(db, SQL_SWEEP_TAPS, DB_VALUES(db_int(from), db_int(db->sweep.chat), db_int(before)));
    db_write(db, SQL_SWEEP_BUTTONS, DB_VALUES(db_int(from), db_int(db->sweep.chat), db_int(before)));
}

static void sweep_keys(struct db *db, int64_t before, size_t limit)
{
    struct db_sweep *sweep = &db->sweep;
    struct arena *arena = arena_new(SIZE_MAX);
    struct text last = TEXT_NONE, from = text_make((const char *)sweep->key, sweep->key_bytes);

    if (!arena) {
        store_fail(&db->store, STORE_TEMPFAIL, "no memory for sweeping");
        return;
    }
    sweep->keys_done =
        !db_one(db, SQL_SWEEP_KEYS, DB_VALUES(db_blob(from), db_limit(limit)), &db_text_only, arena, &last);
    db_write(db, SQL_SWEEP_SEEN, DB_VALUES(db_blob(from), db_blob0(last), db_int(before)));
    if (last.n <= sizeof(sweep->key)) {
        memcpy(sweep->key, last.p ? last.p : "", last.n);
        sweep->key_bytes = last.n;
    }
    arena_free(arena);
}

bool db_sweep(struct store *store, int64_t before, int64_t seen_before, size_t limit)
{
    struct db *db = db_of(store);

    if (!db->sweep.chats_done)
        sweep_chats(db, before, limit);
    if (!db->sweep.keys_done)
        sweep_keys(db, seen_before, limit);
    if (!db->sweep.chats_done || !db->sweep.keys_done)
        return false;
    db->sweep = (struct db_sweep){ 0 };
    return true;
}

/* --- rulesets, channels, numbers --------------------------------------------------------------------------------- */

void db_put_ruleset(struct store *store, struct text hash, struct text source, int64_t now)
{
    struct db *db = db_of(store);

    db_write(db, SQL_SEE_RULESET, DB_VALUES(db_int(now)));
    db_write(db, SQL_PUT_RULESET, DB_VALUES(db_blob(hash), db_blob(source), db_int(now)));
}

size_t db_prune_rulesets(struct store *store, struct text keep, int64_t before)
{
    return (size_t)db_do(db_of(store), SQL_PRUNE_RULESETS, DB_VALUES(db_blob(keep), db_int(before)));
}

bool db_get_ruleset(struct store *store, struct text hash, struct arena *arena, struct text *source)
{
    return db_one(db_of(store), SQL_GET_RULESET, DB_VALUES(db_blob(hash)), &db_text_only, arena, source);
}

void db_put_channel(struct store *store, const struct channel_row *row)
{
    db_write(db_of(store), SQL_PUT_CHANNEL,
             DB_VALUES(db_text(row->name), db_int(row->not_before), db_text0(row->paused)));
}

void db_penalize_channel(struct store *store, struct text name, int64_t not_before)
{
    db_write(db_of(store), SQL_PENALIZE_CHANNEL, DB_VALUES(db_text(name), db_int(not_before)));
}

void db_pause_channel(struct store *store, struct text name, struct text reason)
{
    db_write(db_of(store), SQL_PAUSE_CHANNEL, DB_VALUES(db_text(name), db_text0(reason)));
}

size_t db_channels(struct store *store, struct arena *arena, struct channel_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_CHANNELS, DB_NOTHING, &db_channel, arena, &n);
    return n;
}

/* The rows (state, number) of a counting statement, into an array by state. */
static void count_states(struct db *db, enum sql sql, int64_t *counts, size_t states)
{
    struct arena *arena = arena_new(65536);
    struct db_pair *pairs = NULL;
    size_t n = 0;

    if (arena)
        pairs = db_rows(db, sql, DB_NOTHING, &db_two, arena, &n);
    else
        store_fail(&db->store, STORE_TEMPFAIL, "no memory for counting");
    for (size_t i = 0; i < n; i++)
        if (pairs[i].first >= 0 && (size_t)pairs[i].first < states)
            counts[pairs[i].first] = pairs[i].second;
    arena_free(arena);
}

static int64_t number(struct db *db, enum sql sql)
{
    struct db_pair row = { 0 };

    return db_one(db, sql, DB_NOTHING, &db_one_number, NULL, &row) ? row.first : 0;
}

void db_count(struct store *store, struct store_counts *counts)
{
    int64_t notifications[NOTIFICATION_STUCK + 1] = { 0 }, entries[ENTRY_STUCK + 1] = { 0 };
    struct db *db = db_of(store);

    count_states(db, SQL_COUNT_NOTIFICATIONS, notifications, NOTIFICATION_STUCK + 1);
    count_states(db, SQL_COUNT_ENTRIES, entries, ENTRY_STUCK + 1);
    count_states(db, SQL_COUNT_RUNS, counts->runs, RUN_STATES);
    counts->notifications_new = notifications[NOTIFICATION_NEW];
    counts->notifications_stuck = notifications[NOTIFICATION_STUCK];
    counts->entries_fetch = entries[ENTRY_FETCH];
    counts->entries_unaddressed = entries[ENTRY_UNADDRESSED];
    counts->entries_stuck = entries[ENTRY_STUCK];
    counts->variables = number(db, SQL_ANY_VARIABLE);
}

void db_newest(struct store *store, int64_t *id, int64_t *stored_at)
{
    *id = number(db_of(store), SQL_NEWEST_ID);
    *stored_at = number(db_of(store), SQL_NEWEST_AT);
}

int64_t db_next_due(struct store *store, const struct text *channels, size_t n, int64_t *each)
{
    struct db *db = db_of(store);
    int64_t due = 0;

    for (size_t i = 0; i < n; i++) {
        struct db_pair row;

        if (!db_one(db, SQL_NEXT_DUE, DB_VALUES(db_text(channels[i])), &db_one_number, NULL, &row))
            continue;
        due = store_earlier(due, row.first);
        if (each)
            each[i] = row.first;
    }
    return due;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

size_t db_list(struct store *store, const struct store_filter *filter, const struct store_masks *masks,
               size_t limit, struct arena *arena, struct store_item **items)
{
    size_t n;

    *items = db_rows(db_of(store), SQL_LIST,
                     DB_VALUES(db_int(masks->notification), db_int(masks->entry), db_int(masks->run),
                               db_int(filter->after), db_text0(filter->source), db_text0(filter->channel),
                               db_text0(filter->user_id), db_text0(filter->rule), db_limit(limit)),
                     &db_item, arena, &n);
    return n;
}

bool db_get_notification(struct store *store, int64_t id, struct arena *arena, struct notification_row *row)
{
    return db_one(db_of(store), SQL_GET_NOTIFICATION, DB_VALUES(db_int(id)), &db_notification, arena, row);
}

size_t db_notification_entries(struct store *store, int64_t notification, struct arena *arena,
                               struct entry_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_NOTIFICATION_ENTRIES, DB_VALUES(db_int(notification)), &db_entry, arena,
                    &n);
    return n;
}

size_t db_entry_runs(struct store *store, int64_t entry, struct arena *arena, struct run_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_ENTRY_RUNS, DB_VALUES(db_int(entry)), &db_run, arena, &n);
    return n;
}
