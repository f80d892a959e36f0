#include "base/buf.h"
#include "base/mailbox.h"
#include "base/now.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_buf_keeps_its_maximum(void **state)
{
    struct buf buf = BUF(5);

    (void)state;
    buf_str(&buf, "hello");
    assert_false(buf.failed);
    buf_char(&buf, '!');
    assert_true(buf.failed);
    assert_string_equal(buf.data, "hello");
    assert_null(buf_take(&buf));
}

static void test_buf_take(void **state)
{
    struct buf buf = BUF(100);
    char *taken;

    (void)state;
    buf_printf(&buf, "%d-%s", 7, "x");
    taken = buf_take(&buf);
    assert_string_equal(taken, "7-x");
    free(taken);
    taken = buf_take(&buf);
    assert_string_equal(taken, "");
    free(taken);
}

static void test_utf8(void **state)
{
    static const struct {
        const char *text;
        int64_t count, utf16;
    } rows[] = { { "", 0, 0 },
                 { "abc", 3, 3 },
                 { "\xD0\xB9", 1, 1 },
                 { "\xF0\x9F\x98\x80", 1, 2 },
                 { "\xC0\x80", -1, -1 },
                 { "\xED\xA0\x80", -1, -1 },
                 { "\xF4\x90\x80\x80", -1, -1 },
                 { "\x80", -1, -1 },
                 { "\xE2\x82", -1, -1 } };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(text_utf8_count(text_of(rows[i].text)), rows[i].count);
        assert_int_equal(text_utf16_count(text_of(rows[i].text)), rows[i].utf16);
    }
}

static void test_numbers(void **state)
{
    int64_t n = 0;
    size_t size = 0;

    (void)state;
    assert_true(text_i64(text_of("-9223372036854775808"), &n) && n == INT64_MIN);
    assert_true(text_i64(text_of("9223372036854775807"), &n) && n == INT64_MAX);
    assert_false(text_i64(text_of("9223372036854775808"), &n));
    assert_false(text_i64(text_of("-"), &n));
    assert_false(text_i64(text_of(""), &n));
    assert_false(text_i64(text_of("1 "), &n));
    assert_true(text_duration(text_of("250ms"), &n) && n == 250);
    assert_true(text_duration(text_of("15m"), &n) && n == 900000);
    assert_false(text_duration(text_of("15"), &n));
    assert_false(text_duration(text_of("-1s"), &n));
    assert_true(text_size(text_of("1MiB"), &size) && size == 1048576);
    assert_false(text_size(text_of("1MB"), &size));
}

static void test_closest(void **state)
{
    static const char *const words[] = { "buttons", "keyboard", "text", NULL };

    (void)state;
    assert_string_equal(text_closest(text_of("butons"), words), "buttons");
    assert_string_equal(text_closest(text_of("txet"), words), "text");
    assert_null(text_closest(text_of("colour"), words));
}

static void test_printable(void **state)
{
    char out[9];

    (void)state;
    text_printable(text_make("a\nb\0c\xFFz", 7), out, 8);
    assert_string_equal(out, "a?b?c?z");
    text_printable(text_of("1234567\xD0\xB9"), out, 8);
    assert_string_equal(out, "1234567");
}

static void test_time(void **state)
{
    char out[32];
    int64_t ms = 0;

    (void)state;
    assert_true(now_parse("2026-07-14T06:58:20.480Z", &ms));
    now_format(ms, out, sizeof(out));
    assert_string_equal(out, "2026-07-14T06:58:20.480Z");
    assert_true(now_parse("2026-12-01T10:00:00+01:00", &ms));
    now_format(ms, out, sizeof(out));
    assert_string_equal(out, "2026-12-01T09:00:00.000Z");
    assert_false(now_parse("2026-12-01", &ms));
    assert_false(now_parse("2026-12-01T10:00:00", &ms));
}

static struct mail *mail(int kind, size_t bytes)
{
    struct mail *m = calloc(1, sizeof(*m));

    m->kind = kind;
    m->bytes = bytes;
    return m;
}

static void test_mailbox_bounds_and_order(void **state)
{
    struct mailbox *box = mailbox_new(2, 100);
    struct mail *spare = mail(9, 1), *got;

    (void)state;
    assert_true(mailbox_post(box, mail(1, 60)));
    assert_false(mailbox_post(box, &(struct mail){ .bytes = 41 }));
    assert_true(mailbox_post(box, mail(2, 40)));
    assert_false(mailbox_post(box, spare));
    mailbox_post_reserved(box, mail(3, 1000));
    assert_int_equal(mailbox_waiting(box), 3);
    got = mailbox_take(box, 10, 50, 0);
    assert_int_equal(got->kind, 3);
    assert_int_equal(got->next->kind, 1);
    assert_null(got->next->next);
    free(got->next);
    free(got);
    got = mailbox_take(box, 10, 50, -1);
    assert_int_equal(got->kind, 2);
    free(got);
    assert_null(mailbox_take(box, 10, 50, 1));
    mailbox_set_bounds(box, 2, 10);
    assert_false(mailbox_post(box, &(struct mail){ .bytes = 11 }));
    mailbox_set_bounds(box, 2, 11);
    assert_true(mailbox_post(box, mail(4, 11)));
    mailbox_set_bounds(box, 2, 5); /* less than what waits */
    assert_false(mailbox_post(box, &(struct mail){ .bytes = 1 }));
    free(mailbox_take(box, 10, 50, 0));
    free(spare);
    mailbox_free(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_keeps_its_maximum),
        cmocka_unit_test(test_buf_take),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_closest),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_mailbox_bounds_and_order),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
