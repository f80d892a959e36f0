#pragma once

/* The engine thread: owns the store and the active ruleset. It takes what waits in its mailbox as one batch, in one
   transaction, and then tells the loop what follows. */

#include "app/generation.h"
#include "app/health.h"
#include "app/metrics.h"
#include "base/mailbox.h"
#include "store/store.h"

struct engine;

/* Somebody who wants to know how runs go through their rules. */
struct engine_watch {
    /* A step was worked on, perhaps not for the last time; next is where the run goes on if it stays in the rule. */
    void (*step)(void *context, const struct rule *rule, size_t step, size_t next);
    void *context;
};

struct engine_setup {
    const char *store_url;
    struct generation *generation; /* the engine takes a reference of its own */
    struct mailbox *in, *out;      /* to the engine, from it; both outlive it */
    struct metrics *metrics;
    struct health *health;
    int64_t start_at;    /* 0: the clock runs; else time stands there, and engine_advance moves it */
    const char *channel; /* where entries go that engine_enter takes; NULL: to their source's channel */
    const struct engine_watch *watch; /* NULL: nobody watches */
    /* Is this lookup said to fail? Then it does where its URL misses a value, too. NULL: as it comes. */
    bool (*lookup_fails)(void *context, const char *name);
    void *context;
};

/* engine_new: opens the store. NULL with a fault. */
struct engine *engine_new(const struct engine_setup *setup, struct fault *fault) CHECKED;
/* engine_start: starts the thread, which first takes over what a crash left. It ends by itself after MAIL_STOP, with MAIL_ENDED. */
bool engine_start(struct engine *engine, struct fault *fault) CHECKED;

/* Instead of engine_start, for a caller that is the loop itself (app/sandbox.c): the same work without a thread, and without
   waiting. */

/* engine_take_over: what a start does first. */
bool engine_take_over(struct engine *engine, struct fault *fault) CHECKED;
/* engine_enter: hands in an entry as if a notification had brought it; the next step works on it. Its row's id. All of it must
   live until then. */
struct entry;
int64_t engine_enter(struct engine *engine, const struct source *source, struct entry *entry);
/* engine_step: one batch of what waits, one transaction. */
void engine_step(struct engine *engine);
/* engine_due: when it wants to be stepped again; 0: not until something comes. */
int64_t engine_due(const struct engine *engine);
int64_t engine_now(const struct engine *engine);
void engine_advance(struct engine *engine, int64_t ms);

/* engine_free: waits for the thread if it was started; closes the store. */
void engine_free(struct engine *engine);
