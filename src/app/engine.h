#pragma once

/* The engine thread: owns the store and the active ruleset. It takes what waits in its mailbox as one batch, in one
   transaction, and then tells the loop what follows. */

#include "app/generation.h"
#include "app/health.h"
#include "app/metrics.h"
#include "base/mailbox.h"
#include "store/store.h"

struct engine;

struct engine_setup {
    const char *config_path; /* for reloads */
    const char *store_url;
    struct generation *generation; /* the engine takes a reference of its own */
    struct mailbox *in, *out;      /* to the engine, from it; both outlive it */
    struct metrics *metrics;
    struct health *health;
};

/* engine_new: opens the store. NULL with a fault. */
struct engine *engine_new(const struct engine_setup *setup, struct fault *fault) CHECKED;
/* engine_start: starts the thread, which first takes over what a crash left. It ends by itself after MAIL_STOP, with MAIL_ENDED. */
bool engine_start(struct engine *engine, struct fault *fault) CHECKED;
/* engine_free: waits for the thread if it was started; closes the store. */
void engine_free(struct engine *engine);
