#pragma once

/* HTTP in: a bounded evhttp server. Used twice: for webhooks (the front door) and, with other limits, by admin. What a request
   means is the handler's business; what may be a request at all is decided here. */

#include "base/fault.h"
#include "base/text.h"
#include "net/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct intake_limits {
    size_t body, headers; /* bytes; over them: 413, 431 */
    int64_t request_ms;   /* from the first byte of a request to its last: then the connection is cut off */
    int64_t idle_ms;      /* a quiet keep-alive connection is closed */
    int connections, per_address;
};

struct intake_header {
    const char *name, *value;
};

/* A request read to its end. Valid during the handler's call only. */
struct intake_request {
    uint64_t id; /* for intake_reply; never used twice */
    const char *method, *target;
    const struct intake_header *headers;
    size_t n_headers;
    struct text body;
    const char *peer; /* address as text */
};

struct intake_answer {
    int status;
    const char *content_type; /* NULL: no body */
    struct text body;
    const char *allow; /* Allow header, NULL: none */
    int retry_after_s; /* 0: none */
    bool close;        /* Connection: close */
};

struct intake;

/* intake_new: listens on "HOST:PORT" (port 0: any; IPv6 in brackets; "unix:PATH"). The handler answers now or later by
   intake_reply, exactly once. Refused before it, by connection or 4xx and close: bodies and headers over the limits (413, 431),
   a request that drips past request_ms, connections over the caps, Transfer-Encoding (411), and requests that different readers may
   read differently: several or malformed Content-Length, bare LF, obs-fold, NUL, white space before the colon, absolute URIs (400). */
struct intake *intake_new(struct loop *loop, const char *address, const struct intake_limits *limits,
                          void (*handle)(void *arg, const struct intake_request *request), void *arg,
                          struct fault *fault) CHECKED;
/* intake_tls: serves TLS 1.2 and 1.3 with these PEM files from now on; also to reload them. On a fault the old ones stay. */
bool intake_tls(struct intake *intake, const char *cert_file, const char *key_file,
                struct fault *fault) CHECKED;
void intake_set_limits(struct intake *intake, const struct intake_limits *limits);
/* intake_address: "HOST:PORT" really bound. */
const char *intake_address(const struct intake *intake);
/* intake_reply: answers the request; does nothing if its connection is gone. To a HEAD no body is sent. */
void intake_reply(struct intake *intake, uint64_t id, const struct intake_answer *answer);
/* intake_pending: requests handed out and not answered. */
size_t intake_pending(const struct intake *intake);
size_t intake_connections(const struct intake *intake);
/* intake_close: accepts no more connections; requests under way go on, connections close after their answer. */
void intake_close(struct intake *intake);
void intake_free(struct intake *intake);
