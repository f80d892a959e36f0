#include "post.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE 4096

struct post {
    struct event_base *base;
    CURLM *multi;
    struct event *timer;
    struct curl_slist *headers;
    CURL **idle;
    int n_idle, connections;
    char *queue[QUEUE];
    size_t first, n;
    void (*took)(void *arg);
    void *arg;
};

static size_t skip_answer(char *bytes, size_t size, size_t n, void *arg)
{
    (void)bytes, (void)arg;
    return size * n;
}

static CHECKED bool start(struct post *post, char *body)
{
    CURL *easy = post->idle[post->n_idle - 1];

    if (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) ||
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) || curl_easy_setopt(easy, CURLOPT_PRIVATE, body) ||
        curl_multi_add_handle(post->multi, easy))
        return false;
    post->n_idle--;
    return true;
}

static void drain(struct post *post)
{
    while (post->n && post->n_idle) {
        char *body = post->queue[post->first];

        post->first = (post->first + 1) % QUEUE;
        post->n--;
        if (!start(post, body))
            free(body);
        post->took(post->arg);
    }
}

static void reap(struct post *post)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(post->multi, &left))) {
        CURL *easy = message->easy_handle;
        char *body = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &body);
        curl_multi_remove_handle(post->multi, easy);
        free(body);
        post->idle[post->n_idle++] = easy;
    }
    drain(post);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct post *post = arg;
    int action = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    curl_multi_socket_action(post->multi, fd, action, &running);
    reap(post);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct post *post = arg;
    int running;

    (void)fd, (void)what;
    curl_multi_socket_action(post->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(post);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    struct post *post = arg;
    struct event *event = socket;
    short events =
        (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

    (void)easy;
    if (event)
        event_free(event);
    event = what == CURL_POLL_REMOVE ? NULL : event_new(post->base, fd, events, on_socket, post);
    if (event)
        event_add(event, NULL);
    curl_multi_assign(post->multi, fd, event);
    return 0;
}

static int watch_time(CURLM *multi, long ms, void *arg)
{
    struct post *post = arg;
    struct timeval wait = { ms / 1000, ms % 1000 * 1000 };

    (void)multi;
    if (ms < 0)
        event_del(post->timer);
    else
        event_add(post->timer, &wait);
    return 0;
}

static CURL *handle_new(const struct post *post, const char *url)
{
    CURL *easy = curl_easy_init();

    if (!easy)
        return NULL;
    if (curl_easy_setopt(easy, CURLOPT_URL, url) ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, post->headers) ||
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) ||
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) || curl_easy_setopt(easy, CURLOPT_PROXY, "") ||
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 10000L) ||
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, skip_answer)) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    return easy;
}

static CHECKED bool open_multi(struct post *post, const char *url, const char *key_header)
{
    post->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (!post->headers || !curl_slist_append(post->headers, key_header) ||
        !(post->timer = evtimer_new(post->base, on_timer, post)) || !(post->multi = curl_multi_init()) ||
        !(post->idle = calloc((size_t)post->connections, sizeof(CURL *))))
        return false;
    curl_multi_setopt(post->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(post->multi, CURLMOPT_SOCKETDATA, post);
    curl_multi_setopt(post->multi, CURLMOPT_TIMERFUNCTION, watch_time);
    curl_multi_setopt(post->multi, CURLMOPT_TIMERDATA, post);
    curl_multi_setopt(post->multi, CURLMOPT_MAXCONNECTS, (long)post->connections);
    while (post->n_idle < post->connections) {
        if (!(post->idle[post->n_idle] = handle_new(post, url)))
            return false;
        post->n_idle++;
    }
    return true;
}

struct post *post_new(struct event_base *base, const char *url, const char *key_header, int connections,
                      void (*took)(void *arg), void *arg, struct fault *fault)
{
    struct post *post = calloc(1, sizeof(*post));

    if (!post) {
        fault_set(fault, "no memory");
        return NULL;
    }
    post->base = base;
    post->connections = connections;
    post->took = took;
    post->arg = arg;
    if (open_multi(post, url, key_header))
        return post;
    post_free(post);
    fault_set(fault, "libcurl cannot be set up");
    return NULL;
}

/* What is under way is left to the end of the process. */
void post_free(struct post *post)
{
    if (!post)
        return;
    for (; post->n; post->n--, post->first = (post->first + 1) % QUEUE)
        free(post->queue[post->first]);
    while (post->n_idle)
        curl_easy_cleanup(post->idle[--post->n_idle]);
    if (post->multi)
        curl_multi_cleanup(post->multi);
    if (post->timer)
        event_free(post->timer);
    curl_slist_free_all(post->headers);
    free(post->idle);
    free(post);
}

bool post_add(struct post *post, char *body)
{
    if (post->n == QUEUE) {
        free(body);
        return false;
    }
    post->queue[(post->first + post->n++) % QUEUE] = body;
    drain(post);
    return true;
}

size_t post_waiting(const struct post *post)
{
    return post->n;
}
