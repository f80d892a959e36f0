#include "net/xfer.h"

#include "base/buf.h"
#include "base/now.h"
#include "net/public.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

/* Idle easy handles that are kept: making one costs more than setting its options. */
#define SPARE_MAX 32
/* Longer answer headers end the transfer. */
#define ANSWER_HEADERS_MAX 65536
/* Below what load balancers keep an idle connection for, so that few requests meet a dying one. */
#define IDLE_AGE_S 15L
#define CONNECTION_LIFE_S 600L
#define AUTHORITIES_S 600L

struct xfer {
    CURLM *multi;
    struct event_base *base;
    struct event *timer;
    TAILQ_HEAD(job_list, job) jobs;
    size_t running, n_spare;
    bool closing;
    CURL *spare[SPARE_MAX];
};

/* One request under way. */
struct job {
    TAILQ_ENTRY(job) entry;
    struct xfer *xfer;
    CURL *easy;
    CURLU *url;
    struct curl_slist *headers;
    char *body;
    size_t body_n, body_at, header_bytes;
    struct buf answer;
    bool connected, entered, late, again, too_long, head_whole, public_only, not_public;
    int64_t start_before_ms, retry_after_ms, reset_ms, begun_us;
    void (*done)(void *arg, const struct xfer_result *result);
    void *arg;
    char error[CURL_ERROR_SIZE];
};

/* --- libcurl's callbacks of one transfer --- */

static bool too_late(struct job *job)
{
    job->late = job->start_before_ms && now_boot_ms() >= job->start_before_ms;
    return job->late;
}

/* Before any byte goes to the address that a name was resolved to: names in DNS can lead anywhere. */
static curl_socket_t open_public(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct job *job = arg;
    (void)purpose;
    if (public_address(&address->addr))
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    job->not_public = true;
    return CURL_SOCKET_BAD;
}

/* Before every attempt. libcurl repeats a request by itself when a reused connection turns out dead: not once the body has been
   asked for, for then it may have left. */
static int on_attempt(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct job *job = arg;
    (void)local_ip;
    (void)port;
    (void)local_port;
    /* An open connection may be one that a request without this bound has made. */
    job->not_public = job->public_only && !public_ip(ip);
    job->again = job->entered;
    if (job->not_public || job->again || too_late(job))
        return CURL_PREREQFUNC_ABORT;
    job->connected = true;
    return CURL_PREREQFUNC_OK;
}

static size_t on_body_wanted(char *out, size_t size, size_t count, void *arg)
{
    struct job *job = arg;
    size_t room = size * count, n = job->body_n - job->body_at;
    if (!job->entered && too_late(job))
        return CURL_READFUNC_ABORT;
    job->entered = true;
    if (n > room)
        n = room;
    if (n)
        memcpy(out, job->body + job->body_at, n);
    job->body_at += n;
    return n;
}

/* A body is read once: the rewind that a silent repetition needs fails. */
static int on_rewind(void *arg, curl_off_t offset, int origin)
{
    struct job *job = arg;
    job->again = true;
    (void)offset;
    (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

static size_t on_answer(char *p, size_t size, size_t count, void *arg)
{
    struct job *job = arg;
    size_t n = size * count, room = job->answer.max - job->answer.len;
    job->too_long |= n > room;
    buf_add(&job->answer, p, n > room ? room : n);
    return job->too_long || job->answer.failed ? 0 : n;
}

/* Seconds from now on, or a date (RFC 9110). */
static int64_t retry_after(const char *value)
{
    int64_t seconds;
    if (text_i64(text_of(value), &seconds))
        return seconds >= 0 && seconds < INT64_C(1000000000) ? seconds * 1000 : -1;
    time_t at = curl_getdate(value, NULL);
    int64_t ms = (int64_t)at * 1000 - now_wall_ms();
    return at == -1 ? -1 : ms > 0 ? ms : 0;
}

/* Unix seconds (Intercom); small numbers are taken for seconds from now on. */
static int64_t limit_reset(const char *value)
{
    int64_t seconds;
    if (!text_i64(text_of(value), &seconds) || seconds < 0 || seconds > INT64_C(100000000000))
        return -1;
    int64_t ms = seconds < 1000000000 ? seconds * 1000 : seconds * 1000 - now_wall_ms();
    return ms > 0 ? ms : 0;
}

static size_t on_header(char *p, size_t size, size_t count, void *arg)
{
    struct job *job = arg;
    size_t n = size * count;
    struct text name, value;
    char word[64];
    job->header_bytes += n;
    if (job->header_bytes > ANSWER_HEADERS_MAX)
        return 0;
    if (text_starts(text_make(p, n), "HTTP/"))
        job->head_whole = false;
    else if (*p == '\r' || *p == '\n')
        job->head_whole = true;
    if (!text_cut(text_make(p, n), ':', &name, &value))
        return n;
    value = text_trim(value);
    if (!value.n || value.n >= sizeof(word))
        return n;
    memcpy(word, value.p, value.n);
    word[value.n] = 0;
    if (text_is_nocase(name, "retry-after"))
        job->retry_after_ms = retry_after(word);
    else if (text_is_nocase(name, "x-ratelimit-reset"))
        job->reset_ms = limit_reset(word);
    return n;
}

/* --- the end of a transfer --- */

static void job_free(struct job *job)
{
    if (job->easy)
        curl_easy_cleanup(job->easy);
    curl_url_cleanup(job->url);
    for (struct curl_slist *line = job->headers; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data)); /* keys and tokens */
    curl_slist_free_all(job->headers);
    free(job->body);
    buf_free(&job->answer);
    free(job);
}

/* Only after a transfer without fault; a handle in doubt is thrown away. It must forget what dies with the job. */
static void keep_easy(struct xfer *xfer, struct job *job)
{
    if (xfer->n_spare == SPARE_MAX)
        return;
    if (curl_easy_setopt(job->easy, CURLOPT_CURLU, NULL) ||
        curl_easy_setopt(job->easy, CURLOPT_HTTPHEADER, NULL) ||
        curl_easy_setopt(job->easy, CURLOPT_ERRORBUFFER, NULL))
        return;
    xfer->spare[xfer->n_spare++] = job->easy;
    job->easy = NULL;
}

/* libcurl's text may name the host, never the path or the query: those may hold ids and keys. */
static void error_text(const struct job *job, CURLcode code, char *out, size_t max)
{
    const char *text = job->error[0] ? job->error : curl_easy_strerror(code);
    if (job->late)
        text = "too late to begin";
    else if (job->not_public && !job->connected)
        text = "the host has no public address, and is not among private_hosts";
    else if (job->again)
        text = "the connection was closed without an answer";
    else if (!code)
        text = "the answer ends inside its headers";
    else if (job->too_long)
        text = "the answer is longer than allowed";
    else if (strstr(text, "://") || strchr(text, '?'))
        text = curl_easy_strerror(code);
    text_printable(text_of(text), out, max);
}

static int64_t wait_of(const struct job *job, int status)
{
    if (job->retry_after_ms >= 0)
        return job->retry_after_ms;
    return status == 429 ? job->reset_ms : -1;
}

static void finish(struct job *job, CURLcode code)
{
    struct xfer *xfer = job->xfer;
    char error[256];
    long status = 0;
    (void)curl_easy_getinfo(job->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        status = 0; /* an interim answer says nothing about the request */
    (void)curl_multi_remove_handle(xfer->multi, job->easy);
    TAILQ_REMOVE(&xfer->jobs, job, entry);
    xfer->running--;
    /* libcurl takes it for a success when the connection ends inside the headers. */
    bool whole = code == CURLE_OK && job->head_whole;
    if (!whole)
        error_text(job, code, error, sizeof(error) - 1);
    struct xfer_result result = {
        .left = job->body_n ? job->entered : job->connected,
        .status = (int)status,
        .whole = whole,
        .body = buf_get(&job->answer),
        .retry_after_ms = wait_of(job, (int)status),
        .error = whole ? NULL : error,
        .took_ms = (now_mono_us() - job->begun_us) / 1000,
    };
    job->done(job->arg, &result);
    if (whole)
        keep_easy(xfer, job);
    job_free(job);
}

static void reap(struct xfer *xfer)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(xfer->multi, &left))) {
        struct job *job = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&job);
        if (job)
            finish(job, code);
    }
}

/* --- libcurl on libevent --- */

static void on_socket_ready(evutil_socket_t fd, short what, void *arg)
{
    struct xfer *xfer = arg;
    int running, mask = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    (void)curl_multi_socket_action(xfer->multi, fd, mask, &running);
    reap(xfer);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct xfer *xfer = arg;
    int running;
    (void)fd;
    (void)what;
    (void)curl_multi_socket_action(xfer->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(xfer);
}

static int on_timer_wanted(CURLM *multi, long ms, void *arg)
{
    struct xfer *xfer = arg;
    struct timeval after = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };
    (void)multi;
    if (ms < 0)
        return event_del(xfer->timer);
    return event_add(xfer->timer, &after);
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct xfer *xfer = arg;
    struct event *event = socket_arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (event)
            event_free(event);
        return curl_multi_assign(xfer->multi, fd, NULL) ? -1 : 0;
    }
    short wanted =
        (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    if (!event) {
        event = event_new(xfer->base, fd, wanted, on_socket_ready, xfer);
        if (!event || curl_multi_assign(xfer->multi, fd, event)) {
            if (event)
                event_free(event);
            return -1;
        }
    } else if (event_get_events(event) != wanted) {
        (void)event_del(event);
        (void)event_assign(event, xfer->base, fd, wanted, on_socket_ready, xfer);
    }
    return event_add(event, NULL);
}

/* --- the beginning of a transfer --- */

bool xfer_knows_authorities(struct fault *fault)
{
    const char *file = curl_version_info(CURLVERSION_NOW)->cainfo;

    return !file || access(file, R_OK) == 0 || fault_set(fault, "%s: %s", file, strerror(errno));
}

/* The file of authorities is read once in a while instead of for each connection, which would stop the loop for tens of
   milliseconds, times as many as begin together. libcurl keeps what comes from a file alone, so the folder with the same
   certificates is left out. */
static void keep_authorities(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    const char *file = curl_version_info(CURLVERSION_NOW)->cainfo;
    if (file && access(file, R_OK) == 0 && !curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, AUTHORITIES_S))
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
#endif
    (void)easy;
}

/* What is the same for every request; set once per handle. */
static bool set_fixed(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    if (curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L))
        return false;
#endif
    keep_authorities(easy);
    return !(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) || curl_easy_setopt(easy, CURLOPT_PROXY, "") ||
             curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) ||
             curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
             curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) ||
             curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_AGE_S) ||
             curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE_S) ||
             curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, NULL) ||
             curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) ||
             curl_easy_setopt(easy, CURLOPT_USERAGENT, "callbackd") ||
             curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_attempt) ||
             curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_body_wanted) ||
             curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind) ||
             curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer) ||
             curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
}

/* A POST without a body has an empty one, and says so. */
static bool has_body(const struct job *job, const char *method)
{
    return job->body || !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
}

/* The handle may be a used one, so each option that any request sets is set for every one. */
static bool set_method(CURL *easy, const struct job *job, const char *method)
{
    if (curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) || curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL))
        return false;
    if (has_body(job, method))
        return !(curl_easy_setopt(easy, CURLOPT_POST, 1L) ||
                 curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL) ||
                 curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->body_n) ||
                 curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method));
    if (!strcmp(method, "HEAD"))
        return !curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return !curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static bool set_request(CURL *easy, struct job *job, const struct xfer_request *request)
{
    return set_method(easy, job, request->method) &&
           !(curl_easy_setopt(easy, CURLOPT_CURLU, job->url) ||
             curl_easy_setopt(easy, CURLOPT_HTTPHEADER, job->headers) ||
             curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) ||
             curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms));
}

static bool set_job(CURL *easy, struct job *job)
{
    return !(
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, job->public_only ? open_public : NULL) ||
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, job) ||
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, job) || curl_easy_setopt(easy, CURLOPT_READDATA, job) ||
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, job) || curl_easy_setopt(easy, CURLOPT_WRITEDATA, job) ||
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, job) || curl_easy_setopt(easy, CURLOPT_PRIVATE, job) ||
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, job->error));
}

static CURL *take_easy(struct xfer *xfer)
{
    if (xfer->n_spare)
        return xfer->spare[--xfer->n_spare];
    CURL *easy = curl_easy_init();
    if (easy && !set_fixed(easy)) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

/* The fault does not repeat the URL: it may hold a key. */
static bool read_url(struct job *job, const char *url, struct fault *fault)
{
    char *scheme = NULL, *user = NULL;
    job->url = curl_url();
    if (!job->url)
        return fault_set(fault, "out of memory");
    CURLUcode code = curl_url_set(job->url, CURLUPART_URL, url, 0);
    if (code)
        return fault_set(fault, "unusable URL: %s", curl_url_strerror(code));
    code = curl_url_get(job->url, CURLUPART_SCHEME, &scheme, 0);
    bool web = !code && (!strcmp(scheme, "http") || !strcmp(scheme, "https"));
    bool has_user = !curl_url_get(job->url, CURLUPART_USER, &user, 0);
    curl_free(scheme);
    curl_free(user);
    if (!web)
        return fault_set(fault, "unusable URL: neither http nor https");
    return !has_user || fault_set(fault, "unusable URL: it holds a user name");
}

static bool add_header(struct job *job, const char *line)
{
    struct curl_slist *longer = curl_slist_append(job->headers, line);
    if (longer)
        job->headers = longer;
    return longer;
}

static bool copy_request(struct job *job, const struct xfer_request *request)
{
    for (const char *const *line = request->headers; line && *line; line++)
        if (!add_header(job, *line))
            return false;
    if (!add_header(job, "Expect:"))
        return false;
    if (!request->body.p)
        return true;
    job->body = text_dup(request->body);
    job->body_n = request->body.n;
    return job->body;
}

static struct job *job_new(struct xfer *xfer, const struct xfer_request *request, struct fault *fault)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job) {
        (void)fault_set(fault, "out of memory");
        return NULL;
    }
    job->xfer = xfer;
    job->answer = BUF(request->answer_max);
    job->retry_after_ms = job->reset_ms = -1;
    job->public_only = request->public_only;
    job->start_before_ms = request->start_before_ms;
    job->begun_us = now_mono_us();
    if (!read_url(job, request->url, fault)) {
        job_free(job);
        return NULL;
    }
    job->easy = take_easy(xfer);
    if (!job->easy || !copy_request(job, request) || !set_request(job->easy, job, request) ||
        !set_job(job->easy, job)) {
        (void)fault_set(fault, "out of memory");
        job_free(job);
        return NULL;
    }
    return job;
}

bool xfer_start(struct xfer *xfer, const struct xfer_request *request,
                void (*done)(void *arg, const struct xfer_result *result), void *arg, struct fault *fault)
{
    if (xfer->closing)
        return fault_set(fault, "closing down");
    struct job *job = job_new(xfer, request, fault);
    if (!job)
        return false;
    job->done = done;
    job->arg = arg;
    /* Only arms the timer: whatever comes of it comes by the loop. */
    CURLMcode code = curl_multi_add_handle(xfer->multi, job->easy);
    if (code) {
        job_free(job);
        return fault_set(fault, "%s", curl_multi_strerror(code));
    }
    TAILQ_INSERT_TAIL(&xfer->jobs, job, entry);
    xfer->running++;
    return true;
}

/* --- the whole --- */

/* GnuTLS, which Debian's libcurl brings for LDAP and RTMP, asks this of the program before main (GNUTLS_SKIP_GLOBAL_INIT in its
   header): not to prepare itself, a megabyte that stays. Whoever uses it calls gnutls_global_init, as libldap does. */
int _gnutls_global_init_skip(void);
int _gnutls_global_init_skip(void)
{
    return 1;
}

static bool set_limits(CURLM *multi, int per_host, int total)
{
    return !(curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)per_host) ||
             curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)total) ||
             curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)total));
}

void xfer_set_limits(struct xfer *xfer, int per_host, int total)
{
    (void)set_limits(xfer->multi, per_host, total); /* numbers: they cannot be refused */
}

static bool set_multi(struct xfer *xfer, int per_host, int total)
{
    CURLM *multi = xfer->multi;
    return !(curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) ||
             curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, xfer) ||
             curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) ||
             curl_multi_setopt(multi, CURLMOPT_TIMERDATA, xfer) ||
             curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING)) &&
           set_limits(multi, per_host, total);
}

struct xfer *xfer_new(struct loop *loop, int per_host, int total, struct fault *fault)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
        (void)fault_set(fault, "libcurl cannot be initialised");
        return NULL;
    }
    struct xfer *xfer = NULL;
    if (!(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS))
        (void)fault_set(fault,
                        "this libcurl resolves names synchronously, which would stop the daemon meanwhile");
    else if (!(xfer = calloc(1, sizeof(*xfer))))
        (void)fault_set(fault, "out of memory");
    if (!xfer) {
        curl_global_cleanup();
        return NULL;
    }
    TAILQ_INIT(&xfer->jobs);
    xfer->base = loop_base(loop);
    xfer->timer = event_new(xfer->base, -1, 0, on_time, xfer);
    xfer->multi = curl_multi_init();
    if (!xfer->timer || !xfer->multi || !set_multi(xfer, per_host, total)) {
        (void)fault_set(fault, "out of memory");
        xfer_free(xfer);
        return NULL;
    }
    return xfer;
}

size_t xfer_running(const struct xfer *xfer)
{
    return xfer->running;
}

void xfer_abort_all(struct xfer *xfer)
{
    /* done() may start others; those stay. */
    for (size_t n = xfer->running; n > 0 && !TAILQ_EMPTY(&xfer->jobs); n--)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): finish takes it off the list */
        finish(TAILQ_FIRST(&xfer->jobs), CURLE_ABORTED_BY_CALLBACK);
}

void xfer_free(struct xfer *xfer)
{
    if (!xfer)
        return;
    xfer->closing = true;
    xfer_abort_all(xfer);
    while (xfer->n_spare)
        curl_easy_cleanup(xfer->spare[--xfer->n_spare]);
    if (xfer->multi)
        (void)curl_multi_cleanup(xfer->multi);
    if (xfer->timer)
        event_free(xfer->timer);
    free(xfer);
    curl_global_cleanup();
}
