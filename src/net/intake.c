#include "net/intake.h"

#include "base/log.h"
#include "base/now.h"
#include "net/conn.h"
#include "net/listen.h"
#include "net/tls.h"

#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* --- requests --- */

static const char *method_of(struct evhttp_request *request)
{
    static const struct {
        enum evhttp_cmd_type type;
        const char *name;
    } methods[] = {
        { EVHTTP_REQ_POST, "POST" },       { EVHTTP_REQ_GET, "GET" },     { EVHTTP_REQ_HEAD, "HEAD" },
        { EVHTTP_REQ_PUT, "PUT" },         { EVHTTP_REQ_PATCH, "PATCH" }, { EVHTTP_REQ_DELETE, "DELETE" },
        { EVHTTP_REQ_OPTIONS, "OPTIONS" }, { EVHTTP_REQ_TRACE, "TRACE" },
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (methods[i].type == evhttp_request_get_command(request))
            return methods[i].name;
    return "-";
}

static size_t headers_of(struct intake *intake, struct evhttp_request *request)
{
    size_t n = 0;
    for (const struct evkeyval *at = evhttp_request_get_input_headers(request)->tqh_first;
         at && n < INTAKE_CHECK_LINES; at = at->next.tqe_next)
        intake->headers[n++] = (struct intake_header){ at->key, at->value };
    return n;
}

/* False when memory is out. */
static bool body_of(struct evhttp_request *request, struct text *body)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    size_t n = evbuffer_get_length(input);
    *body = text_make("", 0);
    if (!n)
        return true;
    *body = text_make((const char *)evbuffer_pullup(input, -1), n);
    return body->p;
}

static void hand_over(struct intake *intake, struct conn *conn, struct evhttp_request *request,
                      struct text body)
{
    conn->phase = CONN_PENDING;
    conn->deadline = 0;
    conn->request = request;
    conn->id = ++intake->last_id << INTAKE_SLOT_BITS | (uint64_t)conn->fd;
    intake->n_pending++;
    struct intake_request handed = {
        .id = conn->id,
        .method = method_of(request),
        .target = evhttp_request_get_uri(request),
        .headers = intake->headers,
        .n_headers = headers_of(intake, request),
        .body = body,
        .peer = conn->peer,
    };
    intake->handle(intake->arg, &handed);
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct intake *intake = arg;
    struct conn *conn = conn_find(intake, request);
    struct text body;
    if (!conn || !intake_check_done(&conn->check) || !body_of(request, &body)) {
        /* Nothing of this is right to answer: uncounted, framed otherwise than the check saw it, or no memory. */
        evhttp_connection_free(evhttp_request_get_connection(request));
        return;
    }
    hand_over(intake, conn, request, body);
}

/* --- answers --- */

static struct conn *pending(const struct intake *intake, uint64_t id)
{
    size_t slot = id & (INTAKE_SLOTS - 1);
    struct conn *conn = slot < intake->n_fds ? intake->by_fd[slot] : NULL;
    return conn && conn->request && conn->id == id ? conn : NULL;
}

static const char *date_now(struct intake *intake)
{
    int64_t now_s = now_wall_ms() / 1000;
    time_t t = (time_t)now_s;
    struct tm tm;
    if (now_s != intake->date_s && gmtime_r(&t, &tm)) {
        (void)strftime(intake->date, sizeof(intake->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        intake->date_s = now_s;
    }
    return intake->date;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        { 200, "OK" },
        { 413, "Content Too Large" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return NULL; /* evhttp knows it */
}

static void add_number(struct evkeyvalq *headers, const char *name, size_t number)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%zu", number);
    (void)evhttp_add_header(headers, name, text);
}

static void add_headers(struct intake *intake, struct evhttp_request *request,
                        const struct intake_answer *answer)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    bool head = evhttp_request_get_command(request) == EVHTTP_REQ_HEAD;
    (void)evhttp_add_header(headers, "Date", date_now(intake));
    if (answer->content_type)
        (void)evhttp_add_header(headers, "Content-Type", answer->content_type);
    if (answer->allow)
        (void)evhttp_add_header(headers, "Allow", answer->allow);
    if (answer->retry_after_s > 0)
        add_number(headers, "Retry-After", (size_t)answer->retry_after_s);
    /* evhttp leaves it out in answers to HEAD. */
    if (head && answer->status != 204 && answer->status != 304)
        add_number(headers, "Content-Length", answer->content_type ? answer->body.n : 0);
    if (answer->close || !intake->bound)
        (void)evhttp_add_header(headers, "Connection", "close");
}

void intake_reply(struct intake *intake, uint64_t id, const struct intake_answer *answer)
{
    struct conn *conn = pending(intake, id);
    if (!conn)
        return;
    struct evhttp_request *request = conn->request;
    conn->request = NULL;
    conn->phase = CONN_WRITING;
    conn->deadline = now_boot_ms() + intake->limits.request_ms;
    intake->n_pending--;
    add_headers(intake, request, answer);
    if (answer->content_type && evhttp_request_get_command(request) != EVHTTP_REQ_HEAD)
        (void)evbuffer_add(evhttp_request_get_output_buffer(request), answer->body.p, answer->body.n);
    evhttp_request_set_on_complete_cb(request, conn_answered, conn);
    evhttp_send_reply(request, answer->status, reason_of(answer->status), NULL);
    conn_push(conn);
}

/* --- time --- */

static void on_attend(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    conn_attend(arg);
}

/* One timer for all deadlines: nothing to arm per request, and each is met within an eighth of itself. */
static void sweep_again(struct intake *intake)
{
    int64_t least = intake->limits.request_ms < intake->limits.idle_ms ? intake->limits.request_ms
                                                                       : intake->limits.idle_ms;
    int64_t ms = least / 8 < 5 ? 5 : least / 8 > 1000 ? 1000 : least / 8;
    struct timeval after = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
    (void)event_add(intake->sweep, &after);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    struct intake *intake = arg;
    int64_t now = now_boot_ms();
    (void)fd;
    (void)what;
    for (struct conn *conn = TAILQ_FIRST(&intake->all), *next; conn; conn = next) {
        next = TAILQ_NEXT(conn, all);
        if (conn->deadline && conn->deadline <= now)
            conn_close(conn);
    }
    /* It may have been turned off by on_accept_error. */
    if (intake->bound)
        (void)evconnlistener_enable(evhttp_bound_socket_get_listener(intake->bound));
    sweep_again(intake);
}

/* Descriptors are out: what waits stays readable, so accepting pauses until the next sweep instead of spinning. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)arg;
    (void)evconnlistener_disable(listener);
}

/* --- the intake --- */

void intake_set_limits(struct intake *intake, const struct intake_limits *limits)
{
    struct conn *conn;
    intake->limits = *limits;
    intake->bounds = (struct intake_bounds){ limits->body, limits->headers };
    TAILQ_FOREACH(conn, &intake->all, all)
    conn_watermark(conn);
    sweep_again(intake);
}

/* The check is stricter than evhttp and comes first, so evhttp's own limits stay open; all methods are the handler's. */
static void set_up_http(struct intake *intake)
{
    evhttp_set_allowed_methods(intake->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
                                                 EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
                                                 EVHTTP_REQ_TRACE | EVHTTP_REQ_PATCH);
    evhttp_set_default_content_type(intake->http, NULL);
    (void)evhttp_set_flags(intake->http, EVHTTP_SERVER_LINGERING_CLOSE);
    evhttp_set_bevcb(intake->http, conn_accept, intake);
    evhttp_set_gencb(intake->http, on_request, intake);
}

static bool listen_on(struct intake *intake, const char *address, struct fault *fault)
{
    int fd = listen_open(address, fault);
    if (fd < 0)
        return false;
    intake->address = listen_name(fd);
    struct evconnlistener *listener =
        evconnlistener_new(intake->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!listener) {
        (void)close(fd);
        return fault_set(fault, "cannot listen on %s: out of memory", address);
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    intake->bound = evhttp_bind_listener(intake->http, listener);
    if (!intake->bound)
        evconnlistener_free(listener);
    if (!intake->bound || !intake->address)
        return fault_set(fault, "cannot listen on %s: out of memory", address);
    return true;
}

static bool make_parts(struct intake *intake, struct fault *fault)
{
    intake->http = evhttp_new(intake->base);
    intake->peers = peers_new();
    intake->headers = calloc(INTAKE_CHECK_LINES, sizeof(*intake->headers));
    intake->attend = event_new(intake->base, -1, 0, on_attend, intake);
    intake->sweep = event_new(intake->base, -1, 0, on_sweep, intake);
    if (!intake->http || !intake->peers || !intake->headers || !intake->attend || !intake->sweep)
        return fault_set(fault, "intake: out of memory");
    return true;
}

struct intake *intake_new(struct loop *loop, const char *address, const struct intake_limits *limits,
                          void (*handle)(void *arg, const struct intake_request *request), void *arg,
                          struct fault *fault)
{
    struct intake *intake = calloc(1, sizeof(*intake));
    if (!intake) {
        (void)fault_set(fault, "intake: out of memory");
        return NULL;
    }
    TAILQ_INIT(&intake->all);
    TAILQ_INIT(&intake->todo);
    intake->base = loop_base(loop);
    intake->handle = handle;
    intake->arg = arg;
    if (!make_parts(intake, fault)) {
        intake_free(intake);
        return NULL;
    }
    set_up_http(intake);
    intake_set_limits(intake, limits);
    if (!listen_on(intake, address, fault)) {
        intake_free(intake);
        return NULL;
    }
    return intake;
}

bool intake_tls(struct intake *intake, const char *cert_file, const char *key_file, struct fault *fault)
{
    struct tls *tls = tls_new(cert_file, key_file, fault);
    if (!tls)
        return false;
    tls_free(intake->tls);
    intake->tls = tls;
    return true;
}

const char *intake_address(const struct intake *intake)
{
    return intake->address;
}

size_t intake_pending(const struct intake *intake)
{
    return intake->n_pending;
}

size_t intake_connections(const struct intake *intake)
{
    return intake->n_conns;
}

void intake_close(struct intake *intake)
{
    if (!intake->bound)
        return;
    evhttp_del_accept_socket(intake->http, intake->bound);
    intake->bound = NULL;
    listen_forget(intake->address);
    conn_attend(intake);
    for (struct conn *conn = TAILQ_FIRST(&intake->all), *next; conn; conn = next) {
        next = TAILQ_NEXT(conn, all);
        if (conn->phase == CONN_IDLE)
            conn_close(conn);
    }
}

void intake_free(struct intake *intake)
{
    if (!intake)
        return;
    if (intake->http) {
        intake_close(intake);
        evhttp_free(intake->http);
    }
    if (intake->attend)
        event_free(intake->attend);
    if (intake->sweep)
        event_free(intake->sweep);
    peers_free(intake->peers);
    tls_free(intake->tls);
    free(intake->headers);
    free(intake->by_fd);
    free(intake->address);
    free(intake);
}
