#pragma once

/* Counters, gauges and histograms in Prometheus' text form. Safe from every thread. The number of series is bounded: further
   ones are counted under the label "other". */

#include "base/buf.h"

#include <stdint.h>

enum metric {
    METRIC_NOTIFICATIONS, /* source, result */
    METRIC_ENTRIES,       /* source, kind */
    METRIC_RULE_MATCHES,  /* rule */
    METRIC_UNMATCHED,     /* source */
    METRIC_SENDS,         /* channel, outcome */
    METRIC_FETCHES,       /* source, result */
    METRIC_LOOKUPS,       /* lookup, result */
    METRIC_MATCH_LIMITS,  /* no labels: patterns that reached their bound on effort */
    METRIC_RUNS,          /* state (gauge) */
    METRIC_WAITING,       /* kind (gauge): notifications, entries that are stored and not finished */
    METRIC_PAUSED,        /* channel (gauge): 1 while it is paused */
    METRIC_BREAKER,       /* channel (gauge): 1 while its circuit breaker is open or half open */
    METRIC_RESENDS,       /* channel: messages that `unknown_send: resend` sends again */
    METRIC_POLLS,         /* channel, outcome: what was asked about messages whose fate was not known */
    METRIC_LOOP_GUARD,    /* channel: runs held because their chat got too many follow-ups */
    METRIC_SOURCE_PAUSED, /* source (gauge): 1 while the inbox refuses its token */
    METRIC_STORE_FAILURES,
    METRIC_RULES_LOADED, /* gauge */
    METRIC_RELOADS,
    METRIC_RELOAD_FAILURES,
    METRIC_NODES,      /* rules (gauge): "same_rules", "other_rules" */
    METRIC_BUILD_INFO, /* version */
    METRIC_ACCEPT_SECONDS,
    METRIC_REPLY_SECONDS,
    METRIC_COMMIT_SECONDS,
    METRICS
};

struct metrics;

struct metrics *metrics_new(void) CHECKED;
void metrics_free(struct metrics *metrics);
/* metrics_add, metrics_set: a and b are the values of the metric's labels, NULL where it has fewer. */
void metrics_add(struct metrics *metrics, enum metric metric, const char *a, const char *b, double delta);
void metrics_set(struct metrics *metrics, enum metric metric, const char *a, const char *b, double value);
/* metrics_observe: of a histogram. */
void metrics_observe(struct metrics *metrics, enum metric metric, double seconds);
/* metrics_value: of one series, 0 if there is none. */
double metrics_value(struct metrics *metrics, enum metric metric, const char *a, const char *b);
void metrics_print(struct metrics *metrics, struct buf *out);
