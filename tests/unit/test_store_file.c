/* What only a store in a file can do wrong, and the failures of the memory store. */

#include "store/store_mem.h"
#include "store/store_sqlite.h"
#include "test_store.h"

#include "base/buf.h"
#include "base/file.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_store(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

static void test_reopen(struct fixture *f)
{
    int64_t chat = put_chat(f, "shop", "a"), run = put_run(f, chat, 10);
    struct run_row row;
    struct stat about;

    close_store(f);
    assert_int_equal(stat(f->path, &about), 0);
    assert_int_equal(about.st_mode & 0077, 0);
    f->store = open_as(f, STORE_SERVE);
    assert_true(store_get_run(f->store, run, f->arena, &row));
    assert_text(row.rule, "r1");
}

static void test_uncommitted(struct fixture *f)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW);

    begin(f);
    store_add_notifications(f->store, &row, 1);
    close_store(f);
    f->store = open_as(f, STORE_SERVE);
    assert_false(store_get_notification(f->store, row.id, f->arena, &row));
}

static void test_one_daemon(struct fixture *f)
{
    put_notification(f, NOTIFICATION_NEW);
    open_gives(f, STORE_SERVE, STORE_TEMPFAIL, "another callbackd runs");
    open_gives(f, STORE_SERVE, STORE_TEMPFAIL, "store.db.lock");
    put_notification(f, NOTIFICATION_NEW); /* the first one goes on */
}

static void test_operate(struct fixture *f)
{
    int64_t id = put_notification(f, NOTIFICATION_STUCK);
    struct store *beside = open_as(f, STORE_OPERATE);
    struct fault fault;
    struct notification_row row;

    assert_false(store_changed(f->store));
    assert_true(store_get_notification(beside, id, f->arena, &row));
    assert_false(store_changed(f->store)); /* looking is no change */
    assert_int_equal(store_begin(beside, &fault), STORE_OK);
    assert_true(store_rearm_notification(beside, id));
    assert_int_equal(store_begin(f->store, &fault), STORE_TEMPFAIL); /* one writes at a time */
    commit_gives(f, STORE_TEMPFAIL);
    assert_int_equal(store_commit(beside, &fault), STORE_OK);
    assert_true(store_changed(f->store));
    assert_false(store_changed(f->store));
    assert_true(store_get_notification(f->store, id, f->arena, &row));
    assert_int_equal(row.state, NOTIFICATION_NEW);
    put_notification(f, NOTIFICATION_NEW);
    assert_false(store_changed(f->store)); /* the own commits are no news */
    assert_true(store_changed(beside));
    store_close(beside);
    put_notification(f, NOTIFICATION_NEW);
}

static void test_not_there(struct fixture *f)
{
    enum store_status status;
    struct fault fault;

    snprintf(f->url, sizeof(f->url), "sqlite:%s/none.db", f->folder);
    open_gives(f, STORE_OPERATE, STORE_TEMPFAIL, "no such store");
    snprintf(f->url, sizeof(f->url), "sqlite:%s/none/store.db", f->folder);
    open_gives(f, STORE_SERVE, STORE_TEMPFAIL, "the folder");
    assert_null(store_open("postgresql://u:secret@h/db", STORE_SERVE, &status, &fault));
    assert_null(strstr(fault.text, "secret"));
    assert_null(store_open("sqlite:", STORE_SERVE, &status, &fault));
    assert_null(store_open("memory:", STORE_OPERATE, &status, &fault));
}

static void refused_untouched(struct fixture *f, struct text content, const char *part_of_fault)
{
    struct buf after = BUF(1 << 24);
    struct fault fault;

    assert_true(file_write(f->path, content, &fault));
    open_gives(f, STORE_SERVE, STORE_BROKEN, part_of_fault);
    open_gives(f, STORE_OPERATE, STORE_BROKEN, part_of_fault);
    assert_true(file_read(f->path, &after, &fault));
    assert_true(text_eq(content, buf_get(&after)));
    buf_free(&after);
}

static void test_corrupt(struct fixture *f)
{
    struct buf good = BUF(1 << 24);
    struct fault fault;

    put_notification(f, NOTIFICATION_NEW);
    close_store(f);
    assert_true(file_read(f->path, &good, &fault));
    refused_untouched(f, T("x"), "not a database");
    refused_untouched(f, T("this is somebody's text and no database at all\n"), "not a database");
    refused_untouched(f, text_make(good.data, 5000), "store.db");
    memset(good.data + 100, 0xA5, 300); /* the schema's page */
    refused_untouched(f, buf_get(&good), "store.db");
    buf_free(&good);
    assert_int_equal(unlink(f->path), 0);
    f->store = open_as(f, STORE_SERVE);
}

/* The power failed while the first start made the store: of its first page nothing is on the disk yet, but it is behind the
   end, and the journal says that the file was empty. */
static void test_cut_off(struct fixture *f)
{
    static const char zeros[8192];
    /* magic, records, nonce, pages before, bytes of a sector and of a page */
    static const char header[512] = "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
                                    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\x20\0";
    char journal[sizeof(f->path) + 16];
    struct fault fault;

    snprintf(journal, sizeof(journal), "%s-journal", f->path);
    close_store(f);
    refused_untouched(f, text_make(zeros, sizeof(zeros)), "not a database");
    assert_true(file_write(journal, text_make(header, sizeof(header)), &fault));
    refused_untouched(f, T("this is somebody's text and no database at all\n"), "not a database");
    assert_true(file_write(f->path, text_make(zeros, sizeof(zeros)), &fault));
    f->store = open_as(f, STORE_SERVE);
    put_notification(f, NOTIFICATION_NEW);
}

static void test_versions(struct fixture *f)
{
    static const struct {
        const char *sql, *part_of_fault;
    } cases[] = {
        { "UPDATE meta SET v = '99' WHERE k = 'version'", "newer callbackd" },
        { "UPDATE meta SET v = 'x' WHERE k = 'version'", "not a database of callbackd" },
        { "PRAGMA application_id = 7", "not a database of callbackd" },
        { "DROP TABLE meta", "not a database of callbackd" },
    };
    struct fault fault;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf content = BUF(1 << 24);

        assert_true(store_sqlite_exec(f->store, cases[i].sql, &fault));
        close_store(f);
        assert_true(file_read(f->path, &content, &fault));
        refused_untouched(f, buf_get(&content), cases[i].part_of_fault);
        buf_free(&content);
        assert_int_equal(unlink(f->path), 0);
        f->store = open_as(f, STORE_SERVE);
    }
}

/* store_v1.sql: tables and rows as the first version left them. */
static void put_version_1(struct fixture *f)
{
    const char *folder = getenv("srcdir");
    struct buf sql = BUF(1 << 20);
    sqlite3 *handle;
    struct fault fault;
    char path[1024];

    snprintf(path, sizeof(path), "%s/tests/unit/store_v1.sql", folder ? folder : ".");
    assert_true(file_read(path, &sql, &fault));
    close_store(f);
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(sqlite3_open(f->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, buf_get(&sql).p, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
    buf_free(&sql);
}

static void test_version_1(struct fixture *f)
{
    struct notification_row notification;
    struct variable_row set = { T("a"), T("1"), 900, true }, *variables;
    struct issued_row issued;
    struct send_row *sends;
    struct run_row run;

    put_version_1(f);
    open_gives(f, STORE_OPERATE, STORE_TEMPFAIL, "serve brings it up");
    f->store = open_as(f, STORE_SERVE);
    assert_true(store_get_notification(f->store, 10, f->arena, &notification));
    assert_text(notification.body, "{\"a\":1}");
    assert_true(store_head_run(f->store, 30, f->arena, &run));
    assert_int_equal(run.id, 40);
    assert_int_equal(store_run_sends(f->store, 40, f->arena, &sends), 1);
    assert_true(store_find_issued(f->store, 30, T("yes"), 200, f->arena, &issued));
    assert_text(issued.data, "yes");
    assert_int_equal(issued.at, 150); /* when its send left */
    assert_int_equal(issued.spent_by, 0);
    assert_true(store_find_issued(f->store, 30, T("old"), 200, f->arena, &issued));
    assert_int_equal(issued.at, 0);
    begin(f);
    assert_true(store_spend(f->store, &issued, 7));
    store_set_variable(f->store, 30, &set);
    commit(f);
    close_store(f);
    f->store = open_as(f, STORE_SERVE);        /* once is enough */
    assert_false(store_orders_keys(f->store)); /* there are others */
    assert_int_equal(store_variables(f->store, 30, 200, f->arena, &variables), 1);
}

static void test_full_disk(struct fixture *f)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW), *rows;
    char *big = calloc(1, 1 << 20);
    struct fault fault;

    assert_non_null(big);
    put_notification(f, NOTIFICATION_NEW);
    assert_true(store_sqlite_exec(f->store, "PRAGMA max_page_count = 60", &fault));
    row.body = text_make(big, 1 << 20);
    begin(f);
    store_add_notifications(f->store, &row, 1);
    assert_true(store_failed(f->store));
    commit_gives(f, STORE_TEMPFAIL);
    assert_int_equal(store_new_notifications(f->store, 0, 9, f->arena, &rows), 1);
    put_notification(f, NOTIFICATION_NEW); /* a small one fits still */
    assert_true(store_sqlite_exec(f->store, "PRAGMA max_page_count = 100000", &fault));
    begin(f);
    store_add_notifications(f->store, &row, 1);
    commit(f);
    assert_int_equal(store_new_notifications(f->store, 0, 9, f->arena, &rows), 3);
    free(big);
}

static void test_broken_row(struct fixture *f)
{
    int64_t id = put_notification(f, NOTIFICATION_NEW);
    struct notification_row row;
    struct fault fault;

    assert_true(store_sqlite_exec(f->store, "UPDATE notification SET state = 9", &fault));
    begin(f);
    assert_false(store_get_notification(f->store, id, f->arena, &row));
    commit_gives(f, STORE_BROKEN);
}

const struct store_test file_tests[] = {
    { "reopen", test_reopen },
    { "closing is no commit", test_uncommitted },
    { "one daemon", test_one_daemon },
    { "operate beside serve", test_operate },
    { "not there", test_not_there },
    { "corrupt", test_corrupt },
    { "cut off while it was made", test_cut_off },
    { "versions", test_versions },
    { "a store of version 1", test_version_1 },
    { "full disk", test_full_disk },
    { "a row that cannot be", test_broken_row },
    { NULL, NULL },
};
