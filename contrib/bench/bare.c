/* The ceiling of this stack: evhttp reads a notification and answers 200. */

#include "hub.h"
#include "serve.h"

#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: bare [--hmac] BOUND-FILE\n"
                            "  --hmac   verifies X-Hub-Signature with INTERCOM_SECRET first\n";

static void handle(struct evhttp_request *request, void *arg)
{
    struct hub *hub = arg;
    int status = 200;

    if (evhttp_request_get_command(request) != EVHTTP_REQ_POST)
        status = 405;
    else if (hub &&
             !hub_verify(hub, serve_body(request),
                         evhttp_find_header(evhttp_request_get_input_headers(request), "X-Hub-Signature")))
        status = 401;
    serve_reply(request, status);
}

static CHECKED bool run(const char *bound_file, struct hub *hub, struct fault *fault)
{
    struct event_base *base = event_base_new();
    struct evhttp *http = base ? serve_open(base, handle, hub, fault) : NULL;
    bool ok = http && serve_run(base, http, bound_file, fault);

    if (base)
        event_base_free(base);
    return ok;
}

int main(int argc, char **argv)
{
    bool hmac = argc == 3 && !strcmp(argv[1], "--hmac");
    struct fault fault = { "" };
    struct hub *hub;
    bool ok;

    if (!hmac && argc != 2) {
        fputs(usage, stderr);
        return 2;
    }
    hub = hmac ? hub_new("INTERCOM_SECRET", &fault) : NULL;
    ok = (hub || !hmac) && run(argv[argc - 1], hub, &fault);
    hub_free(hub);
    if (!ok)
        fprintf(stderr, "bare: %s\n", fault.text);
    return ok ? 0 : 4;
}
