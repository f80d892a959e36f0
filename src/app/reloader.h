#pragma once

/* Loads a generation on a thread of its own, so that neither the loop nor the engine waits for files and patterns, and hands it to the
   engine as MAIL_RELOAD. One at a time. For the loop's thread. */

#include "base/mailbox.h"

#include <stdbool.h>

struct reloader;

/* reloader_new: of the configuration at this path; both outlive it. NULL when memory is out. */
struct reloader *reloader_new(const char *config_path, struct mailbox *to_engine) CHECKED;
/* reloader_start: begins to load; while it loads already, notes that it has to once more: the files may have changed since. False, with
   a line in the log: it cannot begin. */
bool reloader_start(struct reloader *reloader);
/* reloader_done: what was loaded has been adopted or refused. True: it loads once more. */
bool reloader_done(struct reloader *reloader);
/* reloader_free: waits for a load under way. */
void reloader_free(struct reloader *reloader);
