#pragma once

/* What the parts of test_store and test_store_pgsql share. Each test gets a fresh store of the backend that its name begins with. */

#include "base/arena.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum backend { MEMORY, SQLITE, PGSQL };

struct fixture {
    enum backend backend;
    bool (*clear)(void); /* NULL: the store is a file or nothing */
    char folder[64], path[128], url[512];
    struct store *store;
    struct arena *arena;
    int64_t id; /* the last one made */
};

struct store_test {
    const char *name;
    void (*run)(struct fixture *f);
};

/* The tables of the parts, ended by a NULL name. `file` is for SQLite only, `memory` for the memory store, `same` for the others,
   `node` and `pgsql_intake` for PostgreSQL. */
extern const struct store_test common_tests[], intake_tests[], run_tests[], chat_tests[], upkeep_tests[],
    file_tests[], memory_tests[], same_tests[], node_tests[], pgsql_intake_tests[];

/* add_tests: the table's tests with stores of this backend; `clear` empties the server's. */
void add_tests(const struct store_test *table, enum backend backend, bool (*clear)(void));
int run_added_tests(void);

/* renew: an empty store instead of the fixture's. */
void renew(struct fixture *f);

void begin(struct fixture *f);
void commit(struct fixture *f);
void commit_gives(struct fixture *f, enum store_status status);
struct store *open_as(struct fixture *f, enum store_access access);
void open_gives(struct fixture *f, enum store_access access, enum store_status status,
                const char *part_of_fault);

#define T(s) text_of(s)
void assert_text(struct text text, const char *expected); /* NULL: p is NULL */

/* Rows with what the store wants filled in, each with an id of its own. */
struct notification_row a_notification(struct fixture *f, enum notification_state state);
struct entry_row an_entry(struct fixture *f, int64_t notification, enum entry_state state);
struct run_row a_run(struct fixture *f, int64_t chat, int64_t seq, int64_t said_at);
struct send_row a_send(int64_t run, int step, int n);
/* Put at once, outside of other transactions. */
int64_t put_notification(struct fixture *f, enum notification_state state);
int64_t put_chat(struct fixture *f, const char *channel, const char *user);
/* put_run: the run with its entry, at `now` 100. */
int64_t put_run(struct fixture *f, int64_t chat, int64_t said_at);
void put_sending(struct fixture *f, int64_t run, int step, int n, int attempt);
void set_run(struct fixture *f, int64_t run, enum run_state state, int64_t now);
