#pragma once

/* Web addresses: those that rules ask (lookups), those that the shop answers with and that go out as buttons, and those that Octopods
   answers with and that are asked with the channel's key. */

#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>

/* address_check: http or https, a host (with a dot or without), at most a port; no user, no space, no backslash. The fault is
   the end of a sentence that begins with "the url". */
bool address_check(struct text url, struct fault *fault) CHECKED;
/* address_host_check: "www.dhl.de", or "*.dhl.de" for every host below it. For schema tables. */
bool address_host_check(struct text host, struct fault *fault);
/* address_allowed: https, and its host is one of them, letter for letter but for case. No user, no port, no escapes, nothing
   that programs read in different ways: whatever is not plain is not allowed. */
bool address_allowed(struct text url, const struct text *hosts, size_t n) CHECKED;
/* address_same_server: both are good addresses with the same scheme, host and port (said or not). What programs read in different ways
   is no good address. */
bool address_same_server(struct text a, struct text b) CHECKED;
