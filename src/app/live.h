#pragma once

/* Asks the shop as the daemon does, one request at a time. For `try --live`. */

#include "app/mail.h"

struct live;

/* live_new: NULL with a fault. */
struct live *live_new(struct fault *fault) CHECKED;
void live_free(struct live *live);
/* live_ask: waits for the answer, at most as long as the request allows. */
void live_ask(struct live *live, const struct request_mail *request, struct result_mail *result);
