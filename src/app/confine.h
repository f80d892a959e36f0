#pragma once

/* What the process gives up before it has anything to lose. */

#include "base/fault.h"

#include <stdbool.h>

/* confine_memory: no core dump is written, and no other process of the same user looks into this one's memory, where secrets are. To be
   called again after the user changed: the kernel may have set it back. */
bool confine_memory(struct fault *fault) CHECKED;
