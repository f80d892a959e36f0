/* Answers that are kept for a while, and mails with what they own. */

#include "app/cache.h"
#include "app/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE 60000

#define BODY_MAX 16384
#define BYTES_MAX (1 << 20)

static void assert_has(struct cache *cache, const char *owner, const char *key, int64_t now, const char *body)
{
    struct text got = cache_get(cache, owner, text_of(key), now);

    if (!body) {
        assert_null(got.p);
        return;
    }
    assert_int_equal(got.n, strlen(body));
    assert_memory_equal(got.p, body, got.n);
}

static void kept_until_its_end(void **state)
{
    struct cache *cache = cache_new(BODY_MAX, BYTES_MAX);

    (void)state;
    assert_has(cache, "intercom", "7", 0, NULL);
    cache_put(cache, "intercom", text_of("7"), text_of("{\"a\":1}"), 10 * MINUTE);
    assert_has(cache, "intercom", "7", 1000, "{\"a\":1}");
    assert_has(cache, "intercom", "7", 10 * MINUTE - 1, "{\"a\":1}");
    assert_has(cache, "intercom", "7", 10 * MINUTE, NULL);
    cache_put(cache, "intercom", text_of("7"), text_of("{}"), 30 * MINUTE);
    assert_has(cache, "intercom", "7", 20 * MINUTE, "{}");
    cache_free(cache);
}

static void one_is_not_another(void **state)
{
    struct cache *cache = cache_new(BODY_MAX, BYTES_MAX);

    (void)state;
    cache_put(cache, "a", text_of("b/c"), text_of("1"), 1);
    assert_has(cache, "a/b", "c", 0, NULL);
    assert_has(cache, "a", "b", 0, NULL);
    assert_has(cache, "a", "b/c", 0, "1");
    assert_has(cache, "a", "b/cd", 0, NULL);
    assert_has(cache, "", "", 0, NULL);
    /* keys are bytes */
    cache_put(cache, "a", text_make("k\0x", 3), text_of("2"), 1);
    assert_int_equal(cache_get(cache, "a", text_make("k\0x", 3), 0).n, 1);
    assert_null(cache_get(cache, "a", text_make("k\0y", 3), 0).p);
    assert_has(cache, "a", "k", 0, NULL);
    cache_free(cache);
}

static int count_there(const struct cache *cache, int n)
{
    char key[16];
    int there = 0;

    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof(key), "%d", i);
        there += cache_get(cache, "intercom", text_of(key), 0).p != NULL;
    }
    return there;
}

static void bounded_in_number(void **state)
{
    static char large[BODY_MAX + 1];
    struct cache *cache = cache_new(BODY_MAX, BYTES_MAX);
    char key[16];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        cache_put(cache, "intercom", text_of(key), text_of(key), 1);
        assert_has(cache, "intercom", key, 0, key);
    }
    assert_in_range(count_there(cache, 20000), 1, 1024);
    cache_put(cache, "intercom", text_of("7"), text_of("old"), 1);
    cache_put(cache, "intercom", text_of("7"), text_make(large, sizeof(large)), 1);
    /* too large to keep, and the old one is not true any more */
    assert_has(cache, "intercom", "7", 0, NULL);
    cache_free(cache);
    cache_free(NULL);
}

static void bounded_in_bytes(void **state)
{
    static char large[BODY_MAX];
    struct cache *cache = cache_new(BODY_MAX, 10 * BODY_MAX);
    char key[16];

    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "%d", i);
        cache_put(cache, "intercom", text_of(key), text_make(large, sizeof(large)), 1);
        assert_int_equal(cache_get(cache, "intercom", text_of(key), 0).n, sizeof(large));
    }
    assert_in_range(count_there(cache, 200), 1, 9);
    cache_free(cache);
}

/* The sanitizers see what is not freed. */
static void mails_own_what_they_carry(void **state)
{
    struct accept_mail *accept = mail_new(MAIL_ACCEPT, sizeof(*accept));
    struct request_mail *request = mail_new(MAIL_REQUEST, sizeof(*request));
    struct result_mail *result = mail_new(MAIL_RESULT, sizeof(*result));
    struct mail *word = mail_new(MAIL_STOP, sizeof(*word));

    (void)state;
    assert_true(accept && request && result && word);
    assert_int_equal(accept->mail.kind, MAIL_ACCEPT);
    assert_null(accept->body);
    accept->source = text_dup(text_of("intercom"));
    accept->headers = text_dup(text_of("a: b"));
    accept->body = text_dup(text_of("{}"));
    request->url = text_dup(text_of("https://x"));
    request->body = text_dup(text_of("{}"));
    for (int i = 0; i < REQUEST_HEADERS; i++)
        request->headers[i] = text_dup(text_of("X-Key: secret"));
    result->body = text_dup(text_of("{}"));
    result->error = text_dup(text_of("timeout"));
    accept->mail.next = &request->mail;
    request->mail.next = &result->mail;
    result->mail.next = word;
    mail_free_all(&accept->mail);
    mail_free_all(NULL);
    mail_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_until_its_end),        cmocka_unit_test(one_is_not_another),
        cmocka_unit_test(bounded_in_number),         cmocka_unit_test(bounded_in_bytes),
        cmocka_unit_test(mails_own_what_they_carry),
    };

    return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
