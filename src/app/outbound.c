#include "app/outbound.h"

#include <stdlib.h>

struct errand {
    struct mailbox *engine;
    struct result_mail *result;
};

struct xfer_request outbound_request(const struct request_mail *request)
{
    return (struct xfer_request){ .method = request->method,
                                  .url = request->url,
                                  .headers = (const char *const *)request->headers,
                                  .body = request->body ? text_of(request->body) : TEXT_NONE,
                                  .timeout_ms = request->timeout_ms,
                                  .connect_timeout_ms = request->connect_timeout_ms,
                                  .answer_max = request->answer_max,
                                  .public_only = request->public_only,
                                  .start_before_ms = request->start_before_ms };
}

void outbound_result(const struct xfer_result *from, struct result_mail *out)
{
    out->left = from->left;
    out->whole = from->whole;
    out->status = from->status;
    out->retry_after_ms = from->retry_after_ms;
    out->took_ms = from->took_ms;
    out->body = text_dup(from->body);
    out->body_size = out->body ? from->body.n : 0;
    out->error = from->error ? text_dup(text_of(from->error)) : NULL;
}

static void report(struct mailbox *engine, struct result_mail *result, const struct xfer_result *from)
{
    outbound_result(from, result);
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
    struct xfer_request what = outbound_request(request);

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
    mail_free(&request->mail); /* NOLINT(clang-analyzer-unix.Malloc): the errand is the transfer's now */
}
