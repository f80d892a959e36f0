#pragma once

/* The network thread's event loop: one libevent base and what hangs on it. Everything here is called from that thread, except
   where said. libevent stays behind this header. */

#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;
struct loop_watch;

/* loop_new: NULL when the base cannot be made. Ignores SIGPIPE. */
struct loop *loop_new(void) CHECKED;
void loop_free(struct loop *loop);
/* loop_run: until loop_stop. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
struct event_base *loop_base(struct loop *loop); /* for the other modules of net/ */

/* loop_watch_fd: calls `ready` whenever fd is readable (level-triggered). */
struct loop_watch *loop_watch_fd(struct loop *loop, int fd, void (*ready)(void *arg), void *arg) CHECKED;
struct loop_watch *loop_watch_signal(struct loop *loop, int signal, void (*ready)(void *arg),
                                     void *arg) CHECKED;
void loop_watch_free(struct loop_watch *watch);

/* loop_timer_new: a timer that is not running; start again to move it. */
struct loop_timer *loop_timer_new(struct loop *loop, void (*fire)(void *arg), void *arg) CHECKED;
void loop_timer_start(struct loop_timer *timer, int64_t ms);
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);
