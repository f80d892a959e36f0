#pragma once

/* Makes the engine's requests, and brings their results back. */

#include "app/mail.h"
#include "net/xfer.h"

/* outbound_start: makes the request; the result goes to `engine`, always. Takes the mail. */
void outbound_start(struct xfer *xfer, struct mailbox *engine, struct request_mail *request);
