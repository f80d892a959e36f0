#include "store/store_db.h"

#include <stdlib.h>

/* Claiming and settling: T4 to T6. */

static int longest_due_first(const void *a, const void *b)
{
    const struct chat_row *x = a, *y = b;

    if (x->due_at != y->due_at)
        return x->due_at < y->due_at ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

bool db_next_channel(struct store *store, struct text after, struct arena *arena, struct text *channel)
{
    return db_one(db_of(store), SQL_NEXT_CHANNEL, DB_VALUES(db_text(after)), &db_text_only, arena, channel);
}

static int latest_due_first(const void *a, const void *b)
{
    return longest_due_first(b, a);
}

/* RETURNING promises no order. */
size_t db_claim_chats(struct store *store, struct text channel, int64_t now, int64_t owner,
                      enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows)
{
    const bool latest = order == STORE_LATEST_DUE;
    size_t n;

    *rows = db_rows(db_of(store), latest ? SQL_CLAIM_LATEST : SQL_CLAIM_CHATS,
                    DB_VALUES(db_text(channel), db_int(now), db_int(owner), db_limit(limit)), &db_chat, arena,
                    &n);
    if (n)
        qsort(*rows, n, sizeof(**rows), latest ? latest_due_first : longest_due_first);
    return n;
}

bool db_get_chat(struct store *store, int64_t id, struct arena *arena, struct chat_row *row)
{
    return db_one(db_of(store), SQL_GET_CHAT, DB_VALUES(db_int(id)), &db_chat, arena, row);
}

bool db_head_run(struct store *store, int64_t chat, struct arena *arena, struct run_row *row)
{
    return db_one(db_of(store), SQL_HEAD_RUN, DB_VALUES(db_int(chat)), &db_run, arena, row);
}

bool db_get_run(struct store *store, int64_t id, struct arena *arena, struct run_row *row)
{
    return db_one(db_of(store), SQL_GET_RUN, DB_VALUES(db_int(id)), &db_run, arena, row);
}

bool db_get_entry(struct store *store, int64_t id, struct arena *arena, struct entry_row *row)
{
    return db_one(db_of(store), SQL_GET_ENTRY, DB_VALUES(db_int(id)), &db_entry, arena, row);
}

void db_begin_run(struct store *store, int64_t run)
{
    db_write(db_of(store), SQL_BEGIN_RUN, DB_VALUES(db_int(run)));
}

void db_add_send(struct store *store, const struct send_row *row)
{
    db_write(db_of(store), SQL_ADD_SEND,
             DB_VALUES(db_int(row->run), db_int(row->step), db_int(row->n), db_int(row->kind),
                       db_text(row->channel), db_blob(row->body), db_int(row->state), db_int(row->attempt),
                       db_int(row->due_at), db_int(row->sent_at), db_text0(row->reply_id),
                       db_text0(row->status_url), db_text0(row->reason), db_int0(row->owner)));
}

size_t db_step_sends(struct store *store, int64_t run, int step, struct arena *arena, struct send_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_STEP_SENDS, DB_VALUES(db_int(run), db_int(step)), &db_send, arena, &n);
    return n;
}

size_t db_run_sends(struct store *store, int64_t run, struct arena *arena, struct send_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_RUN_SENDS, DB_VALUES(db_int(run)), &db_send, arena, &n);
    return n;
}

void db_unsettled(struct store *store, int64_t run, int64_t *unknown, int64_t *open)
{
    struct db_pair found;

    if (!db_one(db_of(store), SQL_UNSETTLED, DB_VALUES(db_int(run)), &db_two, NULL, &found))
        return;
    *unknown = found.first;
    *open = found.second;
}

void db_start_send(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner, int64_t now)
{
    db_write(db_of(store), SQL_START_SEND,
             DB_VALUES(db_int(run), db_int(step), db_int(n), db_int(attempt), db_int(owner), db_int(now)));
}

void db_keep_chat(struct store *store, int64_t chat, int64_t not_before)
{
    db_write(db_of(store), SQL_KEEP_CHAT, DB_VALUES(db_int(chat), db_int(not_before)));
}

void db_release_chat(struct store *store, int64_t chat, int64_t due_at, int64_t not_before)
{
    db_write(db_of(store), SQL_RELEASE_CHAT, DB_VALUES(db_int(chat), db_int(due_at), db_int(not_before)));
}

void db_hold_chat(struct store *store, int64_t chat, struct text reason, int64_t now)
{
    if (reason.p)
        db_write(db_of(store), SQL_HOLD_CHAT, DB_VALUES(db_int(chat), db_text(reason)));
    else
        db_write(db_of(store), SQL_FREE_CHAT, DB_VALUES(db_int(chat), db_int(now)));
}

static bool answer_send(struct store *store, enum sql sql, const struct send_row *row)
{
    return db_do(db_of(store), sql,
                 DB_VALUES(db_int(row->run), db_int(row->step), db_int(row->n), db_int(row->attempt),
                           db_int(row->state), db_int(row->due_at), db_text0(row->reply_id),
                           db_text0(row->status_url), db_text0(row->reason))) > 0;
}

bool db_settle_send(struct store *store, const struct send_row *row)
{
    return answer_send(store, SQL_SETTLE_SEND, row);
}

bool db_amend_send(struct store *store, const struct send_row *row)
{
    return answer_send(store, SQL_AMEND_SEND, row);
}

void db_step_run(struct store *store, int64_t run, int step, struct text doc)
{
    db_write(db_of(store), SQL_STEP_RUN, DB_VALUES(db_int(run), db_int(step), db_blob0(doc)));
}

void db_drop_sends(struct store *store, int64_t run, struct text reason)
{
    db_write(db_of(store), SQL_END_SENDS, DB_VALUES(db_int(run), db_int(SEND_DROPPED), db_text0(reason)));
}

/* A run that is ready again, of a chat that nobody owns, would never be looked at if the chat were not due. */
bool db_set_run(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now)
{
    struct db *db = db_of(store);
    bool changed =
        db_do(db, SQL_SET_RUN, DB_VALUES(db_int(run), db_int(state), db_text0(reason), db_int(now))) > 0;

    if (changed && state != RUN_DONE)
        db_write(db, SQL_RUN_CHAT_DUE, DB_VALUES(db_int(run), db_int(now)));
    if (changed && state > RUN_DONE)
        db_write(db, SQL_END_SENDS, DB_VALUES(db_int(run), db_int(store_send_end(state)), db_text0(reason)));
    return changed && !store_failed(store);
}

size_t db_next_sending(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                       struct send_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_NEXT_SENDING, DB_VALUES(db_limit(limit), db_int(owner)), &db_send,
                    arena, &n);
    return n;
}

size_t db_owned_chats(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                      struct chat_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_OWNED_CHATS, DB_VALUES(db_limit(limit), db_int(owner)), &db_chat, arena,
                    &n);
    return n;
}

/* Its chats become due before nobody knows any more that they were its. */
void db_disown(struct store *store, int64_t owner, int64_t now)
{
    struct db *db = db_of(store);

    db_write(db, SQL_DISOWN_DUE, DB_VALUES(db_int(owner), db_int(now)));
    db_write(db, SQL_DISOWN_CHATS, DB_VALUES(db_int(owner)));
    db_write(db, SQL_DISOWN_ENTRIES, DB_VALUES(db_int(owner)));
}
