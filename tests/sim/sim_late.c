#include "sim_late.h"

#include "base/buf.h"
#include "sim_http.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define ANSWER_MAX (64u << 20)

struct late {
    TAILQ_ENTRY(late) link;
    struct sim_late_list *list;
    struct evhttp_request *http;
    struct event *event;
    enum sim_end end;
    bool held;
    int status;
    struct buf body;
};

struct sim_late_list {
    struct event_base *base;
    TAILQ_HEAD(, late) waiting;
};

struct sim_late_list *late_new(struct event_base *base)
{
    struct sim_late_list *list = calloc(1, sizeof(*list));

    if (!list)
        return NULL;
    list->base = base;
    TAILQ_INIT(&list->waiting);
    return list;
}

/* Forgets the late answer, not the request. */
static void drop(struct late *late)
{
    TAILQ_REMOVE(&late->list->waiting, late, link);
    if (late->event)
        event_free(late->event);
    buf_free(&late->body);
    free(late);
}

void late_free(struct sim_late_list *list)
{
    struct late *late;

    if (!list)
        return;
    while ((late = TAILQ_FIRST(&list->waiting))) {
        struct evhttp_connection *connection = evhttp_request_get_connection(late->http);

        /* A request that lost its connection is nobody's; the others go with their connection. */
        if (connection)
            evhttp_connection_set_closecb(connection, NULL, NULL);
        else
            evhttp_request_free(late->http);
        drop(late);
    }
    free(list);
}

static int socket_of(struct evhttp_connection *connection)
{
    return (int)bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
}

static void write_half(struct late *late, int fd)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(late->http);
    struct evbuffer *out = evbuffer_new();
    struct evkeyval *header;

    if (!out)
        return;
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", late->status, http_reason(late->status));
    TAILQ_FOREACH(header, headers, next)
    evbuffer_add_printf(out, "%s: %s\r\n", header->key, header->value);
    evbuffer_add_printf(out, "Content-Length: %zu\r\n\r\n", late->body.len ? late->body.len : 2);
    evbuffer_add(out, late->body.data, late->body.len / 2);
    while (evbuffer_get_length(out) && evbuffer_write(out, fd) > 0)
        ;
    evbuffer_free(out);
}

static void end_connection(struct late *late, struct evhttp_connection *connection)
{
    struct sockaddr nobody = { .sa_family = AF_UNSPEC };
    int fd = socket_of(connection);

    if (late->end == END_HALF)
        write_half(late, fd);
    /* libevent sends a FIN before it closes, so SO_LINGER would come too late. */
    if (late->end == END_RESET && connect(fd, &nobody, sizeof(nobody)) < 0)
        shutdown(fd, SHUT_RDWR);
    evhttp_connection_set_closecb(connection, NULL, NULL);
    drop(late);
    evhttp_connection_free(connection); /* and its request */
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct late *late = arg;
    struct evhttp_request *http = late->http;
    struct evhttp_connection *connection = evhttp_request_get_connection(http);

    (void)fd, (void)what;
    if (!connection) {
        drop(late);
        evhttp_request_free(http);
    } else if (late->end == END_REPLY) {
        http_send(http, late->status, buf_get(&late->body));
        drop(late);
    } else {
        end_connection(late, connection);
    }
}

/* The client of a hung request is gone by another way than on_due. */
static void on_closed(struct evhttp_connection *connection, void *arg)
{
    struct late *late = arg;
    struct evhttp_request *http = late->http;

    (void)connection;
    drop(late);
    if (!evhttp_request_get_connection(http))
        evhttp_request_free(http);
}

static struct event *event_for(struct late *late, int64_t delay_ms)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(late->http);
    struct timeval tv = { .tv_sec = (time_t)(delay_ms / 1000),
                          .tv_usec = (suseconds_t)(delay_ms % 1000) * 1000 };
    struct event *event;

    if (late->end != END_HANG) {
        event = evtimer_new(late->list->base, on_due, late);
        if (event && !late->held)
            evtimer_add(event, &tv);
        return event;
    }
    /* evhttp does not read while a request waits for its answer, so it would not see the client go. */
    event = event_new(late->list->base, socket_of(connection), EV_CLOSED, on_due, late);
    if (event)
        event_add(event, NULL);
    evhttp_connection_set_closecb(connection, on_closed, late);
    return event;
}

void late_end(struct sim_late_list *list, struct evhttp_request *http, enum sim_end end, int64_t delay_ms,
              int status, struct text body)
{
    struct late *late = calloc(1, sizeof(*late));

    if (!late || !evhttp_request_get_connection(http)) {
        http_send(http, 500, TEXT_NONE);
        free(late);
        return;
    }
    *late = (struct late){ .list = list,
                           .http = http,
                           .end = end,
                           .held = delay_ms == LATE_HELD,
                           .status = status,
                           .body = BUF(ANSWER_MAX) };
    buf_text(&late->body, body);
    TAILQ_INSERT_TAIL(&list->waiting, late, link);
    late->event = event_for(late, delay_ms);
}

int64_t late_release(struct sim_late_list *list)
{
    struct late *late;
    int64_t n = 0;

    TAILQ_FOREACH(late, &list->waiting, link)
    {
        if (!late->held || !late->event)
            continue;
        late->held = false;
        event_active(late->event, EV_TIMEOUT, 1);
        n++;
    }
    return n;
}

int64_t late_count(const struct sim_late_list *list)
{
    const struct late *late;
    int64_t n = 0;

    TAILQ_FOREACH(late, &list->waiting, link)
    n++;
    return n;
}
