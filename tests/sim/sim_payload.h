#pragma once

/* Octopods' idea of a Telegram interactive message, as strict as its documents, and Telegram's behind it. */

#include "base/fault.h"
#include "sim.h"

/* Octopods' error numbers for Telegram. 1 is documented, 2 and 4 are read out of a damaged table (octopods.md 6.2);
   the others are not known and these are the simulator's own. */
enum payload_code {
    PAYLOAD_MISSING = 1,
    PAYLOAD_EMPTY = 2,
    PAYLOAD_TYPE = 4,
    PAYLOAD_KEY = 6,
    PAYLOAD_PROVIDER = 7,
    PAYLOAD_NO_MESSAGE = 8,
};

/* payload_check: is this a request body that Octopods takes? 0, or the error number with its text in fault. `strict`: the
   limits that articles on the markup dialect name: 1 to 6 buttons, no callback_data. */
int payload_check(struct json_object *body, enum sim_dialect dialect, bool strict,
                  struct fault *fault) CHECKED;
