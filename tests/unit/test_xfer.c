#include "net/xfer.h"

#include "base/now.h"
#include "net/public.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SOON 30000
#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define LAST_ANSWER "!HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"

/* A server in a thread: answers the n-th request it reads, over all connections, by the n-th script line; NULL: closes without a
   word; "": says nothing and waits for the client to go; one that begins with '!': is sent, then the connection closed. */
struct server {
    int fd, port;
    pthread_t thread;
    const char *const *script;
    size_t n_script;
    atomic_size_t n_requests, n_connections, n_closed;
    char last[8192];
};

/* A request with its body, as far as Content-Length says. False: the peer is gone. */
static bool read_request(int fd, char *out, size_t size)
{
    size_t n = 0;
    for (;;) {
        out[n] = 0;
        const char *end = strstr(out, "\r\n\r\n"), *length = strstr(out, "Content-Length: ");
        if (end && n >= (size_t)(end - out) + 4 + (length ? strtoul(length + 16, NULL, 10) : 0))
            return true;
        ssize_t got = recv(fd, out + n, size - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
}

static void serve_connection(struct server *server, int fd)
{
    char gone, request[8192];
    while (read_request(fd, request, sizeof(request))) {
        memcpy(server->last, request, sizeof(request));
        size_t n = atomic_fetch_add(&server->n_requests, 1);
        const char *answer = n < server->n_script ? server->script[n] : OK_ANSWER;
        if (!answer)
            return;
        bool close_after = *answer == '!';
        answer += close_after;
        (void)send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        if (close_after)
            return;
        if (!*answer)
            (void)recv(fd, &gone, 1, 0);
    }
}

static void *serve(void *arg)
{
    struct server *server = arg;
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        atomic_fetch_add(&server->n_connections, 1);
        serve_connection(server, fd);
        (void)close(fd);
        atomic_fetch_add(&server->n_closed, 1);
    }
    return NULL;
}

static void server_start(struct server *server, const char *const *script, size_t n)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(name);
    *server = (struct server){ .script = script, .n_script = n };
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(server->fd, 16), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&name, &size), 0);
    server->port = ntohs(name.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->fd);
}

/* --- the client --- */

struct rig {
    struct loop *loop;
    struct xfer *xfer;
    struct server server;
    int waiting, n_done;
    /* Of the last result. */
    struct xfer_result result;
    char body[256], error[256];
};

static void rig_start(struct rig *rig, const char *const *script, size_t n)
{
    struct fault fault;
    memset(rig, 0, sizeof(*rig));
    server_start(&rig->server, script, n);
    rig->loop = loop_new();
    rig->xfer = xfer_new(rig->loop, 4, 8, &fault);
    assert_non_null(rig->xfer);
}

static void rig_stop(struct rig *rig)
{
    xfer_free(rig->xfer);
    loop_free(rig->loop);
    server_stop(&rig->server);
}

#define RIG(rig, ...)                                    \
    static const char *const script[] = { __VA_ARGS__ }; \
    struct rig rig;                                      \
    rig_start(&rig, script, sizeof(script) / sizeof(script[0]))

static void on_done(void *arg, const struct xfer_result *result)
{
    struct rig *rig = arg;
    rig->result = *result;
    (void)snprintf(rig->body, sizeof(rig->body), "%.*s", TEXT_ARG(result->body));
    (void)snprintf(rig->error, sizeof(rig->error), "%s", result->error ? result->error : "");
    rig->n_done++;
    if (--rig->waiting == 0)
        loop_stop(rig->loop);
}

static struct xfer_request request_to(const char *url, const char *body)
{
    static const char *const headers[] = { "Content-Type: application/json", "Authorization: Bearer SECRET",
                                           NULL };
    return (struct xfer_request){
        .method = body ? "POST" : "GET",
        .url = url,
        .headers = headers,
        .body = body ? text_of(body) : TEXT_NONE,
        .timeout_ms = SOON,
        .connect_timeout_ms = SOON,
        .answer_max = 64,
    };
}

static void begin(struct rig *rig, const struct xfer_request *request)
{
    struct fault fault;
    int before = rig->n_done;
    rig->waiting++;
    if (!xfer_start(rig->xfer, request, on_done, rig, &fault))
        fail_msg("%s", fault.text);
    assert_int_equal(rig->n_done, before);
}

static void perform(struct rig *rig, const struct xfer_request *request)
{
    begin(rig, request);
    loop_run(rig->loop);
    assert_int_equal(rig->waiting, 0);
}

static const char *url_of(const struct rig *rig)
{
    static char url[128];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1/send?key=SECRET", rig->server.port);
    return url;
}

static void post(struct rig *rig)
{
    struct xfer_request request = request_to(url_of(rig), "{\"a\":1}");
    perform(rig, &request);
}

#define assert_result(rig, want_left, want_status, want_whole) \
    do {                                                       \
        assert_int_equal((rig).result.left, want_left);        \
        assert_int_equal((rig).result.status, want_status);    \
        assert_int_equal((rig).result.whole, want_whole);      \
        assert_null(strstr((rig).error, "SECRET"));            \
        assert_int_equal(!!(rig).error[0], !(want_whole));     \
    } while (0)

static void posts(void **state)
{
    RIG(rig, OK_ANSWER);
    (void)state;
    for (int i = 0; i < 3; i++) {
        post(&rig);
        assert_result(rig, true, 200, true);
        assert_string_equal(rig.body, "ok");
    }
    assert_int_equal(rig.result.retry_after_ms, -1);
    assert_true(!strncmp(rig.server.last, "POST /v1/send?key=SECRET HTTP/1.1\r\n", 35));
    assert_non_null(strstr(rig.server.last, "\r\nContent-Length: 7\r\n"));
    assert_non_null(strstr(rig.server.last, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(rig.server.last, "\r\n\r\n{\"a\":1}"));
    assert_null(strstr(rig.server.last, "Expect"));
    assert_null(strstr(rig.server.last, "Accept-Encoding"));
    assert_int_equal(atomic_load(&rig.server.n_connections), 1);
    rig_stop(&rig);
}

/* A handle that carried one method carries another cleanly. */
static void methods(void **state)
{
    static const struct {
        const char *method, *body, *line;
    } rows[] = {
        { "PUT", "x", "PUT /" },        { "GET", NULL, "GET /" },   { "POST", "x", "POST /" },
        { "DELETE", NULL, "DELETE /" }, { "POST", NULL, "POST /" }, { "PATCH", "x", "PATCH /" },
        { "GET", NULL, "GET /" },
    };
    RIG(rig, OK_ANSWER);
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct xfer_request request = request_to(url_of(&rig), rows[i].body);
        request.method = rows[i].method;
        perform(&rig, &request);
        assert_result(rig, true, 200, true);
        if (strncmp(rig.server.last, rows[i].line, strlen(rows[i].line)))
            fail_msg("%s => %s", rows[i].line, rig.server.last);
        assert_int_equal(!!strstr(rig.server.last, "Content-Length: "),
                         rows[i].body || *rows[i].method == 'P');
    }
    rig_stop(&rig);
}

/* Fence 1: libcurl alone would send the second POST twice and report one success. */
static void never_repeats_a_post(void **state)
{
    RIG(rig, OK_ANSWER, NULL, OK_ANSWER);
    (void)state;
    post(&rig);
    assert_result(rig, true, 200, true);
    post(&rig);
    assert_result(rig, true, 0, false);
    assert_string_equal(rig.error, "the connection was closed without an answer");
    assert_int_equal(atomic_load(&rig.server.n_requests), 2);
    post(&rig);
    assert_result(rig, true, 200, true);
    rig_stop(&rig);
}

/* A connection that died while it was idle is noticed before the request is sent. */
static void dead_idle_connection(void **state)
{
    RIG(rig, "!" OK_ANSWER, OK_ANSWER);
    (void)state;
    post(&rig);
    assert_result(rig, true, 200, true);
    while (!atomic_load(&rig.server.n_closed))
        (void)usleep(1000);
    post(&rig);
    assert_result(rig, true, 200, true);
    assert_int_equal(atomic_load(&rig.server.n_requests), 2);
    rig_stop(&rig);
}

static void refused_connection(void **state)
{
    RIG(rig, OK_ANSWER);
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(name);
    char url[64];
    assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(name.sin_port));
    struct xfer_request with = request_to(url, "x"), without = request_to(url, NULL);
    perform(&rig, &with);
    assert_result(rig, false, 0, false);
    perform(&rig, &without);
    assert_result(rig, false, 0, false);
    (void)close(fd);
    rig_stop(&rig);
}

static void hangs(void **state)
{
    RIG(rig, "", "HTTP/1.1 100 Continue\r\n\r\n", OK_ANSWER);
    (void)state;
    struct xfer_request request = request_to(url_of(&rig), "x");
    request.timeout_ms = 50;
    for (int i = 0; i < 2; i++) {
        do /* on a busy machine the time may be over before the request left */
            perform(&rig, &request);
        while (!rig.result.left);
        assert_result(rig, true, 0, false);
        assert_true(rig.result.took_ms >= 40);
    }
    rig_stop(&rig);
}

static void half_an_answer(void **state)
{
    RIG(rig, "!HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "!HTTP/1.1 200 OK\r\nContent-", OK_ANSWER);
    (void)state;
    post(&rig);
    assert_result(rig, true, 200, false);
    assert_string_equal(rig.body, "half");
    post(&rig);
    assert_result(rig, true, 200, false);
    post(&rig);
    assert_result(rig, true, 200, true);
    rig_stop(&rig);
}

static void huge_answer(void **state)
{
    static char huge[100000], headers[200000];
    static const char *script[] = { huge, headers };
    struct rig rig;
    (void)state;
    memset(huge, 'x', sizeof(huge) - 1);
    memcpy(huge, "!HTTP/1.1 201 Created\r\n\r\n", 25);
    memset(headers, 'x', sizeof(headers) - 1);
    memcpy(headers, "!HTTP/1.1 202 Accepted\r\n", 24);
    for (size_t i = 24; i + 100 < sizeof(headers); i += 100)
        memcpy(headers + i, "\r\nX: ", 5);
    rig_start(&rig, script, 2);
    post(&rig);
    assert_result(rig, true, 201, false);
    assert_int_equal(rig.result.body.n, 64);
    post(&rig);
    assert_result(rig, true, 202, false);
    rig_stop(&rig);
}

static void redirect_not_followed(void **state)
{
    RIG(rig, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    (void)state;
    post(&rig);
    assert_result(rig, true, 307, true);
    assert_int_equal(atomic_load(&rig.server.n_requests), 1);
    rig_stop(&rig);
}

static void too_late(void **state)
{
    RIG(rig, OK_ANSWER);
    (void)state;
    for (int with_body = 0; with_body < 2; with_body++) {
        struct xfer_request request = request_to(url_of(&rig), with_body ? "x" : NULL);
        request.start_before_ms = now_boot_ms() - 1;
        perform(&rig, &request);
        assert_result(rig, false, 0, false);
        request.start_before_ms = now_boot_ms() + 60000;
        perform(&rig, &request);
        assert_result(rig, true, 200, true);
    }
    assert_int_equal(atomic_load(&rig.server.n_requests), 2);
    rig_stop(&rig);
}

#define EMPTY_429 "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n"

static void waits(void **state)
{
    char date[128];
    const char *script[] = {
        EMPTY_429 "Retry-After: 7\r\n\r\n",
        date,
        EMPTY_429 "x-ratelimit-reset: 3\r\n\r\n",
        EMPTY_429 "Retry-After: 2\r\nX-RateLimit-Reset: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-RateLimit-Reset: 9\r\n\r\n",
        "HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n",
        EMPTY_429 "Retry-After: soon\r\n\r\n",
        EMPTY_429 "Retry-After: Thu, 01 Jan 1998 00:00:00 GMT\r\n\r\n",
    };
    static const int64_t want[] = { 7000, 3600000, 3000, 2000, -1, 1000, -1, 0 };
    struct rig rig;
    (void)state;
    int64_t reset = now_wall_ms() / 1000 + 3600;
    (void)snprintf(date, sizeof(date), EMPTY_429 "X-RateLimit-Reset: %lld\r\n\r\n", (long long)reset);
    rig_start(&rig, script, sizeof(script) / sizeof(script[0]));
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        post(&rig);
        if (i == 1)
            assert_in_range(rig.result.retry_after_ms, 3500000, want[i]);
        else
            assert_int_equal(rig.result.retry_after_ms, want[i]);
    }
    rig_stop(&rig);
}

static void unusable_urls(void **state)
{
    static const char *const urls[] = { "",       "ftp://h/x",    "file:///etc/passwd", "http://",
                                        "no url", "http://a b/c", "http://u:SECRET@h/" };
    RIG(rig, OK_ANSWER);
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct xfer_request request = request_to(urls[i], "x");
        struct fault fault = { "" };
        if (xfer_start(rig.xfer, &request, on_done, &rig, &fault))
            fail_msg("%s was taken", urls[i]);
        assert_true(fault.text[0] && !strstr(fault.text, "SECRET"));
    }
    assert_int_equal(xfer_running(rig.xfer), 0);
    rig_stop(&rig);
}

static void public_addresses(void **state)
{
    static const char *const public[] = { "1.1.1.1",
                                          "8.8.8.8",
                                          "100.63.255.255",
                                          "100.128.0.0",
                                          "172.15.0.1",
                                          "172.32.0.1",
                                          "192.0.1.1",
                                          "223.255.255.255",
                                          "169.253.9.9",
                                          "198.20.0.1",
                                          "2606:4700:4700::1111",
                                          "2001:4860::8888",
                                          "64:ff9b::808:808" };
    static const char *const others[] = {
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:8.8.8.8",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "",
        "shop",
        "127.1",
        "2130706433",
        "fe80::1%lo",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
        if (!public_ip(public[i]))
            fail_msg("%s is public", public[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (public_ip(others[i]))
            fail_msg("%s is not public", others[i]);
}

/* Neither a connection of its own nor one that is open already. */
static void keeps_to_public_addresses(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433",
                                         "127.1" };
    RIG(rig, OK_ANSWER, OK_ANSWER, OK_ANSWER);
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char url[128];
        (void)snprintf(url, sizeof(url), "http://%s:%d/?key=SECRET", hosts[i], rig.server.port);
        struct xfer_request request = request_to(url, i % 2 ? "x" : NULL);
        request.public_only = true;
        perform(&rig, &request);
        assert_result(rig, false, 0, false);
        assert_non_null(strstr(rig.error, "no public address"));
    }
    assert_int_equal(atomic_load(&rig.server.n_connections), 0);
    post(&rig);
    assert_result(rig, true, 200, true);
    struct xfer_request request = request_to(url_of(&rig), "x");
    request.public_only = true;
    perform(&rig, &request);
    assert_result(rig, false, 0, false);
    assert_non_null(strstr(rig.error, "no public address"));
    assert_int_equal(atomic_load(&rig.server.n_requests), 1);
    /* The handle that was bound so does as it is told again. */
    post(&rig);
    assert_result(rig, true, 200, true);
    rig_stop(&rig);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void aborted(void **state)
{
    RIG(rig, "");
    (void)state;
    struct xfer_request request = request_to(url_of(&rig), "x");
    struct loop_timer *timer = loop_timer_new(rig.loop, stop_loop, rig.loop);
    begin(&rig, &request);
    while (!atomic_load(&rig.server.n_requests)) {
        loop_timer_start(timer, 5);
        loop_run(rig.loop);
    }
    assert_int_equal(xfer_running(rig.xfer), 1);
    xfer_abort_all(rig.xfer);
    assert_int_equal(rig.n_done, 1);
    assert_result(rig, true, 0, false);
    /* And one that has not even begun. */
    begin(&rig, &request);
    xfer_abort_all(rig.xfer);
    assert_int_equal(rig.n_done, 2);
    assert_result(rig, false, 0, false);
    assert_int_equal(xfer_running(rig.xfer), 0);
    /* The end of all ends what runs. */
    begin(&rig, &request);
    loop_timer_free(timer);
    rig_stop(&rig);
    assert_int_equal(rig.n_done, 3);
}

/* The server takes one connection after the other, so each is closed after its answer, or the next would wait for ever; and says so before:
   a request that came by a connection which is just being closed would get no answer, and is not repeated. */
static void many_at_once(void **state)
{
    RIG(rig, LAST_ANSWER, LAST_ANSWER, LAST_ANSWER, LAST_ANSWER, LAST_ANSWER, LAST_ANSWER, LAST_ANSWER,
        LAST_ANSWER, LAST_ANSWER, LAST_ANSWER);
    (void)state;
    struct xfer_request request = request_to(url_of(&rig), "x");
    for (int i = 0; i < 10; i++)
        begin(&rig, &request);
    assert_int_equal(xfer_running(rig.xfer), 10);
    loop_run(rig.loop);
    assert_int_equal(rig.n_done, 10);
    assert_int_equal(atomic_load(&rig.server.n_requests), 10);
    assert_int_equal(atomic_load(&rig.server.n_connections), 10);
    assert_result(rig, true, 200, true);
    rig_stop(&rig);
}

/* --- the loop itself --- */

static void on_signal(void *arg)
{
    loop_stop(arg);
}

static void loop_stops(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct loop_watch *watch = loop_watch_signal(loop, SIGUSR1, on_signal, loop);
    struct loop_timer *timer = loop_timer_new(loop, stop_loop, loop),
                      *never = loop_timer_new(loop, stop_loop, NULL);
    assert_true(watch && timer && never);
    loop_timer_start(never, 1);
    loop_timer_stop(never);
    int64_t begun = now_mono_us();
    loop_timer_start(timer, 1000000);
    loop_timer_start(timer, 20);
    loop_run(loop);
    assert_true(now_mono_us() - begun >= 19000);
    assert_int_equal(raise(SIGUSR1), 0);
    loop_run(loop);
    loop_watch_free(watch);
    loop_timer_free(timer);
    loop_timer_free(never);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loop_stops),
        cmocka_unit_test(posts),
        cmocka_unit_test(methods),
        cmocka_unit_test(never_repeats_a_post),
        cmocka_unit_test(dead_idle_connection),
        cmocka_unit_test(refused_connection),
        cmocka_unit_test(hangs),
        cmocka_unit_test(half_an_answer),
        cmocka_unit_test(huge_answer),
        cmocka_unit_test(redirect_not_followed),
        cmocka_unit_test(too_late),
        cmocka_unit_test(waits),
        cmocka_unit_test(unusable_urls),
        cmocka_unit_test(public_addresses),
        cmocka_unit_test(keeps_to_public_addresses),
        cmocka_unit_test(aborted),
        cmocka_unit_test(many_at_once),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
