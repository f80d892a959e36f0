#pragma once

/* Answers that come late, half, or never. A connection is never touched from inside evhttp's own callback: each of these
   acts in an event of its own, and finds out then whether the connection still exists. */

#include "sim.h"

#define LATE_HELD (-1)

struct evhttp_request;

enum sim_end {
    END_REPLY, /* the answer as it stands */
    END_CLOSE, /* end of the connection without an answer byte */
    END_RESET, /* the same, by RST */
    END_HALF,  /* status line, headers, half of the body, then the end */
    END_HANG,  /* nothing, until the client goes away */
};

/* late_new: NULL when memory is out. */
struct sim_late_list *late_new(struct event_base *base) CHECKED;
/* late_free: forgets all that waits. Call it before evhttp_free. */
void late_free(struct sim_late_list *list);
/* late_end: ends the request in this way after delay_ms, or with LATE_HELD when late_release says so; copies the body, takes
   the request over. */
void late_end(struct sim_late_list *list, struct evhttp_request *http, enum sim_end end, int64_t delay_ms,
              int status, struct text body);
/* late_release: what is held ends now; returns how many. */
int64_t late_release(struct sim_late_list *list);
/* late_count: requests that have no answer yet. */
int64_t late_count(const struct sim_late_list *list);
