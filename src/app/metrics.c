#include "app/metrics.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 4096 /* a power of two; more are more pages, each with a series or two in it */
#define SERIES_MAX 30000
#define BUCKETS 16
#define LABEL_MAX 64

enum metric_kind { COUNTER, GAUGE, HISTOGRAM };

struct definition {
    const char *name;
    enum metric_kind kind;
    const char *labels[2];
    const char *help;
};

static const struct definition definitions[METRICS] = {
    [METRIC_NOTIFICATIONS] = { "callbackd_notifications_total",
                               COUNTER,
                               { "source", "result" },
                               "Webhook requests by what they were answered with." },
    [METRIC_ENTRIES] = { "callbackd_entries_total",
                         COUNTER,
                         { "source", "kind" },
                         "Customer messages found in notifications." },
    [METRIC_RULE_MATCHES] = { "callbackd_rule_matches_total",
                              COUNTER,
                              { "rule" },
                              "Entries that a rule took." },
    [METRIC_UNMATCHED] = { "callbackd_unmatched_total", COUNTER, { "source" }, "Entries that no rule took." },
    [METRIC_SENDS] = { "callbackd_sends_total", COUNTER, { "channel", "outcome" }, "Requests to Octopods." },
    [METRIC_FETCHES] = { "callbackd_fetches_total",
                         COUNTER,
                         { "source", "result" },
                         "Requests to the inbox for messages and contacts." },
    [METRIC_LOOKUPS] = { "callbackd_lookups_total",
                         COUNTER,
                         { "lookup", "result" },
                         "Lookups by what came of them." },
    [METRIC_MATCH_LIMITS] = { "callbackd_match_limits_total",
                              COUNTER,
                              { NULL },
                              "Matches that ended at the bound on effort and count as no match." },
    [METRIC_RUNS] = { "callbackd_runs", GAUGE, { "state" }, "Runs in the store by state." },
    [METRIC_WAITING] = { "callbackd_waiting",
                         GAUGE,
                         { "kind" },
                         "Stored notifications and entries not finished." },
    [METRIC_PAUSED] = { "callbackd_paused", GAUGE, { "channel" }, "1 while a channel is paused." },
    [METRIC_BREAKER] = { "callbackd_breaker_open",
                         GAUGE,
                         { "channel" },
                         "1 while a channel's circuit breaker is open or half open." },
    [METRIC_RESENDS] = { "callbackd_resends_total",
                         COUNTER,
                         { "channel" },
                         "Messages sent again after no answer came: the customer may have them twice." },
    [METRIC_POLLS] = { "callbackd_polls_total",
                       COUNTER,
                       { "channel", "outcome" },
                       "Requests for the status of a message that may have been sent." },
    [METRIC_LOOP_GUARD] = { "callbackd_loop_guard_total",
                            COUNTER,
                            { "channel" },
                            "Runs held because their chat got too many follow-ups in a minute." },
    [METRIC_SOURCE_PAUSED] = { "callbackd_source_paused",
                               GAUGE,
                               { "source" },
                               "1 while a source is paused." },
    [METRIC_STORE_FAILURES] = { "callbackd_store_failures_total",
                                COUNTER,
                                { NULL },
                                "Transactions that failed." },
    [METRIC_RULES_LOADED] = { "callbackd_rules_loaded", GAUGE, { NULL }, "Rules of the active generation." },
    [METRIC_RELOADS] = { "callbackd_reloads_total", COUNTER, { NULL }, "Generations loaded." },
    [METRIC_RELOAD_FAILURES] = { "callbackd_reload_failures_total",
                                 COUNTER,
                                 { NULL },
                                 "Reloads that were refused." },
    [METRIC_NODES] = { "callbackd_nodes",
                       GAUGE,
                       { "rules" },
                       "Nodes on this store with a lease, by whether they work with the same rules." },
    [METRIC_BUILD_INFO] = { "callbackd_build_info", GAUGE, { "version" }, "Always 1." },
    [METRIC_ACCEPT_SECONDS] = { "callbackd_accept_seconds",
                                HISTOGRAM,
                                { NULL },
                                "From a request being read to its acknowledgement." },
    [METRIC_REPLY_SECONDS] = { "callbackd_reply_seconds",
                               HISTOGRAM,
                               { NULL },
                               "From a notification being stored to its follow-up delivered." },
    [METRIC_COMMIT_SECONDS] = { "callbackd_store_commit_seconds",
                                HISTOGRAM,
                                { NULL },
                                "Time of a store commit." },
};

static const double bounds[BUCKETS] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                        0.05,   0.1,     0.25,   0.5,   1,      2.5,   10,   60 };

struct series {
    enum metric metric;
    char a[LABEL_MAX], b[LABEL_MAX];
    double value;
    struct series *next;   /* of the same metric, in order of making */
    struct series *beside; /* in the same slot */
};

struct histogram {
    uint64_t buckets[BUCKETS + 1];
    double sum;
    uint64_t count;
};

struct metrics {
    pthread_mutex_t lock;
    struct series *slots[SLOTS];
    struct series *first[METRICS], **last[METRICS];
    size_t count;
    struct histogram histograms[METRICS];
};

struct metrics *metrics_new(void)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return NULL;
    pthread_mutex_init(&metrics->lock, NULL);
    for (int i = 0; i < METRICS; i++)
        metrics->last[i] = &metrics->first[i];
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    if (!metrics)
        return;
    for (int i = 0; i < METRICS; i++) {
        while (metrics->first[i]) {
            struct series *series = metrics->first[i];

            metrics->first[i] = series->next;
            free(series);
        }
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static uint32_t hash_label(uint32_t hash, const char *label)
{
    for (; *label; label++)
        hash = (hash ^ (unsigned char)*label) * 16777619u;
    return (hash ^ 0xFF) * 16777619u;
}

static void label_copy(char *out, const char *label)
{
    text_printable(text_of(label), out, LABEL_MAX - 1);
}

static struct series *make(struct metrics *metrics, enum metric metric, const char *a, const char *b,
                           struct series **slot)
{
    struct series *series = calloc(1, sizeof(*series));

    if (!series)
        return NULL;
    series->metric = metric;
    label_copy(series->a, a);
    label_copy(series->b, b);
    series->beside = *slot;
    *slot = series;
    *metrics->last[metric] = series;
    metrics->last[metric] = &series->next;
    metrics->count++;
    return series;
}

/* The series, made if there is room; NULL: memory is out or, with make_it false, it is not there. Called locked. */
static struct series *find(struct metrics *metrics, enum metric metric, const char *a, const char *b,
                           bool make_it)
{
    char label_a[LABEL_MAX], label_b[LABEL_MAX];
    struct series **slot;
    uint32_t hash;

    label_copy(label_a, a ? a : "");
    label_copy(label_b, b ? b : "");
    hash = hash_label(hash_label((2166136261u ^ metric) * 16777619u, label_a), label_b);
    slot = &metrics->slots[hash & (SLOTS - 1)];
    for (struct series *series = *slot; series; series = series->beside)
        if (series->metric == metric && strcmp(series->a, label_a) == 0 && strcmp(series->b, label_b) == 0)
            return series;
    if (!make_it)
        return NULL;
    if (metrics->count >= SERIES_MAX && strcmp(label_a, "other") != 0)
        return find(metrics, metric, "other", b, true);
    return metrics->count < 2 * SERIES_MAX ? make(metrics, metric, label_a, label_b, slot) : NULL;
}

void metrics_add(struct metrics *metrics, enum metric metric, const char *a, const char *b, double delta)
{
    struct series *series;

    pthread_mutex_lock(&metrics->lock);
    series = find(metrics, metric, a, b, true);
    if (series)
        series->value += delta;
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_set(struct metrics *metrics, enum metric metric, const char *a, const char *b, double value)
{
    struct series *series;

    pthread_mutex_lock(&metrics->lock);
    series = find(metrics, metric, a, b, true);
    if (series)
        series->value = value;
    pthread_mutex_unlock(&metrics->lock);
}

double metrics_value(struct metrics *metrics, enum metric metric, const char *a, const char *b)
{
    struct series *series;
    double value;

    pthread_mutex_lock(&metrics->lock);
    series = find(metrics, metric, a, b, false);
    value = series ? series->value : 0;
    pthread_mutex_unlock(&metrics->lock);
    return value;
}

void metrics_observe(struct metrics *metrics, enum metric metric, double seconds)
{
    struct histogram *histogram = &metrics->histograms[metric];
    int i = 0;

    while (i < BUCKETS && seconds > bounds[i])
        i++;
    pthread_mutex_lock(&metrics->lock);
    histogram->buckets[i]++;
    histogram->sum += seconds;
    histogram->count++;
    pthread_mutex_unlock(&metrics->lock);
}

static void print_label(struct buf *out, const char *name, const char *value, bool first)
{
    buf_printf(out, "%s%s=\"", first ? "{" : ",", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_char(out, '\\');
        buf_char(out, *value);
    }
    buf_char(out, '"');
}

static void print_series(const struct definition *definition, const struct series *series, struct buf *out)
{
    buf_str(out, definition->name);
    if (definition->labels[0])
        print_label(out, definition->labels[0], series->a, true);
    if (definition->labels[1])
        print_label(out, definition->labels[1], series->b, false);
    buf_printf(out, "%s %.15g\n", definition->labels[0] ? "}" : "", series->value);
}

static void print_histogram(const char *name, const struct histogram *histogram, struct buf *out)
{
    uint64_t sum = 0;

    for (int i = 0; i < BUCKETS; i++) {
        sum += histogram->buckets[i];
        buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", name, bounds[i], (unsigned long long)sum);
    }
    buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)histogram->count);
    buf_printf(out, "%s_sum %.9g\n%s_count %llu\n", name, histogram->sum, name,
               (unsigned long long)histogram->count);
}

void metrics_print(struct metrics *metrics, struct buf *out)
{
    static const char *const kinds[] = { "counter", "gauge", "histogram" };

    pthread_mutex_lock(&metrics->lock);
    for (int i = 0; i < METRICS; i++) {
        const struct definition *definition = &definitions[i];

        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", definition->name, definition->help, definition->name,
                   kinds[definition->kind]);
        if (definition->kind == HISTOGRAM)
            print_histogram(definition->name, &metrics->histograms[i], out);
        else if (!definition->labels[0] &&
                 !metrics->first[i]) /* there is one series only, and it has a value */
            buf_printf(out, "%s 0\n", definition->name);
        for (const struct series *series = metrics->first[i]; series; series = series->next)
            print_series(definition, series, out);
    }
    pthread_mutex_unlock(&metrics->lock);
}
