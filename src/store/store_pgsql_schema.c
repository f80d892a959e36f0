#include "store/store_pgsql_db.h"

#include <inttypes.h>
#include <stdio.h>

#define NODES_US INT64_C(120000000) /* for another node that makes the tables just now */

/* Version 1: what SQLite has come to in four (store_sqlite_schema.c), with the same names and order of columns, but every number 64
   bits. Texts are in the order of their bytes, whatever the database's own order is: pages go on behind the last row. What is
   updated often leaves room in its pages, so that the new row stands beside the old one. */
static const char version_1[] =
    "CREATE TABLE meta(k TEXT COLLATE \"C\" PRIMARY KEY, v TEXT NOT NULL);"
    "INSERT INTO meta VALUES('program', 'callbackd'), ('version', '0');"

    /* A node's number is in its id: see store_join. */
    "CREATE TABLE node(id BIGINT PRIMARY KEY, name TEXT COLLATE \"C\" NOT NULL, rules BYTEA, lease_until "
    "BIGINT NOT NULL)"
    " WITH (fillfactor = 50);"

    "CREATE TABLE ruleset(hash BYTEA PRIMARY KEY, source BYTEA NOT NULL, seen_at BIGINT NOT NULL);"

    "CREATE TABLE notification(id BIGINT PRIMARY KEY, source TEXT COLLATE \"C\" NOT NULL, state BIGINT NOT "
    "NULL,"
    " reason TEXT, tries BIGINT NOT NULL, stored_at BIGINT NOT NULL, headers BYTEA NOT NULL, body BYTEA NOT "
    "NULL);"
    "CREATE INDEX notification_new ON notification(id) WHERE state = 0;"
    "CREATE INDEX notification_ended ON notification(state, source, stored_at) WHERE state <> 0;"

    "CREATE TABLE seen(key BYTEA PRIMARY KEY, notification BIGINT NOT NULL, at BIGINT NOT NULL);"

    "CREATE TABLE entry(id BIGINT PRIMARY KEY, notification BIGINT NOT NULL, n BIGINT NOT NULL, state BIGINT "
    "NOT NULL,"
    " reason TEXT, tries BIGINT NOT NULL, due_at BIGINT NOT NULL, owner BIGINT, said_at BIGINT NOT NULL,"
    " stored_at BIGINT NOT NULL, source TEXT COLLATE \"C\" NOT NULL, conversation TEXT COLLATE \"C\" NOT "
    "NULL,"
    " message TEXT COLLATE \"C\" NOT NULL, doc BYTEA);"
    "CREATE UNIQUE INDEX entry_place ON entry(notification, n);"
    "CREATE INDEX entry_fetch ON entry(source, owner, id, due_at) WHERE state = 0;"
    "CREATE INDEX entry_stored ON entry(stored_at) WHERE state = 0 AND owner IS NULL;"

    "CREATE TABLE chat(id BIGINT PRIMARY KEY, channel TEXT COLLATE \"C\" NOT NULL, user_id TEXT COLLATE "
    "\"C\" NOT NULL,"
    " next_seq BIGINT NOT NULL, due_at BIGINT, owner BIGINT, not_before BIGINT NOT NULL, held TEXT)"
    " WITH (fillfactor = 70);"
    "CREATE UNIQUE INDEX chat_user ON chat(channel, user_id);"
    "CREATE INDEX chat_due ON chat(channel, due_at, id) WHERE due_at IS NOT NULL AND owner IS NULL AND held "
    "IS NULL;"
    "CREATE INDEX chat_owner ON chat(owner) WHERE owner IS NOT NULL;"

    "CREATE TABLE run(id BIGINT PRIMARY KEY, entry BIGINT NOT NULL, rule TEXT COLLATE \"C\" NOT NULL, chat "
    "BIGINT NOT NULL,"
    " seq BIGINT NOT NULL, ruleset BYTEA NOT NULL, state BIGINT NOT NULL, reason TEXT, step BIGINT NOT NULL,"
    " begun BIGINT NOT NULL, said_at BIGINT NOT NULL, stored_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,"
    " ended_at BIGINT, doc BYTEA) WITH (fillfactor = 70);"
    "CREATE UNIQUE INDEX run_entry ON run(entry, rule);"
    "CREATE INDEX run_head ON run(chat, begun DESC, said_at, seq) WHERE state = 0;"
    "CREATE INDEX run_open ON run(expires_at, id) WHERE ended_at IS NULL;"
    "CREATE INDEX run_end ON run(ended_at, expires_at) WHERE ended_at IS NOT NULL;"

    "CREATE TABLE send(run BIGINT NOT NULL, step BIGINT NOT NULL, n BIGINT NOT NULL, kind BIGINT NOT NULL,"
    " state BIGINT NOT NULL, attempt BIGINT NOT NULL, owner BIGINT, due_at BIGINT NOT NULL, sent_at BIGINT "
    "NOT NULL,"
    " channel TEXT COLLATE \"C\" NOT NULL, reply_id TEXT, status_url TEXT, reason TEXT, body BYTEA NOT NULL,"
    " PRIMARY KEY(run, step, n)) WITH (fillfactor = 70);"
    "CREATE INDEX send_sending ON send(run) WHERE state = 1;"

    "CREATE TABLE tap(chat BIGINT NOT NULL, rule TEXT COLLATE \"C\" NOT NULL, data BYTEA NOT NULL, said_at "
    "BIGINT NOT NULL,"
    " stored_at BIGINT NOT NULL, PRIMARY KEY(chat, rule, data, said_at));"

    "CREATE TABLE variable(chat BIGINT NOT NULL, name TEXT COLLATE \"C\" NOT NULL, value BYTEA NOT NULL, "
    "until BIGINT NOT NULL,"
    " session BIGINT NOT NULL, PRIMARY KEY(chat, name));"
    "CREATE INDEX variable_until ON variable(until);"

    "CREATE TABLE issued(chat BIGINT NOT NULL, token BYTEA NOT NULL, run BIGINT NOT NULL, step BIGINT NOT "
    "NULL,"
    " n BIGINT NOT NULL, until BIGINT NOT NULL, at BIGINT NOT NULL, spent_by BIGINT NOT NULL, data BYTEA,"
    " PRIMARY KEY(chat, token, run, step, n));"

    "CREATE TABLE channel(name TEXT COLLATE \"C\" PRIMARY KEY, tokens DOUBLE PRECISION NOT NULL, at BIGINT "
    "NOT NULL,"
    " not_before BIGINT NOT NULL, paused TEXT);";

/* Version 2: keys of messages in the order of their numbers, where there are no others yet. */
static const char version_2[] =
    "INSERT INTO meta(k, v) SELECT 'ordered_keys', '1' WHERE NOT EXISTS (SELECT 1 FROM seen);";

/* migrations[v] leads from version v to v + 1. Append only. */
static const char *const migrations[] = { version_1, version_2 };

#define NEWEST ((int64_t)(sizeof(migrations) / sizeof(migrations[0])))

static bool failed(struct pgsql_db *db, enum store_status status, const char *why)
{
    return store_fail(&db->db.store, status, "PostgreSQL: %s", why);
}

/* 0: there are no tables. (to_regclass would say what it has said before, while another node makes them.) */
static bool read_version(struct pgsql_db *db, int64_t *version)
{
    int64_t there = -1;

    *version = 0;
    if (!pgsql_sql(db,
                   "SELECT CASE WHEN current_schema() IS NULL THEN -1"
                   " ELSE (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename "
                   "= 'meta') END",
                   pgsql_patience_us(db), &there))
        return false;
    if (there < 0)
        return failed(db, STORE_TEMPFAIL, "the search_path names no schema that there is");
    if (there == 0)
        return true;
    if (!pgsql_sql(db,
                   "SELECT CASE WHEN EXISTS (SELECT 1 FROM meta WHERE k = 'program' AND v = 'callbackd')"
                   " THEN (SELECT CAST(v AS BIGINT) FROM meta WHERE k = 'version') ELSE 0 END",
                   pgsql_patience_us(db), version))
        return false;
    if (*version < 1)
        return failed(db, STORE_BROKEN, "the table meta there is not callbackd's");
    return pgsql_knows_tables(db, *version);
}

bool pgsql_knows_tables(struct pgsql_db *db, int64_t version)
{
    return version <= NEWEST ||
           store_fail(&db->db.store, STORE_BROKEN,
                      "PostgreSQL: made by a newer callbackd (version %" PRId64
                      " of the tables, this program knows %" PRId64 "); install that one here, too",
                      version, NEWEST);
}

/* The sum of the others' work and ours would be neither version's: so of the nodes that know only the old tables none is at work. One that
   sleeps for longer than its lease finds that it is fenced (SQL_FENCE). No lease is begun or renewed meanwhile: that writes the table. */
static bool end_old_nodes(struct pgsql_db *db, int64_t version)
{
    int64_t nodes = 0;

    if (!pgsql_sql(db,
                   "LOCK TABLE node IN SHARE ROW EXCLUSIVE MODE; SELECT count(*) FROM node"
                   " WHERE lease_until > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
                   NODES_US, &nodes))
        return false;
    if (nodes == 0)
        return pgsql_sql(db, "UPDATE node SET lease_until = 0", NODES_US, NULL);
    return store_fail(
        &db->db.store, STORE_TEMPFAIL,
        "PostgreSQL: this callbackd brings the tables from version %" PRId64 " to %" PRId64 ", but %" PRId64
        " node%s still work%s with them: stop %s (SELECT name FROM node), then "
        "start this one; after a crash a node counts until its lease is over",
        version, NEWEST, nodes, nodes == 1 ? "" : "s", nodes == 1 ? "s" : "", nodes == 1 ? "it" : "them");
}

/* All in one transaction: PostgreSQL's tables are made and changed by transactions as rows are. The first node has the lock; when it
   lets go, the others find nothing to do. */
static bool migrate(struct pgsql_db *db)
{
    char note[96];
    int64_t version;

    snprintf(note, sizeof(note), "UPDATE meta SET v = '%" PRId64 "' WHERE k = 'version'; COMMIT", NEWEST);
    if (!pgsql_sql(db,
                   "BEGIN; SET LOCAL statement_timeout = '110s'; SET LOCAL lock_timeout = '110s';"
                   " SELECT pg_advisory_xact_lock(1667394411, hashtext(current_schema()))",
                   NODES_US, NULL) ||
        !read_version(db, &version) || (version > 0 && version < NEWEST && !end_old_nodes(db, version)))
        return false;
    for (; version < NEWEST; version++)
        if (!pgsql_sql(db, migrations[version], NODES_US, NULL))
            return false;
    return pgsql_sql(db, note, NODES_US, NULL);
}

bool pgsql_prepare_tables(struct pgsql_db *db)
{
    int64_t version;

    if (!read_version(db, &version))
        return false;
    if (version == NEWEST)
        return true;
    if (db->access == STORE_SERVE)
        return migrate(db);
    return failed(db, STORE_TEMPFAIL,
                  version ? "not of this callbackd's version; callbackd serve brings it up"
                          : "there is no such store; callbackd serve makes it");
}
