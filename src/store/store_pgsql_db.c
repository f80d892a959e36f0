#include "store/store_pgsql_db.h"

#include "base/now.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVE_US INT64_C(10000000)
#define OPERATE_US INT64_C(600000000)
#define PATIENCE_MS 590000
#define WARY 20      /* transactions: a batch is repeated less often */
#define CAREFUL 2000 /* transactions: a batch that is replayed item by item has fewer */

/* Types of parameters, as PostgreSQL numbers them. */
#define OID_INT8 20
#define OID_TEXT 25
#define OID_BYTEA 17
#define OID_INT8_ARRAY 1016
#define OID_TEXT_ARRAY 1009
#define OID_BYTEA_ARRAY 1001

int64_t pgsql_patience_us(const struct pgsql_db *db)
{
    if (db->impatient_us)
        return db->impatient_us;
    return db->access == STORE_SERVE && !db->patient ? SERVE_US : OPERATE_US;
}

/* --- what an error means -------------------------------------------------------------------------------------------- */

static bool of_class(const char *state, const char *class)
{
    return strncmp(state, class, strlen(class)) == 0;
}

/* 40001, 40P01: others were in the way. 22, 23, 54: this row. 42, XX: the tables are not as they should be, but for rights (42501). */
static enum store_status status_of(const char *state)
{
    if (of_class(state, "40"))
        return STORE_AGAIN;
    if (of_class(state, "22") || of_class(state, "23") || of_class(state, "54"))
        return STORE_BAD_DATA;
    if ((of_class(state, "42") && !of_class(state, "42501")) || of_class(state, "XX001") ||
        of_class(state, "XX002"))
        return STORE_BROKEN;
    return STORE_TEMPFAIL;
}

/* The chat that was not there when it was looked for is another node's by now. */
static bool is_chats_twin(const PGresult *result, const char *state)
{
    const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);

    return strcmp(state, "23505") == 0 && constraint && strcmp(constraint, "chat_user") == 0;
}

/* 55P03: another node has a lock, and perhaps waits for one of ours. The command line has waited for long then. */
static bool is_crowded(struct pgsql_db *db, const char *state)
{
    if (db->access != STORE_SERVE || strcmp(state, "55P03") != 0)
        return false;
    if (db->crowded < PGSQL_CROWDED_MOST)
        db->crowded++;
    return true;
}

/* Of the server's words only the first line: its details repeat what stands in the row. */
static void fail_by(struct pgsql_db *db, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (!state) { /* libpq's own: the connection, or memory */
        pgsql_drop(db, PQresultErrorMessage(result));
        return;
    }
    /* After a failover the other one may be written to; a server that goes down comes back, or another does. */
    if (of_class(state, "25006") || of_class(state, "57P"))
        pgsql_drop(db, text);
    if (is_chats_twin(result, state)) {
        db->wary = WARY;
        store_fail(&db->db.store, STORE_AGAIN, "PostgreSQL: another node made the same chat");
        return;
    }
    store_fail(&db->db.store, is_crowded(db, state) ? STORE_AGAIN : status_of(state), "PostgreSQL: %s (%s)",
               text ? text : "an error", state);
}

/* --- waiting -------------------------------------------------------------------------------------------------------- */

bool pgsql_wait(struct pgsql_db *db, bool write, int64_t until_us)
{
    struct pollfd fd = { .fd = PQsocket(db->conn), .events = (short)(write ? POLLIN | POLLOUT : POLLIN) };
    int64_t left = until_us - now_mono_us();
    int rc = left > 0 ? poll(&fd, 1, (int)(left / 1000) + 1) : 0;

    if (rc > 0 || (rc < 0 && errno == EINTR))
        return true;
    return pgsql_drop(db, rc == 0 ? "no answer in time" : strerror(errno));
}

static bool flush(struct pgsql_db *db, int64_t until_us)
{
    int rc;

    while ((rc = PQflush(db->conn)) == 1)
        if (!pgsql_wait(db, true, until_us) || (!PQconsumeInput(db->conn) && !pgsql_drop(db, NULL)))
            return false;
    return rc == 0 || pgsql_drop(db, NULL);
}

/* The next result, when it is there. NULL behind the last one of a statement; false: the connection is gone. */
static bool next_result(struct pgsql_db *db, int64_t until_us, PGresult **result)
{
    *result = NULL;
    while (PQisBusy(db->conn))
        if (!pgsql_wait(db, false, until_us) || (!PQconsumeInput(db->conn) && !pgsql_drop(db, NULL)))
            return false;
    *result = PQgetResult(db->conn);
    return true;
}

void pgsql_take_news(struct pgsql_db *db)
{
    PGnotify *note;

    if (!db->conn)
        return;
    PQconsumeInput(db->conn); /* a lost connection shows at the next statement */
    while ((note = PQnotifies(db->conn)) != NULL) {
        if (note->be_pid != PQbackendPID(db->conn)) {
            if (strcmp(note->relname, "callbackd_work") == 0)
                db->called = true;
            else
                db->news = true;
        }
        PQfreemem(note);
    }
}

/* --- simple SQL, before the pipeline --------------------------------------------------------------------------------- */

static void first_number(const PGresult *result, int64_t *out)
{
    int64_t number;

    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0 && PQnfields(result) > 0 &&
        text_i64(text_of(PQgetvalue(result, 0, 0)), &number))
        *out = number;
}

bool pgsql_sql(struct pgsql_db *db, const char *sql, int64_t wait_us, int64_t *out)
{
    const int64_t until = now_mono_us() + wait_us;
    PGresult *result;

    db->trips++;
    if (!PQsendQuery(db->conn, sql))
        return pgsql_drop(db, NULL);
    if (!flush(db, until))
        return false;
    while (db->conn && next_result(db, until, &result) && result) {
        ExecStatusType status = PQresultStatus(result);

        if (out)
            first_number(result, out);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
            fail_by(db, result);
        PQclear(result);
    }
    return db->conn && !store_failed(&db->db.store);
}

bool pgsql_enter(struct pgsql_db *db)
{
    db->pipeline = PQenterPipelineMode(db->conn) == 1;
    return db->pipeline || pgsql_drop(db, NULL);
}

/* --- the pipeline ---------------------------------------------------------------------------------------------------- */

/* A statement's parameters as libpq wants them: all binary. */
struct parameters {
    Oid types[PGSQL_VALUES_MOST];
    const char *values[PGSQL_VALUES_MOST];
    int lengths[PGSQL_VALUES_MOST], formats[PGSQL_VALUES_MOST];
    unsigned char numbers[PGSQL_VALUES_MOST][8];
    char *arrays[PGSQL_VALUES_MOST]; /* for free(3); NULL: it is none */
};

static void put_number(int64_t number, unsigned char *out)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
}

static void put_int4(uint32_t number, unsigned char *out)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(number >> (24 - 8 * i));
}

static size_t item_size(const struct db_value *array, size_t i)
{
    return array->kind == DB_INTS ? 8 : ((const struct text *)array->items)[i].n;
}

static unsigned char *put_item(const struct db_value *array, size_t i, unsigned char *out)
{
    const size_t size = item_size(array, i);

    put_int4((uint32_t)size, out);
    if (array->kind == DB_INTS)
        put_number(((const int64_t *)array->items)[i], out + 4);
    else if (size)
        memcpy(out + 4, ((const struct text *)array->items)[i].p, size);
    return out + 4 + size;
}

static const Oid type_oids[] = {
    [DB_INT] = OID_INT8,        [DB_TEXT] = OID_TEXT,        [DB_BLOB] = OID_BYTEA,
    [DB_INTS] = OID_INT8_ARRAY, [DB_TEXTS] = OID_TEXT_ARRAY, [DB_BLOBS] = OID_BYTEA_ARRAY,
};

/* An array as the server sends and takes it: one dimension, whether there are NULLs (it looks itself), the type; how many, the first one's
   number; each with its length. */
#define HEAD 20

static unsigned char *put_head(int kind, size_t n, unsigned char *out)
{
    const uint32_t head[] = { 1, 1, type_oids[kind], (uint32_t)n, 1 };

    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++, out += 4)
        put_int4(head[i], out);
    return out;
}

static bool fill_array(struct parameters *p, size_t i, const struct db_value *value)
{
    size_t size = HEAD;
    unsigned char *out;

    for (size_t k = 0; k < value->text.n; k++)
        size += 4 + item_size(value, k);
    out = malloc(size);
    p->values[i] = p->arrays[i] = (char *)out;
    p->lengths[i] = (int)size;
    if (out)
        out = put_head(value->kind - DB_INTS, value->text.n, out);
    for (size_t k = 0; out && k < value->text.n; k++)
        out = put_item(value, k, out);
    return out;
}

static bool fill(struct parameters *p, size_t i, const struct db_value *value)
{
    p->types[i] = type_oids[value->kind];
    p->formats[i] = 1;
    p->values[i] = NULL;
    p->arrays[i] = NULL;
    p->lengths[i] = 0;
    if (value->null)
        return true;
    if (value->kind >= DB_INTS)
        return fill_array(p, i, value);
    if (value->kind == DB_INT) {
        put_number(value->number, p->numbers[i]);
        p->values[i] = (const char *)p->numbers[i];
        p->lengths[i] = 8;
    } else {
        p->values[i] = value->text.p ? value->text.p : "";
        p->lengths[i] = (int)value->text.n;
    }
    return true;
}

/* SQLite's ?1 is $1 here. */
static bool prepare(struct pgsql_db *db, enum sql sql, const char *name, size_t n, const Oid *types)
{
    const char *text = pgsql_texts[sql] ? pgsql_texts[sql] : db_texts[sql];
    char *copy = text_dup(text_of(text));
    bool sent;

    if (!copy)
        return store_fail(&db->db.store, STORE_TEMPFAIL, "PostgreSQL: no memory for a statement");
    for (char *c = copy; *c; c++)
        if (*c == '?')
            *c = '$';
    sent = PQsendPrepare(db->conn, name, copy, (int)n, types);
    free(copy);
    return sent || pgsql_drop(db, NULL);
}

static bool remember(struct pgsql_db *db, enum sql sql, bool prepares)
{
    db->pending[db->n_pending++] = (struct pgsql_pending){ sql, prepares };
    return true;
}

static bool send_filled(struct pgsql_db *db, enum sql sql, size_t n, const struct parameters *p)
{
    char name[16];

    snprintf(name, sizeof(name), "s%d", (int)sql);
    if (!db->prepared[sql] && (!prepare(db, sql, name, n, p->types) || !remember(db, sql, true)))
        return false;
    db->prepared[sql] = true;
    if (!PQsendQueryPrepared(db->conn, name, (int)n, p->values, p->lengths, p->formats, 1))
        return pgsql_drop(db, NULL);
    return remember(db, sql, false);
}

/* Each statement may have to be prepared before it is run. */
static bool has_room(struct pgsql_db *db, size_t statements)
{
    if (db->n_pending + 2 * statements <= PGSQL_PENDING)
        return true;
    PQclear(pgsql_collect(db));
    return !store_failed(&db->db.store);
}

/* The first of them may send all groups before it, and each wants that there is room for as much. */
bool pgsql_make_room(struct pgsql_db *db, size_t n)
{
    return has_room(db, n + 2 * PGSQL_GROUPS);
}

bool pgsql_send(struct pgsql_db *db, enum sql sql, struct db_values values)
{
    struct parameters p;
    bool sent, filled = true;

    if (!has_room(db, 1 + PGSQL_GROUPS) || !pgsql_send_groups(db, sql))
        return false;
    for (size_t i = 0; i < values.n && i < PGSQL_VALUES_MOST; i++)
        filled = fill(&p, i, &values.at[i]) && filled;
    sent = filled ? send_filled(db, sql, values.n, &p)
                  : store_fail(&db->db.store, STORE_TEMPFAIL, "PostgreSQL: no memory for an array");
    for (size_t i = 0; i < values.n && i < PGSQL_VALUES_MOST; i++)
        free(p.arrays[i]);
    return sent;
}

void pgsql_add_item(struct buf *items, const struct db_value *value)
{
    unsigned char number[8];

    if (items->len == 0)
        buf_add(items, (const char[HEAD]){ 0 }, HEAD);
    put_int4(value->null ? UINT32_MAX : value->kind == DB_INT ? 8 : (uint32_t)value->text.n, number);
    buf_add(items, number, 4);
    if (!value->null && value->kind == DB_INT) {
        put_number(value->number, number);
        buf_add(items, number, 8);
    } else if (!value->null) {
        buf_text(items, value->text);
    }
}

static void fill_column(struct parameters *p, size_t i, const struct pgsql_column *column, size_t items)
{
    const char *data = column->items.data;
    const size_t skip = items == 1 ? HEAD + 4 : 0;

    put_head(column->kind, items, (unsigned char *)column->items.data);
    p->types[i] = type_oids[column->kind + (items == 1 ? DB_INT : DB_INTS)];
    p->formats[i] = 1;
    p->values[i] = skip && (signed char)data[HEAD] < 0 ? NULL : data + skip; /* its length is -1 */
    p->lengths[i] = (int)(column->items.len - skip);
}

bool pgsql_send_columns(struct pgsql_db *db, enum sql sql, const struct pgsql_column *columns, size_t n,
                        size_t items)
{
    struct parameters p;

    for (size_t i = 0; i < n; i++) {
        if (columns[i].items.failed)
            return store_fail(&db->db.store, STORE_TEMPFAIL, "PostgreSQL: no memory for rows");
        fill_column(&p, i, &columns[i], items);
    }
    return send_filled(db, sql, n, &p);
}

bool pgsql_be_patient(struct pgsql_db *db)
{
    db->patient = db->db.store.open;
    return !db->patient || (db->conn && pgsql_send(db, SQL_PATIENCE, DB_VALUES(db_int(PATIENCE_MS))));
}

/* One statement's result. *ok: it went well. False: the connection is gone. */
static bool take_result(struct pgsql_db *db, int64_t until_us, PGresult **result, bool *ok)
{
    PGresult *one;
    ExecStatusType status;

    *result = NULL;
    *ok = true;
    while (db->conn && next_result(db, until_us, &one)) {
        if (!one)
            return true;
        status = PQresultStatus(one);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
            PQclear(*result);
            *result = one;
            continue;
        }
        *ok = false;
        if (status != PGRES_PIPELINE_ABORTED)
            fail_by(db, one);
        PQclear(one);
    }
    return false;
}

static bool take_sync(struct pgsql_db *db, int64_t until_us)
{
    PGresult *result;
    bool ok;

    if (!next_result(db, until_us, &result))
        return false;
    ok = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
    return ok || pgsql_drop(db, "an answer that does not fit");
}

/* Of the statements that were run, the last n ones' results. */
static void keep_result(PGresult **results, size_t n, PGresult *one)
{
    PQclear(results[0]);
    for (size_t i = 1; i < n; i++)
        results[i - 1] = results[i];
    results[n - 1] = one;
}

static bool take_all(struct pgsql_db *db, int64_t until_us, PGresult **results, size_t n)
{
    bool good = true, ok;

    for (size_t i = 0; i < db->n_pending; i++) {
        const struct pgsql_pending pending = db->pending[i];
        PGresult *one;

        if (!take_result(db, until_us, &one, &ok)) {
            PQclear(one);
            return false;
        }
        if (!ok && pending.prepares)
            db->prepared[pending.sql] = false;
        if (pending.prepares)
            PQclear(one);
        else
            keep_result(results, n, one);
        good = good && ok;
    }
    db->n_pending = 0;
    return take_sync(db, until_us) && good && !store_failed(&db->db.store);
}

bool pgsql_collect_last(struct pgsql_db *db, PGresult **results, size_t n)
{
    const int64_t until = now_mono_us() + pgsql_patience_us(db);
    bool good;

    memset(results, 0, n * sizeof(*results));
    db->trips++;
    good = (PQpipelineSync(db->conn) || pgsql_drop(db, NULL)) && flush(db, until) &&
           take_all(db, until, results, n);
    if (good && n > 1 && !results[0])
        good = store_fail(&db->db.store, STORE_TEMPFAIL, "PostgreSQL: an answer is missing");
    for (size_t i = 0; !good && i < n; i++) {
        PQclear(results[i]);
        results[i] = NULL;
    }
    return good;
}

PGresult *pgsql_collect(struct pgsql_db *db)
{
    PGresult *last;

    return pgsql_collect_last(db, &last, 1) ? last : NULL;
}

/* What is pending comes first: after an error the server passes over all that was sent along. */
void pgsql_give_up(struct pgsql_db *db)
{
    const enum store_status status = db->db.store.status;
    const struct fault fault = db->db.store.fault;

    if (status == STORE_BAD_DATA)
        db->careful = CAREFUL;
    pgsql_drop_groups(db);
    if (db->conn && db->n_pending)
        PQclear(pgsql_collect(db));
    db->db.store.status = STORE_OK;
    if (db->conn && pgsql_send(db, SQL_ROLLBACK, DB_NOTHING))
        PQclear(pgsql_collect(db));
    db->db.store.status = status;
    db->db.store.fault = fault;
}

/* --- the driver ------------------------------------------------------------------------------------------------------- */

static PGresult *ask_once(struct pgsql_db *db, enum sql sql, struct db_values values)
{
    return pgsql_send(db, sql, values) ? pgsql_collect(db) : NULL;
}

/* For an answer. Outside of a transaction a lost connection is made anew, also if it shows only now that it is lost. */
static PGresult *ask(struct pgsql_db *db, enum sql sql, struct db_values values)
{
    PGresult *result;

    if (db->db.store.open || db->beginning)
        return db->conn || pgsql_drop(db, NULL) ? ask_once(db, sql, values) : NULL;
    result = pgsql_connected(db) ? ask_once(db, sql, values) : NULL;
    if (!result && !db->conn && db->retry_at == 0 && pgsql_connected(db))
        result = ask_once(db, sql, values);
    return result;
}

/* `known`: the image has said already that there is a row to change. */
static int64_t run(struct db *base, enum sql sql, struct db_values values)
{
    struct pgsql_db *db = pgsql_of(&base->store);
    PGresult *result;
    int64_t changed = 0;

    db->wrote = true;
    if (db->known && !db->careful)
        return db->conn && (pgsql_keep_back(db, sql, values) || pgsql_send(db, sql, values));
    result = ask(db, sql, values);
    if (result && !text_i64(text_of(PQcmdTuples(result)), &changed))
        changed = 0;
    PQclear(result);
    return changed;
}

/* Nobody waits for it, so whoever wrote what is refused may be told only when the next one writes. After such a refusal they are told
   at once for a while: the engine replays what it was item by item, and wants to know which. */
static void write_rows(struct db *base, enum sql sql, struct db_values values)
{
    struct pgsql_db *db = pgsql_of(&base->store);

    db->wrote = true;
    if (db->careful)
        run(base, sql, values);
    else if (!db->conn)
        pgsql_drop(db, NULL);
    else if (!pgsql_keep_back(db, sql, values))
        (void)!pgsql_send(db, sql, values);
}

static bool open_rows(struct db_cursor *cursor, enum sql sql, struct db_values values)
{
    struct pgsql_db *db = pgsql_of(&cursor->db->store);

    cursor->of = ask(db, sql, values);
    cursor->row = -1;
    return cursor->of;
}

static bool next_row(struct db_cursor *cursor)
{
    return ++cursor->row < PQntuples(cursor->of);
}

static void close_rows(struct db_cursor *cursor)
{
    PQclear(cursor->of);
}

static struct text bytes(struct db_cursor *cursor, int column)
{
    if (PQgetisnull(cursor->of, cursor->row, column))
        return TEXT_NONE;
    return text_make(PQgetvalue(cursor->of, cursor->row, column),
                     (size_t)PQgetlength(cursor->of, cursor->row, column));
}

/* Of a number of any size, or a boolean. */
static int64_t number(struct db_cursor *cursor, int column)
{
    struct text text = bytes(cursor, column);
    uint64_t out = text.n && (text.p[0] & 0x80) ? UINT64_MAX : 0;

    for (size_t i = 0; i < text.n && i < 8; i++)
        out = out << 8 | (unsigned char)text.p[i];
    return (int64_t)out;
}

const struct db_driver pgsql_driver = { run, write_rows, open_rows, next_row, close_rows, number, bytes };
