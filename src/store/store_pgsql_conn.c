#include "store/store_pgsql_db.h"

#include "base/now.h"
#include "store/store_db_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_S 3 /* for each address of the server's */
#define CONNECT_MOST_S 10
#define RETRY_US 250000 /* after the first try that failed; then twice as long, ... */
#define RETRY_MOST_US 4000000

/* --- the URL, which holds a password -------------------------------------------------------------------------------- */

static bool failed(struct pgsql_db *db, const char *why)
{
    return store_fail(&db->db.store, STORE_TEMPFAIL, "%s", why);
}

/* A sign of a password that should have been written as %40, %2F or %3F makes the rest of it a host's name, which errors show. */
static bool is_ambiguous(const char *url)
{
    const char *body = strstr(url, "://") + 3, *end = body + strcspn(body, "/?"), *at = strchr(body, '@');

    return at && (at > end || strchr(at + 1, '@'));
}

static char *copy_of(const char *value)
{
    return value && *value ? text_dup(text_of(value)) : NULL;
}

static void take_options(struct pgsql_db *db, const PQconninfoOption *options)
{
    int64_t seconds;

    db->connect_s = CONNECT_S;
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, "password") == 0)
            db->secrets[0] = copy_of(options->val);
        else if (strcmp(options->keyword, "sslpassword") == 0)
            db->secrets[1] = copy_of(options->val);
        else if (strcmp(options->keyword, "connect_timeout") == 0 && options->val &&
                 text_i64(text_of(options->val), &seconds))
            db->connect_s = seconds < 1 || seconds > CONNECT_MOST_S ? CONNECT_MOST_S : (int)seconds;
    }
}

/* Of a URL without a host the password is the port, which errors show. */
static bool has_number_as_port(const PQconninfoOption *options)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, "port") == 0 && options->val)
            return strspn(options->val, "0123456789,") == strlen(options->val);
    return true;
}

bool pgsql_take_url(struct pgsql_db *db, const char *url)
{
    PQconninfoOption *options;

    if (is_ambiguous(url))
        return failed(
            db, "store: in the URL of PostgreSQL '@', '/' and '?' of a password are written %40, %2F, %3F");
    options = PQconninfoParse(url, NULL);
    if (options && !has_number_as_port(options)) {
        PQconninfoFree(options);
        return failed(db, "store: the port in the URL of PostgreSQL is no number; is the @HOST missing?");
    }
    if (!options)
        return failed(db, "store: this is not a URL as PostgreSQL has them: postgresql://USER@HOST/DATABASE");
    take_options(db, options);
    PQconninfoFree(options);
    db->url = text_dup(text_of(url));
    return db->url || failed(db, "store: out of memory");
}

static void conceal(char *text, const char *secret)
{
    for (char *at = secret ? strstr(text, secret) : NULL; at; at = strstr(at, secret))
        memset(at, '*', strlen(secret));
}

/* libpq's words in one line, without secrets. */
static void tidy(const struct pgsql_db *db, const char *words, struct fault *out)
{
    char text[sizeof(out->text) - sizeof("PostgreSQL: ")], *c;

    snprintf(text, sizeof(text), "%s", words ? words : "");
    for (size_t i = 0; i < PGSQL_SECRETS; i++)
        conceal(text, db->secrets[i]);
    c = text + strlen(text);
    while (c > text && (c[-1] == '\n' || c[-1] == ' '))
        *--c = '\0';
    for (c = text; *c; c++)
        if ((unsigned char)*c < ' ')
            *c = ' ';
    fault_set(out, "PostgreSQL: %s", *text ? text : "the connection was lost");
}

/* --- losing it -------------------------------------------------------------------------------------------------------- */

bool pgsql_drop(struct pgsql_db *db, const char *why)
{
    struct fault fault;

    tidy(db, why ? why : db->conn ? PQerrorMessage(db->conn) : NULL, &fault);
    store_fail(&db->db.store, db->committing ? STORE_IN_DOUBT : STORE_TEMPFAIL, "%s", fault.text);
    PQfinish(db->conn);
    db->conn = NULL;
    db->pipeline = false;
    db->n_pending = 0;
    memset(db->prepared, 0, sizeof(db->prepared));
    return false;
}

void pgsql_free(struct pgsql_db *db)
{
    PQfinish(db->conn);
    store_close(db->image);
    pgsql_free_groups(db);
    for (size_t i = 0; i < PGSQL_SECRETS; i++) {
        if (db->secrets[i])
            explicit_bzero(db->secrets[i], strlen(db->secrets[i]));
        free(db->secrets[i]);
    }
    if (db->url)
        explicit_bzero(db->url, strlen(db->url));
    free(db->url);
    free(db);
}

/* --- making it -------------------------------------------------------------------------------------------------------- */

/* PostgreSQL's remarks would go to our standard error. One counts: that the server no longer waits for the replica that a commit has to
   be on, because somebody told it to. It says so, and then that all went well. */
static void take_remark(void *arg, const PGresult *result)
{
    struct pgsql_db *db = arg;
    const char *from = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

    if (from && strcmp(from, "SyncRepWaitForLSN") == 0)
        db->alone = true;
}

/* Words before the URL are what it may say otherwise, those behind it are ours. libpq waits here itself: only so does it go on to the
   next of several hosts when one does not answer. Without a ticket Kerberos asks the network; whoever uses it says so. */
static bool open_connection(struct pgsql_db *db)
{
    char seconds[12];
    const char *const words[][2] = { { "fallback_application_name", "callbackd" },
                                     { "gssencmode", "disable" },
                                     { "tcp_user_timeout", "5000" },
                                     { "keepalives_idle", "5" },
                                     { "keepalives_interval", "2" },
                                     { "keepalives_count", "3" },
                                     { "dbname", db->url },
                                     { "connect_timeout", seconds },
                                     { "client_encoding", "UTF8" },
                                     { "target_session_attrs", "read-write" },
                                     { NULL, NULL } };
    const char *keys[sizeof(words) / sizeof(words[0])], *values[sizeof(words) / sizeof(words[0])];

    snprintf(seconds, sizeof(seconds), "%d", db->connect_s);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        keys[i] = words[i][0];
        values[i] = words[i][1];
    }
    db->conn = PQconnectdbParams(keys, values, 1);
    if (!db->conn)
        return pgsql_drop(db, "out of memory");
    if (PQstatus(db->conn) != CONNECTION_OK)
        return pgsql_drop(db, NULL);
    PQsetNoticeReceiver(db->conn, take_remark, db);
    return PQsetnonblocking(db->conn, 1) == 0 || pgsql_drop(db, NULL);
}

/* The server gives up on a statement before we give up on the server, and tells its warnings. An index is always worth its while: what a
   plan that is kept was made for may have been an empty table. Acknowledged means on disk, whatever the server's default is; more than
   that stays. */
#define SESSION(statement, lock)                                                                   \
    "SET statement_timeout = '" statement "'; SET lock_timeout = '" lock "';"                      \
    "SET client_min_messages = warning; SET idle_in_transaction_session_timeout = '30s'; SET "     \
    "tcp_keepalives_idle = 5;"                                                                     \
    "SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000;" \
    "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan;"           \
    "SELECT set_config('synchronous_commit', 'on', false)"                                         \
    " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');"                  \
    "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"

static bool set_up_session(struct pgsql_db *db)
{
    const char *sql =
        db->access == STORE_SERVE ? SESSION("8s", NUMBER(PGSQL_LOCK_MS) "ms") : SESSION("590s", "30s");

    return pgsql_sql(db, sql, pgsql_patience_us(db), &db->clock);
}

static bool listen_to_others(struct pgsql_db *db)
{
    return pgsql_sql(db, "LISTEN callbackd; LISTEN callbackd_work", pgsql_patience_us(db), NULL);
}

static bool connect_now(struct pgsql_db *db)
{
    if (open_connection(db) && set_up_session(db) && pgsql_prepare_tables(db) &&
        (db->access == STORE_OPERATE || listen_to_others(db)) && pgsql_enter(db))
        return true;
    if (db->conn)
        pgsql_drop(db, NULL);
    return false;
}

bool pgsql_connected(struct pgsql_db *db)
{
    if (db->conn && PQstatus(db->conn) == CONNECTION_OK)
        return true;
    if (db->conn) /* it was lost while nothing was under way: nothing is lost with it */
        pgsql_drop(db, NULL);
    db->db.store.status = STORE_OK;
    if (db->retry_at > now_mono_us())
        return store_fail(&db->db.store, STORE_TEMPFAIL, "%s", db->why.text);
    if (connect_now(db)) {
        db->renewed = true;
        db->retry_us = db->retry_at = 0;
        return true;
    }
    db->why = db->db.store.fault;
    db->retry_us = db->retry_us ? db->retry_us * 2 : RETRY_US;
    if (db->retry_us > RETRY_MOST_US)
        db->retry_us = RETRY_MOST_US;
    db->retry_at = now_mono_us() + db->retry_us;
    return false;
}
