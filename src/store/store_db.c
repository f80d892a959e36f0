#include "store/store_db.h"

bool db_one(struct db *db, enum sql sql, struct db_values values, const struct db_shape *shape,
            struct arena *arena, void *row)
{
    struct db_cursor cursor = { .db = db, .arena = arena };
    bool found;

    if (!db->driver->open(&cursor, sql, values))
        return false;
    found = db->driver->next(&cursor);
    if (found)
        shape->read(&cursor, row);
    db->driver->close(&cursor);
    return found && !store_failed(&db->store);
}

void *db_read_rows(struct db_cursor *cursor, const struct db_shape *shape, size_t *n)
{
    struct db *db = cursor->db;
    struct store_rows out = { .arena = cursor->arena, .size = shape->size };

    *n = 0;
    while (!store_failed(&db->store) && db->driver->next(cursor)) {
        void *row = store_rows_add(&db->store, &out);

        cursor->column = 0;
        if (row)
            shape->read(cursor, row);
    }
    db->driver->close(cursor);
    if (store_failed(&db->store))
        return NULL;
    *n = out.n;
    return out.rows;
}

void *db_rows(struct db *db, enum sql sql, struct db_values values, const struct db_shape *shape,
              struct arena *arena, size_t *n)
{
    struct db_cursor cursor = { .db = db, .arena = arena };

    *n = 0;
    return db->driver->open(&cursor, sql, values) ? db_read_rows(&cursor, shape, n) : NULL;
}

int64_t db_next_int(struct db_cursor *cursor)
{
    return cursor->db->driver->number(cursor, cursor->column++);
}

struct text db_next_text(struct db_cursor *cursor)
{
    struct text text = cursor->db->driver->bytes(cursor, cursor->column++);

    return store_lend_text(&cursor->db->store, cursor->arena, text);
}

int db_next_state(struct db_cursor *cursor, int end)
{
    int64_t state = db_next_int(cursor);

    if (state >= 0 && state < end)
        return (int)state;
    store_fail(&cursor->db->store, STORE_BROKEN, "%s: a row has a state that there is not", cursor->db->name);
    return 0;
}
