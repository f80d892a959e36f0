#pragma once

/* What /readyz shows: a short list of troubles, each with a name. Safe from every thread. */

#include "base/buf.h"

enum health_topic {
    HEALTH_START,   /* the store is being opened, work taken over */
    HEALTH_STORE,   /* the last transaction failed */
    HEALTH_RELOAD,  /* the last reload was refused; the old generation works on */
    HEALTH_PAUSED,  /* a channel or source waits for a person */
    HEALTH_BREAKER, /* a channel's circuit breaker is not closed */
    HEALTH_RULES,   /* other nodes work with other rules */
    HEALTH_STOP,
    HEALTH_TOPICS
};

struct health;

struct health *health_new(void) CHECKED;
void health_free(struct health *health);
/* health_set: one line of text; NULL: the trouble is over. */
void health_set(struct health *health, enum health_topic topic, const char *text);
/* health_print: a line for each trouble. True if requests can be served: only START, STORE and STOP stand against it. */
bool health_print(struct health *health, struct buf *out);
