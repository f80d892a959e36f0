#pragma once

/* The daemon's life: start, run, reload, stop. */

#include "app/generation.h"

/* daemon_run: serves until SIGTERM or SIGINT (a second one: now). Takes the generation's reference. Returns the exit code: 0, or 4 if
   the store or the network failed (said on standard error). */
int daemon_run(const char *config_path, struct generation *generation);
