#pragma once

/* What statements are made of: columns in the order in which store_db_row.c reads them, ... For store_db_sql.c and store_pgsql_*.c. */

/* clang-format off */
#define NOTIFICATION "id, source, state, reason, tries, stored_at, headers, body"
#define ENTRY "id, notification, n, state, reason, tries, due_at, said_at, stored_at, source, conversation, message, doc"
#define CHAT "id, channel, user_id, next_seq, due_at, owner, not_before, held"
#define PLACE "id, next_seq, not_before, CASE WHEN due_at IS NULL AND owner IS NULL AND held IS NULL THEN 1 ELSE 0 END"
#define RUN \
    "id, entry, rule, chat, seq, ruleset, state, reason, step, begun, doc, said_at, stored_at, expires_at, ended_at"
#define SEND \
    "run, step, n, kind, channel, body, state, attempt, due_at, sent_at, reply_id, status_url, reason"
/* Where the data is not what comes back, a column holds it. */
#define ISSUED "chat, run, step, n, token, data, at, until, spent_by"

/* ... a customer's chats, and the entries that are theirs. The entries are found by the runs: those go last. */
#define CHATS_OF "(SELECT id FROM chat WHERE user_id = ?2 AND (?1 IS NULL OR channel = ?1))"
#define ENTRIES_OF \
    "(SELECT id FROM entry WHERE id IN (SELECT entry FROM run WHERE chat IN " CHATS_OF ") OR (conversation <> ''" \
    " AND (source, conversation) IN (SELECT e.source, e.conversation FROM run JOIN entry AS e ON e.id = run.entry" \
    " WHERE run.chat IN " CHATS_OF ")))"
#define NOTIFICATIONS_OF "(SELECT notification FROM entry WHERE id IN " ENTRIES_OF ")"
#define OTHERS_IN "(SELECT notification FROM entry WHERE id NOT IN " ENTRIES_OF ")"

/* A send that pruning takes: the last is how many buttons go with it, those of one that did not go well. */
#define OLD_SEND(send, chat) \
    send ".run, " send ".step, " send ".n, " chat ", CASE WHEN " send ".state NOT IN (2, 5) THEN (SELECT count(*) FROM issued AS i" \
    " WHERE i.chat = " chat " AND i.run = " send ".run AND i.step = " send ".step AND i.n = " send ".n) ELSE 0 END"

/* A number of store.h in a statement. */
#define NUMBER(n) NUMBER_OF(n)
#define NUMBER_OF(n) #n

/* A chat's ready runs, head first; run_head has this order. */
#define READY_OF(chat) "FROM run WHERE chat = " chat " AND state = 0 ORDER BY begun DESC, said_at, seq LIMIT 1"
/* clang-format on */
