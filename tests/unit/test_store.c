/* The store's promises, the same for every backend: what the parts of the test share. */

#include "test_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what the parts share ----------------------------------------------------------------------------------------- */

void begin(struct fixture *f)
{
    struct fault fault = { "" };

    if (store_begin(f->store, &fault) != STORE_OK)
        fail_msg("begin: %s", fault.text);
}

void commit_gives(struct fixture *f, enum store_status status)
{
    struct fault fault = { "" };
    enum store_status got = store_commit(f->store, &fault);

    if (got != status)
        fail_msg("commit gave %d, not %d: %s", (int)got, (int)status, fault.text);
    assert_int_equal(status != STORE_OK, fault.text[0] != '\0');
    assert_false(store_failed(f->store));
}

void commit(struct fixture *f)
{
    commit_gives(f, STORE_OK);
}

struct store *open_as(struct fixture *f, enum store_access access)
{
    enum store_status status;
    struct fault fault = { "" };
    struct store *store = store_open(f->url, access, &status, &fault);

    if (!store)
        fail_msg("open: %s", fault.text);
    assert_int_equal(status, STORE_OK);
    return store;
}

void open_gives(struct fixture *f, enum store_access access, enum store_status status,
                const char *part_of_fault)
{
    enum store_status got = STORE_OK;
    struct fault fault = { "" };
    struct store *store = store_open(f->url, access, &got, &fault);

    assert_null(store);
    assert_int_equal(got, status);
    if (!strstr(fault.text, part_of_fault))
        fail_msg("\"%s\" is not in \"%s\"", part_of_fault, fault.text);
}

void assert_text(struct text text, const char *expected)
{
    if (!expected) {
        assert_null(text.p);
        return;
    }
    assert_non_null(text.p);
    assert_int_equal(text.n, strlen(expected));
    assert_memory_equal(text.p, expected, text.n);
}

struct notification_row a_notification(struct fixture *f, enum notification_state state)
{
    return (struct notification_row){ .id = ++f->id,
                                      .source = T("desk"),
                                      .state = state,
                                      .stored_at = 100,
                                      .headers = T("H: 1"),
                                      .body = text_make("\0\xff{", 3) };
}

struct entry_row an_entry(struct fixture *f, int64_t notification, enum entry_state state)
{
    f->id++;
    return (struct entry_row){ .id = f->id,
                               .notification = notification,
                               .n = (int)f->id,
                               .state = state,
                               .stored_at = 100,
                               .source = T("desk"),
                               .conversation = T("c1"),
                               .message = T("m1") };
}

struct run_row a_run(struct fixture *f, int64_t chat, int64_t seq, int64_t said_at)
{
    f->id++;
    return (struct run_row){ .id = f->id,
                             .entry = f->id - 1,
                             .rule = T("r1"),
                             .chat = chat,
                             .seq = seq,
                             .ruleset = T("0123456789abcdef0123456789abcdef"),
                             .doc = T("{}"),
                             .said_at = said_at,
                             .stored_at = 100,
                             .expires_at = 5000 };
}

struct send_row a_send(int64_t run, int step, int n)
{
    return (
        struct send_row){ .run = run, .step = step, .n = n, .channel = T("shop"), .body = T("{\"text\":1}") };
}

int64_t put_notification(struct fixture *f, enum notification_state state)
{
    struct notification_row row = a_notification(f, state);

    begin(f);
    store_add_notifications(f->store, &row, 1);
    commit(f);
    return row.id;
}

int64_t put_chat(struct fixture *f, const char *channel, const char *user)
{
    struct chat_place place;

    begin(f);
    assert_true(store_next_seq(f->store, T(channel), T(user), ++f->id, &place));
    commit(f);
    return place.chat;
}

int64_t put_run(struct fixture *f, int64_t chat, int64_t said_at)
{
    struct entry_row entry = an_entry(f, 1, ENTRY_DONE);
    struct chat_row row;
    struct chat_place place;
    struct run_row run;

    begin(f);
    store_add_entries(f->store, &entry, 1);
    assert_true(store_get_chat(f->store, chat, f->arena, &row));
    assert_true(store_next_seq(f->store, row.channel, row.user_id, 0, &place));
    run = a_run(f, chat, place.seq, said_at);
    assert_true(store_add_run(f->store, &run, 0, 100));
    commit(f);
    return run.id;
}

void put_sending(struct fixture *f, int64_t run, int step, int n, int attempt)
{
    struct send_row send = a_send(run, step, n);

    begin(f);
    store_add_sends(f->store, &send, 1);
    store_start_send(f->store, run, step, n, attempt, 1, 200);
    commit(f);
}

void set_run(struct fixture *f, int64_t run, enum run_state state, int64_t now)
{
    begin(f);
    assert_true(store_set_run(f->store, run, state, TEXT_NONE, now));
    commit(f);
}

/* --- transactions, names, failures -------------------------------------------------------------------------------- */

static void test_names(struct fixture *f)
{
    const struct {
        const char *is, *expected;
    } cases[] = {
        { notification_state_name(NOTIFICATION_NEW), "new" },
        { notification_state_name(NOTIFICATION_STUCK), "stuck" },
        { entry_state_name(ENTRY_FETCH), "fetch" },
        { entry_state_name(ENTRY_UNADDRESSED), "unaddressed" },
        { entry_state_name(ENTRY_EXPIRED), "expired" },
        { run_state_name(RUN_HELD), "held" },
        { run_state_name(RUN_DROPPED), "dropped" },
        { send_state_name(SEND_SENDING), "sending" },
        { send_state_name(SEND_REJECTED), "rejected" },
        { run_state_name(RUN_STATES), "?" },
    };

    (void)f;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(cases[i].is, cases[i].expected);
}

static void test_rollback(struct fixture *f)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW), got;
    int64_t kept = put_notification(f, NOTIFICATION_NEW);

    begin(f);
    store_add_notifications(f->store, &row, 1);
    store_end_notification(f->store, kept, NOTIFICATION_DONE, T("why"));
    assert_true(store_get_notification(f->store, row.id, f->arena, &got));
    store_rollback(f->store);
    assert_false(store_get_notification(f->store, row.id, f->arena, &got));
    assert_true(store_get_notification(f->store, kept, f->arena, &got));
    assert_int_equal(got.state, NOTIFICATION_NEW);
    begin(f); /* and the next one is as if nothing had been */
    store_add_notifications(f->store, &row, 1);
    commit(f);
    assert_true(store_get_notification(f->store, row.id, f->arena, &got));
}

static void test_errors_stick(struct fixture *f)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW), twice[2] = { row, row }, got, *rows;
    unsigned char key[STORE_KEY_BYTES] = { 1 };
    bool fresh = true;

    begin(f);
    store_add_notifications(f->store, twice, 2);
    store_seen(f->store, key, 1, row.id, 100, &fresh); /* whatever comes back shows it at the latest */
    assert_true(store_failed(f->store));
    assert_false(fresh);
    assert_int_equal(store_new_notifications(f->store, 0, 9, f->arena, &rows), 0);
    assert_null(rows);
    commit_gives(f, STORE_BAD_DATA);
    assert_false(store_get_notification(f->store, row.id, f->arena, &got));
    begin(f);
    store_seen(f->store, key, 1, row.id, 100, &fresh);
    commit(f);
    assert_true(fresh);
}

static void test_text_columns(struct fixture *f)
{
    static const struct {
        const char *p;
        size_t n;
        enum store_status status;
    } cases[] = { { "\xc3\xa9", 2, STORE_OK },
                  { "", 0, STORE_OK },
                  { "a\0b", 3, STORE_BAD_DATA },
                  { "\xff", 1, STORE_BAD_DATA } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct notification_row row = a_notification(f, NOTIFICATION_STUCK);

        row.reason = text_make(cases[i].p, cases[i].n);
        begin(f);
        store_add_notifications(f->store, &row, 1);
        commit_gives(f, cases[i].status);
    }
}

static void test_no_transaction(struct fixture *f)
{
    struct notification_row row = a_notification(f, NOTIFICATION_NEW), got;

    store_add_notifications(f->store, &row, 1);
    assert_true(store_failed(f->store));
    commit_gives(f, STORE_BAD_DATA);
    assert_false(store_get_notification(f->store, row.id, f->arena, &got));
}

static void test_full_arena(struct fixture *f)
{
    struct arena *small = arena_new(16);
    struct notification_row *rows;

    put_notification(f, NOTIFICATION_NEW);
    begin(f);
    assert_int_equal(store_new_notifications(f->store, 0, 9, small, &rows), 0);
    assert_null(rows);
    commit_gives(f, STORE_TEMPFAIL);
    arena_free(small);
}

const struct store_test common_tests[] = {
    { "names", test_names },
    { "rollback", test_rollback },
    { "errors stick", test_errors_stick },
    { "text columns", test_text_columns },
    { "a change needs a transaction", test_no_transaction },
    { "no room for rows", test_full_arena },
    { NULL, NULL },
};

/* --- running them --------------------------------------------------------------------------------------------------- */

static const char *const backends[] = { [MEMORY] = "memory", [SQLITE] = "sqlite", [PGSQL] = "postgresql" };

struct job {
    const struct store_test *test;
    enum backend backend;
    bool (*clear)(void);
};

static void clear_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[512];

    while (dir && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

static struct fixture now; /* of the test that runs */

/* What an earlier one of the same name holds is gone. */
void renew(struct fixture *f)
{
    char path[160];

    store_close(f->store);
    f->store = NULL;
    for (size_t i = 0; f->backend == SQLITE && i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", f->path, (const char *[]){ "", "-wal", "-shm" }[i]);
        unlink(path);
    }
    assert_true(!f->clear || f->clear());
    f->store = open_as(f, STORE_SERVE);
}

static int set_up(void **state)
{
    const struct job *job = *state;

    now = (struct fixture){ .backend = job->backend,
                            .clear = job->clear,
                            .folder = "/tmp/test_store.XXXXXX",
                            .url = "memory:",
                            .id = 1000 };
    if (!mkdtemp(now.folder))
        return -1;
    snprintf(now.path, sizeof(now.path), "%s/store.db", now.folder);
    if (now.backend == SQLITE)
        snprintf(now.url, sizeof(now.url), "sqlite:%s", now.path);
    else if (now.backend == PGSQL)
        snprintf(now.url, sizeof(now.url), "%s", getenv("STORE_URL"));
    now.arena = arena_new(64 << 20);
    renew(&now);
    return 0;
}

static void run_job(void **state)
{
    const struct job *job = *state;

    job->test->run(&now);
}

/* After a failure too: nothing stays behind. */
static int tear_down(void **state)
{
    (void)state;
    store_close(now.store);
    arena_free(now.arena);
    clear_folder(now.folder);
    return 0;
}

#define JOBS_MAX 200

static struct job jobs[JOBS_MAX];
static struct CMUnitTest tests[JOBS_MAX];
static char names[JOBS_MAX][96];
static size_t n_jobs;

void add_tests(const struct store_test *table, enum backend backend, bool (*clear)(void))
{
    for (; table->name && n_jobs < JOBS_MAX; table++, n_jobs++) {
        snprintf(names[n_jobs], sizeof(names[0]), "%s: %s", backends[backend], table->name);
        jobs[n_jobs] = (struct job){ table, backend, clear };
        tests[n_jobs] = (struct CMUnitTest){ .name = names[n_jobs],
                                             .test_func = run_job,
                                             .setup_func = set_up,
                                             .teardown_func = tear_down,
                                             .initial_state = &jobs[n_jobs] };
    }
}

int run_added_tests(void)
{
    return _cmocka_run_group_tests("store", tests, n_jobs, NULL, NULL);
}
