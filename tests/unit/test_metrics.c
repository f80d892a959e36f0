/* Metrics and health: what the admin pages show. */

#include "app/health.h"
#include "app/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct metrics *metrics;

static int set_up(void **state)
{
    (void)state;
    metrics = metrics_new();
    return metrics ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    metrics_free(metrics);
    return 0;
}

static void assert_prints(const char *line)
{
    struct buf out = BUF(16 << 20);

    metrics_print(metrics, &out);
    assert_false(out.failed);
    if (!strstr(out.data, line))
        fail_msg("\"%s\" is not in:\n%s", line, out.data);
    buf_free(&out);
}

static void counts(void **state)
{
    (void)state;
    metrics_add(metrics, METRIC_SENDS, "shop", "ok", 1);
    metrics_add(metrics, METRIC_SENDS, "shop", "ok", 2);
    metrics_add(metrics, METRIC_SENDS, "shop", "retry", 1);
    metrics_set(metrics, METRIC_RUNS, "ready", NULL, 7);
    metrics_set(metrics, METRIC_RUNS, "ready", NULL, 5);
    metrics_add(metrics, METRIC_RELOADS, NULL, NULL, 1);
    assert_true(metrics_value(metrics, METRIC_SENDS, "shop", "ok") == 3);
    assert_true(metrics_value(metrics, METRIC_SENDS, "other", "ok") == 0);
    assert_prints("# TYPE callbackd_sends_total counter\n");
    assert_prints("\ncallbackd_sends_total{channel=\"shop\",outcome=\"ok\"} 3\n");
    assert_prints("\ncallbackd_runs{state=\"ready\"} 5\n");
    assert_prints("\ncallbackd_reloads_total 1\n");
}

static void labels_are_escaped(void **state)
{
    (void)state;
    metrics_add(metrics, METRIC_RULE_MATCHES, "a\"b\\c\nd\xff", NULL, 1);
    assert_prints("\ncallbackd_rule_matches_total{rule=\"a\\\"b\\\\c?d?\"} 1\n");
}

static void histograms(void **state)
{
    (void)state;
    metrics_observe(metrics, METRIC_COMMIT_SECONDS, 0.001);
    metrics_observe(metrics, METRIC_COMMIT_SECONDS, 0.3);
    metrics_observe(metrics, METRIC_COMMIT_SECONDS, 1000);
    assert_prints("\ncallbackd_store_commit_seconds_bucket{le=\"0.0005\"} 0\n");
    assert_prints("\ncallbackd_store_commit_seconds_bucket{le=\"0.001\"} 1\n"); /* le: or equal */
    assert_prints("\ncallbackd_store_commit_seconds_bucket{le=\"0.5\"} 2\n");
    assert_prints("\ncallbackd_store_commit_seconds_bucket{le=\"60\"} 2\n");
    assert_prints("\ncallbackd_store_commit_seconds_bucket{le=\"+Inf\"} 3\n");
    assert_prints("\ncallbackd_store_commit_seconds_sum 1000.301\n");
    assert_prints("\ncallbackd_store_commit_seconds_count 3\n");
}

/* A name that comes from outside must not fill the memory. */
static void series_are_bounded(void **state)
{
    const int many = 100000;
    double sum = 0;
    char name[32];

    (void)state;
    for (int i = 0; i < many; i++) {
        snprintf(name, sizeof(name), "rule-%d", i);
        metrics_add(metrics, METRIC_RULE_MATCHES, name, NULL, 1);
    }
    for (int i = 0; i < many; i++) {
        snprintf(name, sizeof(name), "rule-%d", i);
        sum += metrics_value(metrics, METRIC_RULE_MATCHES, name, NULL);
    }
    assert_true(sum < many);
    assert_true(sum + metrics_value(metrics, METRIC_RULE_MATCHES, "other", NULL) == many);
    metrics_add(metrics, METRIC_SENDS, "late", "ok", 1);
    assert_true(metrics_value(metrics, METRIC_SENDS, "other", "ok") == 1);
}

/* --- health ------------------------------------------------------------------------------------------------------------- */

static void health_says(struct health *health, bool serves, const char *text)
{
    struct buf out = BUF(65536);

    assert_int_equal(health_print(health, &out), serves);
    assert_string_equal(buf_get(&out).p, text);
    buf_free(&out);
}

static void health_lines(void **state)
{
    struct health *health = health_new();
    char wide[2000], line[2010];

    (void)state;
    assert_non_null(health);
    health_says(health, true, "");
    health_set(health, HEALTH_RELOAD, "3 errors");
    health_set(health, HEALTH_PAUSED, "channel shop:\n401");
    health_says(health, true, "reload: 3 errors\npaused: channel shop:?401\n");
    health_set(health, HEALTH_STORE, "disk full");
    health_says(health, false, "store: disk full\nreload: 3 errors\npaused: channel shop:?401\n");
    health_set(health, HEALTH_STORE, NULL);
    health_set(health, HEALTH_RELOAD, NULL);
    health_set(health, HEALTH_PAUSED, NULL);
    health_set(health, HEALTH_START, "taking over");
    health_says(health, false, "start: taking over\n");
    health_set(health, HEALTH_START, NULL);
    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    health_set(health, HEALTH_STOP, wide);
    wide[511] = '\0';
    snprintf(line, sizeof(line), "stop: %s\n", wide);
    health_says(health, false, line);
    health_free(health);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(labels_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(histograms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(series_are_bounded, set_up, tear_down),
        cmocka_unit_test(health_lines),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
