#pragma once

/* The relay's way out: libcurl multi on libevent, a bounded number of connections that are kept, and a bounded queue. */

#include "base/fault.h"

#include <event2/event.h>
#include <stdbool.h>

struct post;

/* post_new: POSTs JSON to the URL over at most `connections`; `took` is called whenever a body leaves the queue. */
struct post *post_new(struct event_base *base, const char *url, const char *key_header, int connections,
                      void (*took)(void *arg), void *arg, struct fault *fault) CHECKED;
void post_free(struct post *post);
/* post_add: takes the NUL-terminated body, which is freed if the queue is full. */
bool post_add(struct post *post, char *body) CHECKED;
size_t post_waiting(const struct post *post);
