/* Contacts that are kept for a while, and mails with what they own. */

#include "app/contacts.h"
#include "app/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MINUTE 60000

static void assert_has(struct contacts *contacts, const char *source, const char *id, int64_t now,
                       const char *body)
{
    struct text got = contacts_get(contacts, source, text_of(id), now);

    if (!body) {
        assert_null(got.p);
        return;
    }
    assert_int_equal(got.n, strlen(body));
    assert_memory_equal(got.p, body, got.n);
}

static void kept_for_ten_minutes(void **state)
{
    struct contacts *contacts = contacts_new();

    (void)state;
    assert_has(contacts, "intercom", "7", 0, NULL);
    contacts_put(contacts, "intercom", text_of("7"), text_of("{\"a\":1}"), 1000);
    assert_has(contacts, "intercom", "7", 1000, "{\"a\":1}");
    assert_has(contacts, "intercom", "7", 1000 + 10 * MINUTE, "{\"a\":1}");
    assert_has(contacts, "intercom", "7", 1001 + 10 * MINUTE, NULL);
    contacts_put(contacts, "intercom", text_of("7"), text_of("{}"), 20 * MINUTE);
    assert_has(contacts, "intercom", "7", 20 * MINUTE, "{}");
    contacts_free(contacts);
}

static void one_is_not_another(void **state)
{
    struct contacts *contacts = contacts_new();

    (void)state;
    contacts_put(contacts, "a", text_of("b/c"), text_of("1"), 0);
    assert_has(contacts, "a/b", "c", 0, NULL);
    assert_has(contacts, "a", "b", 0, NULL);
    assert_has(contacts, "a", "b/c", 0, "1");
    assert_has(contacts, "a", "b/cd", 0, NULL);
    assert_has(contacts, "", "", 0, NULL);
    contacts_free(contacts);
}

static void bounded(void **state)
{
    static char large[20000];
    struct contacts *contacts = contacts_new();
    int there = 0;
    char id[16];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        snprintf(id, sizeof(id), "%d", i);
        contacts_put(contacts, "intercom", text_of(id), text_of(id), 0);
        assert_has(contacts, "intercom", id, 0, id);
    }
    for (int i = 0; i < 20000; i++) {
        snprintf(id, sizeof(id), "%d", i);
        there += contacts_get(contacts, "intercom", text_of(id), 0).p != NULL;
    }
    assert_true(there > 0 && there <= 1024);
    contacts_put(contacts, "intercom", text_of("7"), text_of("old"), 0);
    contacts_put(contacts, "intercom", text_of("7"), text_make(large, sizeof(large)), 0);
    assert_has(contacts, "intercom", "7", 0,
               NULL); /* too large to keep, and the old one is not true any more */
    contacts_put(contacts, "intercom", text_make("a\0b", 3), text_of("x"), 0);
    assert_null(contacts_get(contacts, "intercom", text_make("a\0b", 3), 0).p);
    contacts_free(contacts);
    contacts_free(NULL);
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
        cmocka_unit_test(kept_for_ten_minutes),
        cmocka_unit_test(one_is_not_another),
        cmocka_unit_test(bounded),
        cmocka_unit_test(mails_own_what_they_carry),
    };

    return cmocka_run_group_tests_name("contacts", tests, NULL, NULL);
}
