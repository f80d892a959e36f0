#pragma once

/* The SQLite backend's inside: the connection and its statements. For store_sqlite*.c only. */

#include "store/store_db.h"

#include <sqlite3.h>

struct sqlite_db {
    struct db db; /* first */
    sqlite3 *handle;
    char *path;
    int lock; /* the descriptor that holds PATH.lock; -1: not ours to hold */
    int64_t data_version;
    bool forget_found;                   /* sqlite_forget_find has been there */
    sqlite3_stmt *statements[SQL_COUNT]; /* prepared when first used */
};

extern const struct db_driver sqlite_driver;

static inline struct sqlite_db *sqlite_of(struct store *store)
{
    return (struct sqlite_db *)store;
}

/* sqlite_fail: keeps SQLite's error for the store; `doing` says what failed. Returns false. */
bool sqlite_fail(struct sqlite_db *db, int code, const char *doing);
/* sqlite_run_sql: SQL without parameters, run once. */
bool sqlite_run_sql(struct sqlite_db *db, const char *sql) CHECKED;

/* sqlite_check_schema: is it ours, and of which version? False: STORE_BROKEN or TEMPFAIL stands in the store, and nothing
   was written. */
bool sqlite_check_schema(struct sqlite_db *db, int *version) CHECKED;
/* sqlite_migrate: from `version` (0: empty) to ours, each step in a transaction. */
bool sqlite_migrate(struct sqlite_db *db, int version) CHECKED;
/* The calls of store.h. */
void sqlite_forget_find(struct store *store, struct text channel, struct text user_id);
enum store_forget sqlite_forget_found(struct store *store, struct text channel, struct text user_id,
                                      struct store_forgotten *counts);
/* sqlite_newest_version: what this program knows. */
int sqlite_newest_version(void);
