#pragma once

/* What the process gives up before it has anything to lose. In this order, before any other thread is started. */

#include "base/fault.h"

#include <stdbool.h>

/* confine_memory: no core dump is written, and no other process of the same user looks into this one's memory, where secrets are. */
bool confine_memory(struct fault *fault) CHECKED;

/* confine_become: root becomes the user, with the user's groups, and keeps only the right to bind ports below 1024; so that all files,
   also those of a later reload, are opened as the user. NULL: stays who it is. Whoever is not root must be the user already. */
bool confine_become(const char *user, struct fault *fault) CHECKED;
/* confine_is_root: is it still root? */
bool confine_is_root(void);

/* confine_seal: once ports are bound: no program that is run may have more rights, and nobody but root keeps any capability. */
bool confine_seal(struct fault *fault) CHECKED;
