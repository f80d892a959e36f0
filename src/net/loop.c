#include "net/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

struct loop {
    struct event_base *base;
};

struct loop_watch {
    struct event *event;
    void (*ready)(void *arg);
    void *arg;
};

struct loop_timer {
    struct event *event;
    void (*fire)(void *arg);
    void *arg;
};

/* One thread only, so no locks. The change list spares a pair of epoll_ctl calls per request: evhttp turns reading off and on
   again around every one. It forbids dup(2) of descriptors that are watched; nothing here does that. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (!config)
        return NULL;
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return NULL;
    loop->base = base_new();
    if (!loop->base) {
        free(loop);
        return NULL;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    event_base_free(loop->base);
    free(loop);
}

void loop_run(struct loop *loop)
{
    (void)event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
    (void)event_base_loopbreak(loop->base);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

static void watch_ready(evutil_socket_t fd, short what, void *arg)
{
    struct loop_watch *watch = arg;
    (void)fd;
    (void)what;
    watch->ready(watch->arg);
}

static struct loop_watch *watch_new(struct loop *loop, int fd, short what, void (*ready)(void *arg),
                                    void *arg)
{
    struct loop_watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return NULL;
    watch->ready = ready;
    watch->arg = arg;
    watch->event = event_new(loop->base, fd, (short)(what | EV_PERSIST), watch_ready, watch);
    if (!watch->event || event_add(watch->event, NULL)) {
        loop_watch_free(watch);
        return NULL;
    }
    return watch;
}

struct loop_watch *loop_watch_fd(struct loop *loop, int fd, void (*ready)(void *arg), void *arg)
{
    return watch_new(loop, fd, EV_READ, ready, arg);
}

struct loop_watch *loop_watch_signal(struct loop *loop, int signal, void (*ready)(void *arg), void *arg)
{
    return watch_new(loop, signal, EV_SIGNAL, ready, arg);
}

void loop_watch_free(struct loop_watch *watch)
{
    if (!watch)
        return;
    if (watch->event)
        event_free(watch->event);
    free(watch);
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *timer = arg;
    (void)fd;
    (void)what;
    timer->fire(timer->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *arg), void *arg)
{
    struct loop_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        return NULL;
    timer->fire = fire;
    timer->arg = arg;
    timer->event = event_new(loop->base, -1, 0, timer_fired, timer);
    if (!timer->event) {
        free(timer);
        return NULL;
    }
    return timer;
}

void loop_timer_start(struct loop_timer *timer, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    struct timeval after = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
    (void)event_add(timer->event, &after);
}

void loop_timer_stop(struct loop_timer *timer)
{
    (void)event_del(timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (!timer)
        return;
    event_free(timer->event);
    free(timer);
}
