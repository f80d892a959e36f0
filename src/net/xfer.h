#pragma once

/* HTTP out: libcurl multi on the loop. http and https only, no redirects, no proxy, certificates always checked, keep-alive with a
   short age. Never repeats a POST by itself: the body is read once. */

#include "base/fault.h"
#include "base/text.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct xfer;

struct xfer_request {
    const char *method, *url;
    const char *const *headers; /* "Name: value", up to NULL */
    struct text body;           /* copied; p == NULL: none */
    int64_t timeout_ms, connect_timeout_ms;
    size_t answer_max;       /* bytes of the answer that are read */
    bool public_only;        /* to no address that net/public.h does not call public */
    int64_t start_before_ms; /* scheduling fence, now_boot_ms: a body is not begun after it; 0: none */
};

struct xfer_result {
    bool left;              /* the body callback was entered (for a request without body: it was connected) */
    int status;             /* 0: no status line came */
    bool whole;             /* the answer was read to its end and within answer_max */
    struct text body;       /* at most answer_max bytes */
    int64_t retry_after_ms; /* Retry-After (seconds or date), X-RateLimit-Reset of a 429; -1: none */
    const char *error;      /* libcurl's words if it failed, else NULL; no secret, no query string */
    int64_t took_ms;
};

/* xfer_new: at most `per_host` connections to one host and `total` in all. The fault: no asynchronous DNS in this libcurl, ... */
struct xfer *xfer_new(struct loop *loop, int per_host, int total, struct fault *fault) CHECKED;
/* xfer_knows_authorities: can libcurl's file of authorities be read, without which no server's certificate is good? The fault names it. */
bool xfer_knows_authorities(struct fault *fault) CHECKED;
/* xfer_set_limits: others than at xfer_new, for connections begun from now on. */
void xfer_set_limits(struct xfer *xfer, int per_host, int total);
/* xfer_start: `done` is called exactly once, never before xfer_start has returned; the result is valid during the call. False
   when memory is out or the URL is unusable: then `done` is not called. */
bool xfer_start(struct xfer *xfer, const struct xfer_request *request,
                void (*done)(void *arg, const struct xfer_result *result), void *arg,
                struct fault *fault) CHECKED;
size_t xfer_running(const struct xfer *xfer);
/* xfer_abort_all: ends all at once; each `done` is called with what is known (left or not). */
void xfer_abort_all(struct xfer *xfer);
void xfer_free(struct xfer *xfer);
