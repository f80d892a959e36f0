#include "net/conn.h"

#include "base/log.h"
#include "base/now.h"
#include "net/tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A connection that memory was too short to count has this long. */
#define ORPHAN_S 5
/* After a refusal, for the peer to read it. */
#define LINGER_MS 2000

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void attend_later(struct conn *conn)
{
    if (conn->attend)
        return;
    conn->attend = true;
    TAILQ_INSERT_TAIL(&conn->intake->todo, conn, todo);
    event_active(conn->intake->attend, EV_TIMEOUT, 0);
}

static void attend_no_more(struct conn *conn)
{
    if (conn->attend)
        TAILQ_REMOVE(&conn->intake->todo, conn, todo);
    conn->attend = false;
}

/* --- bytes of a request --- */

static int feed(struct conn *conn, struct evbuffer *input, size_t n)
{
    struct evbuffer_iovec parts[8];
    struct evbuffer_ptr at;
    if (intake_check_body(&conn->check, n))
        return 0;
    while (n > 0 && !intake_check_done(&conn->check)) {
        if (evbuffer_ptr_set(input, &at, evbuffer_get_length(input) - n, EVBUFFER_PTR_SET))
            return 400;
        int count = evbuffer_peek(input, (ev_ssize_t)n, &at, parts, 8);
        for (int i = 0; i < count && i < 8; i++) {
            size_t len = parts[i].iov_len < n ? parts[i].iov_len : n;
            int refusal = intake_check_feed(&conn->check, &conn->intake->bounds, parts[i].iov_base, len);
            if (refusal)
                return refusal;
            n -= len;
        }
        if (count <= 0)
            return 400;
    }
    return 0;
}

/* The last n bytes of the input belong to the request that is being read. When it is refused evhttp must see no more of it: all
   that waits goes, and evhttp goes on waiting until conn_attend takes the connection from it. */
static void read_more(struct conn *conn, struct evbuffer *input, size_t n)
{
    if (conn->phase == CONN_IDLE || conn->phase == CONN_NEW) {
        conn->phase = CONN_READING;
        conn->deadline = now_boot_ms() + conn->intake->limits.request_ms;
    }
    int refusal = feed(conn, input, n);
    if (!refusal)
        return;
    conn->phase = CONN_REFUSED;
    conn->refusal = refusal;
    (void)evbuffer_drain(input, evbuffer_get_length(input));
    attend_later(conn);
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *conn = arg;
    if (info->n_added && conn->phase <= CONN_READING)
        read_more(conn, input, info->n_added);
}

/* --- birth --- */

/* Without a bufferevent from here evhttp would make one of its own, uncapped and in plain text: so there always is one. */
static struct bufferevent *bufferevent_for(struct intake *intake, bool *unusable)
{
    struct bufferevent *bev = NULL;
    if (intake->tls)
        bev = tls_accept(intake->tls, intake->base);
    *unusable = intake->tls && !bev;
    return bev ? bev : bufferevent_socket_new(intake->base, -1, BEV_OPT_CLOSE_ON_FREE);
}

struct bufferevent *conn_accept(struct event_base *base, void *arg)
{
    static const struct timeval orphan = { ORPHAN_S, 0 };
    struct intake *intake = arg;
    struct conn *conn = calloc(1, sizeof(*conn));
    bool unusable = false;
    struct bufferevent *bev = bufferevent_for(intake, &unusable);
    (void)base;
    if (!bev || !conn || !evbuffer_add_cb(bufferevent_get_input(bev), on_input, conn)) {
        if (bev)
            (void)bufferevent_set_timeouts(bev, &orphan, &orphan);
        free(conn);
        return bev;
    }
    bufferevent_incref(bev);
    conn->intake = intake;
    conn->bev = bev;
    conn->fd = -1;
    conn->unusable = unusable;
    conn->plain = !intake->tls;
    intake_check_start(&conn->check);
    conn_watermark(conn);
    attend_later(conn);
    return bev;
}

void conn_watermark(struct conn *conn)
{
    bufferevent_setwatermark(conn->bev, EV_READ, 0, conn->intake->bounds.body + conn->intake->bounds.headers);
}

static bool slot_take(struct intake *intake, struct conn *conn)
{
    size_t fd = (size_t)conn->fd;
    if (fd >= INTAKE_SLOTS)
        return false;
    if (fd >= intake->n_fds) {
        size_t n = fd < 32 ? 64 : fd * 2;
        struct conn **grown = realloc(intake->by_fd, n * sizeof(struct conn *));
        if (!grown)
            return false;
        for (size_t i = intake->n_fds; i < n; i++)
            grown[i] = NULL;
        intake->by_fd = grown;
        intake->n_fds = n;
    }
    intake->by_fd[fd] = conn;
    return true;
}

static bool admitted(struct intake *intake, struct conn *conn)
{
    const struct sockaddr *address = evhttp_connection_get_addr(conn->evcon);
    if (conn->unusable || conn->fd < 0 || !intake->bound)
        return false;
    if (intake->limits.connections > 0 && intake->n_conns >= (size_t)intake->limits.connections)
        return false;
    conn->key = peers_key_of(address);
    if (!peers_add(intake->peers, &conn->key, intake->limits.per_address))
        return false;
    if (!slot_take(intake, conn)) {
        peers_remove(intake->peers, &conn->key);
        return false;
    }
    peers_text(address, conn->peer, sizeof(conn->peer));
    return true;
}

/* --- death --- */

static void on_close(struct evhttp_connection *evcon, void *arg)
{
    struct conn *conn = arg;
    struct intake *intake = conn->intake;
    (void)evcon;
    attend_no_more(conn);
    TAILQ_REMOVE(&intake->all, conn, all);
    intake->by_fd[conn->fd] = NULL;
    intake->n_conns--;
    peers_remove(intake->peers, &conn->key);
    if (conn->request) {
        intake->n_pending--;
        /* evhttp disowns a request whose connection breaks before its answer; else it frees it with the connection. */
        if (!evhttp_request_get_connection(conn->request))
            evhttp_request_free(conn->request);
    }
    if (!conn->plain)
        tls_bye(conn->bev);
    (void)evbuffer_remove_cb(bufferevent_get_input(conn->bev), on_input, conn);
    free(conn);
}

void conn_close(struct conn *conn)
{
    evhttp_connection_free(conn->evcon);
}

/* --- what is done outside of evhttp's callbacks --- */

static void take(struct intake *intake, struct conn *conn)
{
    void *evcon = NULL;
    struct bufferevent *bev = conn->bev;
    bufferevent_getcb(bev, NULL, NULL, NULL, &evcon);
    conn->evcon = evcon;
    conn->fd = bufferevent_getfd(bev);
    if (!evcon || !admitted(intake, conn)) {
        (void)evbuffer_remove_cb(bufferevent_get_input(bev), on_input, conn);
        if (evcon)
            evhttp_connection_free(evcon);
        free(conn);
    } else {
        if (conn->phase == CONN_NEW)
            conn->phase = CONN_IDLE;
        conn->deadline = now_boot_ms() + intake->limits.idle_ms;
        evhttp_connection_set_closecb(conn->evcon, on_close, conn);
        TAILQ_INSERT_TAIL(&intake->all, conn, all);
        intake->n_conns++;
        conn_watermark(conn); /* the limits may be others than at conn_accept */
        if (conn->phase == CONN_REFUSED)
            attend_later(conn);
    }
    (void)bufferevent_decref(bev);
}

static void refusal_read(struct bufferevent *bev, void *arg)
{
    struct evbuffer *input = bufferevent_get_input(bev);
    (void)arg;
    (void)evbuffer_drain(input, evbuffer_get_length(input));
}

static void refusal_written(struct bufferevent *bev, void *arg)
{
    struct conn *conn = arg;
    if (conn->eof) {
        conn_close(conn);
        return;
    }
    tls_bye(bev);
    (void)shutdown(conn->fd, SHUT_WR);
}

static void refusal_event(struct bufferevent *bev, short what, void *arg)
{
    struct conn *conn = arg;
    if (what & BEV_EVENT_CONNECTED)
        return;
    /* The peer has said all it wants to say; it may still want to read. */
    conn->eof = true;
    if (!(what & BEV_EVENT_EOF) || !evbuffer_get_length(bufferevent_get_output(bev)))
        conn_close(conn);
}

static const char *refusal_answer(int status)
{
#define REFUSAL(line) "HTTP/1.1 " line "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    static const struct {
        int status;
        const char *answer;
    } answers[] = {
        { 411, REFUSAL("411 Length Required") },    { 413, REFUSAL("413 Content Too Large") },
        { 417, REFUSAL("417 Expectation Failed") }, { 431, REFUSAL("431 Request Header Fields Too Large") },
        { 501, REFUSAL("501 Not Implemented") },    { 505, REFUSAL("505 HTTP Version Not Supported") },
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (answers[i].status == status)
            return answers[i].answer;
    return REFUSAL("400 Bad Request");
#undef REFUSAL
}

static void refuse(struct conn *conn)
{
    int64_t linger = min_i64(conn->intake->limits.request_ms, LINGER_MS);
    struct evbuffer *output = bufferevent_get_output(conn->bev);
    const char *answer = refusal_answer(conn->refusal);
    log_debug("request refused", log_str("peer", conn->peer), log_num("status", conn->refusal));
    conn->deadline = now_boot_ms() + linger;
    bufferevent_setcb(conn->bev, refusal_read, refusal_written, refusal_event, conn);
    (void)evbuffer_add(output, answer, strlen(answer));
    (void)bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
    conn_push(conn);
}

void conn_attend(struct intake *intake)
{
    struct conn *conn;
    while ((conn = TAILQ_FIRST(&intake->todo))) {
        attend_no_more(conn); /* NOLINT(clang-analyzer-unix.Malloc): conn_close took it off the list */
        if (!conn->evcon)
            take(intake, conn);
        else if (conn->phase == CONN_REFUSED)
            refuse(conn);
        else if (conn->phase == CONN_IDLE && !intake->bound)
            conn_close(conn);
    }
}

/* --- answers --- */

struct conn *conn_find(const struct intake *intake, struct evhttp_request *request)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(request);
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(evcon));
    struct conn *conn = fd >= 0 && (size_t)fd < intake->n_fds ? intake->by_fd[fd] : NULL;
    return conn && conn->evcon == evcon ? conn : NULL;
}

/* Spares the round through the event loop that the writable event would take, and gets the answer out before the end of the
   peer's stream is seen, which evhttp takes for the end of all. What the socket does not take is left to the event. Not after an
   Expect: the event may be under way for the "100 Continue" then, and evhttp would count the answer as sent twice. */
void conn_push(struct conn *conn)
{
    struct evbuffer *output = bufferevent_get_output(conn->bev);
    if (!conn->plain || conn->check.has_expect)
        return;
    (void)evbuffer_unfreeze(output, 1);
    (void)evbuffer_write(output, conn->fd);
    (void)evbuffer_freeze(output, 1);
    if (!evbuffer_get_length(output))
        bufferevent_trigger(conn->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

void conn_refuse(struct conn *conn, int status)
{
    conn->phase = CONN_REFUSED;
    conn->refusal = status;
    attend_later(conn);
}

void conn_answered(struct evhttp_request *request, void *arg)
{
    struct conn *conn = arg;
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    (void)request;
    intake_check_start(&conn->check);
    conn->phase = CONN_IDLE;
    if (!conn->intake->bound)
        attend_later(conn);
    else if (evbuffer_get_length(input))
        read_more(conn, input, evbuffer_get_length(input));
    else
        conn->deadline = now_boot_ms() + conn->intake->limits.idle_ms;
}
