#include "app/outbound.h"

#include <stdlib.h>

struct errand {
    struct mailbox *engine;
    struct result_mail *result;
};

static void report(struct mailbox *engine, struct result_mail *result, const struct xfer_result *from)
{
    result->left = from->left;
    result->whole = from->whole;
    result->status = from->status;
    result->retry_after_ms = from->retry_after_ms;
    result->took_ms = from->took_ms;
    result->body = text_dup(from->body);
    result->body_size = result->body ? from->body.n : 0;
    result->error = from->error ? text_dup(text_of(from->error)) : NULL;
    mailbox_post_reserved(engine, &result->mail);
}

static void done(void *arg, const struct xfer_result *from)
{
    struct errand *errand = arg;

    report(errand->engine, errand->result, from);
    free(errand);
}

static bool start(struct xfer *xfer, struct errand *errand, const struct request_mail *request,
                  struct fault *fault)
{
    struct xfer_request what = { .method = request->method,
                                 .url = request->url,
                                 .headers = (const char *const *)request->headers,
                                 .body = request->body ? text_of(request->body) : TEXT_NONE,
                                 .timeout_ms = request->timeout_ms,
                                 .connect_timeout_ms = request->connect_timeout_ms,
                                 .answer_max = request->answer_max,
                                 .public_only = request->public_only };

    if (!errand || !request->url)
        return fault_set(fault, "out of memory");
    return xfer_start(xfer, &what, done, errand, fault);
}

void outbound_start(struct xfer *xfer, struct mailbox *engine, struct request_mail *request)
{
    struct errand *errand = malloc(sizeof(*errand));
    struct result_mail *result = request->result;
    struct fault fault;

    request->result = NULL;
    if (errand)
        *errand = (struct errand){ engine, result };
    if (!start(xfer, errand, request, &fault)) {
        free(errand);
        report(engine, result, &(struct xfer_result){ .error = fault.text, .retry_after_ms = -1 });
    }
    mail_free(&request->mail);
}
