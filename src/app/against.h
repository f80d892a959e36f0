#pragma once

/* `check --against OLD`: what an upgrade of the rules does to the buttons that the old rules sent. */

#include "app/generation.h"

struct against;

/* against_load: OLD is a configuration file, a folder of rule files or one of them. NULL after adding errors. */
struct against *against_load(const char *old, struct findings *findings) CHECKED;
/* against_check: adds what it finds, of the rules and of the buttons in the configuration's store. The findings point into
   `against`, which must be kept as long as they are. */
void against_check(const struct against *against, const struct generation *generation,
                   struct findings *findings);
void against_free(struct against *against);
