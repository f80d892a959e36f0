#include "store/store_db_sql.h"
#include "store/store_backend.h"
#include "store/store_db_words.h"

/* States stand as numbers, because a partial index is used only where the statement repeats its condition literally:
   notification 0 new, 1 done, 2 stuck; entry 0 fetch, 1 done, 2 unaddressed, 3 expired, 4 stuck; run 0 ready, 1 held,
   from 2 ends; send 0 ready, 1 sending, 2 ok, 5 unknown. */

/* clang-format off */
/* The runs that came out of a source's notifications, the oldest first. */
#define RUNS_OF_SOURCE \
    "notification AS n CROSS JOIN entry AS e ON e.notification = n.id CROSS JOIN run AS r ON r.entry = e.id"
#define SOURCE_ENDED \
    "n.state <> 0 AND n.state = 1 AND n.source = ?3 AND n.stored_at < ?1 AND r.ended_at < ?1"

const char *const db_texts[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_DATA_VERSION] = "PRAGMA data_version",

    [SQL_ADD_NOTIFICATION] =
        "INSERT INTO notification(" NOTIFICATION ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_NEW_NOTIFICATIONS] =
        "SELECT " NOTIFICATION " FROM notification WHERE state = 0 AND id > ?1 ORDER BY id LIMIT ?2",
    [SQL_END_NOTIFICATION] = "UPDATE notification SET state = ?2, reason = ?3 WHERE id = ?1 AND state = 0",
    [SQL_TRY_NOTIFICATION] = "UPDATE notification SET tries = tries + 1 WHERE id = ?1",
    [SQL_ORDERS_KEYS] = "SELECT 1 FROM meta WHERE k = 'ordered_keys'",
    [SQL_SEEN] = "INSERT INTO seen(key, notification, at) VALUES(?1, ?2, ?3) ON CONFLICT(key) DO NOTHING",

    [SQL_ADD_ENTRY] =
        "INSERT INTO entry(" ENTRY ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    [SQL_CLAIM_ENTRIES] =
        "UPDATE entry SET owner = ?3, tries = tries + 1 WHERE id IN (SELECT id FROM entry"
        " WHERE state = 0 AND owner IS NULL AND source = ?1 AND due_at <= ?2 ORDER BY id DESC LIMIT ?4)"
        " RETURNING " ENTRY,
    [SQL_UPDATE_ENTRY] =
        "UPDATE entry SET state = ?2, reason = ?3, tries = ?4, due_at = ?5, said_at = ?6, doc = ?7, owner = NULL"
        " WHERE id = ?1 AND state = 0",
    [SQL_OLD_ENTRIES] =
        "SELECT " ENTRY " FROM entry WHERE state = 0 AND owner IS NULL AND stored_at < ?1 ORDER BY stored_at, id LIMIT ?2",

    /* Where every tap passes, two plain statements instead of one with RETURNING or INSERT ... SELECT: for those SQLite makes
       a table of its own each time, which costs more than the rest. Nobody writes between them: the transaction is IMMEDIATE. */
    [SQL_CHAT_SEQ] = "SELECT " PLACE " FROM chat WHERE channel = ?1 AND user_id = ?2",
    [SQL_ADD_CHAT] =
        "INSERT INTO chat(id, channel, user_id, next_seq, not_before) VALUES(?1, ?2, ?3, 1, 0)",
    [SQL_FIND_CHAT] = "SELECT " CHAT " FROM chat WHERE channel = ?1 AND user_id = ?2",
    [SQL_TAP_NEAR] =
        "SELECT 1 FROM tap WHERE chat = ?1 AND rule = ?2 AND data = ?3 AND said_at > ?4 AND said_at < ?5 LIMIT 1",
    [SQL_TAP] =
        "INSERT INTO tap(chat, rule, data, said_at, stored_at) VALUES(?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT(chat, rule, data, said_at) DO UPDATE SET stored_at = excluded.stored_at",
    [SQL_ADD_RUN] =
        "INSERT INTO run(" RUN ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
        " ON CONFLICT(entry, rule) DO NOTHING",
    [SQL_CHAT_RUN] =
        "UPDATE chat SET next_seq = max(next_seq, ?3 + 1), due_at = CASE WHEN owner IS NULL AND (due_at IS NULL OR due_at > ?2)"
        " THEN ?2 ELSE due_at END WHERE id = ?1",
    [SQL_TAKE_CHAT] = "UPDATE chat SET next_seq = ?3 + 1, owner = ?2 WHERE id = ?1",
    /* A send that was pruned is taken for a good one: pruning takes the buttons of the others with it. */
    [SQL_FIND_ISSUED] =
        "SELECT " ISSUED " FROM issued AS i WHERE chat = ?1 AND token = ?2 AND until > ?3 AND NOT EXISTS (SELECT 1 FROM send"
        " WHERE run = i.run AND step = i.step AND n = i.n AND state NOT IN (1, 2, 5))"
        " ORDER BY spent_by <> 0, at DESC, run DESC, step DESC, n DESC LIMIT 1",
    [SQL_LIST_ISSUED] =
        "SELECT " ISSUED " FROM issued AS i WHERE (chat, token, run, step, n) > (?1, ?2, ?3, ?4, ?5)"
        " AND until > ?6 AND NOT EXISTS (SELECT 1 FROM send"
        " WHERE run = i.run AND step = i.step AND n = i.n AND state NOT IN (1, 2, 5))"
        " ORDER BY chat, token, run, step, n LIMIT ?7",
    [SQL_ISSUE] =
        "INSERT INTO issued(" ISSUED ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0) ON CONFLICT(chat, token, run, step, n)"
        " DO UPDATE SET at = excluded.at, until = excluded.until, data = excluded.data",
    [SQL_SPEND] =
        "UPDATE issued SET spent_by = ?5 WHERE chat = ?1 AND run = ?2 AND step = ?3 AND n = ?4 AND spent_by = 0",
    [SQL_UNSPEND] = "UPDATE issued SET spent_by = 0 WHERE chat = ?1 AND spent_by = ?2",

    [SQL_VARIABLES] = "SELECT name, value, until, session FROM variable WHERE chat = ?1 AND until > ?2 ORDER BY name",
    [SQL_SET_VARIABLE] =
        "INSERT INTO variable(chat, name, value, until, session) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(chat, name)"
        " DO UPDATE SET value = excluded.value, until = excluded.until, session = excluded.session",
    [SQL_DROP_VARIABLE] = "DELETE FROM variable WHERE chat = ?1 AND name = ?2",
    [SQL_TOUCH_SESSION] = "UPDATE variable SET until = ?3 WHERE chat = ?1 AND session = 1 AND until > ?2",

    [SQL_NEXT_CHANNEL] =
        "SELECT channel FROM chat WHERE channel > ?1 AND due_at IS NOT NULL AND owner IS NULL AND held IS NULL"
        " ORDER BY channel LIMIT 1",
    [SQL_CLAIM_CHATS] =
        "UPDATE chat SET owner = ?3 WHERE id IN (SELECT id FROM chat"
        " WHERE channel = ?1 AND due_at <= ?2 AND owner IS NULL AND held IS NULL ORDER BY due_at, id LIMIT ?4)"
        " RETURNING " CHAT,
    [SQL_CLAIM_LATEST] =
        "UPDATE chat SET owner = ?3 WHERE id IN (SELECT id FROM (SELECT id, due_at FROM chat WHERE channel = ?1 AND due_at <= ?2"
        " AND owner IS NULL AND held IS NULL ORDER BY due_at DESC, id DESC LIMIT " NUMBER(STORE_LATEST_MOST) ") AS c"
        " WHERE NOT EXISTS (SELECT 1 FROM run WHERE chat = c.id AND state = 0 AND begun = 1)"
        " ORDER BY due_at DESC, id DESC LIMIT ?4) RETURNING " CHAT,
    [SQL_GET_CHAT] = "SELECT " CHAT " FROM chat WHERE id = ?1",
    [SQL_HEAD_RUN] = "SELECT " RUN " " READY_OF("?1"),
    [SQL_GET_RUN] = "SELECT " RUN " FROM run WHERE id = ?1",
    [SQL_GET_ENTRY] = "SELECT " ENTRY " FROM entry WHERE id = ?1",
    [SQL_BEGIN_RUN] = "UPDATE run SET begun = 1 WHERE id = ?1",
    [SQL_ADD_SEND] = 
        "INSERT INTO send(" SEND ", owner) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [SQL_STEP_SENDS] = "SELECT " SEND " FROM send WHERE run = ?1 AND step = ?2 ORDER BY n",
    [SQL_RUN_SENDS] = "SELECT " SEND " FROM send WHERE run = ?1 ORDER BY step, n",
    [SQL_UNSETTLED] = "SELECT total(state = 5), total(state < 2) FROM send WHERE run = ?1",
    [SQL_START_SEND] =
        "UPDATE send SET state = 1, attempt = ?4, owner = ?5, sent_at = ?6"
        " WHERE run = ?1 AND step = ?2 AND n = ?3 AND state = 0",
    [SQL_KEEP_CHAT] = "UPDATE chat SET not_before = ?2 WHERE id = ?1",
    /* A run may have come while the chat was owned: then the chat has been due since that was stored. */
    [SQL_RELEASE_CHAT] =
        "UPDATE chat SET owner = NULL, not_before = ?3, due_at = CASE WHEN ?2 <> 0 THEN ?2"
        " ELSE (SELECT max(1, stored_at, ?3) " READY_OF("?1") ") END WHERE id = ?1",
    [SQL_HOLD_CHAT] = "UPDATE chat SET held = ?2 WHERE id = ?1",
    [SQL_FREE_CHAT] = "UPDATE chat SET held = NULL, due_at = ?2 WHERE id = ?1",

    [SQL_SETTLE_SEND] =
        "UPDATE send SET state = ?5, due_at = ?6, reply_id = ?7, status_url = ?8, reason = ?9, owner = NULL"
        " WHERE run = ?1 AND step = ?2 AND n = ?3 AND attempt = ?4 AND state = 1",
    [SQL_AMEND_SEND] =
        "UPDATE send SET state = ?5, due_at = ?6, reply_id = ?7, status_url = ?8, reason = ?9"
        " WHERE run = ?1 AND step = ?2 AND n = ?3 AND attempt = ?4 AND state = 5",
    [SQL_END_SENDS] = "UPDATE send SET state = ?2, reason = ?3 WHERE run = ?1 AND state = 0",
    [SQL_STEP_RUN] = "UPDATE run SET step = ?2, doc = ?3 WHERE id = ?1 AND ended_at IS NULL",
    [SQL_SET_RUN] =
        "UPDATE run SET state = ?2, reason = ?3, ended_at = CASE WHEN ?2 > 1 THEN ?4 END"
        " WHERE id = ?1 AND ended_at IS NULL",
    [SQL_RUN_CHAT_DUE] =
        "UPDATE chat SET due_at = ?2 WHERE id = (SELECT chat FROM run WHERE id = ?1) AND owner IS NULL"
        " AND (due_at IS NULL OR due_at > ?2)",

    [SQL_NEXT_SENDING] =
        "SELECT " SEND " FROM send WHERE state = 1 AND (?2 = 0 OR owner = ?2) ORDER BY run, step, n LIMIT ?1",
    [SQL_OWNED_CHATS] = "SELECT " CHAT " FROM chat WHERE owner = ?2 ORDER BY id LIMIT ?1",
    /* Once, at the start: all chats are read rather than every claim written to an index. */
    [SQL_DISOWN_CHATS] = "UPDATE chat SET owner = NULL WHERE owner IS NOT NULL AND (?1 = 0 OR owner = ?1)",
    [SQL_DISOWN_ENTRIES] =
        "UPDATE entry SET owner = NULL WHERE state = 0 AND owner IS NOT NULL AND (?1 = 0 OR owner = ?1)",
    [SQL_DISOWN_DUE] =
        "UPDATE chat SET due_at = ?2 WHERE (due_at IS NULL OR due_at > ?2) AND (?1 = 0 OR owner = ?1)"
        " AND id IN (SELECT chat FROM run WHERE state = 0)",

    [SQL_EXPIRED_RUNS] =
        "SELECT " RUN " FROM run WHERE ended_at IS NULL AND expires_at BETWEEN 1 AND ?1"
        " AND NOT EXISTS (SELECT 1 FROM send WHERE send.run = run.id AND (send.state = 1"
        " OR (send.state = 5 AND send.due_at > 0 AND run.state = 0))) ORDER BY expires_at, id LIMIT ?2",
    /* The guard of the whole: no row back, no change. */
    [SQL_REARM_SEQ] =
        "UPDATE chat SET next_seq = next_seq + 1 WHERE id = (SELECT chat FROM run WHERE id = ?1 AND state > 0"
        " AND NOT EXISTS (SELECT 1 FROM send WHERE run = ?1 AND state = 1)) RETURNING next_seq - 1",
    [SQL_REARM_RUN] =
        "UPDATE run SET state = 0, reason = NULL, seq = ?2, said_at = ?3, expires_at = ?4, ended_at = NULL, begun = 0,"
        " step = coalesce((SELECT min(step) FROM send WHERE run = ?1 AND state <> 2), step) WHERE id = ?1",
    [SQL_REARM_SENDS] =
        "UPDATE send SET state = 0, reason = NULL, due_at = 0 WHERE run = ?1 AND state <> 2",
    [SQL_REARM_NOTIFICATION] =
        "UPDATE notification SET state = 0, reason = NULL, tries = 0 WHERE id = ?1 AND state = 2",
    [SQL_REARM_ENTRY] =
        "UPDATE entry SET state = 0, reason = NULL, tries = 0, due_at = ?2, stored_at = ?2, owner = NULL"
        " WHERE id = ?1 AND state > 1",
    [SQL_DROP_NOTIFICATION] = "UPDATE notification SET state = 1, reason = ?2 WHERE id = ?1 AND state <> 1",
    [SQL_DROP_ENTRY] =
        "UPDATE entry SET state = 1, reason = ?2, owner = NULL WHERE id = ?1 AND state IN (0, 2, 4)",

    [SQL_OLD_SENDS] =
        "SELECT " OLD_SEND("send", "run.chat") " FROM run CROSS JOIN send ON send.run = run.id"
        " WHERE ended_at < ?1 ORDER BY ended_at, expires_at, run.id, send.step, send.n LIMIT ?2",
    [SQL_NEXT_SOURCE] =
        "SELECT source FROM notification WHERE state <> 0 AND state = 1 AND source > ?1 ORDER BY source LIMIT 1",
    [SQL_SOURCE_SENDS] =
        "SELECT " OLD_SEND("s", "r.chat") " FROM " RUNS_OF_SOURCE " CROSS JOIN send AS s ON s.run = r.id"
        " WHERE " SOURCE_ENDED " ORDER BY n.stored_at, n.id, e.n, r.rule, s.step, s.n LIMIT ?2",
    [SQL_DELETE_ISSUED] = "DELETE FROM issued WHERE chat = ?1 AND run = ?2 AND step = ?3 AND n = ?4",
    [SQL_DELETE_SEND] = "DELETE FROM send WHERE run = ?1 AND step = ?2 AND n = ?3",
    [SQL_PRUNE_RUNS] =
        "DELETE FROM run WHERE id IN (SELECT id FROM run WHERE ended_at < ?1"
        " AND NOT EXISTS (SELECT 1 FROM send WHERE run = run.id) ORDER BY ended_at, expires_at, id LIMIT ?2)"
        " RETURNING state",
    [SQL_SOURCE_RUNS] =
        "DELETE FROM run WHERE id IN (SELECT r.id FROM " RUNS_OF_SOURCE " WHERE " SOURCE_ENDED
        " AND NOT EXISTS (SELECT 1 FROM send WHERE run = r.id) ORDER BY n.stored_at, n.id, e.n, r.rule LIMIT ?2)"
        " RETURNING state",
    [SQL_PRUNE_ENTRIES] =
        "DELETE FROM entry WHERE id IN (SELECT e.id FROM notification AS n"
        " CROSS JOIN entry AS e ON e.notification = n.id WHERE n.state <> 0 AND n.state = 1 AND n.source = ?3 AND n.stored_at < ?1"
        " AND NOT EXISTS (SELECT 1 FROM entry AS o WHERE o.notification = n.id"
        " AND (o.state = 0 OR EXISTS (SELECT 1 FROM run WHERE entry = o.id)))"
        " ORDER BY n.stored_at, n.id, e.n LIMIT ?2)",
    [SQL_PRUNE_NOTIFICATIONS] =
        "DELETE FROM notification WHERE id IN (SELECT id FROM notification AS n WHERE state <> 0 AND state = 1"
        " AND source = ?3 AND stored_at < ?1"
        " AND NOT EXISTS (SELECT 1 FROM entry WHERE notification = n.id) ORDER BY stored_at, id LIMIT ?2)",
    [SQL_PRUNE_VARIABLES] =
        "DELETE FROM variable WHERE (chat, name) IN (SELECT chat, name FROM variable WHERE until < ?1"
        " ORDER BY until, chat, name LIMIT ?2)",

    /* The last chat, and the last key, of those that are next. */
    [SQL_SWEEP_CHATS] = "SELECT max(id), count(*) FROM (SELECT id FROM chat WHERE id > ?1 ORDER BY id LIMIT ?2) AS page",
    [SQL_SWEEP_TAPS] = "DELETE FROM tap WHERE chat > ?1 AND chat <= ?2 AND stored_at < ?3",
    [SQL_SWEEP_BUTTONS] = "DELETE FROM issued WHERE chat > ?1 AND chat <= ?2 AND until < ?3",
    [SQL_SWEEP_KEYS] = "SELECT key FROM seen WHERE key > ?1 ORDER BY key LIMIT 1 OFFSET ?2",
    [SQL_SWEEP_SEEN] = "DELETE FROM seen WHERE key > ?1 AND (?2 IS NULL OR key <= ?2) AND at < ?3",

    [SQL_SEE_RULESET] =
        "UPDATE ruleset SET seen_at = ?1 - 1 WHERE hash = (SELECT hash FROM ruleset ORDER BY seen_at DESC, hash LIMIT 1)",
    [SQL_PRUNE_RULESETS] =
        "DELETE FROM ruleset WHERE seen_at < ?2 AND hash <> ?1"
        " AND NOT EXISTS (SELECT 1 FROM run WHERE ended_at IS NULL AND run.ruleset = ruleset.hash)",
    [SQL_PUT_RULESET] =
        "INSERT INTO ruleset(hash, source, seen_at) VALUES(?1, ?2, ?3)"
        " ON CONFLICT(hash) DO UPDATE SET seen_at = excluded.seen_at",
    [SQL_GET_RULESET] = "SELECT source FROM ruleset WHERE hash = ?1",
    [SQL_PUT_CHANNEL] =
        "INSERT INTO channel(name, tokens, at, not_before, paused) VALUES(?1, 0, 0, ?2, ?3)"
        " ON CONFLICT(name) DO UPDATE SET not_before = excluded.not_before, paused = excluded.paused",
    [SQL_PENALIZE_CHANNEL] =
        "INSERT INTO channel(name, tokens, at, not_before) VALUES(?1, 0, 0, ?2)"
        " ON CONFLICT(name) DO UPDATE SET not_before = max(channel.not_before, excluded.not_before)",
    [SQL_PAUSE_CHANNEL] =
        "INSERT INTO channel(name, tokens, at, not_before, paused) VALUES(?1, 0, 0, 0, ?2)"
        " ON CONFLICT(name) DO UPDATE SET paused = excluded.paused",
    [SQL_CHANNELS] = "SELECT name, not_before, paused FROM channel ORDER BY name",
    [SQL_COUNT_NOTIFICATIONS] =
        "SELECT 0, count(*) FROM notification WHERE state = 0"
        " UNION ALL SELECT 2, count(*) FROM notification WHERE state <> 0 AND state = 2",
    [SQL_COUNT_ENTRIES] = "SELECT state, count(*) FROM entry GROUP BY state",
    [SQL_COUNT_RUNS] = "SELECT state, count(*) FROM run GROUP BY state",
    [SQL_NEWEST_ID] =
        "SELECT max(coalesce((SELECT max(id) FROM notification), 0), coalesce((SELECT max(id) FROM entry), 0),"
        " coalesce((SELECT max(id) FROM chat), 0), coalesce((SELECT max(id) FROM run), 0))",
    /* Ids grow with time: the row with the newest id is the one stored last. */
    [SQL_ANY_VARIABLE] = "SELECT EXISTS(SELECT 1 FROM variable)",
    [SQL_NEWEST_AT] =
        "SELECT max(coalesce((SELECT stored_at FROM notification ORDER BY id DESC LIMIT 1), 0),"
        " coalesce((SELECT stored_at FROM entry ORDER BY id DESC LIMIT 1), 0),"
        " coalesce((SELECT stored_at FROM run ORDER BY id DESC LIMIT 1), 0),"
        " coalesce((SELECT max(ended_at) FROM run), 0))",
    [SQL_NEXT_DUE] =
        "SELECT max(1, due_at) FROM chat WHERE channel = ?1 AND due_at IS NOT NULL AND owner IS NULL AND held IS NULL"
        " ORDER BY due_at LIMIT 1",

    [SQL_FORGET_BUSY] =
        "SELECT 1 FROM send JOIN run ON run.id = send.run WHERE send.state = 1 AND chat IN " CHATS_OF " LIMIT 1",
    [SQL_FORGET_BODIES] =
        "UPDATE notification SET body = x'' WHERE id IN " NOTIFICATIONS_OF " AND id IN " OTHERS_IN " AND body <> x''",
    [SQL_FORGET_NOTIFICATIONS] =
        "DELETE FROM notification WHERE id IN " NOTIFICATIONS_OF " AND id NOT IN " OTHERS_IN,
    [SQL_FORGET_ENTRIES] = "DELETE FROM entry WHERE id IN " ENTRIES_OF,
    [SQL_FORGET_SENDS] = "DELETE FROM send WHERE run IN (SELECT id FROM run WHERE chat IN " CHATS_OF ")",
    [SQL_FORGET_BUTTONS] = "DELETE FROM issued WHERE chat IN " CHATS_OF,
    [SQL_FORGET_TAPS] = "DELETE FROM tap WHERE chat IN " CHATS_OF,
    [SQL_FORGET_VARIABLES] = "DELETE FROM variable WHERE chat IN " CHATS_OF,
    [SQL_FORGET_RUNS] = "DELETE FROM run WHERE chat IN " CHATS_OF,
    [SQL_FORGET_CHATS] = "DELETE FROM chat WHERE id IN " CHATS_OF,

    [SQL_LIST] =
        "SELECT 0, id, stored_at, state, reason, source, NULL, NULL, NULL, 0 FROM notification"
        " WHERE ?1 <> 0 AND id > ?4 AND (?1 >> CAST(state AS INTEGER)) & 1 <> 0 AND (?5 IS NULL OR source = ?5)"
        " UNION ALL SELECT 1, id, stored_at, state, reason, source, NULL, NULL, NULL, 0 FROM entry"
        " WHERE ?2 <> 0 AND id > ?4 AND (?2 >> CAST(state AS INTEGER)) & 1 <> 0 AND (?5 IS NULL OR source = ?5)"
        " UNION ALL SELECT 2, r.id, r.stored_at, r.state, r.reason, e.source, c.channel, c.user_id, r.rule, r.expires_at"
        " FROM run AS r LEFT JOIN chat AS c ON c.id = r.chat LEFT JOIN entry AS e ON e.id = r.entry"
        " WHERE ?3 <> 0 AND r.id > ?4 AND (?3 >> CAST(r.state AS INTEGER)) & 1 <> 0 AND (?5 IS NULL OR e.source = ?5)"
        " AND (?6 IS NULL OR c.channel = ?6) AND (?7 IS NULL OR c.user_id = ?7) AND (?8 IS NULL OR r.rule = ?8)"
        " ORDER BY 2, 1 LIMIT ?9",
    [SQL_GET_NOTIFICATION] = "SELECT " NOTIFICATION " FROM notification WHERE id = ?1",
    [SQL_NOTIFICATION_ENTRIES] = "SELECT " ENTRY " FROM entry WHERE notification = ?1 ORDER BY n",
    [SQL_ENTRY_RUNS] = "SELECT " RUN " FROM run WHERE entry = ?1 ORDER BY rule",
};
