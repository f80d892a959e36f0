#include "store/store_sqlite.h"
#include "store/store_sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long to wait for the other process: the daemon answers customers, a person can wait. */
#define SERVE_BUSY_MS 200
#define OPERATE_BUSY_MS 5000

/* --- transactions --------------------------------------------------------------------------------------------- */

static bool backend_begin(struct store *store)
{
    db_do(db_of(store), SQL_BEGIN, DB_NOTHING);
    return !store_failed(store);
}

static bool backend_commit(struct store *store)
{
    db_do(db_of(store), SQL_COMMIT, DB_NOTHING);
    return !store_failed(store);
}

/* SQLite rolls back by itself after some errors. What ROLLBACK itself says changes nothing: nothing was committed. */
static void backend_rollback(struct store *store)
{
    struct sqlite_db *db = sqlite_of(store);

    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static bool backend_changed(struct store *store)
{
    struct sqlite_db *db = sqlite_of(store);
    struct db_pair now;
    int64_t before = db->data_version;

    if (!db_one(&db->db, SQL_DATA_VERSION, DB_NOTHING, &db_one_number, NULL, &now))
        return false;
    db->data_version = now.first;
    return now.first != before;
}

static void backend_close(struct store *store)
{
    struct sqlite_db *db = sqlite_of(store);

    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(db->statements[i]);
    sqlite3_close(db->handle);
    if (db->lock >= 0)
        close(
            db->lock); /* and with it the lock; the file stays, or two daemons could lock two files of one name */
    free(db->path);
    free(db);
}

static bool backend_clear_log(struct store *store)
{
    return sqlite3_wal_checkpoint_v2(sqlite_of(store)->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                     NULL) == SQLITE_OK;
}

bool store_sqlite_exec(struct store *store, const char *sql, struct fault *fault)
{
    struct sqlite_db *db = sqlite_of(store);

    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    return fault_set(fault, "%s", sqlite3_errmsg(db->handle));
}

static const struct store_backend backend = {
    .begin = backend_begin,
    .commit = backend_commit,
    .rollback = backend_rollback,
    .close = backend_close,
    .changed = backend_changed,
    .count = db_count,
    .next_due = db_next_due,
    .clear_log = backend_clear_log,
    .forget_find = sqlite_forget_find,
    .forget_found = sqlite_forget_found,
    DB_BACKEND,
    DB_BACKEND_CHATS,
    DB_BACKEND_INTAKE,
};

/* --- open ----------------------------------------------------------------------------------------------------- */

static bool folder_exists(struct sqlite_db *db)
{
    const char *slash = strrchr(db->path, '/');
    char *folder = slash ? text_dup(text_make(db->path, (size_t)(slash - db->path) + 1)) : NULL;
    struct stat about;
    bool ok = !folder || stat(folder, &about) == 0;

    if (!ok)
        store_fail(&db->db.store, STORE_TEMPFAIL, "%s: the folder %s: %s", db->path, folder, strerror(errno));
    free(folder);
    return ok;
}

static bool take_lock(struct sqlite_db *db)
{
    char name[4096];

    if (snprintf(name, sizeof(name), "%s.lock", db->path) >= (int)sizeof(name))
        return store_fail(&db->db.store, STORE_TEMPFAIL, "%s: the path is too long", db->path);
    db->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock < 0)
        return store_fail(&db->db.store, STORE_TEMPFAIL, "%s: %s", name, strerror(errno));
    if (flock(db->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return store_fail(&db->db.store, STORE_TEMPFAIL, "%s is locked: another callbackd runs on %s", name,
                          db->path);
    return store_fail(&db->db.store, STORE_TEMPFAIL, "%s: %s", name, strerror(errno));
}

/* Where the power failed while the store was made there may be zeros, and the journal by which SQLite takes them back. */
static bool was_cut_off(const struct sqlite_db *db, const char *head, size_t n)
{
    static const char zeros[16];
    char journal[4096 + sizeof("-journal")];

    snprintf(journal, sizeof(journal), "%s-journal", db->path);
    return n <= sizeof(zeros) && memcmp(head, zeros, n) == 0 && access(journal, F_OK) == 0;
}

/* Made here and not by SQLite, so that customers' data are for the owner's eyes only (WAL and index follow). */
static bool file_ready(struct sqlite_db *db, enum store_access access)
{
    int fd = open(db->path, O_RDWR | O_CLOEXEC | (access == STORE_SERVE ? O_CREAT : 0), 0600);
    char head[16] = "";
    ssize_t n;

    if (fd < 0 && errno == ENOENT)
        return store_fail(&db->db.store, STORE_TEMPFAIL,
                          "%s: there is no such store; callbackd serve makes it", db->path);
    if (fd < 0)
        return store_fail(&db->db.store, STORE_TEMPFAIL, "%s: %s", db->path, strerror(errno));
    n = pread(fd, head, sizeof(head), 0);
    close(fd);
    if (n < 0)
        return store_fail(&db->db.store, STORE_TEMPFAIL, "%s: %s", db->path, strerror(errno));
    if (n == 0 || (n == sizeof(head) && memcmp(head, "SQLite format 3", sizeof(head)) == 0) ||
        was_cut_off(db, head, (size_t)n))
        return true;
    return store_fail(&db->db.store, STORE_BROKEN, "%s: this is not a database", db->path);
}

static bool connect(struct sqlite_db *db, enum store_access access)
{
    int code = sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (code != SQLITE_OK)
        return sqlite_fail(db, code, "opening");
    sqlite3_busy_timeout(db->handle, access == STORE_SERVE ? SERVE_BUSY_MS : OPERATE_BUSY_MS);
    /* Until it is known to be ours, not even a rest of its log is moved into it. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return true;
}

/* cache: 8 MB. The log is moved into the database every 16 MB: at 4 MB, the default, a burst spends more on that. Pages
   of 8192 bytes hold three notifications where 4096 hold one: store_bench stores nearly twice as many with them. No
   mmap: it is no faster there, and a disk that fails would be a SIGBUS instead of an error. What is deleted is written
   over, as Debian's SQLite does anyway: a customer who is forgotten is not to be found in the file. */
static const char pragmas[] = "PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = FULL;"
                              "PRAGMA foreign_keys = OFF;"
                              "PRAGMA temp_store = MEMORY;"
                              "PRAGMA secure_delete = ON;"
                              "PRAGMA cache_size = -8192;"
                              "PRAGMA wal_autocheckpoint = 2048;"
                              "PRAGMA journal_size_limit = 67108864;";

static bool prepare(struct sqlite_db *db, enum store_access access)
{
    int version;

    if (!sqlite_check_schema(db, &version))
        return false;
    if (access == STORE_OPERATE && version < sqlite_newest_version())
        return store_fail(&db->db.store, STORE_TEMPFAIL,
                          "%s: not of this callbackd's version; callbackd serve brings it up", db->path);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return (version > 0 || sqlite_run_sql(db, "PRAGMA page_size = 8192")) && sqlite_run_sql(db, pragmas) &&
           sqlite_migrate(db, version);
}

struct store *store_sqlite_open(const char *path, enum store_access access, enum store_status *status,
                                struct fault *fault)
{
    struct sqlite_db *db = calloc(1, sizeof(*db));

    /* Counting its memory costs SQLite a lock at each allocation. Refused, without harm, once a store was open. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (db) {
        db->db.store.backend = &backend;
        db->db.driver = &sqlite_driver;
        db->lock = -1;
        db->db.name = db->path = text_dup(text_of(path));
    }
    if (!db || !db->path) {
        free(db);
        *status = STORE_TEMPFAIL;
        fault_set(fault, "%s: no memory", path);
        return NULL;
    }
    if (folder_exists(db) && (access == STORE_OPERATE || take_lock(db)) && file_ready(db, access) &&
        connect(db, access) && prepare(db, access)) {
        store_changed(&db->db.store);
        *status = STORE_OK;
        return &db->db.store;
    }
    *status = db->db.store.status;
    *fault = db->db.store.fault;
    backend_close(&db->db.store);
    return NULL;
}
