/* Measures what the store can take: store_bench FOLDER [TAPS].
   "taps" is all that one tap costs the store from its notification to the settled answer, "acks" is storing only. */

#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define BUTTONS 4
#define OWNER 1

static char bytes[2200];
static int64_t last_id = 1000;

static void die(const char *what, const struct fault *fault)
{
    fprintf(stderr, "store_bench: %s: %s\n", what, fault->text);
    exit(1);
}

struct span {
    double wall, cpu;
};

static double seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct span span_start(void)
{
    return (struct span){ seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID) };
}

/* By the processor's time too: it says the same on a busy machine. */
static void span_print(struct span start, const char *what, int64_t n)
{
    struct span end = span_start();

    printf("%s: %.0f/s, %.0f per second of CPU time (%" PRId64 ", batches of %d)\n", what,
           (double)n / (end.wall - start.wall), (double)n / (end.cpu - start.cpu), n, BATCH);
}

static void unlink_all(const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
    char name[4200];

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
}

static struct store *open_fresh(const char *folder, char *path, size_t size)
{
    struct fault fault = { "" };
    enum store_status status;
    struct store *store;
    char name[4200];

    snprintf(path, size, "%s/store_bench.db", folder);
    unlink_all(path);
    snprintf(name, sizeof(name), "sqlite:%s", path);
    store = store_open(strcmp(folder, "memory:") == 0 ? folder : name, STORE_SERVE, &status, &fault);
    if (!store)
        die("open", &fault);
    return store;
}

static void begin(struct store *store)
{
    struct fault fault;

    if (store_begin(store, &fault) != STORE_OK)
        die("begin", &fault);
}

static void commit(struct store *store)
{
    struct fault fault;

    if (store_commit(store, &fault) != STORE_OK)
        die("commit", &fault);
}

static void add_notification(struct store *store, enum notification_state state, size_t body)
{
    struct notification_row row = { .id = last_id + 1,
                                    .source = text_of("intercom"),
                                    .state = state,
                                    .stored_at = last_id + 1,
                                    .headers = text_make(bytes, 200),
                                    .body = text_make(bytes, body) };

    last_id++;
    store_add_notifications(store, &row, 1);
}

/* A number, which counts on, and part of a hash. */
static void fill_key(unsigned char *key, int64_t number)
{
    uint64_t x = (uint64_t)number * 0x9E3779B97F4A7C15u;

    for (int i = 0; i < STORE_KEY_BYTES; i++, x = x * 6364136223846793005u + 1442695040888963407u)
        key[i] = (unsigned char)(i < 8 ? (uint64_t)number >> (56 - 8 * i) : x >> 56);
}

/* T1 to T3: the notification and what comes of it. */
static void take_in(struct store *store, int64_t user)
{
    unsigned char keys[2 * STORE_KEY_BYTES];
    char user_id[24];
    bool fresh[2];
    int64_t notification, now;
    struct chat_place place;
    struct run_row run;

    add_notification(store, NOTIFICATION_DONE, 2000);
    now = notification = last_id;
    fill_key(keys, 2 * notification);
    fill_key(keys + STORE_KEY_BYTES, 2 * notification + 1);
    store_seen(store, keys, 2, notification, now, fresh);
    store_add_entries(store,
                      &(struct entry_row){ .id = ++last_id,
                                           .notification = notification,
                                           .state = ENTRY_DONE,
                                           .said_at = now,
                                           .stored_at = now,
                                           .source = text_of("intercom"),
                                           .conversation = text_of("215469822330"),
                                           .message = text_of("215469822330.9"),
                                           .doc = text_make(bytes, 300) },
                      1);
    snprintf(user_id, sizeof(user_id), "%" PRId64, 700000000 + user);
    run = (struct run_row){ .entry = last_id,
                            .rule = text_of("order-status"),
                            .ruleset = text_make(bytes, STORE_HASH_BYTES),
                            .doc = text_make(bytes, 200),
                            .said_at = now,
                            .stored_at = now,
                            .expires_at = now + 3600000 };
    if (!store_next_seq(store, text_of("shop"), text_of(user_id), ++last_id, &place) ||
        !store_tap(store, place.chat, run.rule, text_of("order:1234567:status"), now, 2, now))
        return;
    run.id = ++last_id;
    run.chat = place.chat;
    run.seq = place.seq;
    if (!store_add_run(store, &run, 0, now))
        fprintf(stderr, "store_bench: the run is there\n");
}

struct claims {
    struct run_row runs[BATCH];
    size_t n;
};

/* T4. */
static void claim(struct store *store, struct arena *arena, struct claims *claims)
{
    static const char *const data[BUTTONS] = { "order:1234567:ship", "order:1234567:cancel",
                                               "order:1234567:pay", "menu:main" };
    struct issued_button buttons[BUTTONS];
    struct chat_row *chats;
    size_t n =
        store_claim_chats(store, text_of("shop"), last_id, OWNER, STORE_LONGEST_DUE, BATCH, arena, &chats);

    for (int i = 0; i < BUTTONS; i++)
        buttons[i] = (struct issued_button){ .data = text_of(data[i]) };
    claims->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct run_row *run = &claims->runs[claims->n];
        struct send_row send = { .channel = text_of("shop"), .body = text_make(bytes, 500) };

        if (!store_head_run(store, chats[i].id, arena, run))
            continue;
        claims->n++;
        send.run = run->id;
        store_begin_run(store, run->id);
        store_add_sends(store, &send, 1);
        store_issue(store, run->chat, run->id, 0, 0, buttons, BUTTONS, last_id, last_id + 86400000);
        store_start_send(store, run->id, 0, 0, 1, OWNER, last_id);
    }
}

/* T5. */
static void settle(struct store *store, const struct claims *claims)
{
    for (size_t i = 0; i < claims->n; i++) {
        const struct run_row *run = &claims->runs[i];
        struct send_row send = {
            .run = run->id, .attempt = 1, .state = SEND_OK, .reply_id = text_of("64f1c0ffee")
        };

        if (!store_settle_send(store, &send) || !store_set_run(store, run->id, RUN_DONE, TEXT_NONE, last_id))
            fprintf(stderr, "store_bench: a guard did not hold\n");
        store_release_chat(store, run->chat, 0, 0);
    }
}

static void bench_taps(const char *folder, int64_t taps)
{
    struct arena *arena = arena_new(1 << 24);
    struct claims claims = { .n = 0 };
    char path[4096];
    struct store *store = open_fresh(folder, path, sizeof(path));
    struct span start = span_start();
    int64_t done = 0;

    for (int64_t i = 0; i < taps || claims.n; i += BATCH) {
        begin(store);
        settle(store, &claims);
        done += (int64_t)claims.n;
        for (int64_t k = i; k < i + BATCH && k < taps; k++)
            take_in(store, k * 7919 % 5000);
        arena_reset(arena);
        claim(store, arena, &claims);
        commit(store);
    }
    span_print(start, "taps", done);
    arena_free(arena);
    store_close(store);
    unlink_all(path);
}

static void bench_acks(const char *folder, int64_t n)
{
    char path[4096];
    struct store *store = open_fresh(folder, path, sizeof(path));
    struct span start = span_start();

    for (int64_t i = 0; i < n; i += BATCH) {
        begin(store);
        for (int k = 0; k < BATCH; k++)
            add_notification(store, NOTIFICATION_NEW, 2000);
        commit(store);
    }
    span_print(start, "acks of 2.2 kB", n);
    store_close(store);
    unlink_all(path);
}

int main(int argc, char **argv)
{
    int64_t n = 50000;

    if (argc < 2 || (argc > 2 && !text_i64(text_of(argv[2]), &n))) {
        fprintf(stderr, "usage: store_bench FOLDER [TAPS]\n");
        return 2;
    }
    memset(bytes, 'x', sizeof(bytes));
    bench_taps(argv[1], n);
    bench_acks(argv[1], 2 * n);
    return 0;
}
