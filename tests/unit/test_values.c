#include "base/file.h"
#include "base/now.h"
#include "core/doc.h"
#include "core/filter.h"
#include "core/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static struct json_object *parse(const char *text)
{
    struct fault fault;
    struct json_object *doc = doc_parse(text_of(text), &fault);

    if (!doc)
        fail_msg("%s: %s", text, fault.text);
    return doc;
}

/* --- zones -------------------------------------------------------------------------------------------------------- */

/* A zone file of the second version with no transitions but a rule: types for 1 and 0 hours. */
static size_t make_zone(char *out, const char *rule)
{
    static const char header[] =
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    size_t n = 0;

    for (int block = 0; block < 2; block++) {
        memcpy(out + n, header, 44);
        out[n + 39] = 1; /* types */
        out[n + 43] = 4; /* characters */
        n += 44;
        memcpy(out + n, "\0\0\x0e\x10\0\0CET", 10);
        n += 10;
    }
    n += (size_t)snprintf(out + n, 200, "\n%s\n", rule);
    return n;
}

static void show(const struct zone *zone, const char *utc, char *out)
{
    struct civil civil;
    int64_t ms = 0;

    assert_true(now_parse(utc, &ms));
    zone_civil(zone, ms / 1000, &civil);
    snprintf(out, 64, "%04d-%02d-%02dT%02d:%02d:%02d %d", (int)civil.year, civil.month, civil.day, civil.hour,
             civil.minute, civil.second, civil.weekday);
}

static void test_zone_rules(void **state)
{
    static const struct {
        const char *rule, *utc, *local;
    } rows[] = {
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-01-15T12:00:00Z", "2026-01-15T13:00:00 3" },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59 6" },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00 6" },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", "2026-10-25T02:59:59 6" },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00 6" },
        { "CET-1CEST,M3.5.0,M10.5.0/3", "2099-07-01T00:00:00Z", "2099-07-01T02:00:00 2" },
        { "EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", "2026-03-08T01:59:59 6" },
        { "EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", "2026-03-08T03:00:00 6" },
        { "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", "2026-01-01T11:00:00 3" },
        { "AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z", "2026-07-01T10:00:00 2" },
        { "<+0530>-5:30", "2026-07-01T20:00:00Z", "2026-07-02T01:30:00 3" },
        { "XXX3XXS2,J60/0,J300/0", "2028-02-29T02:59:59Z", "2028-02-28T23:59:59 0" },
        { "XXX3XXS2,J60/0,J300/0", "2028-03-01T03:00:00Z", "2028-03-01T01:00:00 2" },
        { "XXX3XXS2,59/0,299/0", "2028-02-29T03:00:00Z", "2028-02-29T01:00:00 1" },
        { "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", "2026-03-29T00:00:00 6" },
        { "UTC0", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00 3" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct fault fault = { "" };
        char bytes[512], local[64];
        const struct zone *zone = zone_parse(arena, text_make(bytes, make_zone(bytes, rows[i].rule)), &fault);

        if (!zone)
            fail_msg("%s: %s", rows[i].rule, fault.text);
        show(zone, rows[i].utc, local);
        if (strcmp(local, rows[i].local) != 0)
            fail_msg("%s %s: %s", rows[i].rule, rows[i].utc, local);
        arena_free(arena);
    }
}

static void test_zone_rubbish(void **state)
{
    static const char *const rules[] = {
        "X",    "CET",      "CET-1CEST",         "CET-1CEST,M3.5.0",
        "<CET", "CET-1;",   "CET-1CEST,M3,M4",   "CET-1CEST,M13.1.0,M3.5.0",
        "-1",   "CET-1:99", "CET-1CEST,M3.5.0,", "CET-1CEST,M3.5.0,M10.5.0x"
    };
    char bytes[512];
    size_t n = make_zone(bytes, "CET-1CEST,M3.5.0,M10.5.0/3");
    struct fault fault;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct arena *arena = arena_new(1 << 20);
        char *cut = malloc(i + 1);

        memcpy(cut, bytes, i);
        assert_null(zone_parse(arena, text_make(cut, i), &fault));
        free(cut);
        arena_free(arena);
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        struct arena *arena = arena_new(1 << 20);

        if (zone_parse(arena, text_make(bytes, make_zone(bytes, rules[i])), &fault))
            fail_msg("%s", rules[i]);
        arena_free(arena);
    }
}

/* Against the C library, where the machine has the zones. */
static void test_zone_files(void **state)
{
    static const char *const names[] = { "Europe/Berlin",      "America/New_York", "Australia/Lord_Howe",
                                         "America/Sao_Paulo",  "Asia/Kolkata",     "Africa/Casablanca",
                                         "Pacific/Kiritimati", "Europe/Dublin",    "Antarctica/Troll" };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct buf bytes = BUF(ZONE_FILE_MAX);
        struct fault fault;
        const struct zone *zone;
        char path[200];

        snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", names[i]);
        if (file_read(path, &bytes, &fault)) {
            zone = zone_parse(arena, buf_get(&bytes), &fault);
            assert_non_null(zone);
            assert_int_equal(setenv("TZ", names[i], 1), 0);
            tzset();
            for (int64_t t = -1000000000; t < 3500000000; t += 7654321) {
                time_t seconds = (time_t)t;
                struct civil civil;
                struct tm tm;

                zone_civil(zone, t, &civil);
                assert_non_null(localtime_r(&seconds, &tm));
                if (tm.tm_year + 1900 != civil.year || tm.tm_mon + 1 != civil.month ||
                    tm.tm_mday != civil.day || tm.tm_hour != civil.hour || tm.tm_min != civil.minute ||
                    tm.tm_sec != civil.second || (tm.tm_wday + 6) % 7 != civil.weekday)
                    fail_msg("%s %lld", names[i], (long long)t);
            }
        }
        buf_free(&bytes);
        arena_free(arena);
    }
    unsetenv("TZ");
    tzset();
}

static void test_zone_names(void **state)
{
    static const char *const good[] = { "Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires",
                                        "Etc/GMT+1" };
    static const char *const bad[] = { "",        "/etc/passwd", "../x", "Europe/../x",
                                       "Europe/", "a//b",        "a b",  "-a" };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_true(zone_name_fits(text_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (zone_name_fits(text_of(bad[i])))
            fail_msg("%s", bad[i]);
}

/* --- filters ------------------------------------------------------------------------------------------------------ */

static void test_amounts_and_dates(void **state)
{
    static const struct {
        const char *filter, *value, *out; /* out NULL: no value for it */
    } rows[] = {
        { "cents", "4990", "49.90" },
        { "cents", "5", "0.05" },
        { "cents", "50", "0.50" },
        { "cents", "0", "0.00" },
        { "cents", "-5", "-0.05" },
        { "cents(,)", "-123456", "-1234,56" },
        { "cents", "0000", "0.00" },
        { "cents", "123456789012345678901234567890", "1234567890123456789012345678.90" },
        { "cents", "", NULL },
        { "cents", "-", NULL },
        { "cents", "4.5", NULL },
        { "cents", "1e3", NULL },
        { "cents", "+5", NULL },
        { "money", "49.9", "49.90" },
        { "money", "49", "49.00" },
        { "money", "49.900", "49.90" },
        { "money", "49.995", "49.995" },
        { "money", "0.5", "0.50" },
        { "money", "-0", "-0.00" },
        { "money", "007", "7.00" },
        { "money(,)", "1234.5", "1234,50" },
        { "money", ".5", NULL },
        { "money", "5.", NULL },
        { "money", "1,5", NULL },
        { "money", "1e3", NULL },
        { "truncate(3)", "\xD0\xB9\xD0\xB9\xD0\xB9\xD0\xB9", "\xD0\xB9\xD0\xB9\xD0\xB9" },
        { "truncate(3)", "ab", "ab" },
        { "upper", "a\xC3\xA4z{`", "A\xC3\xA4Z{`" },
        { "lower", "A\xC3\x84Z[@", "a\xC3\x84z[@" },
        { "date(%d.%m.%Y)", "2026-12-01", "01.12.2026" },
        { "date(%d.%m.%Y %H:%M)", "2026-12-01T23:30:00Z", "02.12.2026 00:30" },
        { "date(%d.%m.%Y %H:%M)", "2026-07-01T23:30:00.5+03:00", "01.07.2026 22:30" },
        { "date(%H:%M:%S)", "0", "01:00:00" },
        { "date(%Y)", "-62135596800", "0001" },
        { "date(%d.%m.)", "2026-02-29", NULL },
        { "date(%d.%m.)", "2026-13-01", NULL },
        { "date(%d.%m.)", "tomorrow", NULL },
        { "date(%d.%m.)", "", NULL },
        { "date(%d.%m.)", "9999999999999", NULL },
        { "date(%d.%m.)", "1.5", NULL },
    };
    struct arena *arena = arena_new(1 << 20);
    struct fault fault;
    char bytes[512];
    const struct zone *zone =
        zone_parse(arena, text_make(bytes, make_zone(bytes, "CET-1CEST,M3.5.0,M10.5.0/3")), &fault);

    (void)state;
    assert_non_null(zone);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf out = BUF(1000);
        struct filter filter;
        const char *near;

        assert_true(filter_parse(text_of(rows[i].filter), zone, &filter, &near, &fault));
        if (filter_apply(&filter, text_of(rows[i].value), &out, &fault) != (rows[i].out != NULL))
            fail_msg("%s %s", rows[i].filter, rows[i].value);
        if (rows[i].out && !text_is(buf_get(&out), rows[i].out))
            fail_msg("%s %s: %s", rows[i].filter, rows[i].value, out.data);
        buf_free(&out);
    }
    arena_free(arena);
}

/* --- hours and languages -------------------------------------------------------------------------------------------- */

static void test_hours(void **state)
{
    static const struct {
        const char *at; /* 2026-12-21 is a Monday */
        const char *shop, *bar;
    } rows[] = {
        { "2026-12-21T08:59:59Z", "closed", "closed" }, { "2026-12-21T09:00:00Z", "open", "closed" },
        { "2026-12-21T17:59:59Z", "open", "closed" },   { "2026-12-21T18:00:00Z", "closed", "closed" },
        { "2026-12-25T10:00:00Z", "closed", "closed" }, { "2026-12-26T10:00:00Z", "closed", "closed" },
        { "2026-12-19T13:59:00Z", "open", "closed" },   { "2026-12-20T12:00:00Z", "closed", "closed" },
        { "2026-12-18T22:00:00Z", "closed", "open" },   { "2026-12-19T01:59:00Z", "closed", "open" },
        { "2026-12-19T02:00:00Z", "closed", "closed" }, { "2026-12-21T01:00:00Z", "closed", "open" },
        { "2026-12-21T02:00:00Z", "closed", "closed" }, { "2026-12-25T23:00:00Z", "closed", "open" },
    };
    struct hours_span shop_spans[2], bar_spans[1];
    struct hours_day closed[2];
    struct hours hours[2] = { { "shop", shop_spans, 2, closed, 2 }, { "bar", bar_spans, 1, NULL, 0 } };
    const struct settings settings = { .hours = hours, .n_hours = 2 };
    struct fault fault;

    (void)state;
    assert_true(hours_read_span(text_of("Mon-Fri 09:00-18:00"), &shop_spans[0], &fault));
    assert_true(hours_read_span(text_of("sat  10:00-14:00"), &shop_spans[1], &fault));
    assert_true(hours_read_span(text_of("Fri-Sat, Sun 22:00-02:00"), &bar_spans[0], &fault));
    assert_true(hours_read_day(text_of("2026-12-25"), &closed[0], &fault));
    assert_true(hours_read_day(text_of("2026-12-26"), &closed[1], &fault));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct json_object *scope = parse("{}"), *now;
        int64_t ms = 0;

        assert_true(now_parse(rows[i].at, &ms));
        assert_true(settings_fill(&settings, scope, ms));
        now = doc_key(scope, "hours");
        if (!text_is(doc_str(now, "shop"), rows[i].shop) || !text_is(doc_str(now, "bar"), rows[i].bar))
            fail_msg("%s: %s", rows[i].at, json_object_to_json_string(now));
        json_object_put(scope);
    }
}

static void test_hours_rubbish(void **state)
{
    static const char *const spans[] = { "",
                                         "Mon",
                                         "Mon 9-18",
                                         "Mon 09:00-25:00",
                                         "Mon 09:60-10:00",
                                         "09:00-18:00",
                                         "Mon- 09:00-18:00",
                                         "Mon 24:00-01:00",
                                         "Mon 09:00",
                                         "Montag 09:00-18:00",
                                         "Mon 09:00-24:01",
                                         "Mon,, 09:00-10:00" };
    struct hours_span span;
    struct fault fault;

    (void)state;
    for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++)
        if (hours_read_span(text_of(spans[i]), &span, &fault))
            fail_msg("%s", spans[i]);
    assert_true(hours_read_span(text_of("Mon 00:00-24:00"), &span, &fault));
}

static void test_languages(void **state)
{
    static const char *const languages[] = { "en", "de", NULL };
    static const struct {
        const char *scope;
        const char *lang, *free; /* free: without a list of languages; NULL: missing */
    } rows[] = {
        { "{}", "en", NULL },
        { "{\"contact\":{\"language\":\"de-AT\"}}", "de", "de" },
        { "{\"contact\":{\"language\":\"DE\"}}", "de", "DE" },
        { "{\"contact\":{\"language\":\"De-at\"}}", "de", "De" },
        { "{\"contact\":{\"language\":\"deu\"}}", "en", "deu" },
        { "{\"contact\":{\"language\":\"fr\"}}", "en", "fr" },
        { "{\"contact\":{\"language\":5}}", "en", NULL },
        { "{\"contact\":{\"language\":\"de\"},\"chat\":{\"lang\":\"en\"}}", "en", "en" },
        { "{\"contact\":{\"language\":\"de\"},\"chat\":{\"lang\":\"EN\"}}", "en", "EN" },
        { "{\"contact\":{\"language\":\"de\"},\"chat\":{\"lang\":\"xx\"},\"lang\":\"old\"}", "de", "xx" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (int listed = 0; listed < 2; listed++) {
            const struct settings settings = { .languages = listed ? languages : NULL };
            const char *expected = listed ? rows[i].lang : rows[i].free;
            struct json_object *scope = parse(rows[i].scope);
            struct text lang;

            assert_true(settings_fill(&settings, scope, 0));
            lang = doc_str(scope, "lang");
            if (expected ? !text_is(lang, expected) : lang.p != NULL)
                fail_msg("%s: %.*s", rows[i].scope, TEXT_ARG(lang));
            json_object_put(scope);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zone_rules),        cmocka_unit_test(test_zone_rubbish),
        cmocka_unit_test(test_zone_files),        cmocka_unit_test(test_zone_names),
        cmocka_unit_test(test_amounts_and_dates), cmocka_unit_test(test_hours),
        cmocka_unit_test(test_hours_rubbish),     cmocka_unit_test(test_languages),
    };

    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
