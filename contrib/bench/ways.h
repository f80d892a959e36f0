#pragma once

/* Kept connections to one HTTP server, each with one request under way at most. */

#include "base/fault.h"
#include "base/text.h"

#include <event2/event.h>
#include <stdbool.h>

struct ways;

/* ways_new: `count` connections to HOST:PORT, made when they are needed. `answered` gets the status of each request when all of its
   answer is there, 0 if its connection broke, and how many microseconds that took. */
struct ways *ways_new(struct event_base *base, struct text address, size_t count,
                      void (*answered)(void *arg, int status, int64_t us), void *arg,
                      struct fault *fault) CHECKED;
void ways_free(struct ways *ways);
/* ways_idle: how many have nothing under way. */
size_t ways_idle(const struct ways *ways);
/* ways_send: writes the request, as it is, to the connection that has been idle for longest; one must be. False when memory is out. */
bool ways_send(struct ways *ways, struct text request) CHECKED;
