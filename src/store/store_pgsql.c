#include "store/store_pgsql.h"

#include "store/store_pgsql_db.h"

#include <stdlib.h>
#include <string.h>

/* --- transactions --------------------------------------------------------------------------------------------- */

static bool read_clock(struct pgsql_db *db, enum sql sql, struct db_values values)
{
    struct db_pair now;

    if (!db_one(&db->db, sql, values, &db_one_number, NULL, &now))
        return false;
    db->clock = now.first;
    return true;
}

/* Two that met go on at different times. */
static bool wait_longer_for_locks(struct pgsql_db *db)
{
    const uint32_t most = PGSQL_LOCK_MS << db->crowded;

    return !db->crowded ||
           pgsql_send(db, SQL_LOCK_PATIENCE, DB_VALUES(db_int(most / 2 + arc4random_uniform(most))));
}

static bool begin_once(struct pgsql_db *db)
{
    if (!pgsql_connected(db) || !pgsql_send(db, SQL_BEGIN, DB_NOTHING) || !wait_longer_for_locks(db))
        return false;
    if (!db->node)
        return read_clock(db, SQL_CLOCK, DB_NOTHING);
    if (read_clock(db, SQL_FENCE, DB_VALUES(db_int(db->node))))
        return true;
    if (store_failed(&db->db.store))
        return false;
    db->node = 0; /* the next transaction is the one to join in */
    return store_fail(&db->db.store, STORE_FENCED,
                      "the lease of this node was over, and other nodes took over what it had");
}

/* A connection that the server closed meanwhile is noticed here, where nothing is lost with it. */
static bool backend_begin(struct store *store)
{
    struct pgsql_db *db = pgsql_of(store);
    bool had = db->conn, begun;

    db->wrote = db->patient = false;
    pgsql_drop_groups(db);
    pgsql_take_news(db);
    db->beginning = true;
    begun = begin_once(db);
    if (!begun && had && !db->conn && db->retry_at == 0) {
        store->status = STORE_OK;
        begun = begin_once(db);
    }
    if (!begun && db->conn)
        pgsql_give_up(db);
    db->beginning = false;
    return begun;
}

/* The nodes' own commits are no news to each other: what the command line does is. */
static bool backend_commit(struct store *store)
{
    struct pgsql_db *db = pgsql_of(store);
    PGresult *result = NULL;
    bool done;

    if (!db->conn)
        return pgsql_drop(db, NULL);
    pgsql_return_keys(store);
    if (store_failed(store))
        return false;
    db->committing = true;
    db->alone = false;
    if ((db->access == STORE_SERVE || !db->wrote || pgsql_send(db, SQL_NOTIFY, DB_NOTHING)) &&
        pgsql_send(db, SQL_COMMIT, DB_NOTHING))
        result = pgsql_collect(db);
    db->committing = false;
    done = result && strcmp(PQcmdStatus(result), "COMMIT") == 0;
    PQclear(result);
    pgsql_image_end(db);
    if (done && db->careful)
        db->careful--;
    if (done && db->wary)
        db->wary--;
    if (done && db->crowded)
        db->crowded--;
    if (done && db->alone)
        return store_fail(store, STORE_IN_DOUBT,
                          "PostgreSQL: the waiting for the synchronous replica was ended; "
                          "a failover now would lose the transaction");
    return done || store_fail(store, STORE_TEMPFAIL, "PostgreSQL: the transaction had failed");
}

static void backend_rollback(struct store *store)
{
    pgsql_image_end(pgsql_of(store));
    pgsql_give_up(pgsql_of(store));
}

static bool backend_changed(struct store *store)
{
    struct pgsql_db *db = pgsql_of(store);
    bool news;

    pgsql_take_news(db);
    news = db->news;
    db->news = false;
    return news;
}

static int64_t backend_clock(struct store *store)
{
    return pgsql_of(store)->clock;
}

static void backend_close(struct store *store)
{
    pgsql_free(pgsql_of(store));
}

/* Whole tables are read: that may take longer than anything else that the daemon does. */
static void backend_count(struct store *store, struct store_counts *counts)
{
    if (pgsql_be_patient(pgsql_of(store)))
        db_count(store, counts);
}

/* --- when chats are due ----------------------------------------------------------------------------------------- */

struct due_channel {
    struct text name;
    int64_t at;
};

static void read_due_channel(struct db_cursor *cursor, void *out)
{
    struct due_channel *row = out;

    row->name = db_next_text(cursor);
    row->at = db_next_int(cursor);
}

static const struct db_shape due_channel = { sizeof(struct due_channel), read_due_channel };

static int by_name(const void *name, const void *row)
{
    return text_order(*(const struct text *)name, ((const struct due_channel *)row)->name);
}

/* One statement for all channels. Of a single one there is no need to know of the others. */
static int64_t backend_next_due(struct store *store, const struct text *channels, size_t n, int64_t *each)
{
    struct arena *arena = n > 1 ? arena_new(SIZE_MAX) : NULL;
    struct due_channel *rows;
    int64_t due = 0;
    size_t n_rows;

    if (!arena)
        return db_next_due(store, channels, n, each);
    rows = db_rows(db_of(store), SQL_DUE_CHANNELS, DB_NOTHING, &due_channel, arena, &n_rows);
    for (size_t i = 0; n_rows && i < n; i++) {
        const struct due_channel *row = bsearch(&channels[i], rows, n_rows, sizeof(*rows), by_name);

        due = store_earlier(due, row ? row->at : 0);
        if (each)
            each[i] = row ? row->at : 0;
    }
    arena_free(arena);
    return due;
}

/* --- entries ---------------------------------------------------------------------------------------------------- */

static void backend_get_entries(struct store *store, const int64_t *ids, size_t n, struct arena *arena,
                                struct entry_row *rows)
{
    size_t n_found;
    const struct entry_row *found =
        db_rows(db_of(store), SQL_GET_ENTRIES, DB_VALUES(db_int_array(ids, n)), &db_entry, arena, &n_found);

    for (size_t i = 0; n_found && i < n; i++) {
        const struct entry_row *row = bsearch(&ids[i], found, n_found, sizeof(*found), db_by_number);

        if (row)
            rows[i] = *row;
    }
}

static const struct store_backend backend = {
    DB_BACKEND,
    .begin = backend_begin,
    .commit = backend_commit,
    .rollback = backend_rollback,
    .close = backend_close,
    .changed = backend_changed,
    .clock = backend_clock,
    .count = backend_count,
    .next_due = backend_next_due,
    .get_entries = backend_get_entries,
    .prefetch_intake = pgsql_prefetch_intake,
    .seen = pgsql_seen,
    .next_seq = pgsql_next_seq,
    .find_chat = pgsql_find_chat,
    .tap = pgsql_tap,
    .issue = pgsql_issue,
    .find_issued = pgsql_find_issued,
    .spend = pgsql_spend,
    .unspend = pgsql_unspend,
    .variables = pgsql_variables,
    .set_variable = pgsql_set_variable,
    .drop_variable = pgsql_drop_variable,
    .touch_session = pgsql_touch_session,
    .sweep = pgsql_sweep,
    .prefetch_chats = pgsql_prefetch_chats,
    .claim_chats = pgsql_claim_chats,
    .get_chat = pgsql_get_chat,
    .head_run = pgsql_head_run,
    .get_run = pgsql_get_run,
    .add_run = pgsql_add_run,
    .begin_run = pgsql_begin_run,
    .step_run = pgsql_step_run,
    .set_run = pgsql_set_run,
    .rearm_run = pgsql_rearm_run,
    .add_send = pgsql_add_send,
    .step_sends = pgsql_step_sends,
    .run_sends = pgsql_run_sends,
    .unsettled = pgsql_unsettled,
    .start_send = pgsql_start_send,
    .settle_send = pgsql_settle_send,
    .amend_send = pgsql_amend_send,
    .drop_sends = pgsql_drop_sends,
    .keep_chat = pgsql_keep_chat,
    .release_chat = pgsql_release_chat,
    .hold_chat = pgsql_hold_chat,
    .disown = pgsql_disown,
    .prune = pgsql_prune,
    .forget_chat = pgsql_forget_chat,
    .join = pgsql_join,
    .beat = pgsql_beat,
    .lapsed = pgsql_lapsed,
    .leave = pgsql_leave,
    .nodes = pgsql_nodes,
    .call = pgsql_call,
    .called = pgsql_called,
    .renewed = pgsql_renewed,
    .disown_fetches = pgsql_disown_fetches,
    .fd = pgsql_fd,
};

/* --- open ----------------------------------------------------------------------------------------------------- */

struct store *store_pgsql_open(const char *url, enum store_access access, enum store_status *status,
                               struct fault *fault)
{
    struct pgsql_db *db = calloc(1, sizeof(*db));

    *status = STORE_TEMPFAIL;
    if (!db) {
        fault_set(fault, "store: out of memory");
        return NULL;
    }
    db->db.store.backend = &backend;
    db->db.driver = &pgsql_driver;
    db->db.name = "PostgreSQL";
    db->access = access;
    db->image = store_mem_open(status, fault);
    if (db->image && pgsql_take_url(db, url) && pgsql_connected(db)) {
        *status = STORE_OK;
        return &db->db.store;
    }
    if (db->image) {
        *status = db->db.store.status;
        *fault = db->db.store.fault;
    }
    pgsql_free(db);
    return NULL;
}

/* --- for tests ------------------------------------------------------------------------------------------------ */

unsigned long store_pgsql_trips(const struct store *store)
{
    return ((const struct pgsql_db *)store)->trips;
}

void store_pgsql_be_impatient(struct store *store, int64_t ms)
{
    pgsql_of(store)->impatient_us = ms * 1000;
}
