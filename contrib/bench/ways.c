#include "ways.h"

#include "base/now.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/util.h>
#include <stdio.h>
#include <stdlib.h>

struct way {
    struct ways *ways;
    struct bufferevent *socket; /* NULL: not connected */
    bool busy;
    int64_t since; /* on now_mono_us's clock: when its request was written */
};

struct ways {
    struct event_base *base;
    struct sockaddr_storage address;
    int address_size;
    void (*answered)(void *arg, int status, int64_t us);
    void *arg;
    struct way *all;
    struct way **idle; /* a ring, so that all take turns */
    size_t count, first, n_idle;
};

static void set_idle(struct way *way)
{
    struct ways *ways = way->ways;

    way->busy = false;
    ways->idle[(ways->first + ways->n_idle++) % ways->count] = way;
}

static void finish(struct way *way, int status)
{
    set_idle(way);
    way->ways->answered(way->ways->arg, status, now_mono_us() - way->since);
}

static void drop(struct way *way)
{
    bufferevent_free(way->socket);
    way->socket = NULL;
    if (way->busy)
        finish(way, 0);
}

/* The status, and how long the body behind the head is. */
static CHECKED bool read_head(struct text head, int64_t *status, int64_t *length)
{
    struct text line, name, value;

    if (!text_starts(head, "HTTP/1.1 ") || head.n < 12 || !text_i64(text_make(head.p + 9, 3), status))
        return false;
    while (text_cut(head, '\n', &line, &head))
        if (text_cut(line, ':', &name, &value) && text_is_nocase(name, "content-length"))
            return text_i64(text_trim(value), length) && *length >= 0;
    return false;
}

static void on_read(struct bufferevent *socket, void *arg)
{
    struct way *way = arg;
    struct evbuffer *in = bufferevent_get_input(socket);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    int64_t status, length;
    size_t head;

    if (end.pos < 0)
        return;
    head = (size_t)end.pos + 4;
    if (!way->busy ||
        !read_head(text_make((const char *)evbuffer_pullup(in, end.pos + 4), head), &status, &length)) {
        drop(way);
        return;
    }
    if (evbuffer_get_length(in) < head + (size_t)length)
        return;
    evbuffer_drain(in, head + (size_t)length);
    finish(way, (int)status);
}

static void on_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        drop(arg);
}

static CHECKED bool connect_way(struct way *way)
{
    struct ways *ways = way->ways;

    way->socket = bufferevent_socket_new(ways->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (!way->socket)
        return false;
    bufferevent_setcb(way->socket, on_read, NULL, on_event, way);
    bufferevent_enable(way->socket, EV_READ | EV_WRITE);
    return bufferevent_socket_connect(way->socket, (struct sockaddr *)&ways->address, ways->address_size) ==
           0;
}

static CHECKED bool find_server(struct ways *ways, struct text address)
{
    char host_port[128];

    snprintf(host_port, sizeof(host_port), "%.*s", TEXT_ARG(address));
    ways->address_size = sizeof(ways->address);
    return evutil_parse_sockaddr_port(host_port, (struct sockaddr *)&ways->address, &ways->address_size) == 0;
}

struct ways *ways_new(struct event_base *base, struct text address, size_t count,
                      void (*answered)(void *arg, int status, int64_t us), void *arg, struct fault *fault)
{
    struct ways *ways = calloc(1, sizeof(*ways));

    if (!ways || !(ways->all = calloc(count, sizeof(*ways->all))) ||
        !(ways->idle = calloc(count, sizeof(struct way *)))) {
        fault_set(fault, "no memory");
    } else if (!find_server(ways, address)) {
        fault_set(fault, "'%.*s' is no HOST:PORT", TEXT_ARG(address));
    } else {
        ways->base = base;
        ways->count = count;
        ways->answered = answered;
        ways->arg = arg;
        for (size_t i = 0; i < count; i++) {
            ways->all[i].ways = ways;
            set_idle(&ways->all[i]);
        }
        return ways;
    }
    ways_free(ways);
    return NULL;
}

void ways_free(struct ways *ways)
{
    if (!ways)
        return;
    for (size_t i = 0; i < ways->count; i++)
        if (ways->all[i].socket)
            bufferevent_free(ways->all[i].socket);
    free(ways->all);
    free(ways->idle);
    free(ways);
}

size_t ways_idle(const struct ways *ways)
{
    return ways->n_idle;
}

bool ways_send(struct ways *ways, struct text request)
{
    struct way *way = ways->idle[ways->first];

    if (!way->socket && !connect_way(way))
        return false;
    ways->first = (ways->first + 1) % ways->count;
    ways->n_idle--;
    way->busy = true;
    way->since = now_mono_us();
    return bufferevent_write(way->socket, request.p, request.n) == 0;
}
