#include "store/store_db.h"

/* What is kept of a chat: the buttons that it was sent, its variables; and that all of it can go. */

/* --- the ledger ------------------------------------------------------------------------------------------------- */

/* Nearly all buttons come back with their data: it is not kept twice. */
void db_issue(struct store *store, const struct issued_row *row)
{
    bool same = text_eq(row->token, row->data);

    db_write(db_of(store), SQL_ISSUE,
             DB_VALUES(db_int(row->chat), db_int(row->run), db_int(row->step), db_int(row->n),
                       db_blob(row->token), db_blob0(same ? TEXT_NONE : row->data), db_int(row->at),
                       db_int(row->until)));
}

bool db_find_issued(struct store *store, int64_t chat, struct text token, int64_t now, struct arena *arena,
                    struct issued_row *row)
{
    return db_one(db_of(store), SQL_FIND_ISSUED, DB_VALUES(db_int(chat), db_blob(token), db_int(now)),
                  &db_issued, arena, row);
}

size_t db_list_issued(struct store *store, const struct issued_row *after, int64_t now, size_t limit,
                      struct arena *arena, struct issued_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_LIST_ISSUED,
                    DB_VALUES(db_int(after->chat), db_blob(after->token), db_int(after->run),
                              db_int(after->step), db_int(after->n), db_int(now), db_limit(limit)),
                    &db_issued, arena, &n);
    return n;
}

bool db_spend(struct store *store, const struct issued_row *row, int64_t by)
{
    return db_do(db_of(store), SQL_SPEND,
                 DB_VALUES(db_int(row->chat), db_int(row->run), db_int(row->step), db_int(row->n),
                           db_int(by))) > 0;
}

void db_unspend(struct store *store, int64_t chat, int64_t by)
{
    db_write(db_of(store), SQL_UNSPEND, DB_VALUES(db_int(chat), db_int(by)));
}

/* --- variables ---------------------------------------------------------------------------------------------------- */

size_t db_variables(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                    struct variable_row **rows)
{
    size_t n;

    *rows =
        db_rows(db_of(store), SQL_VARIABLES, DB_VALUES(db_int(chat), db_int(now)), &db_variable, arena, &n);
    return n;
}

void db_set_variable(struct store *store, int64_t chat, const struct variable_row *row)
{
    db_write(db_of(store), SQL_SET_VARIABLE,
             DB_VALUES(db_int(chat), db_text(row->name), db_blob(row->value), db_int(row->until),
                       db_int(row->session)));
}

void db_drop_variable(struct store *store, int64_t chat, struct text name)
{
    db_write(db_of(store), SQL_DROP_VARIABLE, DB_VALUES(db_int(chat), db_text(name)));
}

void db_touch_session(struct store *store, int64_t chat, int64_t now, int64_t until)
{
    db_write(db_of(store), SQL_TOUCH_SESSION, DB_VALUES(db_int(chat), db_int(now), db_int(until)));
}

/* --- forgetting --------------------------------------------------------------------------------------------------- */

bool db_forget_chat(struct store *store, struct text channel, struct text user_id,
                    struct store_forgotten *counts)
{
    const struct {
        enum sql sql;
        int64_t *count;
    } steps[] = {
        { SQL_FORGET_BODIES, &counts->bodies },       { SQL_FORGET_NOTIFICATIONS, &counts->notifications },
        { SQL_FORGET_ENTRIES, &counts->entries },     { SQL_FORGET_SENDS, &counts->sends },
        { SQL_FORGET_BUTTONS, &counts->buttons },     { SQL_FORGET_TAPS, &counts->taps },
        { SQL_FORGET_VARIABLES, &counts->variables }, { SQL_FORGET_RUNS, &counts->runs },
        { SQL_FORGET_CHATS, &counts->chats },
    };
    struct db_pair busy;

    if (db_one(db_of(store), SQL_FORGET_BUSY, DB_VALUES(db_text0(channel), db_text(user_id)), &db_one_number,
               NULL, &busy))
        return false;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        *steps[i].count = db_do(db_of(store), steps[i].sql, DB_VALUES(db_text0(channel), db_text(user_id)));
    return true;
}
