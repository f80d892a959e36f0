/* The HTTP intake on a loop of its own, over a stream socket. The first byte says how the rest is sent: its low five bits are the
   size of a write (0: all at once), 0x20: a request is answered in a later turn of the loop, when more has been sent. What the handler is given must be what
   a plain and strict reading of the same bytes gives, one request behind the other. */

#include "fuzz.h"

#include "net/intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BODY_MAX 4096
#define HEAD_MAX 2048
/* Longer than any input takes: what ends by it hangs, and libFuzzer says so. */
#define LONG_MS 120000

static struct loop *loop;
static struct intake *intake;
static char folder[100];

/* The input that is on its way. */
static struct {
    struct text sent, read; /* what is still to be written; what the strict reading has not had */
    size_t chunk;
    bool hold;
    uint64_t held;
    size_t handed, answers;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *timer;
    char tail[16]; /* the end of what was answered so far */
} now;

/* --- the strict reading ---------------------------------------------------------------------------------------------- */

static struct text line_of(struct text *rest)
{
    const char *end = fuzz_find(*rest, "\r\n");
    struct text line;

    HOLDS(end != NULL);
    line = text_make(rest->p, (size_t)(end - rest->p));
    HOLDS(!memchr(line.p, '\n', line.n) && !memchr(line.p, '\r', line.n) && !memchr(line.p, '\0', line.n));
    *rest = text_make(end + 2, rest->n - line.n - 2);
    return line;
}

static void check_line(struct text line, const struct intake_request *request)
{
    struct text method, rest, target, version;

    HOLDS(text_cut(line, ' ', &method, &rest) && text_cut(rest, ' ', &target, &version));
    HOLDS(text_is(method, request->method) && text_is(target, request->target));
    HOLDS(target.p[0] == '/' && !text_starts(target, "//"));
    HOLDS(text_is(version, "HTTP/1.1") || text_is(version, "HTTP/1.0"));
}

/* The length that a header gives; -1: it is about something else. */
static int64_t check_header(struct text line, const struct intake_header *header)
{
    struct text name, value;
    int64_t length = -1;

    HOLDS(text_cut(line, ':', &name, &value));
    HOLDS(name.n > 0 && !memchr(name.p, ' ', name.n) && !memchr(name.p, '\t', name.n));
    HOLDS(text_is(name, header->name));
    value = text_trim(value);
    HOLDS(text_eq(value, text_trim(text_of(header->value))));
    HOLDS(!text_is_nocase(name, "transfer-encoding"));
    if (text_is_nocase(name, "content-length"))
        HOLDS(text_i64(value, &length) && length >= 0);
    return length;
}

/* The next request of what was sent must be this one. */
static void check_request(const struct intake_request *request)
{
    const char *start = now.read.p;
    size_t length = 0, lengths = 0, n = 0;
    struct text line;

    check_line(line_of(&now.read), request);
    while ((line = line_of(&now.read)).n) {
        int64_t found;

        HOLDS(n < request->n_headers);
        found = check_header(line, &request->headers[n++]);
        lengths += found >= 0;
        length = found >= 0 ? (size_t)found : length;
    }
    HOLDS(n == request->n_headers && lengths <= 1);
    HOLDS((size_t)(now.read.p - start) <= HEAD_MAX && length <= BODY_MAX && length <= now.read.n);
    HOLDS(text_eq(request->body, text_make(now.read.p, length)));
    now.read = text_make(now.read.p + length, now.read.n - length);
}

/* --- both sides ------------------------------------------------------------------------------------------------------ */

static void answer(uint64_t id)
{
    static const struct intake_answer ok = { .status = 200,
                                             .content_type = "text/plain",
                                             .body = { "ok", 2 } };

    intake_reply(intake, id, &ok);
}

static void handle(void *arg, const struct intake_request *request)
{
    (void)arg;
    now.handed++;
    check_request(request);
    HOLDS(intake_pending(intake) == 1);
    if (!now.hold) {
        answer(request->id);
        return;
    }
    now.held = request->id;
    loop_timer_start(now.timer, 0);
}

/* Counts the status lines "... 200 OK", also where one stands in two pieces. */
static void count_answers(const char *bytes, size_t n)
{
    static const char mark[] = " 200 OK\r\n";
    char all[sizeof(now.tail) + 4096];
    size_t before = strlen(now.tail), size = sizeof(mark) - 1, keep;

    memcpy(all, now.tail, before);
    memcpy(all + before, bytes, n);
    n += before;
    for (const char *at = all; (at = fuzz_find(text_make(at, n - (size_t)(at - all)), mark)); at += size)
        now.answers++;
    keep = n < size - 1 ? n : size - 1;
    memcpy(now.tail, all + n - keep, keep);
    now.tail[keep] = '\0';
}

/* The other side has hung up, or sends no more; on_turn waits until the intake has let go of the connection, too. */
static void hang_up(void)
{
    loop_watch_free(now.watch);
    (void)close(now.fd);
    now.fd = -1;
    loop_timer_start(now.timer, 0);
}

static void on_readable(void *arg)
{
    char bytes[4096];
    ssize_t n = recv(now.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    (void)arg;
    if (n > 0)
        count_answers(bytes, (size_t)n);
    else if (n == 0 || errno != EAGAIN)
        hang_up();
}

static void send_more(void)
{
    size_t most = now.chunk && now.chunk < now.sent.n ? now.chunk : now.sent.n;
    ssize_t n = send(now.fd, now.sent.p, most, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN)
        return; /* refused, and hung up: on_readable sees the end */
    now.sent = text_make(now.sent.p + (n > 0 ? n : 0), now.sent.n - (n > 0 ? (size_t)n : 0));
    if (now.sent.n)
        loop_timer_start(now.timer, 0);
    else
        (void)shutdown(now.fd, SHUT_WR);
}

static void on_turn(void *arg)
{
    uint64_t held = now.held;

    (void)arg;
    now.held = 0;
    if (now.fd >= 0 && now.sent.n)
        send_more();
    if (held)
        answer(held);
    if (now.fd >= 0)
        return;
    if (!intake_connections(intake))
        loop_stop(loop);
    else
        loop_timer_start(now.timer, 0);
}

/* --- once ------------------------------------------------------------------------------------------------------------ */

static void tidy(void)
{
    loop_timer_free(now.timer);
    intake_free(intake);
    loop_free(loop);
    (void)rmdir(folder);
}

static void set_up(void)
{
    static const struct intake_limits limits = { BODY_MAX, HEAD_MAX, LONG_MS, LONG_MS, 0, 0 };
    const char *tmp = getenv("TMPDIR");
    struct fault fault = { "" };
    char address[120];

    (void)snprintf(folder, sizeof(folder), "%s/fuzz-XXXXXX", tmp && strlen(tmp) < 80 ? tmp : "/tmp");
    (void)fuzz_must(mkdtemp(folder));
    (void)snprintf(address, sizeof(address), "unix:%s/in", folder);
    loop = fuzz_must(loop_new());
    intake = intake_new(loop, address, &limits, handle, NULL, &fault);
    if (!intake)
        fprintf(stderr, "%s\n", fault.text);
    now.timer = fuzz_must(loop_timer_new(loop, on_turn, NULL));
    (void)fuzz_must(intake);
    (void)atexit(tidy);
}

static void dial(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };

    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/in", folder);
    now.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    HOLDS(now.fd >= 0 && !connect(now.fd, (const struct sockaddr *)&name, sizeof(name)));
    now.watch = fuzz_must(loop_watch_fd(loop, now.fd, on_readable, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!intake)
        set_up();
    if (size < 2)
        return 0;
    now.chunk = data[0] & 0x1F;
    now.hold = data[0] & 0x20;
    now.read = now.sent = fuzz_text(data + 1, size - 1);
    now.handed = now.answers = now.held = 0;
    now.tail[0] = '\0';
    dial();
    loop_timer_start(now.timer, 0);
    loop_run(loop);
    HOLDS(now.answers <= now.handed);
    HOLDS(intake_pending(intake) == 0);
    return 0;
}
