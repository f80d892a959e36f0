#include "app/outbound.h"

#include "base/log.h"

#include <stdlib.h>

struct errand {
    struct mailbox *engine;
    struct result_mail *result; /* made beforehand, so that a result can always be reported */
};

static void report(struct errand *errand, const struct xfer_result *from)
{
    struct result_mail *result = errand->result;

    result->left = from->left;
    result->whole = from->whole;
    result->status = from->status;
    result->retry_after_ms = from->retry_after_ms;
    result->took_ms = from->took_ms;
    result->body = text_dup(from->body);
    result->body_size = result->body ? from->body.n : 0;
    result->error = from->error ? text_dup(text_of(from->error)) : NULL;
    mailbox_post_reserved(errand->engine, &result->mail);
    free(errand);
}

static void done(void *arg, const struct xfer_result *result)
{
    report(arg, result);
}

static struct errand *make_errand(struct mailbox *engine, const struct job *job)
{
    struct errand *errand = calloc(1, sizeof(*errand));

    if (!errand)
        return NULL;
    errand->engine = engine;
    errand->result = mail_new(MAIL_RESULT, sizeof(*errand->result));
    if (!errand->result) {
        free(errand);
        return NULL;
    }
    errand->result->job = *job;
    return errand;
}

void outbound_start(struct xfer *xfer, struct mailbox *engine, struct request_mail *request)
{
    struct errand *errand = make_errand(engine, &request->job);
    struct xfer_request what = { .method = request->method,
                                 .url = request->url,
                                 .headers = (const char *const *)request->headers,
                                 .body = request->body ? text_of(request->body) : TEXT_NONE,
                                 .timeout_ms = request->timeout_ms,
                                 .connect_timeout_ms = request->connect_timeout_ms,
                                 .answer_max = request->answer_max };
    struct fault fault;

    if (!errand)
        log_error("out of memory: a request was not made; it is settled at the next start",
                  log_num("run", request->job.run));
    else if (!xfer_start(xfer, &what, done, errand, &fault))
        report(errand, &(struct xfer_result){ .error = fault.text, .retry_after_ms = -1 });
    mail_free(&request->mail);
}
