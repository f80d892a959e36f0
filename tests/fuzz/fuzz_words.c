/* The small forms: numbers, durations, sizes, hours, filters with a value behind them, addresses, references of secrets, digests.
   Lines, each tried as everything; a filter gets the line behind it as its value. */

#include "fuzz.h"

#include "core/address.h"
#include "core/filter.h"
#include "core/hours.h"
#include "core/limits.h"
#include "core/secret.h"
#include "core/sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void check_numbers(struct text line)
{
    char printed[32];
    size_t bytes;
    int64_t number, again;

    if (text_i64(line, &number)) {
        (void)snprintf(printed, sizeof(printed), "%" PRId64, number);
        HOLDS(text_i64(text_of(printed), &again) && again == number);
    }
    HOLDS(!text_duration(line, &number) || number >= 0);
    HOLDS(!text_size(line, &bytes) || line.n > 0);
}

static bool is_said(const struct fault *fault)
{
    return fault->text[0] && fuzz_is_line(text_of(fault->text));
}

static void check_address(struct text line)
{
    static const struct text hosts[] = { { "shop.example", 12 }, { "*.cdn.example", 13 } };
    struct fault fault = { "" };

    if (address_check(line, &fault))
        HOLDS(fuzz_is_line(line) && !memchr(line.p, ' ', line.n) && !memchr(line.p, '\\', line.n));
    else
        HOLDS(is_said(&fault));
    if (address_allowed(line, hosts, 2)) {
        HOLDS(address_check(line, &fault) && line.n > 8);
        HOLDS(!memchr(line.p, '@', line.n) || memchr(line.p + 8, '/', line.n - 8));
    }
    HOLDS(address_host_check(line, &fault) || is_said(&fault));
    HOLDS(limits_url(line, &fault) || is_said(&fault));
    HOLDS(limits_text(line, &fault) || is_said(&fault));
    HOLDS(limits_label(line, &fault) || is_said(&fault));
    HOLDS(limits_data(line, &fault) || is_said(&fault));
}

/* Filters that take the text of a value give text. */
static void check_filter(struct text line, struct text value)
{
    struct fault fault = { "" };
    struct filter filter;
    struct buf out = BUF(100000);
    const char *near;

    if (!filter_parse(line, NULL, &filter, &near, &fault)) {
        HOLDS(fault.text[0]);
    } else if (!filter_apply(&filter, value, &out, &fault)) {
        HOLDS(fault.text[0]);
    } else {
        HOLDS(text_utf8_count(value) < 0 || text_utf8_count(line) < 0 || text_utf8_count(buf_get(&out)) >= 0);
        HOLDS(filter.kind != FILTER_TRUNCATE || text_utf8_count(value) < 0 ||
              (size_t)text_utf8_count(buf_get(&out)) <= filter.n);
    }
    buf_free(&out);
}

static void check_hours(struct text line)
{
    struct fault fault = { "" };
    struct hours_span span;
    struct hours_day day;
    struct civil civil;

    if (hours_read_span(line, &span, &fault)) {
        HOLDS(span.days > 0 && span.days < 128 && span.from >= 0 && span.from < 1440 && span.to >= 0 &&
              span.to <= 1440);
        zone_civil(NULL, 1784016000, &civil);
        (void)hours_open(&(struct hours){ "h", &span, 1, NULL, 0 }, &civil);
    }
    if (hours_read_day(line, &day, &fault))
        HOLDS(civil_fits(day.year, day.month, day.day));
    (void)zone_name_fits(line);
}

static void check_digests(struct text line)
{
    unsigned char bytes[SIGN_MAX], again[SIGN_MAX];
    enum secret_kind kind;
    struct fault fault = { "" };
    struct text name;
    char text[2 * SIGN_MAX + 1];

    if (sign_unbase64(line, bytes, 32)) {
        sign_base64(bytes, 32, text, sizeof(text));
        HOLDS(sign_unbase64(text_of(text), again, 32) && memcmp(bytes, again, 32) == 0);
    }
    if (text_unhex(line, bytes, 20)) {
        text_hex(bytes, 20, text);
        HOLDS(text_is_nocase(line, text));
    }
    if (secret_parse(line, &kind, &name, &fault))
        HOLDS(name.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = fuzz_text(data, size);
    char shown[65];

    while (rest.n) {
        struct text line = fuzz_line(&rest), next = rest;

        check_numbers(line);
        check_address(line);
        check_filter(line, fuzz_line(&next));
        check_hours(line);
        check_digests(line);
        text_printable(line, shown, sizeof(shown) - 1);
        HOLDS(fuzz_is_line(text_of(shown)));
    }
    return 0;
}
