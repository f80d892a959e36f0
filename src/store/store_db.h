#pragma once

/* What the backends share that speak SQL: the calls of store.h as statements, values in and rows out (store_db*.c). What a statement
   says, and how it is run, is each one's own: store_sqlite*.c, store_pgsql*.c. For these files only. */

#include "store/store_backend.h"
#include "store/store_db_sql.h"

struct db_driver;

struct db {
    struct store store; /* first: a struct store * of these backends is a struct db * */
    const struct db_driver *driver;
    const char *name; /* in faults */
    struct db_sweep {
        bool chats_done, keys_done; /* in this round */
        int64_t chat;               /* up to which the round has come */
        size_t key_bytes;           /* 0: not begun */
        unsigned char key[STORE_KEY_BYTES];
    } sweep;
};

/* A parameter of a statement. Names follow the column: db_int0 and db_text0 are for those that may be NULL. */
struct db_value {
    enum {
        DB_INT,
        DB_TEXT,
        DB_BLOB,
        DB_INTS, /* this and the others that follow: arrays, PostgreSQL's only */
        DB_TEXTS,
        DB_BLOBS
    } kind;
    bool null;
    int64_t number;
    struct text text;  /* of an array: n is how many */
    const void *items; /* int64_t, struct text */
};

static inline struct db_value db_int(int64_t number)
{
    return (struct db_value){ .kind = DB_INT, .number = number };
}

/* db_limit: a limit. */
static inline struct db_value db_limit(size_t n)
{
    return db_int(n > INT32_MAX ? INT32_MAX : (int64_t)n);
}

static inline struct db_value db_int0(int64_t number)
{
    return (struct db_value){ .kind = DB_INT, .null = !number, .number = number };
}

static inline struct db_value db_text(struct text text)
{
    return (struct db_value){ .kind = DB_TEXT, .text = text };
}

static inline struct db_value db_text0(struct text text)
{
    return (struct db_value){ .kind = DB_TEXT, .null = !text.p, .text = text };
}

static inline struct db_value db_blob(struct text bytes)
{
    return (struct db_value){ .kind = DB_BLOB, .text = bytes };
}

static inline struct db_value db_blob0(struct text bytes)
{
    return (struct db_value){ .kind = DB_BLOB, .null = !bytes.p, .text = bytes };
}

static inline struct db_value db_int_array(const int64_t *numbers, size_t n)
{
    return (struct db_value){ .kind = DB_INTS, .items = numbers, .text.n = n };
}

static inline struct db_value db_text_array(const struct text *texts, size_t n)
{
    return (struct db_value){ .kind = DB_TEXTS, .items = texts, .text.n = n };
}

static inline struct db_value db_blob_array(const struct text *blobs, size_t n)
{
    return (struct db_value){ .kind = DB_BLOBS, .items = blobs, .text.n = n };
}

/* The values of a statement, in the order of its parameters. */
struct db_values {
    const struct db_value *at;
    size_t n;
};

#define DB_VALUES(...)                                             \
    ((struct db_values){ (const struct db_value[]){ __VA_ARGS__ }, \
                         sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value) })

#define DB_NOTHING ((struct db_values){ NULL, 0 })

/* The rows of a query, and the column that is read next. */
struct db_cursor {
    struct db *db;
    void *of; /* the driver's */
    struct arena *arena;
    int row, column;
};

/* How statements are run. A driver reports by store_fail. */
struct db_driver {
    /* The number of rows that it changed; 0 too when it failed. */
    int64_t (*run)(struct db *db, enum sql sql, struct db_values values);
    /* The same, of which nobody wants to know how many: that it failed may be told later, at the commit at the latest. */
    void (*write)(struct db *db, enum sql sql, struct db_values values);
    /* open: false when it failed; else `close` comes when the rows are read. `next`: false behind the last row. */
    bool (*open)(struct db_cursor *cursor, enum sql sql, struct db_values values);
    bool (*next)(struct db_cursor *cursor);
    void (*close)(struct db_cursor *cursor);
    /* Of the row, by column. p == NULL: NULL. The bytes live until `close`. */
    int64_t (*number)(struct db_cursor *cursor, int column);
    struct text (*bytes)(struct db_cursor *cursor, int column);
};

int64_t db_next_int(struct db_cursor *cursor);
/* db_next_text: of a column of text or bytes, copied into the arena; p == NULL for NULL. */
struct text db_next_text(struct db_cursor *cursor);
/* db_next_state: a small number below `end`; another one means that the database is broken. */
int db_next_state(struct db_cursor *cursor, int end);

/* How a row of a query becomes a struct. */
struct db_shape {
    size_t size;
    void (*read)(struct db_cursor *cursor, void *row);
};

/* Rows that are no rows of store.h. */
struct db_pair {
    int64_t first, second;
};

struct db_old_send {
    int64_t run, step, n, chat;
    int64_t buttons; /* so many go with it */
};

extern const struct db_shape db_notification, db_entry, db_chat, db_run, db_send, db_issued, db_variable,
    db_channel, db_item, db_text_only, db_place, db_two, db_one_number, db_old_sends;

/* db_by_number: compares rows that begin with an int64_t by it; for bsearch, whose key may be the number. */
int db_by_number(const void *a, const void *b);

static inline struct db *db_of(struct store *store)
{
    return (struct db *)store;
}

/* db_do: runs a statement that gives no rows. The number of rows it changed; 0 too when it failed. */
static inline int64_t db_do(struct db *db, enum sql sql, struct db_values values)
{
    return db->driver->run(db, sql, values);
}

/* db_write: the same where the number does not matter. */
static inline void db_write(struct db *db, enum sql sql, struct db_values values)
{
    db->driver->write(db, sql, values);
}

/* db_one: the first row, if there is one. */
bool db_one(struct db *db, enum sql sql, struct db_values values, const struct db_shape *shape,
            struct arena *arena, void *row) CHECKED;
/* db_rows: all rows; NULL if none. */
void *db_rows(struct db *db, enum sql sql, struct db_values values, const struct db_shape *shape,
              struct arena *arena, size_t *n) CHECKED;

/* db_read_rows: the same of a cursor that is open; closes it. */
void *db_read_rows(struct db_cursor *cursor, const struct db_shape *shape, size_t *n) CHECKED;

/* The functions of the backend, by topic. */
void db_add_notification(struct store *store, const struct notification_row *row);
size_t db_new_notifications(struct store *store, int64_t after, size_t limit, struct arena *arena,
                            struct notification_row **rows);
void db_end_notification(struct store *store, int64_t id, enum notification_state state, struct text reason);
void db_try_notification(struct store *store, int64_t id);
bool db_orders_keys(struct store *store);
bool db_seen(struct store *store, struct text key, int64_t notification, int64_t now);
void db_add_entry(struct store *store, const struct entry_row *row);
size_t db_claim_entries(struct store *store, struct text source, int64_t now, int64_t owner, size_t limit,
                        struct arena *arena, struct entry_row **rows);
void db_update_entry(struct store *store, const struct entry_row *row);
size_t db_old_entries(struct store *store, int64_t before, size_t limit, struct arena *arena,
                      struct entry_row **rows);
bool db_next_seq(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                 struct chat_place *place);
bool db_find_chat(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                  struct chat_row *row);
/* db_add_tap: db_tap of one that is known to be none again. */
void db_add_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
                int64_t now);
bool db_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
            int64_t window_ms, int64_t now);
bool db_add_run(struct store *store, const struct run_row *row, int64_t owner, int64_t now);
void db_issue(struct store *store, const struct issued_row *row);
bool db_find_issued(struct store *store, int64_t chat, struct text token, int64_t now, struct arena *arena,
                    struct issued_row *row);
size_t db_list_issued(struct store *store, const struct issued_row *after, int64_t now, size_t limit,
                      struct arena *arena, struct issued_row **rows);
bool db_spend(struct store *store, const struct issued_row *row, int64_t by);
void db_unspend(struct store *store, int64_t chat, int64_t by);
size_t db_variables(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                    struct variable_row **rows);
void db_set_variable(struct store *store, int64_t chat, const struct variable_row *row);
void db_drop_variable(struct store *store, int64_t chat, struct text name);
void db_touch_session(struct store *store, int64_t chat, int64_t now, int64_t until);
bool db_next_channel(struct store *store, struct text after, struct arena *arena, struct text *channel);
size_t db_claim_chats(struct store *store, struct text channel, int64_t now, int64_t owner,
                      enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows);
bool db_get_chat(struct store *store, int64_t id, struct arena *arena, struct chat_row *row);
bool db_head_run(struct store *store, int64_t chat, struct arena *arena, struct run_row *row);
bool db_get_run(struct store *store, int64_t id, struct arena *arena, struct run_row *row);
bool db_get_entry(struct store *store, int64_t id, struct arena *arena, struct entry_row *row);
void db_begin_run(struct store *store, int64_t run);
void db_add_send(struct store *store, const struct send_row *row);
size_t db_step_sends(struct store *store, int64_t run, int step, struct arena *arena, struct send_row **rows);
size_t db_run_sends(struct store *store, int64_t run, struct arena *arena, struct send_row **rows);
void db_unsettled(struct store *store, int64_t run, int64_t *unknown, int64_t *open);
void db_start_send(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner,
                   int64_t now);
void db_keep_chat(struct store *store, int64_t chat, int64_t not_before);
void db_release_chat(struct store *store, int64_t chat, int64_t due_at, int64_t not_before);
void db_hold_chat(struct store *store, int64_t chat, struct text reason, int64_t now);
bool db_settle_send(struct store *store, const struct send_row *row);
bool db_amend_send(struct store *store, const struct send_row *row);
void db_drop_sends(struct store *store, int64_t run, struct text reason);
void db_step_run(struct store *store, int64_t run, int step, struct text doc);
bool db_set_run(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now);
size_t db_next_sending(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                       struct send_row **rows);
size_t db_owned_chats(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                      struct chat_row **rows);
void db_disown(struct store *store, int64_t owner, int64_t now);
size_t db_expired_runs(struct store *store, int64_t now, size_t limit, struct arena *arena,
                       struct run_row **rows);
bool db_rearm_run(struct store *store, int64_t run, int64_t now, int64_t expires_at);
bool db_rearm_notification(struct store *store, int64_t id);
bool db_rearm_entry(struct store *store, int64_t id, int64_t now);
bool db_drop_notification(struct store *store, int64_t id, struct text reason);
bool db_drop_entry(struct store *store, int64_t id, struct text reason);
size_t db_prune(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs);
bool db_sweep(struct store *store, int64_t before, int64_t seen_before, size_t limit);
void db_put_ruleset(struct store *store, struct text hash, struct text source, int64_t now);
size_t db_prune_rulesets(struct store *store, struct text keep, int64_t before);
bool db_get_ruleset(struct store *store, struct text hash, struct arena *arena, struct text *source);
void db_put_channel(struct store *store, const struct channel_row *row);
void db_penalize_channel(struct store *store, struct text name, int64_t not_before);
void db_pause_channel(struct store *store, struct text name, struct text reason);
size_t db_channels(struct store *store, struct arena *arena, struct channel_row **rows);
void db_count(struct store *store, struct store_counts *counts);
void db_newest(struct store *store, int64_t *id, int64_t *stored_at);
int64_t db_next_due(struct store *store, const struct text *channels, size_t n, int64_t *each);
bool db_forget_chat(struct store *store, struct text channel, struct text user_id,
                    struct store_forgotten *counts);
size_t db_list(struct store *store, const struct store_filter *filter, const struct store_masks *masks,
               size_t limit, struct arena *arena, struct store_item **items);
bool db_get_notification(struct store *store, int64_t id, struct arena *arena, struct notification_row *row);
size_t db_notification_entries(struct store *store, int64_t notification, struct arena *arena,
                               struct entry_row **rows);
size_t db_entry_runs(struct store *store, int64_t entry, struct arena *arena, struct run_row **rows);

/* Their places in the table; begin, commit, rollback, close, changed and count are each one's own. PostgreSQL looks elsewhere first for
   those about chats and runs, and for what is asked about what comes in. */
#define DB_BACKEND_CHATS                                                                                    \
    .add_run = db_add_run, .claim_chats = db_claim_chats, .get_chat = db_get_chat, .head_run = db_head_run, \
    .get_run = db_get_run, .begin_run = db_begin_run, .add_send = db_add_send, .step_sends = db_step_sends, \
    .run_sends = db_run_sends, .unsettled = db_unsettled, .start_send = db_start_send,                      \
    .keep_chat = db_keep_chat, .release_chat = db_release_chat, .hold_chat = db_hold_chat,                  \
    .settle_send = db_settle_send, .amend_send = db_amend_send, .drop_sends = db_drop_sends,                \
    .step_run = db_step_run, .set_run = db_set_run, .disown = db_disown, .rearm_run = db_rearm_run,         \
    .prune = db_prune, .sweep = db_sweep, .forget_chat = db_forget_chat
#define DB_BACKEND_INTAKE                                                                                  \
    .seen = db_seen, .next_seq = db_next_seq, .find_chat = db_find_chat, .tap = db_tap, .issue = db_issue, \
    .find_issued = db_find_issued, .spend = db_spend, .unspend = db_unspend, .variables = db_variables,    \
    .set_variable = db_set_variable, .drop_variable = db_drop_variable, .touch_session = db_touch_session
#define DB_BACKEND                                                                                         \
    .add_notification = db_add_notification, .new_notifications = db_new_notifications,                    \
    .end_notification = db_end_notification, .try_notification = db_try_notification,                      \
    .orders_keys = db_orders_keys, .add_entry = db_add_entry, .claim_entries = db_claim_entries,           \
    .update_entry = db_update_entry, .old_entries = db_old_entries, .list_issued = db_list_issued,         \
    .next_channel = db_next_channel, .get_entry = db_get_entry, .next_sending = db_next_sending,           \
    .owned_chats = db_owned_chats, .expired_runs = db_expired_runs,                                        \
    .rearm_notification = db_rearm_notification, .rearm_entry = db_rearm_entry,                            \
    .drop_notification = db_drop_notification, .drop_entry = db_drop_entry, .put_ruleset = db_put_ruleset, \
    .prune_rulesets = db_prune_rulesets, .get_ruleset = db_get_ruleset, .put_channel = db_put_channel,     \
    .penalize_channel = db_penalize_channel, .pause_channel = db_pause_channel, .channels = db_channels,   \
    .newest = db_newest, .list = db_list, .get_notification = db_get_notification,                         \
    .notification_entries = db_notification_entries, .entry_runs = db_entry_runs
