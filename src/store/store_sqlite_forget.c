#include "store/store_sqlite_db.h"

/* Forgetting without holding up others. What belongs to the customer is looked for in whole tables before the transaction; in it
   only rows go that are known by their keys. Tables of this connection alone keep the keys. ?1 is the channel or NULL, ?2 the user
   id, as in SQL_FORGET_*, which say the same in one piece. */

#define RUNS_OF_NOBODY_KNOWN                                                                             \
    "SELECT 1 FROM run CROSS JOIN chat ON chat.id = run.chat WHERE run.id > (SELECT run FROM gone_mark)" \
    " AND user_id = ?2 AND (?1 IS NULL OR channel = ?1)"
#define ENTRIES_OF_NOBODY_KNOWN                                    \
    "SELECT 1 FROM entry WHERE id > (SELECT entry FROM gone_mark)" \
    " AND (source, conversation) IN (SELECT source, conversation FROM gone_talk)"

static const char tables[] =
    "CREATE TEMP TABLE IF NOT EXISTS gone_mark(run INTEGER, entry INTEGER);"
    "CREATE TEMP TABLE IF NOT EXISTS gone_chat(id INTEGER PRIMARY KEY);"
    "CREATE TEMP TABLE IF NOT EXISTS gone_run(id INTEGER PRIMARY KEY, entry INTEGER);"
    "CREATE TEMP TABLE IF NOT EXISTS gone_talk(source TEXT, conversation TEXT, PRIMARY KEY(source, "
    "conversation));"
    "CREATE TEMP TABLE IF NOT EXISTS gone_entry(id INTEGER PRIMARY KEY, notification INTEGER);"
    "CREATE TEMP TABLE IF NOT EXISTS gone_note(id INTEGER PRIMARY KEY, shared INTEGER);"
    "DELETE FROM gone_mark; DELETE FROM gone_chat; DELETE FROM gone_run; DELETE FROM gone_talk;"
    "DELETE FROM gone_entry; DELETE FROM gone_note;";

/* The marks first: what is newer than they are may have been missed. */
static const char *const finding[] = {
    "INSERT INTO gone_mark SELECT coalesce((SELECT max(id) FROM run), 0), coalesce((SELECT max(id) FROM "
    "entry), 0)",
    "INSERT INTO gone_chat SELECT id FROM chat WHERE user_id = ?2 AND (?1 IS NULL OR channel = ?1)",
    "INSERT INTO gone_run SELECT id, entry FROM run WHERE chat IN (SELECT id FROM gone_chat)",
    "INSERT OR IGNORE INTO gone_talk SELECT source, conversation FROM entry WHERE conversation <> ''"
    " AND id IN (SELECT entry FROM gone_run)",
    "INSERT INTO gone_entry SELECT id, notification FROM entry WHERE id IN (SELECT entry FROM gone_run)",
    "INSERT OR IGNORE INTO gone_entry SELECT id, notification FROM entry"
    " WHERE (source, conversation) IN (SELECT source, conversation FROM gone_talk)",
};

static const char is_missed[] = "INSERT INTO gone_mark SELECT 0, 0 WHERE EXISTS(" RUNS_OF_NOBODY_KNOWN ") OR "
                                "EXISTS(" ENTRIES_OF_NOBODY_KNOWN ")";

static const char sharing[] =
    "INSERT INTO gone_note SELECT DISTINCT notification, EXISTS(SELECT 1 FROM entry AS o"
    " WHERE o.notification = gone_entry.notification AND o.id NOT IN (SELECT id FROM gone_entry))"
    " FROM gone_entry";

/* One statement; the rows that it changed. */
static int64_t change(struct sqlite_db *db, const char *sql, struct text channel, struct text user_id)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
    int64_t changed = 0;

    if (store_failed(&db->db.store))
        code = SQLITE_ABORT;
    else if (code == SQLITE_OK && sqlite3_bind_parameter_count(statement)) {
        if (channel.p)
            code = sqlite3_bind_text64(statement, 1, channel.p, channel.n, SQLITE_STATIC, SQLITE_UTF8);
        if (code == SQLITE_OK)
            code = sqlite3_bind_text64(statement, 2, user_id.n ? user_id.p : "", user_id.n, SQLITE_STATIC,
                                       SQLITE_UTF8);
    }
    if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_DONE)
        changed = sqlite3_changes64(db->handle);
    else
        sqlite_fail(db, code, "forgetting");
    sqlite3_finalize(statement);
    return changed;
}

void sqlite_forget_find(struct store *store, struct text channel, struct text user_id)
{
    struct sqlite_db *db = sqlite_of(store);

    db->forget_found = false;
    if (!sqlite_run_sql(db, tables))
        return;
    for (size_t i = 0; i < sizeof(finding) / sizeof(finding[0]); i++)
        change(db, finding[i], channel, user_id);
    db->forget_found = !store_failed(store);
}

static void remove_found(struct sqlite_db *db, struct store_forgotten *counts)
{
    const struct {
        const char *sql;
        int64_t *count;
    } steps[] = {
        { "UPDATE notification SET body = x'' WHERE id IN (SELECT id FROM gone_note WHERE shared) AND body "
          "<> x''",
          &counts->bodies },
        { "DELETE FROM notification WHERE id IN (SELECT id FROM gone_note WHERE NOT shared)",
          &counts->notifications },
        { "DELETE FROM entry WHERE id IN (SELECT id FROM gone_entry)", &counts->entries },
        { "DELETE FROM send WHERE run IN (SELECT id FROM gone_run)", &counts->sends },
        { "DELETE FROM issued WHERE chat IN (SELECT id FROM gone_chat)", &counts->buttons },
        { "DELETE FROM tap WHERE chat IN (SELECT id FROM gone_chat)", &counts->taps },
        { "DELETE FROM variable WHERE chat IN (SELECT id FROM gone_chat)", &counts->variables },
        { "DELETE FROM run WHERE id IN (SELECT id FROM gone_run)", &counts->runs },
        { "DELETE FROM chat WHERE id IN (SELECT id FROM gone_chat)", &counts->chats },
    };

    change(db, sharing, TEXT_NONE, TEXT_NONE);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        *steps[i].count = change(db, steps[i].sql, TEXT_NONE, TEXT_NONE);
}

enum store_forget sqlite_forget_found(struct store *store, struct text channel, struct text user_id,
                                      struct store_forgotten *counts)
{
    struct sqlite_db *db = sqlite_of(store);
    const bool found = db->forget_found;
    struct db_pair busy;

    db->forget_found = false;
    if (!found)
        return db_forget_chat(store, channel, user_id, counts) ? STORE_FORGOTTEN : STORE_FORGET_BUSY;
    if (db_one(&db->db, SQL_FORGET_BUSY, DB_VALUES(db_text0(channel), db_text(user_id)), &db_one_number, NULL,
               &busy))
        return STORE_FORGET_BUSY;
    if (change(db, is_missed, channel, user_id) > 0)
        return STORE_FORGET_AGAIN;
    remove_found(db, counts);
    return STORE_FORGOTTEN;
}
