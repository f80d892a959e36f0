#include "app/live.h"

#include "app/outbound.h"

#include <stdlib.h>

struct live {
    struct loop *loop;
    struct xfer *xfer;
    struct result_mail *result; /* of the request under way */
};

struct live *live_new(struct fault *fault)
{
    struct live *live = calloc(1, sizeof(*live));

    fault_set(fault, "out of memory");
    if (live)
        live->loop = loop_new();
    if (live && live->loop)
        live->xfer = xfer_new(live->loop, 1, 1, fault);
    if (live && live->xfer)
        return live;
    live_free(live);
    return NULL;
}

void live_free(struct live *live)
{
    if (!live)
        return;
    xfer_free(live->xfer);
    loop_free(live->loop);
    free(live);
}

static void done(void *arg, const struct xfer_result *from)
{
    struct live *live = arg;

    outbound_result(from, live->result);
    loop_stop(live->loop);
}

void live_ask(struct live *live, const struct request_mail *request, struct result_mail *result)
{
    const struct xfer_request what = outbound_request(request);
    struct fault fault;

    live->result = result;
    if (xfer_start(live->xfer, &what, done, live, &fault))
        loop_run(live->loop);
    else
        outbound_result(&(struct xfer_result){ .error = fault.text, .retry_after_ms = -1 }, result);
}
