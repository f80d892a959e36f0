#pragma once

/* X-Hub-Signature as Intercom makes it: "sha1=" and the hex HMAC-SHA1 of the raw body. The key is hashed once, so that the
   yardsticks of the benchmark pay what a good implementation pays. */

#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>

#define HUB_SIZE 46 /* "sha1=", 40 digits, NUL */

struct hub;

/* hub_new: with the secret that the environment's variable holds. */
struct hub *hub_new(const char *variable, struct fault *fault) CHECKED;
void hub_free(struct hub *hub);
/* hub_sign: the header's value, NUL-terminated, into out (HUB_SIZE bytes). */
bool hub_sign(struct hub *hub, struct text body, char *out) CHECKED;
/* hub_verify: in constant time; `given` may be NULL. */
bool hub_verify(struct hub *hub, struct text body, const char *given) CHECKED;
