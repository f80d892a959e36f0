#pragma once

/* What both yardsticks share: an evhttp server on a free loopback port that ends on SIGTERM. */

#include "base/fault.h"
#include "base/text.h"

#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>

/* serve_open: listens on 127.0.0.1, any port; the base is the server's. NULL with a fault. */
struct evhttp *serve_open(struct event_base *base, void (*handle)(struct evhttp_request *request, void *arg),
                          void *arg, struct fault *fault) CHECKED;
/* serve_run: writes HOST:PORT to the file, runs until SIGTERM or SIGINT, frees the server. */
bool serve_run(struct event_base *base, struct evhttp *http, const char *bound_file,
               struct fault *fault) CHECKED;
/* serve_body: lends the request's body. */
struct text serve_body(struct evhttp_request *request);
/* serve_reply: the status, with "ok" as the body of a 200. */
void serve_reply(struct evhttp_request *request, int status);
