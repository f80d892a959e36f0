#include "store/store_sqlite_db.h"

#include <string.h>

enum store_status db_status(int code)
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

bool db_fail(struct db *db, int code, const char *doing)
{
    return store_fail(&db->store, db_status(code), "%s: %s: %s", db->path, doing,
                      db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
}

static sqlite3_stmt *prepared(struct db *db, enum sql sql)
{
    sqlite3_stmt **slot = &db->statements[sql];

    if (!*slot) {
        int code = sqlite3_prepare_v3(db->handle, sql_texts[sql], -1, SQLITE_PREPARE_PERSISTENT, slot, NULL);

        if (code != SQLITE_OK)
            db_fail(db, code, "preparing a statement");
    }
    return *slot;
}

/* Bytes are borrowed until the statement is reset, which is before the call of store.h returns. Empty is not NULL. */
static int bind(sqlite3_stmt *statement, int i, const struct db_value *value)
{
    const char *p = value->text.p ? value->text.p : "";

    switch (value->kind) {
    case DB_INT:
        return sqlite3_bind_int64(statement, i, value->number);
    case DB_TEXT:
        return sqlite3_bind_text64(statement, i, p, value->text.n, SQLITE_STATIC, SQLITE_UTF8);
    case DB_BLOB:
        return sqlite3_bind_blob64(statement, i, p, value->text.n, SQLITE_STATIC);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(statement, i);
}

static sqlite3_stmt *bound(struct db *db, enum sql sql, struct db_values values)
{
    sqlite3_stmt *statement = prepared(db, sql);

    for (size_t i = 0; statement && i < values.n; i++) {
        int code = bind(statement, (int)i + 1, &values.at[i]);

        if (code != SQLITE_OK) {
            db_fail(db, code, "binding a value");
            return NULL;
        }
    }
    return statement;
}

/* Ends the statement; `code` is what its last step gave. */
static void finish(struct db *db, sqlite3_stmt *statement, int code)
{
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        db_fail(db, code, "running a statement");
    sqlite3_reset(statement);
}

int64_t db_do(struct db *db, enum sql sql, struct db_values values)
{
    sqlite3_stmt *statement = bound(db, sql, values);
    int code;

    if (!statement)
        return 0;
    code = sqlite3_step(statement);
    finish(db, statement, code);
    return code == SQLITE_DONE ? sqlite3_changes64(db->handle) : 0;
}

bool db_one(struct db *db, enum sql sql, struct db_values values, const struct db_shape *shape,
            struct arena *arena, void *row)
{
    struct db_cursor cursor = { db, bound(db, sql, values), arena, 0 };
    int code;

    if (!cursor.statement)
        return false;
    code = sqlite3_step(cursor.statement);
    if (code == SQLITE_ROW)
        shape->read(&cursor, row);
    finish(db, cursor.statement, code);
    return code == SQLITE_ROW && !store_failed(&db->store);
}

void *db_rows(struct db *db, enum sql sql, struct db_values values, const struct db_shape *shape,
              struct arena *arena, size_t *n)
{
    struct store_rows out = { .arena = arena, .size = shape->size };
    struct db_cursor cursor = { db, bound(db, sql, values), arena, 0 };
    int code = SQLITE_DONE;

    *n = 0;
    if (!cursor.statement)
        return NULL;
    while (!store_failed(&db->store) && (code = sqlite3_step(cursor.statement)) == SQLITE_ROW) {
        void *row = store_rows_add(&db->store, &out);

        cursor.column = 0;
        if (row)
            shape->read(&cursor, row);
    }
    finish(db, cursor.statement, code);
    if (store_failed(&db->store))
        return NULL;
    *n = out.n;
    return out.rows;
}

bool db_run_sql(struct db *db, const char *sql)
{
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return code == SQLITE_OK || db_fail(db, code, "opening");
}

int64_t db_next_int(struct db_cursor *cursor)
{
    return sqlite3_column_int64(cursor->statement, cursor->column++);
}

struct text db_next_text(struct db_cursor *cursor)
{
    int column = cursor->column++;
    struct text text = TEXT_NONE;

    if (sqlite3_column_type(cursor->statement, column) == SQLITE_NULL)
        return text;
    text.p = sqlite3_column_blob(cursor->statement, column);
    text.n = (size_t)sqlite3_column_bytes(cursor->statement, column);
    if (!text.p)
        text.p = "";
    return store_lend_text(&cursor->db->store, cursor->arena, text);
}

int db_next_state(struct db_cursor *cursor, int end)
{
    int64_t state = db_next_int(cursor);

    if (state >= 0 && state < end)
        return (int)state;
    store_fail(&cursor->db->store, STORE_BROKEN, "%s: a row has a state that there is not", cursor->db->path);
    return 0;
}
