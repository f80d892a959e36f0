#pragma once

/* The engine's thread on a store, with the test as its loop: it posts notifications, takes acknowledgements and requests, and
   answers these as it likes. No network, no waiting for a clock: what comes is waited for. */

#include "app/engine.h"
#include "app/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define KIT_BODY 4000
#define KIT_REQUESTS 4096 /* of the front door, per kit; ids count from 1 */

struct kit {
    char folder[64], config[96], store[512];
    struct generation *generation;
    struct mailbox *in, *out;
    struct metrics *metrics;
    struct health *health;
    struct engine *engine;
    uint64_t request;           /* the last one posted */
    int status[KIT_REQUESTS];   /* what each was answered: 200, 503, or 0 */
    struct request_mail *first; /* requests that came and were not taken, oldest first */
    size_t idle;    /* pumps in which nothing came though the engine had taken all that it was told */
    size_t unheard; /* of kit_deliver: neither taken nor refused, as when memory is out for the answer */
    bool ended, stored, reloaded;
    bool
        stepped; /* set before kit_start: no thread; each kit_pump is one cycle, and without mail 250 ms pass */
    void (*around_step)(bool inside); /* NULL: none; called before and after each of these cycles */
};

/* kit_open: a folder with configuration and rules (NULL: enginekit.c's), an engine that is not started. */
void kit_open(struct kit *kit, bool sqlite, const char *rules);
/* kit_open_with: with further lines of the configuration. */
void kit_open_with(struct kit *kit, bool sqlite, const char *rules, const char *more);
/* kit_open_at: the same on the store of this URL; NULL: a SQLite file in the folder. */
void kit_open_at(struct kit *kit, const char *url, const char *rules, const char *more);
/* kit_close: stops the engine if it runs, and removes the folder. */
void kit_close(struct kit *kit);
void kit_write(struct kit *kit, const char *name, const char *text);
/* kit_engine: an engine on the store that is there; kit_open has made the first. */
void kit_engine(struct kit *kit);
void kit_start(struct kit *kit);
/* kit_stop: until the engine has ended; what is in flight must be answered before. */
void kit_stop(struct kit *kit);
/* kit_again: SQLite: ends the engine and makes another on the same store, with metrics from nothing. */
void kit_again(struct kit *kit);
/* kit_kill: SQLite, stepped: the engine is gone between two cycles, with all that was under way; another takes over. */
void kit_kill(struct kit *kit);
/* kit_crash: SQLite: an engine on a copy of the store as it is now on disk, as if the program had been killed with this request
   under way; frees it. */
void kit_crash(struct kit *kit, struct request_mail *request);
/* kit_save: SQLite, stepped: keeps the store as it is now. kit_fail_over: the engine goes on with that, as on a server that was behind
   when it took over. */
void kit_save(struct kit *kit);
void kit_fail_over(struct kit *kit);
/* kit_store: the engine's store; only while it is not running. */
struct store *kit_store(struct kit *kit);

/* kit_post: a notification; the front door's number of it. */
uint64_t kit_post(struct kit *kit, const char *source, const char *body);
/* kit_pump: waits a moment for mail of the engine, and sorts it. Without any, wakes the engine, as its own clock would a
   little later. */
void kit_pump(struct kit *kit);
/* kit_deliver: posts until it is taken, as senders do. */
void kit_deliver(struct kit *kit, const char *source, const char *body);
/* kit_reload: with other rules; until the engine is over it. */
void kit_reload(struct kit *kit, const char *rules);
/* kit_request: the next request of the engine; the caller answers it. NULL when none comes. */
struct request_mail *kit_request(struct kit *kit);
/* kit_answer: the result of a request, and frees it. Status 0: `left` says whether the body went out. */
void kit_answer(struct kit *kit, struct request_mail *request, bool left, int status, const char *body);
void kit_answer_ok(struct kit *kit, struct request_mail *request);
/* kit_runs: runs in a state, as the metrics have them. */
int kit_runs(struct kit *kit, const char *state);
/* kit_until_runs: pumps until that many are in the state; fails the test when that does not come. */
void kit_until_runs(struct kit *kit, const char *state, int count);
/* kit_count: items of a kind, and state if not NULL, in the stopped engine's store. */
size_t kit_count(struct kit *kit, enum store_kind kind, const char *state);
/* kit_settled: nothing is in flight, owned, or `sending` in the stopped engine's store. */
void kit_settled(struct kit *kit);

/* An Intercom notification with one tap (an even number and the next are said in the same second), and HubSpot's two parts; in a buffer of the caller. */
void kit_intercom(char *out, size_t size, int number, const char *user, const char *text);
void kit_hubspot(char *out, size_t size, int number);
/* kit_tap: delivers an Intercom notification with the tap KIT_TAP. */
#define KIT_TAP "track:ORD-7"
void kit_tap(struct kit *kit, int number, const char *user);
/* kit_expect_sent: the next request is a message with this text; it is answered. */
void kit_expect_sent(struct kit *kit, const char *text);
/* kit_only_run: the id of the one in the stopped engine's store. */
int64_t kit_only_run(struct kit *kit, struct arena *arena);
extern const char kit_hubspot_message[];
/* kit_answer_lookup: what the shop says to the lookups of enginekit.c's rules. */
void kit_answer_lookup(struct kit *kit, struct request_mail *request);
/* kit_next_send: the next request that is a message; those before it are answered well. NULL when none comes. */
struct request_mail *kit_next_send(struct kit *kit);
