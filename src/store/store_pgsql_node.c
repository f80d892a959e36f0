/* Nodes: their leases, and how they wake each other. */

#include "store/store_pgsql_db.h"

static void read_node(struct db_cursor *cursor, void *out)
{
    struct node_row *row = out;

    row->id = db_next_int(cursor);
    row->name = db_next_text(cursor);
    row->rules = db_next_text(cursor);
    row->lease_until = db_next_int(cursor);
}

static const struct db_shape one_node = { sizeof(struct node_row), read_node };

/* Until the commit no other node joins, which would take the same number, or migrates the tables. */
int64_t pgsql_join(struct store *store, struct text name, int64_t now, int64_t lease_until)
{
    struct pgsql_db *db = pgsql_of(store);
    struct db_pair version, node;

    db->node = 0;
    db_write(&db->db, SQL_LOCK_NODES, DB_NOTHING);
    if (!db_one(&db->db, SQL_VERSION, DB_NOTHING, &db_one_number, NULL, &version) ||
        !pgsql_knows_tables(db, version.first) ||
        !db_one(&db->db, SQL_JOIN, DB_VALUES(db_text(name), db_int(now), db_int(lease_until)), &db_one_number,
                NULL, &node))
        return 0;
    db->node = node.first;
    return node.first;
}

void pgsql_beat(struct store *store, int64_t node, struct text rules, int64_t lease_until)
{
    db_write(db_of(store), SQL_BEAT, DB_VALUES(db_int(node), db_blob0(rules), db_int(lease_until)));
}

int64_t pgsql_lapsed(struct store *store, int64_t now)
{
    struct db_pair node;

    return db_one(db_of(store), SQL_LAPSED, DB_VALUES(db_int(now)), &db_one_number, NULL, &node) ? node.first
                                                                                                 : 0;
}

void pgsql_leave(struct store *store, int64_t node)
{
    db_write(db_of(store), SQL_LEAVE, DB_VALUES(db_int(node)));
}

size_t pgsql_nodes(struct store *store, int64_t now, struct arena *arena, struct node_row **rows)
{
    size_t n;

    *rows = db_rows(db_of(store), SQL_NODES, DB_VALUES(db_int(now)), &one_node, arena, &n);
    return n;
}

void pgsql_call(struct store *store)
{
    db_write(db_of(store), SQL_CALL, DB_NOTHING);
}

bool pgsql_called(struct store *store)
{
    struct pgsql_db *db = pgsql_of(store);
    bool called;

    pgsql_take_news(db);
    called = db->called;
    db->called = false;
    return called;
}

bool pgsql_renewed(struct store *store)
{
    struct pgsql_db *db = pgsql_of(store);
    bool renewed = db->renewed;

    db->renewed = false;
    return renewed;
}

void pgsql_disown_fetches(struct store *store, int64_t owner, const int64_t *but, size_t n)
{
    db_write(db_of(store), SQL_DISOWN_FETCHES, DB_VALUES(db_int(owner), db_int_array(but, n)));
}

int pgsql_fd(struct store *store)
{
    const struct pgsql_db *db = pgsql_of(store);

    return db->conn ? PQsocket(db->conn) : -1;
}
