#include "serve.h"

#include "base/buf.h"
#include "base/file.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <signal.h>

struct evhttp *serve_open(struct event_base *base, void (*handle)(struct evhttp_request *request, void *arg),
                          void *arg, struct fault *fault)
{
    struct evhttp *http = evhttp_new(base);

    signal(SIGPIPE, SIG_IGN);
    if (!http || !evhttp_bind_socket_with_handle(http, "127.0.0.1", 0)) {
        fault_set(fault, "cannot listen on 127.0.0.1");
        if (http)
            evhttp_free(http);
        return NULL;
    }
    evhttp_set_max_body_size(http, 1 << 20);
    evhttp_set_gencb(http, handle, arg);
    return http;
}

static void first_socket(struct evhttp_bound_socket *bound, void *fd)
{
    *(evutil_socket_t *)fd = evhttp_bound_socket_get_fd(bound);
}

static CHECKED bool tell_address(struct evhttp *http, const char *file, struct fault *fault)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    struct buf line = BUF(64);
    evutil_socket_t fd = -1;
    bool ok;

    evhttp_foreach_bound_socket(http, first_socket, &fd);
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return fault_set(fault, "the listening socket has no address");
    buf_printf(&line, "127.0.0.1:%d\n", ntohs(address.sin_port));
    ok = file_write(file, buf_get(&line), fault);
    buf_free(&line);
    return ok;
}

static void on_signal(evutil_socket_t number, short what, void *base)
{
    (void)number, (void)what;
    event_base_loopbreak(base);
}

bool serve_run(struct event_base *base, struct evhttp *http, const char *bound_file, struct fault *fault)
{
    struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
    struct event *stop = evsignal_new(base, SIGINT, on_signal, base);
    bool ok = term && stop && !event_add(term, NULL) && !event_add(stop, NULL);

    if (!ok)
        fault_set(fault, "cannot catch signals");
    ok = ok && tell_address(http, bound_file, fault);
    if (ok)
        event_base_dispatch(base);
    if (term)
        event_free(term);
    if (stop)
        event_free(stop);
    evhttp_free(http);
    return ok;
}

struct text serve_body(struct evhttp_request *request)
{
    struct evbuffer *in = evhttp_request_get_input_buffer(request);

    return text_make((const char *)evbuffer_pullup(in, -1), evbuffer_get_length(in));
}

void serve_reply(struct evhttp_request *request, int status)
{
    struct evbuffer *out = evhttp_request_get_output_buffer(request);

    if (status == 200)
        evbuffer_add(out, "ok", 2);
    evhttp_send_reply(request, status, status == 200 ? "OK" : NULL, NULL);
}
