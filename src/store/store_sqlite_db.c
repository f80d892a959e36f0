#include "store/store_sqlite_db.h"

static enum store_status status_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return STORE_OK;
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        return STORE_BAD_DATA;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return STORE_BROKEN;
    default:
        return STORE_TEMPFAIL;
    }
}

bool sqlite_fail(struct sqlite_db *db, int code, const char *doing)
{
    return store_fail(&db->db.store, status_of(code), "%s: %s: %s", db->path, doing,
                      db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
}

static sqlite3_stmt *prepared(struct sqlite_db *db, enum sql sql)
{
    sqlite3_stmt **slot = &db->statements[sql];

    if (!*slot) {
        int code = sqlite3_prepare_v3(db->handle, db_texts[sql], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);

        if (code != SQLITE_OK)
            sqlite_fail(db, code, "preparing a statement");
    }
    return *slot;
}

/* Bytes are borrowed until the statement is reset, which is before the call of store.h returns. Empty is not NULL. */
static int bind(sqlite3_stmt *statement, int i, const struct db_value *value)
{
    const char *p = value->text.p ? value->text.p : "";

    if (value->null)
        return sqlite3_bind_null(statement, i);
    switch (value->kind) {
    case DB_INT:
        return sqlite3_bind_int64(statement, i, value->number);
    case DB_TEXT:
        return sqlite3_bind_text64(statement, i, p, value->text.n, SQLITE_STATIC, SQLITE_UTF8);
    case DB_BLOB:
    case DB_INTS:
    case DB_TEXTS:
    case DB_BLOBS:
        break;
    }
    return sqlite3_bind_blob64(statement, i, p, value->text.n, SQLITE_STATIC);
}

static sqlite3_stmt *bound(struct sqlite_db *db, enum sql sql, struct db_values values)
{
    sqlite3_stmt *statement = prepared(db, sql);

    for (size_t i = 0; statement && i < values.n; i++) {
        int code = bind(statement, (int)i + 1, &values.at[i]);

        if (code != SQLITE_OK) {
            sqlite_fail(db, code, "binding a value");
            return NULL;
        }
    }
    return statement;
}

/* Ends the statement; `code` is what its last step gave. */
static void finish(struct sqlite_db *db, sqlite3_stmt *statement, int code)
{
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        sqlite_fail(db, code, "running a statement");
    sqlite3_reset(statement);
}

static int64_t run(struct db *base, enum sql sql, struct db_values values)
{
    struct sqlite_db *db = sqlite_of(&base->store);
    sqlite3_stmt *statement = bound(db, sql, values);
    int code;

    if (!statement)
        return 0;
    code = sqlite3_step(statement);
    finish(db, statement, code);
    return code == SQLITE_DONE ? sqlite3_changes64(db->handle) : 0;
}

static void write_rows(struct db *base, enum sql sql, struct db_values values)
{
    run(base, sql, values);
}

static bool open_rows(struct db_cursor *cursor, enum sql sql, struct db_values values)
{
    cursor->of = bound(sqlite_of(&cursor->db->store), sql, values);
    return cursor->of;
}

/* A failed step ends the rows; sqlite3_reset would say the same again. */
static bool next_row(struct db_cursor *cursor)
{
    int code = sqlite3_step(cursor->of);

    if (code != SQLITE_ROW && code != SQLITE_DONE)
        sqlite_fail(sqlite_of(&cursor->db->store), code, "running a statement");
    return code == SQLITE_ROW;
}

static void close_rows(struct db_cursor *cursor)
{
    sqlite3_reset(cursor->of);
}

static int64_t number(struct db_cursor *cursor, int column)
{
    return sqlite3_column_int64(cursor->of, column);
}

static struct text bytes(struct db_cursor *cursor, int column)
{
    struct text text = TEXT_NONE;

    if (sqlite3_column_type(cursor->of, column) == SQLITE_NULL)
        return text;
    text.p = sqlite3_column_blob(cursor->of, column);
    text.n = (size_t)sqlite3_column_bytes(cursor->of, column);
    if (!text.p)
        text.p = "";
    return text;
}

const struct db_driver sqlite_driver = { run, write_rows, open_rows, next_row, close_rows, number, bytes };

bool sqlite_run_sql(struct sqlite_db *db, const char *sql)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return code == SQLITE_OK || sqlite_fail(db, code, "opening");
}
