#include "store/store_db.h"

#include <stdlib.h>

/* Notifications, entries, matching: T1 to T3. */

void db_add_notification(struct store *store, const struct notification_row *row)
{
    db_write(db_of(store), SQL_ADD_NOTIFICATION,
             DB_VALUES(db_int(row->id), db_text(row->source), db_int(row->state), db_text0(row->reason),
                       db_int(row->tries), db_int(row->stored_at), db_blob(row->headers),
                       db_blob(row->body)));
}

size_t db_new_notifications(struct store *store, int64_t after, size_t limit, struct arena *arena,
                            struct notification_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_NEW_NOTIFICATIONS, DB_VALUES(db_int(after), db_limit(limit)),
                    &db_notification, arena, &n);
    return n;
}

void db_end_notification(struct store *store, int64_t id, enum notification_state state, struct text reason)
{
    db_write(db_of(store), SQL_END_NOTIFICATION, DB_VALUES(db_int(id), db_int(state), db_text0(reason)));
}

void db_try_notification(struct store *store, int64_t id)
{
    db_write(db_of(store), SQL_TRY_NOTIFICATION, DB_VALUES(db_int(id)));
}

bool db_orders_keys(struct store *store)
{
    struct db_pair one;

    return db_one(db_of(store), SQL_ORDERS_KEYS, DB_NOTHING, &db_one_number, NULL, &one);
}

bool db_seen(struct store *store, struct text key, int64_t notification, int64_t now)
{
    return db_do(db_of(store), SQL_SEEN, DB_VALUES(db_blob(key), db_int(notification), db_int(now))) > 0;
}

void db_add_entry(struct store *store, const struct entry_row *row)
{
    db_write(db_of(store), SQL_ADD_ENTRY,
             DB_VALUES(db_int(row->id), db_int(row->notification), db_int(row->n), db_int(row->state),
                       db_text0(row->reason), db_int(row->tries), db_int(row->due_at), db_int(row->said_at),
                       db_int(row->stored_at), db_text(row->source), db_text(row->conversation),
                       db_text(row->message), db_blob0(row->doc)));
}

static int newest_entry_first(const void *a, const void *b)
{
    const struct entry_row *x = a, *y = b;

    return (x->id < y->id) - (x->id > y->id);
}

/* RETURNING promises no order. */
size_t db_claim_entries(struct store *store, struct text source, int64_t now, int64_t owner, size_t limit,
                        struct arena *arena, struct entry_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_CLAIM_ENTRIES,
                    DB_VALUES(db_text(source), db_int(now), db_int(owner), db_limit(limit)), &db_entry, arena,
                    &n);
    if (n)
        qsort(*rows, n, sizeof(**rows), newest_entry_first);
    return n;
}

void db_update_entry(struct store *store, const struct entry_row *row)
{
    db_write(db_of(store), SQL_UPDATE_ENTRY,
             DB_VALUES(db_int(row->id), db_int(row->state), db_text0(row->reason), db_int(row->tries),
                       db_int(row->due_at), db_int(row->said_at), db_blob0(row->doc)));
}

size_t db_old_entries(struct store *store, int64_t before, size_t limit, struct arena *arena,
                      struct entry_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_OLD_ENTRIES, DB_VALUES(db_int(before), db_limit(limit)), &db_entry,
                    arena, &n);
    return n;
}

bool db_next_seq(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                 struct chat_place *place)
{
    const struct db_values key = DB_VALUES(db_text(channel), db_text(user_id));
    struct db *db = db_of(store);

    *place = (struct chat_place){ .chat = new_id, .seq = 1, .idle = true };
    if (!db_one(db, SQL_CHAT_SEQ, key, &db_place, NULL, place) &&
        !db_do(db, SQL_ADD_CHAT, DB_VALUES(db_int(new_id), db_text(channel), db_text(user_id))) &&
        !db_one(db, SQL_CHAT_SEQ, key, &db_place, NULL, place)) /* another node was faster */
        return false;
    return !store_failed(store);
}

bool db_find_chat(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                  struct chat_row *row)
{
    return db_one(db_of(store), SQL_FIND_CHAT, DB_VALUES(db_text(channel), db_text(user_id)), &db_chat, arena,
                  row);
}

void db_add_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
                int64_t now)
{
    db_write(db_of(store), SQL_TAP,
             DB_VALUES(db_int(chat), db_text(rule), db_blob(data), db_int(said_at), db_int(now)));
}

bool db_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
            int64_t window_ms, int64_t now)
{
    struct db_pair near;
    int64_t from, end;

    store_window(said_at, window_ms, &from, &end);
    if (db_one(db_of(store), SQL_TAP_NEAR,
               DB_VALUES(db_int(chat), db_text(rule), db_blob(data), db_int(from), db_int(end)),
               &db_one_number, NULL, &near))
        return false;
    db_add_tap(store, chat, rule, data, said_at, now);
    return !store_failed(store);
}

bool db_add_run(struct store *store, const struct run_row *row, int64_t owner, int64_t now)
{
    struct db *db = db_of(store);
    struct db_value ended = row->state >= RUN_DONE ? db_int(row->ended_at) : db_int0(0);
    int64_t added =
        db_do(db, SQL_ADD_RUN,
              DB_VALUES(db_int(row->id), db_int(row->entry), db_text(row->rule), db_int(row->chat),
                        db_int(row->seq), db_blob(row->ruleset), db_int(row->state), db_text0(row->reason),
                        db_int(row->step), db_int(row->begun), db_blob0(row->doc), db_int(row->said_at),
                        db_int(row->stored_at), db_int(row->expires_at), ended));

    if (added && owner)
        db_write(db, SQL_TAKE_CHAT, DB_VALUES(db_int(row->chat), db_int(owner), db_int(row->seq)));
    else if (added)
        db_write(db, SQL_CHAT_RUN, DB_VALUES(db_int(row->chat), db_int(now), db_int(row->seq)));
    return added && !store_failed(store);
}
