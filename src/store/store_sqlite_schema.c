#include "store/store_sqlite_db.h"

#include <stdio.h>

/* Version 1. An index has a price on the way of every tap, so each is here for a statement that runs often. Rows that
   are small and only found by their key stand in the key's tree itself (WITHOUT ROWID). What may be long is the last
   column: what stands before it is read without it. */
static const char version_1[] =
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES('version', '0');"

    "CREATE TABLE ruleset(hash BLOB PRIMARY KEY, source BLOB NOT NULL, seen_at INTEGER NOT NULL) STRICT;"

    "CREATE TABLE notification(id INTEGER PRIMARY KEY, source TEXT NOT NULL, state INTEGER NOT NULL, reason "
    "TEXT,"
    " tries INTEGER NOT NULL, stored_at INTEGER NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE INDEX notification_new ON notification(id) WHERE state = 0;"
    "CREATE INDEX notification_ended ON notification(state, stored_at) WHERE state <> 0;"

    "CREATE TABLE seen(key BLOB PRIMARY KEY, notification INTEGER NOT NULL, at INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE INDEX seen_at ON seen(at);"

    "CREATE TABLE entry(id INTEGER PRIMARY KEY, notification INTEGER NOT NULL, n INTEGER NOT NULL,"
    " state INTEGER NOT NULL, reason TEXT, tries INTEGER NOT NULL, due_at INTEGER NOT NULL, owner INTEGER,"
    " said_at INTEGER NOT NULL, stored_at INTEGER NOT NULL, source TEXT NOT NULL, conversation TEXT NOT NULL,"
    " message TEXT NOT NULL, doc BLOB) STRICT;"
    "CREATE UNIQUE INDEX entry_place ON entry(notification, n);"
    "CREATE INDEX entry_fetch ON entry(source, owner, id, due_at) WHERE state = 0;"
    "CREATE INDEX entry_stored ON entry(stored_at) WHERE state = 0 AND owner IS NULL;"

    "CREATE TABLE chat(id INTEGER PRIMARY KEY, channel TEXT NOT NULL, user_id TEXT NOT NULL,"
    " next_seq INTEGER NOT NULL, due_at INTEGER, owner INTEGER, not_before INTEGER NOT NULL, held TEXT) "
    "STRICT;"
    "CREATE UNIQUE INDEX chat_user ON chat(channel, user_id);"
    "CREATE INDEX chat_due ON chat(channel, due_at) WHERE due_at IS NOT NULL AND owner IS NULL AND held IS "
    "NULL;"

    "CREATE TABLE run(id INTEGER PRIMARY KEY, entry INTEGER NOT NULL, rule TEXT NOT NULL, chat INTEGER NOT "
    "NULL,"
    " seq INTEGER NOT NULL, ruleset BLOB NOT NULL, state INTEGER NOT NULL, reason TEXT, step INTEGER NOT "
    "NULL,"
    " begun INTEGER NOT NULL, said_at INTEGER NOT NULL, stored_at INTEGER NOT NULL, expires_at INTEGER NOT "
    "NULL,"
    " ended_at INTEGER, doc BLOB) STRICT;"
    "CREATE UNIQUE INDEX run_entry ON run(entry, rule);"
    "CREATE INDEX run_head ON run(chat, begun DESC, said_at, seq) WHERE state = 0;"
    /* With NULL first this is two in one: what may expire, by when, and what has ended, by when. */
    "CREATE INDEX run_end ON run(ended_at, expires_at);"

    "CREATE TABLE send(run INTEGER NOT NULL, step INTEGER NOT NULL, n INTEGER NOT NULL, kind INTEGER NOT "
    "NULL,"
    " state INTEGER NOT NULL, attempt INTEGER NOT NULL, owner INTEGER, due_at INTEGER NOT NULL,"
    " sent_at INTEGER NOT NULL, channel TEXT NOT NULL, reply_id TEXT, status_url TEXT, reason TEXT,"
    " body BLOB NOT NULL, PRIMARY KEY(run, step, n)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX send_sending ON send(run) WHERE state = 1;"

    /* Every accepted tap has its row: one row per data could not tell both sides of the window when taps come late. */
    "CREATE TABLE tap(chat INTEGER NOT NULL, rule TEXT NOT NULL, data BLOB NOT NULL, said_at INTEGER NOT "
    "NULL,"
    " stored_at INTEGER NOT NULL, PRIMARY KEY(chat, rule, data, said_at)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX tap_stored ON tap(stored_at);"

    "CREATE TABLE variable(chat INTEGER NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, until INTEGER NOT "
    "NULL,"
    " PRIMARY KEY(chat, name)) STRICT, WITHOUT ROWID;"

    /* The token is the button's data: 64 bytes at most. */
    "CREATE TABLE issued(chat INTEGER NOT NULL, token BLOB NOT NULL, run INTEGER NOT NULL, step INTEGER NOT "
    "NULL,"
    " n INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(chat, token, run, step, n)) STRICT, WITHOUT "
    "ROWID;"
    "CREATE INDEX issued_until ON issued(until);"

    "CREATE TABLE channel(name TEXT PRIMARY KEY, tokens REAL NOT NULL, at INTEGER NOT NULL,"
    " not_before INTEGER NOT NULL, paused TEXT) STRICT, WITHOUT ROWID;"

    "PRAGMA application_id = 0x63626b64;"; /* "cbkd" */

/* Version 2: a button's token, when it was issued, who spent it; a variable's end, and whether the session moves it.
   A button of version 1 was issued when its send left; where that is not known any more, long ago. */
static const char version_2[] =
    "ALTER TABLE issued ADD COLUMN at INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE issued ADD COLUMN spent_by INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE issued ADD COLUMN data BLOB;"
    "UPDATE issued SET at = coalesce((SELECT sent_at FROM send WHERE run = issued.run AND step = issued.step"
    " AND n = issued.n), 0);"
    "ALTER TABLE variable ADD COLUMN session INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX variable_until ON variable(until);";

/* Version 3: what every tap writes is swept instead of found by its time. */
static const char version_3[] = "DROP INDEX seen_at; DROP INDEX tap_stored; DROP INDEX issued_until;";

/* Version 4: a source may have a retention of its own. */
static const char version_4[] =
    "DROP INDEX notification_ended;"
    "CREATE INDEX notification_ended ON notification(state, source, stored_at) WHERE state <> 0;";

/* Version 5: keys of messages in the order of their numbers, where there are no others yet. */
static const char version_5[] =
    "INSERT INTO meta(k, v) SELECT 'ordered_keys', '1' WHERE NOT EXISTS (SELECT 1 FROM seen);";

#define APPLICATION_ID 0x63626b64

/* migrations[v] leads from version v to v + 1. Append only. */
static const char *const migrations[] = { version_1, version_2, version_3, version_4, version_5 };

int sqlite_newest_version(void)
{
    return (int)(sizeof(migrations) / sizeof(migrations[0]));
}

/* The first column of the first row; `otherwise` without a row. */
static bool ask(struct sqlite_db *db, const char *sql, int64_t otherwise, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);

    *out = otherwise;
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    else if (code != SQLITE_DONE)
        sqlite_fail(db, code, "reading the schema");
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE;
}

static bool not_ours(struct sqlite_db *db)
{
    return store_fail(&db->db.store, STORE_BROKEN, "%s: this is not a database of callbackd", db->path);
}

bool sqlite_check_schema(struct sqlite_db *db, int *version)
{
    int64_t id, tables, found = 0;

    *version = 0;
    if (!ask(db, "PRAGMA application_id", 0, &id) ||
        !ask(db, "SELECT count(*) FROM sqlite_schema", 0, &tables))
        return false;
    if (tables == 0 && id == 0)
        return true;
    if (id != APPLICATION_ID ||
        !ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'", 0, &tables))
        return not_ours(db);
    if (tables == 0)
        return not_ours(db);
    if (!ask(db, "SELECT CAST(v AS INTEGER) FROM meta WHERE k = 'version'", 0, &found))
        return false;
    if (found < 1)
        return not_ours(db);
    if (found > sqlite_newest_version())
        return store_fail(
            &db->db.store, STORE_BROKEN,
            "%s: made by a newer callbackd (version %lld of the tables, this program knows %d); "
            "install that one here",
            db->path, (long long)found, sqlite_newest_version());
    *version = (int)found;
    return true;
}

static bool migrate_once(struct sqlite_db *db, int version)
{
    char note[80];

    snprintf(note, sizeof(note), "UPDATE meta SET v = '%d' WHERE k = 'version'; COMMIT", version + 1);
    if (sqlite_run_sql(db, "BEGIN IMMEDIATE") && sqlite_run_sql(db, migrations[version]) &&
        sqlite_run_sql(db, note))
        return true;
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

bool sqlite_migrate(struct sqlite_db *db, int version)
{
    for (; version < sqlite_newest_version(); version++)
        if (!migrate_once(db, version))
            return false;
    return true;
}
