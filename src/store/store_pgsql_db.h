#pragma once

/* The PostgreSQL backend's inside. store_pgsql_conn.c makes and loses the connection, store_pgsql_db.c sends statements and
   collects what they came to, store_pgsql_schema.c makes the tables. For store_pgsql*.c only. */

#include "store/store_db.h"

#include <libpq-fe.h>

#define PGSQL_PENDING 1024 /* statements on their way, at most */

#define PGSQL_SECRETS 2

struct pgsql_db {
    struct db db; /* first */
    enum store_access access;
    char *url, *secrets[PGSQL_SECRETS]; /* passwords as errors could show them; NULL: none */
    int connect_s;                      /* for one address */
    PGconn *conn;                       /* NULL: none */
    bool pipeline;                      /* it is set up */
    int old_backend; /* the process that served the connection that was lost; 0: none was */
    int64_t retry_at,
        retry_us;     /* not before this is a connection tried again, in now_mono_us; the time between */
    struct fault why; /* the last try failed */
    bool prepared[SQL_COUNT];
    struct pgsql_pending {
        enum sql sql;
        bool prepares;        /* it, instead of running it */
    } pending[PGSQL_PENDING]; /* sent since the last answer was taken */
    size_t n_pending;
    size_t careful;       /* for so many transactions more each statement is waited for: see write_rows */
    bool patient;         /* until the end of the transaction: something reads whole tables */
    int64_t impatient_us; /* a test wants answers in this time; 0: none does */
    bool wrote;           /* in this transaction */
    bool news;            /* another process wrote by hand */
    bool beginning;       /* a transaction */
    bool committing;      /* whether it is on disk hangs on the answer that is waited for */
    int64_t clock;        /* the server's, when the transaction began */
    unsigned long trips;
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
/* pgsql_collect: waits for all that is pending. The last statement's result; NULL if one failed. */
PGresult *pgsql_collect(struct pgsql_db *db) CHECKED;
/* pgsql_send: a statement goes out; its answer is pending. */
bool pgsql_send(struct pgsql_db *db, enum sql sql, struct db_values values) CHECKED;
/* pgsql_give_up: ends the transaction, whatever state it is in, without a word. */
void pgsql_give_up(struct pgsql_db *db);
/* pgsql_take_news: reads what came by itself. */
void pgsql_take_news(struct pgsql_db *db);

/* --- store_pgsql_schema.c ----------------------------------------------------------------------------------------- */

/* pgsql_prepare_tables: they are there, in this program's version; the daemon makes and migrates them, once however many nodes
   start together. False: STORE_BROKEN or TEMPFAIL stands in the store. */
bool pgsql_prepare_tables(struct pgsql_db *db) CHECKED;
