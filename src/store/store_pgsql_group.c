#include "store/store_pgsql_db.h"

/* Rows that a transaction only adds are kept back, by table, and go out as one statement with arrays: for the server and for this program
   a statement costs about as much as the row in it. Whatever may look at such a row, or change it, sends them first; the commit does.

   After a refusal (`careful`) nothing is kept back: whoever wrote what is refused has to learn it at once. */

#define ROWS_MOST 1000
#define BYTES_MOST ((size_t)1 << 20)

enum { NOTIFICATIONS = 1, ENTRIES = 2, RUNS = 4, TAPS = 8, SENDS = 16 };

static const struct {
    enum sql one, many;
} kinds[PGSQL_GROUPS] = {
    { SQL_ADD_NOTIFICATION, SQL_ADD_NOTIFICATIONS },
    { SQL_ADD_ENTRY, SQL_ADD_ENTRIES },
    { SQL_ADD_RUN, SQL_ADD_RUNS },
    { SQL_TAP, SQL_TAPS },
    { SQL_ADD_SEND, SQL_ADD_SENDS },
};

/* Which rows go before a statement: all, but before these. */
#define ONLY(groups) (0x80 | (groups))
static const unsigned char first[SQL_COUNT] = {
    [SQL_ADD_NOTIFICATION] = ONLY(NOTIFICATIONS),
    [SQL_END_NOTIFICATION] = ONLY(NOTIFICATIONS),
    [SQL_ADD_ENTRY] = ONLY(ENTRIES),
    [SQL_UPDATE_ENTRY] = ONLY(ENTRIES),
    [SQL_ADD_RUN] = ONLY(RUNS),
    [SQL_BEGIN_RUN] = ONLY(RUNS),
    [SQL_STEP_RUN] = ONLY(RUNS),
    [SQL_TAP] = ONLY(TAPS),
    [SQL_ADD_SEND] = ONLY(SENDS),
    [SQL_START_SEND] = ONLY(SENDS),
    [SQL_MAKE_CHAT] = ONLY(0),
    [SQL_CHAT_RUN] = ONLY(0),
    [SQL_TAKE_CHAT] = ONLY(0),
    [SQL_KEEP_CHAT] = ONLY(0),
    [SQL_ISSUE] = ONLY(0),
    [SQL_SPEND] = ONLY(0),
    [SQL_SET_VARIABLE] = ONLY(0),
    [SQL_DROP_VARIABLE] = ONLY(0),
    [SQL_TOUCH_SESSION] = ONLY(0),
};

static size_t size_of(struct db_values values)
{
    size_t size = 0;

    for (size_t i = 0; i < values.n; i++)
        size += values.at[i].text.n + 12;
    return size;
}

/* A single row goes as it would have gone by itself. */
static bool send_group(struct pgsql_db *db, size_t i)
{
    struct pgsql_group *group = &db->groups[i];
    const size_t rows = group->rows;

    group->rows = 0;
    return !rows || pgsql_send_columns(db, rows == 1 ? kinds[i].one : kinds[i].many, group->columns,
                                       group->n_columns, rows);
}

bool pgsql_send_groups(struct pgsql_db *db, enum sql before)
{
    const unsigned groups = first[before] ? first[before] : ~0u;
    bool sent = true;

    for (size_t i = 0; i < PGSQL_GROUPS && sent; i++)
        if (groups >> i & 1)
            sent = send_group(db, i);
    return sent;
}

static void add(struct pgsql_group *group, struct db_values values)
{
    for (size_t i = 0; i < values.n; i++) {
        struct pgsql_column *column = &group->columns[i];

        if (group->rows == 0) {
            column->kind = values.at[i].kind;
            buf_cut(&column->items, 0);
            column->items.failed = false;
            column->items.max = 2 * BYTES_MOST;
        }
        pgsql_add_item(&column->items, &values.at[i]);
    }
    group->n_columns = values.n;
    group->bytes = (group->rows++ ? group->bytes : 0) + size_of(values);
}

bool pgsql_keep_back(struct pgsql_db *db, enum sql sql, struct db_values values)
{
    for (size_t i = 0; i < PGSQL_GROUPS; i++) {
        struct pgsql_group *group = &db->groups[i];

        if (kinds[i].one != sql || db->careful || !db->conn || size_of(values) > BYTES_MOST)
            continue;
        if ((group->rows == ROWS_MOST || (group->rows && group->bytes > BYTES_MOST - size_of(values))) &&
            !(pgsql_make_room(db, 1) && send_group(db, i)))
            return true;
        add(group, values);
        return true;
    }
    return false;
}

void pgsql_drop_groups(struct pgsql_db *db)
{
    for (size_t i = 0; i < PGSQL_GROUPS; i++)
        db->groups[i].rows = 0;
}

void pgsql_free_groups(struct pgsql_db *db)
{
    for (size_t i = 0; i < PGSQL_GROUPS; i++)
        for (size_t k = 0; k < PGSQL_VALUES_MOST; k++)
            buf_free(&db->groups[i].columns[k].items);
}
