#include "net/intake_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define H "Host: h\r\n"
#define OK 0
#define MORE (-1)

static const struct intake_bounds bounds = { .body = 64, .headers = 512 };

static const struct {
    const char *bytes;
    size_t n; /* 0: up to the NUL */
    int want; /* OK: a whole request; MORE: not yet; else the refusal */
} rows[] = {
    { "GET / HTTP/1.1\r\n" H "\r\n", 0, OK },
    { "GET / HTTP/1.0\r\n\r\n", 0, OK },
    { "POST /a?b=c HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 0, OK },
    { "POST / HTTP/1.1\r\n" H "content-length:\t 3 \t\r\n\r\nabcGET", 0, OK },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab", 0, MORE },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 0, OK },
    { "POST / HTTP/1.1\r\n" H "X: \xc3\xa4\tb\r\nEmpty:\r\n\r\n", 0, OK },
    { "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", 0, MORE },
    { "HEAD / HTTP/1.1\r\n" H "\r\n", 0, OK },
    { "OPTIONS /x HTTP/1.1\r\n" H "\r\n", 0, OK },
    { "", 0, MORE },
    { "GE", 0, MORE },
    { "GET / HTTP/1.1\r\n" H, 0, MORE },
    /* lengths */
    { "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-length: 4\r\n\r\nabcd", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 3 4\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 00000000000000000000000000000000000000003\r\n\r\n", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 65\r\n\r\n", 0, 413 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 999999999999999999\r\n\r\n", 0, 413 },
    { "HEAD / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 0, 400 },
    { "TRACE / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 0, 400 },
    /* codings */
    { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 0, 411 },
    { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, 411 },
    { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\ntransfer-encoding:\tchunked\r\n\r\nabc", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", 0, 400 },
    /* lines */
    { "GET / HTTP/1.1\n" H "\n", 0, 400 },
    { "GET / HTTP/1.1\r\nHost: h\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H "\n", 0, 400 },
    { "GET / HTTP/1.1\r\r\n" H "\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H "X\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H "X(: x\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", 35, 400 },
    { "GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n", 34, 400 },
    { "GET / HTTP/1.1\r\n" H "X: \x01\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n", 0, 400 },
    { "\r\nGET / HTTP/1.1\r\n" H "\r\n", 0, 400 },
    /* request lines */
    { "GET http://h/ HTTP/1.1\r\n" H "\r\n", 0, 400 },
    { "GET //h/ HTTP/1.1\r\n" H "\r\n", 0, 400 },
    { "GET * HTTP/1.1\r\n" H "\r\n", 0, 400 },
    { "GET  / HTTP/1.1\r\n" H "\r\n", 0, 400 },
    { "GET /a b HTTP/1.1\r\n" H "\r\n", 0, 400 },
    { "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 0, 400 },
    { "GET /\r\n", 0, 400 },
    { "GET / HTTP/1.1 \r\n" H "\r\n", 0, 400 },
    { "GET / http/1.1\r\n" H "\r\n", 0, 400 },
    { "GET / HTTP/11\r\n" H "\r\n", 0, 400 },
    { "GET / HTTP/1.10\r\n" H "\r\n", 0, 400 },
    { "GET / HTTP/1.2\r\n" H "\r\n", 0, 505 },
    { "GET / HTTP/2.0\r\n" H "\r\n", 0, 505 },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 501 },
    { "\x16\x03\x01\x02", 0, 400 },
    { "get / HTTP/1.1\r\n" H "\r\n", 0, 501 },
    { "BREW /pot HTTP/1.1\r\n" H "\r\n", 0, 501 },
    { "CONNECT h:443 HTTP/1.1\r\n" H "\r\n", 0, 501 },
    /* hosts, expectations */
    { "GET / HTTP/1.1\r\n\r\n", 0, 400 },
    { "GET / HTTP/1.1\r\n" H H "\r\n", 0, 400 },
    { "POST / HTTP/1.1\r\n" H "Expect: tea\r\n\r\n", 0, 417 },
};

static int outcome(int refusal, const struct intake_check *check)
{
    return refusal ? refusal : intake_check_done(check) ? OK : MORE;
}

static int feed_in_steps(const char *p, size_t n, size_t step)
{
    struct intake_check check;
    int refusal = 0;
    intake_check_start(&check);
    for (size_t at = 0; at < n && !refusal && !intake_check_done(&check); at += step)
        refusal = intake_check_feed(&check, &bounds, p + at, n - at < step ? n - at : step);
    return outcome(refusal, &check);
}

static void requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = rows[i].n ? rows[i].n : strlen(rows[i].bytes);
        for (size_t step = 1; step < 64; step = step < 8 ? step + 1 : step * 2) {
            int got = feed_in_steps(rows[i].bytes, n, step);
            if (got != rows[i].want)
                fail_msg("in steps of %zu: %s\n=> %d, not %d", step, rows[i].bytes, got, rows[i].want);
        }
        assert_int_equal(feed_in_steps(rows[i].bytes, n, n ? n : 1), rows[i].want);
    }
}

static void head_too_long(void **state)
{
    char bytes[4096];
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, "GET /", 5);
    assert_int_equal(feed_in_steps(bytes, sizeof(bytes), sizeof(bytes)), 431);
    assert_int_equal(feed_in_steps(bytes, sizeof(bytes), 7), 431);
    memcpy(bytes, "GET / HTTP/1.1\r\nHost: ", 22);
    assert_int_equal(feed_in_steps(bytes, sizeof(bytes), 100), 431);
}

static void too_many_lines(void **state)
{
    static const struct intake_bounds wide = { .body = 64, .headers = 1 << 20 };
    struct intake_check check;
    (void)state;
    intake_check_start(&check);
    assert_int_equal(intake_check_feed(&check, &wide, "GET / HTTP/1.1\r\n", 16), 0);
    for (int i = 0; i < INTAKE_CHECK_LINES; i++)
        assert_int_equal(intake_check_feed(&check, &wide, "a:\r\n", 4), 0);
    assert_int_equal(intake_check_feed(&check, &wide, "a:\r\n", 4), 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(head_too_long),
        cmocka_unit_test(too_many_lines),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
