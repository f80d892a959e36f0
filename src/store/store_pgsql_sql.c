#include "store/store_pgsql_db.h"

#include "store/store_db_words.h"

/* What PostgreSQL says otherwise than store_db_sql.c: because the words differ, or because other nodes are at work on the same tables.
   Whoever claims passes over what another one has locked; a CTE, because a subselect may be run more than once. */

/* clang-format off */
#define RUNS_OF_SOURCE \
    "notification AS n JOIN entry AS e ON e.notification = n.id JOIN run AS r ON r.entry = e.id"
#define SOURCE_ENDED "n.state = 1 AND n.source = ?3 AND n.stored_at < ?1 AND r.ended_at < ?1"
/* As many of a chat's ready runs as are kept in an image, the head first. */
#define READY_RUNS \
    "(SELECT DISTINCT unnest(?1) AS id) AS c CROSS JOIN LATERAL (SELECT * FROM run WHERE chat = c.id AND state = 0" \
    " ORDER BY begun DESC, said_at, seq LIMIT " NUMBER(PGSQL_READY_MOST) ") AS r"
#define DUE "channel = ?1 AND due_at <= ?2 AND owner IS NULL AND held IS NULL"
#define WAITING "due_at IS NOT NULL AND owner IS NULL AND held IS NULL"
/* An index takes 2704 bytes at most; what a customer types may be longer. */
#define TAP_DATA_OF(data) "CASE WHEN length(" data ") > " NUMBER(PGSQL_TAP_DATA_MOST) " THEN sha256(" data ") ELSE " data " END"
#define TAP_DATA TAP_DATA_OF("?3")

/* NOLINTBEGIN(bugprone-suspicious-missing-comma): statements go over several lines */
const char *const pgsql_texts[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    [SQL_BEGIN_STILL] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_CLOCK] = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    [SQL_PATIENCE] = "SELECT set_config('statement_timeout', CAST(?1 AS TEXT), true)",
    [SQL_LOCK_PATIENCE] = "SELECT set_config('lock_timeout', CAST(?1 AS TEXT), true)",
    [SQL_NOTIFY] = "NOTIFY callbackd",
    [SQL_LOAD_CHATS] = "SELECT " CHAT " FROM chat WHERE id = ANY(?1) ORDER BY id FOR NO KEY UPDATE",
    [SQL_LOAD_RUNS] =
        "SELECT r.id, entry, rule, chat, seq, ruleset, state, reason, step, begun, doc, said_at, stored_at, expires_at, ended_at"
        " FROM " READY_RUNS " ORDER BY chat, begun DESC, said_at, seq",
    [SQL_LOAD_SENDS] = "SELECT " SEND " FROM send WHERE run IN (SELECT r.id FROM " READY_RUNS ")",
    [SQL_LOAD_VARIABLES] = "SELECT chat, name, value, until, session FROM variable WHERE chat = ANY(?1)",
    [SQL_LOAD_TAPS] =
        "SELECT t.chat, t.rule, t.data, t.said_at, t.stored_at FROM unnest(?1, ?2, ?3) AS a(chat, said_from, said_to)"
        " CROSS JOIN LATERAL (SELECT * FROM tap WHERE chat = a.chat AND said_at > a.said_from AND said_at < a.said_to"
        " LIMIT " NUMBER(PGSQL_TAPS_MOST) " + 1) AS t",
    /* Of each what SQL_FIND_ISSUED would find. */
    [SQL_LOAD_BUTTONS] =
        "SELECT b.* FROM unnest(?1, ?2) AS a(chat, token) CROSS JOIN LATERAL (SELECT " ISSUED " FROM issued AS i"
        " WHERE chat = a.chat AND token = a.token AND until > ?3 AND NOT EXISTS (SELECT 1 FROM send"
        " WHERE run = i.run AND step = i.step AND n = i.n AND state NOT IN (1, 2, 5))"
        " ORDER BY spent_by <> 0, at DESC, run DESC, step DESC, n DESC LIMIT 1) AS b",
    /* In one order for all nodes: of two with the same keys one waits for the other, and neither for one that waits for it. */
    [SQL_TAKE_KEYS] =
        "INSERT INTO seen(key, notification, at) SELECT DISTINCT ON (key) key, notification, ?3"
        " FROM unnest(?1, ?2) WITH ORDINALITY AS a(key, notification, place) ORDER BY key, place"
        " ON CONFLICT(key) DO NOTHING RETURNING key",
    [SQL_RETURN_KEYS] = "DELETE FROM seen WHERE key = ANY(?1)",
    [SQL_FIND_CHATS] =
        "SELECT a.place, c.id FROM unnest(?1, ?2) WITH ORDINALITY AS a(channel, user_id, place)"
        " CROSS JOIN LATERAL (SELECT id FROM chat WHERE channel = a.channel AND user_id = a.user_id LIMIT 1) AS c",
    [SQL_HAVE_RUNS] = "SELECT DISTINCT entry FROM run WHERE entry = ANY(?1) ORDER BY entry",
    [SQL_MAKE_CHAT] = "INSERT INTO chat(id, channel, user_id, next_seq, not_before) VALUES(?1, ?2, ?3, 1, 0)",
    [SQL_ADD_NOTIFICATIONS] =
        "INSERT INTO notification(" NOTIFICATION ") SELECT * FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_ADD_ENTRIES] =
        "INSERT INTO entry(" ENTRY ") SELECT * FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [SQL_ADD_RUNS] =
        "INSERT INTO run(" RUN ") SELECT * FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
        " ON CONFLICT(entry, rule) DO NOTHING",
    [SQL_TAPS] =
        "INSERT INTO tap(chat, rule, data, said_at, stored_at) SELECT chat, rule, " TAP_DATA_OF("data") ", said_at, stored_at"
        " FROM unnest(?1, ?2, ?3, ?4, ?5) AS a(chat, rule, data, said_at, stored_at)"
        " ON CONFLICT(chat, rule, data, said_at) DO UPDATE SET stored_at = excluded.stored_at",
    [SQL_ADD_SENDS] =
        "INSERT INTO send(" SEND ", owner)"
        " SELECT * FROM unnest(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [SQL_CALL] = "NOTIFY callbackd_work",

    /* Nobody takes over from a node in the middle of a transaction; and of one that was taken over from, none begins. Nor does one beside
       another of the same node, which its last session may still be at. Nor one of a node that slept while the tables were brought to
       another version: its lease has become 0. */
    [SQL_FENCE] =
        "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) FROM node WHERE id = ?1 AND lease_until > 0"
        " FOR NO KEY UPDATE",
    [SQL_LOCK_NODES] = "LOCK TABLE node IN SHARE ROW EXCLUSIVE MODE",
    [SQL_VERSION] = "SELECT CAST(v AS BIGINT) FROM meta WHERE k = 'version'",
    [SQL_JOIN] =
        "INSERT INTO node(id, name, lease_until) SELECT (?2 << 22) | (number << 12), ?1, ?3"
        " FROM generate_series(CAST(0 AS BIGINT), " NUMBER(STORE_NODES) " - 1) AS number"
        " WHERE NOT EXISTS (SELECT 1 FROM node WHERE ((id >> 12) & 1023) = number) ORDER BY number LIMIT 1 RETURNING id",
    [SQL_BEAT] = "UPDATE node SET rules = ?2, lease_until = ?3 WHERE id = ?1",
    [SQL_LAPSED] = "SELECT id FROM node WHERE lease_until <= ?1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
    [SQL_LEAVE] = "DELETE FROM node WHERE id = ?1",
    [SQL_NODES] = "SELECT id, name, rules, lease_until FROM node WHERE lease_until > ?1 ORDER BY id",

    /* What a node reads to work on it is its until the commit. */
    [SQL_NEW_NOTIFICATIONS] =
        "SELECT " NOTIFICATION " FROM notification WHERE state = 0 AND id > ?1 ORDER BY id LIMIT ?2 FOR UPDATE SKIP LOCKED",

    /* In no order that an index has: without statistics the order's index would be read, and with it all chats. */
    [SQL_OWNED_CHATS] = "SELECT " CHAT " FROM chat WHERE owner = ?2 ORDER BY id + 0 LIMIT ?1",
    [SQL_CLAIM_ENTRIES] =
        "WITH due AS MATERIALIZED (SELECT id FROM entry WHERE state = 0 AND owner IS NULL AND source = ?1 AND due_at <= ?2"
        " ORDER BY id DESC LIMIT ?4 FOR UPDATE SKIP LOCKED)"
        " UPDATE entry SET owner = ?3, tries = tries + 1 WHERE id IN (SELECT id FROM due) RETURNING " ENTRY,

    /* The chat is locked from here to the commit: its numbers, taps and buttons are one node's at a time. */
    [SQL_CHAT_SEQ] = "SELECT " PLACE " FROM chat WHERE channel = ?1 AND user_id = ?2 FOR NO KEY UPDATE",
    [SQL_ADD_CHAT] =
        "INSERT INTO chat(id, channel, user_id, next_seq, not_before) VALUES(?1, ?2, ?3, 1, 0)"
        " ON CONFLICT(channel, user_id) DO NOTHING",
    [SQL_TAP_NEAR] =
        "SELECT 1 FROM tap WHERE chat = ?1 AND rule = ?2 AND data = " TAP_DATA " AND said_at > ?4 AND said_at < ?5 LIMIT 1",
    [SQL_TAP] =
        "INSERT INTO tap(chat, rule, data, said_at, stored_at) VALUES(?1, ?2, " TAP_DATA ", ?4, ?5)"
        " ON CONFLICT(chat, rule, data, said_at) DO UPDATE SET stored_at = excluded.stored_at",
    [SQL_CHAT_RUN] =
        "UPDATE chat SET next_seq = greatest(next_seq, ?3 + 1), due_at = CASE WHEN owner IS NULL AND"
        " (due_at IS NULL OR due_at > ?2) THEN ?2 ELSE due_at END WHERE id = ?1",

    [SQL_CLAIM_CHATS] =
        "WITH due AS MATERIALIZED (SELECT id FROM chat WHERE " DUE " ORDER BY due_at, id LIMIT ?4 FOR NO KEY UPDATE SKIP LOCKED)"
        " UPDATE chat SET owner = ?3 WHERE id IN (SELECT id FROM due) RETURNING " CHAT,
    [SQL_CLAIM_LATEST] =
        "WITH late AS MATERIALIZED (SELECT id FROM chat WHERE " DUE " ORDER BY due_at DESC, id DESC"
        " LIMIT " NUMBER(STORE_LATEST_MOST) "), due AS MATERIALIZED (SELECT id FROM chat WHERE id IN (SELECT id FROM late) AND " DUE
        " AND NOT EXISTS (SELECT 1 FROM run WHERE chat = chat.id AND state = 0 AND begun = 1)"
        " ORDER BY due_at DESC, id DESC LIMIT ?4 FOR NO KEY UPDATE SKIP LOCKED)"
        " UPDATE chat SET owner = ?3 WHERE id IN (SELECT id FROM due) RETURNING " CHAT,
    [SQL_UNSETTLED] =
        "SELECT count(*) FILTER (WHERE state = 5), count(*) FILTER (WHERE state < 2) FROM send WHERE run = ?1",
    /* Whoever reads a chat goes on to release it: by what runs it has then, and another node may be adding one. The statement behind the
       lock sees that one; the statement that waits for it would not. */
    [SQL_GET_CHAT] = "SELECT " CHAT " FROM chat WHERE id = ?1 FOR NO KEY UPDATE",
    [SQL_GET_ENTRY] = "SELECT " ENTRY " FROM entry WHERE id = ?1 FOR NO KEY UPDATE",
    [SQL_GET_ENTRIES] = "SELECT " ENTRY " FROM entry WHERE id = ANY(?1) ORDER BY id FOR NO KEY UPDATE",
    [SQL_LOCK_CHATS] = "SELECT id FROM chat WHERE owner = ?1 ORDER BY id FOR NO KEY UPDATE",
    [SQL_DISOWN_NODE] =
        "UPDATE chat SET owner = NULL, due_at = CASE WHEN (due_at IS NULL OR due_at > ?2)"
        " AND EXISTS (SELECT 1 FROM run WHERE run.chat = chat.id AND state = 0) THEN ?2 ELSE due_at END WHERE owner = ?1",
    [SQL_DISOWN_FETCHES] = "UPDATE entry SET owner = NULL WHERE state = 0 AND owner = ?1 AND id <> ALL(?2)",
    [SQL_RELEASE_CHAT] =
        "UPDATE chat SET owner = NULL, not_before = ?3, due_at = CASE WHEN ?2 <> 0 THEN ?2"
        " ELSE (SELECT greatest(1, stored_at, ?3) " READY_OF("?1") ") END WHERE id = ?1",

    [SQL_OLD_SENDS] =
        "SELECT " OLD_SEND("send", "run.chat") " FROM run JOIN send ON send.run = run.id"
        " WHERE ended_at < ?1 ORDER BY ended_at, expires_at, run.id, send.step, send.n LIMIT ?2",
    [SQL_SOURCE_SENDS] =
        "SELECT " OLD_SEND("s", "r.chat") " FROM " RUNS_OF_SOURCE " JOIN send AS s ON s.run = r.id"
        " WHERE " SOURCE_ENDED " ORDER BY n.stored_at, n.id, e.n, r.rule, s.step, s.n LIMIT ?2",
    [SQL_SOURCE_RUNS] =
        "DELETE FROM run WHERE id IN (SELECT r.id FROM " RUNS_OF_SOURCE " WHERE " SOURCE_ENDED
        " AND NOT EXISTS (SELECT 1 FROM send WHERE run = r.id) ORDER BY n.stored_at, n.id, e.n, r.rule LIMIT ?2)"
        " RETURNING state",
    [SQL_PRUNE_ENTRIES] =
        "DELETE FROM entry WHERE id IN (SELECT e.id FROM notification AS n"
        " JOIN entry AS e ON e.notification = n.id WHERE n.state = 1 AND n.source = ?3 AND n.stored_at < ?1"
        " AND NOT EXISTS (SELECT 1 FROM entry AS o WHERE o.notification = n.id"
        " AND (o.state = 0 OR EXISTS (SELECT 1 FROM run WHERE entry = o.id)))"
        " ORDER BY n.stored_at, n.id, e.n LIMIT ?2)",

    [SQL_PRUNE_RULESETS] =
        "DELETE FROM ruleset WHERE seen_at < ?2 AND hash <> ?1"
        " AND NOT EXISTS (SELECT 1 FROM node WHERE rules = ruleset.hash)"
        " AND NOT EXISTS (SELECT 1 FROM run WHERE ended_at IS NULL AND run.ruleset = ruleset.hash)",
    [SQL_NEWEST_ID] =
        "SELECT greatest((SELECT max(id) FROM notification), (SELECT max(id) FROM entry), (SELECT max(id) FROM chat),"
        " (SELECT max(id) FROM run), 0)",
    [SQL_NEWEST_AT] =
        "SELECT greatest((SELECT stored_at FROM notification ORDER BY id DESC LIMIT 1),"
        " (SELECT stored_at FROM entry ORDER BY id DESC LIMIT 1), (SELECT stored_at FROM run ORDER BY id DESC LIMIT 1),"
        " (SELECT max(ended_at) FROM run), 0)",
    [SQL_PENALIZE_CHANNEL] =
        "INSERT INTO channel(name, tokens, at, not_before) VALUES(?1, 0, 0, ?2)"
        " ON CONFLICT(name) DO UPDATE SET not_before = greatest(channel.not_before, excluded.not_before)",
    /* From one channel that has some to the next by the index, however many chats they have, or channels there are without. */
    [SQL_DUE_CHANNELS] =
        "WITH RECURSIVE first AS ((SELECT channel, due_at FROM chat WHERE " WAITING " ORDER BY channel, due_at LIMIT 1)"
        " UNION ALL SELECT next.channel, next.due_at FROM first CROSS JOIN LATERAL (SELECT channel, due_at FROM chat"
        " WHERE channel > first.channel AND " WAITING " ORDER BY channel, due_at LIMIT 1) AS next)"
        " SELECT channel, greatest(1, due_at) FROM first ORDER BY channel",
    [SQL_NEXT_DUE] =
        "SELECT greatest(1, due_at) FROM chat WHERE channel = ?1 AND due_at IS NOT NULL AND owner IS NULL AND held IS NULL"
        " ORDER BY due_at LIMIT 1",
    [SQL_FORGET_LOCK] = "SELECT id FROM chat WHERE id IN " CHATS_OF " ORDER BY id FOR UPDATE",
    [SQL_FORGET_BODIES] =
        "UPDATE notification SET body = '' WHERE id IN " NOTIFICATIONS_OF " AND id IN " OTHERS_IN " AND body <> ''",
};
/* NOLINTEND(bugprone-suspicious-missing-comma) */
