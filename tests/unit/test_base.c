#include "base/buf.h"
#include "base/file.h"
#include "base/mailbox.h"
#include "base/now.h"
#include "base/text.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* --- files --- */

static void assert_file(const char *path, const char *content)
{
    struct buf got = BUF(100);
    struct fault fault;

    assert_true(file_read(path, &got, &fault));
    assert_string_equal(buf_get(&got).p, content);
    buf_free(&got);
}

static void assert_refused(const char *path, const char *content, const char *why)
{
    struct fault fault = { "" };

    assert_false(file_write(path, text_of(content), &fault));
    if (!strstr(fault.text, why))
        fail_msg("%s: %s", path, fault.text);
}

static mode_t kind_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

static void test_file_write(void **state)
{
    char folder[] = "/tmp/callbackd-base-XXXXXX";
    struct fault fault;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_true(file_write("a", text_of("one"), &fault));
    assert_true(file_write("a", text_of("two"), &fault));
    assert_file("a", "two");
    assert_int_equal(kind_of("a.new"), 0);
    assert_refused("", "x", "the name of the file is empty");
    assert_refused("none/a", "x", "none/a: No such file or directory");
    assert_refused(folder, "x", "Is a directory");
    unlink("a");
    assert_int_equal(rmdir(folder), 0);
}

/* As root it could take the place of a device. */
static void test_file_write_keeps_what_is_no_file(void **state)
{
    char folder[] = "/tmp/callbackd-base-XXXXXX";
    struct fault fault;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_true(file_write("a", text_of("longer than what follows"), &fault));
    assert_int_equal(symlink("a", "link"), 0);
    assert_true(file_write("link", text_of("two"), &fault));
    assert_file("a", "two");
    assert_int_equal(kind_of("link"), S_IFLNK);
    assert_int_equal(symlink("/dev/full", "full"), 0);
    assert_refused("full", "x", "full: No space left on device");
    assert_int_equal(kind_of("full"), S_IFLNK);
    unlink("a");
    unlink("link");
    unlink("full");
    assert_int_equal(rmdir(folder), 0);
}

static void test_file_write_on_a_full_disk(void **state)
{
    char folder[] = "/tmp/callbackd-base-XXXXXX";
    struct rlimit before, little;
    struct fault fault;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    assert_true(file_write("a", text_of("one"), &fault));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    little = (struct rlimit){ 4, before.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    assert_false(file_write("a", text_of("too much"), &fault));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_non_null(strstr(fault.text, "a: File too large"));
    assert_file("a", "one");
    assert_int_equal(kind_of("a.new"), 0);
    unlink("a");
    assert_int_equal(rmdir(folder), 0);
}

static void *post_three(void *arg)
{
    for (int i = 0; i < 2; i++)
        assert_true(mailbox_post(arg, mail(i, 1)));
    mailbox_post_reserved(arg, mail(2, 1));
    return NULL;
}

/* For what comes first: a message, something else, or the end of the time. */
static void test_mailbox_awaits(void **state)
{
    struct mailbox *box = mailbox_new(10, 100);
    struct mail *last;
    pthread_t thread;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    mailbox_await(box, ends[0], 1);
    assert_int_equal(write(ends[1], "x", 1), 1);
    mailbox_await(box, ends[0], 600000); /* it can be read */
    close(ends[1]);
    close(ends[0]);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_create(&thread, NULL, post_three, box), 0);
    mailbox_await(box, ends[0], 600000);
    assert_true(mailbox_waiting(box) > 0);
    pthread_join(thread, NULL);
    for (last = mailbox_take(box, 10, 50, 0); last;) {
        struct mail *next = last->next;

        free(last);
        last = next;
    }
    mailbox_free(box);
    close(ends[0]);
    close(ends[1]);
}

static void test_mailbox_gathers(void **state)
{
    struct mailbox *box = mailbox_new(10, 100);
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, post_three, box), 0);
    mailbox_gather(box, 3, 600000000);
    assert_int_equal(mailbox_waiting(box), 3);
    mailbox_gather(box, 3, 600000000); /* they are there */
    mailbox_gather(box, 4, 1000);      /* that one never comes */
    assert_int_equal(mailbox_waiting(box), 3);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++)
        free(mailbox_take(box, 1, 50, 0));
    mailbox_free(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_keeps_its_maximum),
        cmocka_unit_test(test_buf_take),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_file_write),
        cmocka_unit_test(test_file_write_keeps_what_is_no_file),
        cmocka_unit_test(test_file_write_on_a_full_disk),
        cmocka_unit_test(test_closest),
        cmocka_unit_test(test_printable),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_mailbox_bounds_and_order),
        cmocka_unit_test(test_mailbox_awaits),
        cmocka_unit_test(test_mailbox_gathers),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
