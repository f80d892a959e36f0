#pragma once

/* Makes the engine's requests, and brings their results back. */

#include "app/mail.h"
#include "net/xfer.h"

/* outbound_request: as net/ takes it; lends what the mail holds. outbound_result: how it ended. */
struct xfer_request outbound_request(const struct request_mail *request);
void outbound_result(const struct xfer_result *from, struct result_mail *out);
/* outbound_start: makes the request; the result goes to `engine`, always. Takes the mail. */
void outbound_start(struct xfer *xfer, struct mailbox *engine, struct request_mail *request);
