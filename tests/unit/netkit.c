#include "netkit.h"

#include "base/now.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 30000

typedef size_t run_fn(struct kit *kit);

static void answer(struct kit *kit, uint64_t id, const char *text)
{
    struct intake_answer ok = { .status = 200, .content_type = "text/plain", .body = text_of(text) };
    intake_reply(kit->intake, id, &ok);
}

static void handle(void *arg, const struct intake_request *request)
{
    struct kit *kit = arg;
    char text[256];
    kit->n_seen++;
    if (kit->hold && kit->n_held < KIT_HELD) {
        kit->held[kit->n_held++] = request->id;
        return;
    }
    (void)snprintf(text, sizeof(text), "%s %s %zu\n", request->method, request->target, request->body.n);
    answer(kit, request->id, text);
}

static void on_call(void *arg)
{
    struct kit *kit = arg;
    run_fn *run;
    if (read(kit->calls[0], &run, sizeof(run)) != sizeof(run))
        return;
    size_t result = run(kit);
    (void)!write(kit->results[1], &result, sizeof(result));
}

static void *serve(void *arg)
{
    struct kit *kit = arg;
    loop_run(kit->loop);
    return NULL;
}

struct kit *kit_start(const char *address, const struct intake_limits *limits)
{
    struct fault fault = { "" };
    struct kit *kit = calloc(1, sizeof(*kit));
    assert_non_null(kit);
    assert_int_equal(pipe(kit->calls), 0);
    assert_int_equal(pipe(kit->results), 0);
    kit->loop = loop_new();
    assert_non_null(kit->loop);
    kit->intake = intake_new(kit->loop, address, limits, handle, kit, &fault);
    if (!kit->intake)
        fail_msg("%s", fault.text);
    kit->watch = loop_watch_fd(kit->loop, kit->calls[0], on_call, kit);
    assert_non_null(kit->watch);
    assert_int_equal(pthread_create(&kit->thread, NULL, serve, kit), 0);
    return kit;
}

static size_t stop(struct kit *kit)
{
    loop_stop(kit->loop);
    return 0;
}

void kit_stop(struct kit *kit)
{
    (void)kit_on_loop(kit, stop);
    assert_int_equal(pthread_join(kit->thread, NULL), 0);
    loop_watch_free(kit->watch);
    intake_free(kit->intake);
    loop_free(kit->loop);
    for (int i = 0; i < 2; i++) {
        (void)close(kit->calls[i]);
        (void)close(kit->results[i]);
    }
    free(kit);
}

size_t kit_on_loop(struct kit *kit, run_fn *run)
{
    size_t result = 0;
    assert_int_equal(write(kit->calls[1], &run, sizeof(run)), sizeof(run));
    assert_int_equal(read(kit->results[0], &result, sizeof(result)), sizeof(result));
    return result;
}

void kit_until(struct kit *kit, run_fn *run, size_t want)
{
    int64_t end = now_boot_ms() + PATIENCE_MS;
    size_t got;
    while ((got = kit_on_loop(kit, run)) != want) {
        if (now_boot_ms() > end)
            fail_msg("waited for %zu, it stays %zu", want, got);
        (void)poll(NULL, 0, 1);
    }
}

size_t kit_connections(struct kit *kit)
{
    return intake_connections(kit->intake);
}

size_t kit_pending(struct kit *kit)
{
    return intake_pending(kit->intake);
}

size_t kit_held(struct kit *kit)
{
    return kit->n_held;
}

size_t kit_seen(struct kit *kit)
{
    return kit->n_seen;
}

size_t kit_answer_held(struct kit *kit)
{
    size_t n = kit->n_held;
    for (size_t i = 0; i < n; i++)
        answer(kit, kit->held[i], "held\n");
    kit->n_held = 0;
    return n;
}

static int connect_unix(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

int kit_connect(struct kit *kit)
{
    const char *address = intake_address(kit->intake);
    const char *port = strrchr(address, ':') + 1;
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    if (!strncmp(address, "unix:", 5))
        return connect_unix(address + 5);
    bool six = *address == '[';
    v4.sin_port = v6.sin6_port = htons((uint16_t)strtol(port, NULL, 10));
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    assert_int_equal(
        connect(fd, six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4, six ? sizeof(v6) : sizeof(v4)), 0);
    return fd;
}

/* The peer may hang up meanwhile: that is for kit_hear to see. */
void kit_send(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

void kit_say(int fd, const char *string)
{
    kit_send(fd, string, strlen(string));
}

bool kit_hear(int fd, const char *until, char *out, size_t size)
{
    int64_t end = now_boot_ms() + PATIENCE_MS;
    size_t n = 0;
    out[0] = 0;
    while (n < size - 1 && now_boot_ms() < end) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        if (until && strstr(out, until))
            return true;
        if (poll(&wait, 1, 100) <= 0)
            continue;
        ssize_t got = recv(fd, out + n, size - 1 - n, 0);
        if (got <= 0)
            return !until;
        n += (size_t)got;
        out[n] = 0;
    }
    return until && strstr(out, until);
}

void kit_ask(struct kit *kit, const char *bytes, size_t n, char *out, size_t size)
{
    int fd = kit_connect(kit);
    kit_send(fd, bytes, n);
    if (!kit_hear(fd, NULL, out, size))
        fail_msg("no end after: %s", out);
    (void)close(fd);
}
