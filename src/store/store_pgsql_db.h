#pragma once

/* The PostgreSQL backend's inside. store_pgsql_conn.c makes and loses the connection, store_pgsql_db.c sends statements and
   collects what they came to, store_pgsql_schema.c makes the tables. For store_pgsql*.c only. */

#include "store/store_db.h"

#include "base/buf.h"

#include <libpq-fe.h>

#define PGSQL_PENDING 8192 /* statements on their way, at most: more than a batch has */

#define PGSQL_AT_ONCE 6
#define PGSQL_READY_MOST 8       /* ready runs of a chat in the image */
#define PGSQL_TAPS_MOST 32       /* of a chat, near in time, for them to be in it */
#define PGSQL_TAP_DATA_MOST 1000 /* longer data stand as hashes in the table */
#define PGSQL_VALUES_MOST 16     /* of a statement */
#define PGSQL_GROUPS 5

/* A lock is waited for so long, and about twice as long each time that this was not enough. Two nodes that wait for each other part then,
   and not at the same moment; the server would look whether they do only after a second. */
#define PGSQL_LOCK_MS 30
#define PGSQL_CROWDED_MOST 4

#define PGSQL_SECRETS 2

/* Rows to be added to a table, as the columns of one statement. */
struct pgsql_group {
    size_t rows, bytes, n_columns;
    struct pgsql_column {
        int kind; /* of each value */
        struct buf items;
    } columns[PGSQL_VALUES_MOST];
};

struct pgsql_db {
    struct db db; /* first */
    enum store_access access;
    char *url, *secrets[PGSQL_SECRETS]; /* passwords as errors could show them; NULL: none */
    int connect_s;                      /* for one address */
    PGconn *conn;                       /* NULL: none */
    bool pipeline;                      /* it is set up */
    int64_t retry_at,
        retry_us;     /* not before this is a connection tried again, in now_mono_us; the time between */
    struct fault why; /* the last try failed */
    bool prepared[SQL_COUNT];
    struct pgsql_pending {
        enum sql sql;
        bool prepares;        /* it, instead of running it */
    } pending[PGSQL_PENDING]; /* sent since the last answer was taken */
    size_t n_pending;
    int crowded;    /* how often, but for what went well since, others had a lock for too long */
    size_t careful; /* for so many transactions more each statement is waited for: see write_rows */
    size_t
        wary; /* for so many transactions more it is looked twice whether a chat is there: see pgsql_next_seq */
    bool patient;         /* until the end of the transaction: something reads whole tables */
    int64_t impatient_us; /* a test wants answers in this time; 0: none does */
    bool wrote;           /* in this transaction */
    bool news;            /* another process wrote by hand */
    bool called;          /* another node has work for us */
    int64_t node;         /* whose row each transaction locks first; 0: none */
    bool renewed;         /* the connection */
    bool beginning;       /* a transaction */
    bool committing;      /* whether it is on disk hangs on the answer that is waited for */
    bool alone;           /* the server has it on disk, and not the replica that it should have waited for */
    int64_t clock;        /* the server's, when the transaction began */
    unsigned long trips;
    struct pgsql_group groups[PGSQL_GROUPS]; /* see store_pgsql_group.c */
    struct store *image;                     /* see store_pgsql_image.c */
    bool known;                              /* what is changed now is in the image */
};

extern const struct db_driver pgsql_driver;
extern const char *const pgsql_texts[SQL_COUNT]; /* NULL: as db_texts has it */

static inline struct pgsql_db *pgsql_of(struct store *store)
{
    return (struct pgsql_db *)store;
}

/* --- store_pgsql_conn.c ------------------------------------------------------------------------------------------- */

/* pgsql_take_url: checks and keeps it. False: STORE_TEMPFAIL and why stand in the store, and nothing of the URL. */
bool pgsql_take_url(struct pgsql_db *db, const char *url) CHECKED;
/* pgsql_connected: connects if there is no connection. False: it failed, or failed just before. */
bool pgsql_connected(struct pgsql_db *db) CHECKED;
/* pgsql_drop: the connection is of no use any more; keeps why. Returns false. */
bool pgsql_drop(struct pgsql_db *db, const char *why);
void pgsql_free(struct pgsql_db *db);

/* --- store_pgsql_db.c --------------------------------------------------------------------------------------------- */

/* How long one answer may take, in microseconds: what people wait for at the command line may read whole tables. */
int64_t pgsql_patience_us(const struct pgsql_db *db);
/* pgsql_wait: until the connection can be read or (if `write`) written, or until that time. False: it is dropped. */
bool pgsql_wait(struct pgsql_db *db, bool write, int64_t until_us) CHECKED;
/* pgsql_enter: prepared statements from now on, one behind the other without waiting. */
bool pgsql_enter(struct pgsql_db *db) CHECKED;
/* pgsql_sql: SQL without parameters, perhaps several statements, before pgsql_enter; the last one's first number comes in *out. */
bool pgsql_sql(struct pgsql_db *db, const char *sql, int64_t wait_us, int64_t *out) CHECKED;
/* pgsql_collect_last: waits for all that is pending. The results of the last n statements that were run, for PQclear; false: one of all
   failed. n is at most PGSQL_AT_ONCE. */
bool pgsql_collect_last(struct pgsql_db *db, PGresult **results, size_t n) CHECKED;
/* pgsql_collect: waits for all that is pending. The last statement's result; NULL if one failed. */
PGresult *pgsql_collect(struct pgsql_db *db) CHECKED;
/* pgsql_send: a statement goes out; its answer is pending. */
bool pgsql_send(struct pgsql_db *db, enum sql sql, struct db_values values) CHECKED;
/* pgsql_make_room: the next n statements go out without an answer being taken before the last one. */
bool pgsql_make_room(struct pgsql_db *db, size_t n) CHECKED;
/* pgsql_add_item: a value at the end of an array; pgsql_send_columns: a statement whose parameters are such arrays, of so many items; of
   a single one, the values themselves. */
void pgsql_add_item(struct buf *items, const struct db_value *value);
bool pgsql_send_columns(struct pgsql_db *db, enum sql sql, const struct pgsql_column *columns, size_t n,
                        size_t items) CHECKED;
/* pgsql_be_patient: until the end of the transaction statements may read whole tables. */
bool pgsql_be_patient(struct pgsql_db *db) CHECKED;
/* pgsql_give_up: ends the transaction, whatever state it is in, without a word. */
void pgsql_give_up(struct pgsql_db *db);
/* pgsql_take_news: reads what came by itself. */
void pgsql_take_news(struct pgsql_db *db);

/* --- store_pgsql_group.c ------------------------------------------------------------------------------------------ */

/* pgsql_keep_back: does the statement only add a row, which goes out with others? Later, then. */
bool pgsql_keep_back(struct pgsql_db *db, enum sql sql, struct db_values values);
/* pgsql_send_groups: what was kept back and has to be there before this statement. */
bool pgsql_send_groups(struct pgsql_db *db, enum sql before) CHECKED;
/* pgsql_drop_groups: the transaction never was. */
void pgsql_drop_groups(struct pgsql_db *db);
void pgsql_free_groups(struct pgsql_db *db);

/* --- store_pgsql_node.c ------------------------------------------------------------------------------------------- */

int64_t pgsql_join(struct store *store, struct text name, int64_t now, int64_t lease_until);
void pgsql_beat(struct store *store, int64_t node, struct text rules, int64_t lease_until);
int64_t pgsql_lapsed(struct store *store, int64_t now);
void pgsql_leave(struct store *store, int64_t node);
void pgsql_disown(struct store *store, int64_t owner, int64_t now);
size_t pgsql_nodes(struct store *store, int64_t now, struct arena *arena, struct node_row **rows);
void pgsql_call(struct store *store);
bool pgsql_called(struct store *store);
bool pgsql_renewed(struct store *store);
void pgsql_disown_fetches(struct store *store, int64_t owner, const int64_t *but, size_t n);
int pgsql_fd(struct store *store);

/* --- store_pgsql_schema.c ----------------------------------------------------------------------------------------- */

/* pgsql_prepare_tables: they are there, in this program's version; the daemon makes and migrates them, once however many nodes
   start together, and migrates them only while no node is at work. False: STORE_BROKEN or TEMPFAIL stands in the store. */
bool pgsql_prepare_tables(struct pgsql_db *db) CHECKED;
/* pgsql_knows_tables: of this version, or are they newer than this program? False: STORE_BROKEN stands in the store. */
bool pgsql_knows_tables(struct pgsql_db *db, int64_t version) CHECKED;

/* --- store_pgsql_image.c ------------------------------------------------------------------------------------------ */

/* pgsql_image_end: the transaction is over, or may have changed what is in the image. */
void pgsql_image_end(struct pgsql_db *db);

/* The calls of store.h that look into it. */
void pgsql_prefetch_chats(struct store *store, const int64_t *chats, size_t n);
size_t pgsql_claim_chats(struct store *store, struct text channel, int64_t now, int64_t owner,
                         enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows);
bool pgsql_get_chat(struct store *store, int64_t id, struct arena *arena, struct chat_row *row);
bool pgsql_head_run(struct store *store, int64_t chat, struct arena *arena, struct run_row *row);
bool pgsql_get_run(struct store *store, int64_t id, struct arena *arena, struct run_row *row);
void pgsql_begin_run(struct store *store, int64_t run);
void pgsql_step_run(struct store *store, int64_t run, int step, struct text doc);
bool pgsql_set_run(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now);
bool pgsql_rearm_run(struct store *store, int64_t run, int64_t now, int64_t expires_at);
void pgsql_add_send(struct store *store, const struct send_row *row);
size_t pgsql_step_sends(struct store *store, int64_t run, int step, struct arena *arena,
                        struct send_row **rows);
size_t pgsql_run_sends(struct store *store, int64_t run, struct arena *arena, struct send_row **rows);
void pgsql_unsettled(struct store *store, int64_t run, int64_t *unknown, int64_t *open);
void pgsql_start_send(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner,
                      int64_t now);
bool pgsql_settle_send(struct store *store, const struct send_row *row);
bool pgsql_amend_send(struct store *store, const struct send_row *row);
void pgsql_drop_sends(struct store *store, int64_t run, struct text reason);
void pgsql_keep_chat(struct store *store, int64_t chat, int64_t not_before);
void pgsql_release_chat(struct store *store, int64_t chat, int64_t due_at, int64_t not_before);
void pgsql_hold_chat(struct store *store, int64_t chat, struct text reason, int64_t now);
bool pgsql_sweep(struct store *store, int64_t before, int64_t seen_before, size_t limit);
size_t pgsql_prune(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs);
bool pgsql_forget_chat(struct store *store, struct text channel, struct text user_id,
                       struct store_forgotten *counts);

/* --- store_pgsql_asked.c ------------------------------------------------------------------------------------------ */

void pgsql_prefetch_intake(struct store *store, const struct store_asked *asked);

/* --- store_pgsql_intake.c ----------------------------------------------------------------------------------------- */

/* pgsql_return_keys: those that were taken and not asked for are nobody's again. */
void pgsql_return_keys(struct store *store);

bool pgsql_seen(struct store *store, struct text key, int64_t notification, int64_t now);
bool pgsql_next_seq(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                    struct chat_place *place);
bool pgsql_find_chat(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                     struct chat_row *row);
bool pgsql_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
               int64_t window_ms, int64_t now);
bool pgsql_add_run(struct store *store, const struct run_row *row, int64_t owner, int64_t now);
void pgsql_issue(struct store *store, const struct issued_row *row);
bool pgsql_find_issued(struct store *store, int64_t chat, struct text token, int64_t now, struct arena *arena,
                       struct issued_row *row);
bool pgsql_spend(struct store *store, const struct issued_row *row, int64_t by);
void pgsql_unspend(struct store *store, int64_t chat, int64_t by);
size_t pgsql_variables(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                       struct variable_row **rows);
void pgsql_set_variable(struct store *store, int64_t chat, const struct variable_row *row);
void pgsql_drop_variable(struct store *store, int64_t chat, struct text name);
void pgsql_touch_session(struct store *store, int64_t chat, int64_t now, int64_t until);
