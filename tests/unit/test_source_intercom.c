#include "source_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOURCE "name: i\nkind: intercom\npath: /i\nsecrets: [ env:S ]\nchannel: c\n"
#define REPLIED "conversation.user.replied"
#define CREATED "conversation.user.created"
#define AUTHOR "\"author\":{\"type\":\"user\",\"id\":\"u1\"}"

static void expect(const char *yaml, const char *body, const char *expected)
{
    fixture_expect(yaml, fixture_read, body, expected);
}

static void test_payloads(void **state)
{
    static const struct {
        const char *file, *expected;
    } table[] = {
        { "intercom-ping", "- ping" },
        { "intercom-user-created", "either 215470000000101/2693300001 user= data=menu:orders" },
        { "intercom-user-replied", "either 215470000000101/31700000077 user= data=order:cancel:4711" },
        { "intercom-deleted", "- topic conversation.deleted" },
        { "intercom-error", "- no topic" },
        { "hubspot-one", "- no topic" },
        { "hubspot-message", "- no topic" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char *body = payload(table[i].file);

        expect(SOURCE, body, table[i].expected);
        free(body);
    }
}

static void test_fields(void **state)
{
    char *body = payload("intercom-user-replied");
    struct extraction out;
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE "user_id: [ { at: external_id, pattern: 'tg-(?<id>-?[0-9]+)' } ]\n", NULL);
    source_extract(f.source, text_of(body), STORED_AT, f.scratch, f.arena, &out);
    assert_int_equal(out.count, 1);
    assert_true(text_is(out.delivery, "notif_7f2a9a1c-33aa-4d1b-8a56-0c9d8e7f6a5b"));
    assert_true(text_is(out.entries[0].account, "abcd1234"));
    assert_true(text_is(out.entries[0].topic, REPLIED));
    assert_true(text_is(out.entries[0].author, "user"));
    assert_true(text_is(out.entries[0].contact, "66b0c0ffee0000000000a001"));
    assert_int_equal(out.entries[0].said_at, INT64_C(1784015899000));
    source_finish(f.source, &out.entries[0], f.scratch, f.arena);
    assert_true(text_is(out.entries[0].user_id, "700000001"));
    fixture_close(&f);
    free(body);
}

/* A notification with these members of the item. */
static char *notification(const char *topic, const char *item)
{
    struct buf out = BUF(100000);

    buf_printf(&out,
               "{\"type\":\"notification_event\",\"app_id\":\"abcd1234\",\"id\":null,\"topic\":\"%s\","
               "\"created_at\":1784015000,\"data\":{\"item\":{%s}}}",
               topic, item);
    return buf_take(&out);
}

static void test_items(void **state)
{
    static const struct {
        const char *topic, *item, *expected;
    } table[] = {
        /* source only where the conversation begins */
        { CREATED, "\"id\":\"1\",\"source\":{\"id\":\"2\",\"body\":\"a:b\"," AUTHOR "}",
          "either 1/2 user= data=a:b" },
        { REPLIED, "\"id\":\"1\",\"source\":{\"id\":\"2\",\"body\":\"a:b\"," AUTHOR "}",
          "- no message in it" },
        { CREATED, "\"id\":\"1\",\"source\":{\"id\":\"2\",\"body\":\"x\",\"redacted\":true," AUTHOR "}",
          "- redacted" },
        { CREATED, "\"id\":\"1\",\"source\":{\"id\":\"2\",\"body\":\"x\",\"author\":{\"type\":\"admin\"}}",
          "- author admin" },
        { CREATED, "\"id\":\"1\",\"source\":null", "- no message in it" },
        /* ids of any type, and those that json-c cannot hold */
        { CREATED, "\"id\":215470000000101,\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR "}",
          "either 215470000000101/2 user= data=x" },
        { CREATED, "\"id\":99999999999999999999,\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR "}",
          "- no usable conversation id" },
        { CREATED, "\"id\":\"1\",\"source\":{\"id\":99999999999999999999,\"body\":\"x\"," AUTHOR "}",
          "- a message without a usable id" },
        { CREATED, "\"id\":\"1\",\"source\":{\"id\":1.5,\"body\":\"x\"," AUTHOR "}",
          "- a message without a usable id" },
        { CREATED, "\"id\":\"1\\u0000\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR "}",
          "- no usable conversation id" },
        { CREATED, "\"id\":\"\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR "}",
          "- no usable conversation id" },
        { CREATED, "\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR "}", "- no usable conversation id" },
        /* external_id: object, array, old model; several contacts */
        { CREATED,
          "\"id\":\"1\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR
          "},\"contacts\":{\"contacts\":[{\"id\":\"c\",\"external_id\":\"700000001\"}]}",
          "either 1/2 user=700000001 data=x" },
        { CREATED,
          "\"id\":\"1\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR
          "},\"contacts\":[{\"id\":\"c\",\"type\":\"lead\",\"external_id\":\"-100\"}]",
          "either 1/2 user=-100 data=x" },
        { CREATED,
          "\"id\":\"1\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR
          "},\"contacts\":{\"contacts\":[{\"id\":\"u0\",\"external_id\":\"1\"},{\"id\":\"u1\",\"external_"
          "id\":2}]}",
          "either 1/2 user=2 data=x" },
        { CREATED,
          "\"id\":\"1\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR
          "},\"contacts\":{\"contacts\":[{\"id\":\"c\",\"external_id\":null}]}",
          "either 1/2 user= data=x" },
        { CREATED,
          "\"id\":\"1\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR "},\"contacts\":{\"contacts\":{}}",
          "either 1/2 user= data=x" },
        { CREATED,
          "\"id\":\"1\",\"user\":{\"type\":\"user\",\"id\":\"u1\",\"user_id\":\"700000002\"},\"tags_added\":{"
          "},"
          "\"conversation_message\":{\"id\":\"331\",\"body\":\"<p>old</p>\"," AUTHOR "}",
          "either 1/331 user=700000002 data=old" },
        /* not a Telegram id */
        { CREATED,
          "\"id\":\"1\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR
          "},\"contacts\":{\"contacts\":[{\"external_id\":\"tg-700000001\"}]}",
          "either 1/2 user= data=x" },
        { CREATED,
          "\"id\":\"1\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR
          "},\"contacts\":{\"contacts\":[{\"external_id\":\"123456789012345678901\"}]}",
          "either 1/2 user= data=x" },
        { CREATED,
          "\"id\":\"1\",\"source\":{\"id\":2,\"body\":\"x\"," AUTHOR
          "},\"contacts\":{\"contacts\":[{\"external_id\":\"-\"}]}",
          "either 1/2 user= data=x" },
        /* deviant shapes */
        { REPLIED, "\"type\":\"conversation\",\"conversation_id\":\"123\"", "- no message in it" },
        { REPLIED, "\"contact\":{\"id\":\"c\"},\"conversation\":{\"parts\":[],\"model\":{\"id\":5}}",
          "- no usable conversation id" },
        { REPLIED, "", "- no usable conversation id" },
        { "conversation.read", "\"id\":\"1\"", "- topic conversation.read" },
        { "conversation.user.replied\\u0001", "\"id\":\"1\"", "- topic conversation.user.replied?" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char *body = notification(table[i].topic, table[i].item);

        expect(SOURCE, body, table[i].expected);
        free(body);
    }
}

static void test_parts(void **state)
{
    static const struct {
        const char *parts, *expected;
    } table[] = {
        { "{\"id\":\"2\",\"part_type\":\"comment\",\"body\":\"x\"," AUTHOR "}", "either 1/2 user= data=x" },
        { "{\"id\":\"2\",\"part_type\":\"open\",\"body\":\"x\"," AUTHOR "}", "either 1/2 user= data=x" },
        { "{\"id\":\"2\",\"part_type\":\"quick_reply\",\"body\":\"x\"," AUTHOR "}",
          "either 1/2 user= data=x" },
        { "{\"id\":\"2\",\"part_type\":\"note\",\"body\":\"x\"," AUTHOR "}", "- a note" },
        { "{\"id\":\"2\",\"part_type\":\"note_and_reopen\",\"body\":\"x\"," AUTHOR "}", "- a note" },
        { "{\"id\":\"2\",\"body\":\"x\",\"author\":{\"type\":\"lead\"}}", "either 1/2 user= data=x" },
        { "{\"id\":\"2\",\"body\":\"x\",\"author\":{\"type\":\"contact\"}}", "either 1/2 user= data=x" },
        { "{\"id\":\"2\",\"body\":\"x\",\"author\":{\"type\":\"visitor\"}}", "either 1/2 user= data=x" },
        { "{\"id\":\"2\",\"body\":\"x\",\"author\":{\"type\":\"bot\"}}", "- author bot" },
        { "{\"id\":\"2\",\"body\":\"x\",\"author\":{\"type\":\"team\"}}", "- author team" },
        { "{\"id\":\"2\",\"body\":\"x\",\"author\":{\"type\":\"\\u001b[31m\"}}", "- author ?[31m" },
        { "{\"id\":\"2\",\"body\":\"x\"}", "- no author" },
        { "{\"id\":\"2\",\"body\":null," AUTHOR "}", "- no text" },
        { "{\"id\":\"2\",\"body\":\"\"," AUTHOR "}", "- no text" },
        { "{\"id\":\"2\",\"body\":\" \\u00a0\\n \"," AUTHOR "}", "- no text" },
        { "{\"id\":\"2\",\"body\":\"<p></p>\"," AUTHOR "}", "- no text" },
        { "{\"id\":\"2\"," AUTHOR "}", "- no text" },
        { "{\"id\":\"2\",\"body\":{\"a\":1}," AUTHOR "}", "- no text" },
        { "{\"id\":\"2\",\"body\":\"<p><i>This message was deleted</i></p>\",\"redacted\":true," AUTHOR "}",
          "- redacted" },
        { "{\"body\":\"x\"," AUTHOR "}", "- a message without a usable id" },
        { "null", "- no author" },
        { "5", "- no author" },
        { "", "- no message in it" },
        { "{\"id\":\"2\",\"body\":null," AUTHOR "},{\"id\":\"3\",\"body\":\"x\"," AUTHOR "},"
          "{\"id\":\"4\",\"body\":\"y\",\"author\":{\"type\":\"admin\"}},{\"id\":\"5\",\"body\":\"z\"," AUTHOR
          "}",
          "either 1/3 user= data=x\neither 1/5 user= data=z" },
        /* texts */
        { "{\"id\":\"2\",\"body\":\"<p class=\\\"no-margin\\\">order:cancel:4711</p>\"," AUTHOR "}",
          "either 1/2 user= data=order:cancel:4711" },
        { "{\"id\":\"2\",\"body\":\"<p>x&amp;y=1</p>\"," AUTHOR "}", "either 1/2 user= data=x&y=1" },
        { "{\"id\":\"2\",\"body\":\"x&amp;y=1\"," AUTHOR "}", "either 1/2 user= data=x&amp;y=1" },
        { "{\"id\":\"2\",\"body\":\"<p>a&lt;b</p>\"," AUTHOR "}", "either 1/2 user= data=a<b" },
        { "{\"id\":\"2\",\"body\":\"a<b\"," AUTHOR "}", "either 1/2 user= data=a<b" },
        { "{\"id\":\"2\",\"body\":\"a\\u00a0b\\r\\nc\\rd\"," AUTHOR "}", "either 1/2 user= data=a b\nc\nd" },
        { "{\"id\":\"2\",\"body\":\"a\\u0000b\"," AUTHOR "}", "either 1/2 user= data=a\xEF\xBF\xBD"
                                                              "b" },
        { "{\"id\":\"2\",\"body\":\"a\\ud800b\"," AUTHOR "}", "either 1/2 user= data=a\xEF\xBF\xBD"
                                                              "b" },
        { "{\"id\":\"2\",\"body\":\"Привет ✅\"," AUTHOR "}", "either 1/2 user= data=Привет ✅" },
        /* callback data */
        { "{\"id\":\"2\",\"body\":\"{\\\"callback_data\\\":\\\"order:1\\\"}\"," AUTHOR "}",
          "tap 1/2 user= data=order:1" },
        { "{\"id\":\"2\",\"body\":\"<p>{&quot;callback_data&quot;: &quot;order:1&quot;}</p>\"," AUTHOR "}",
          "tap 1/2 user= data=order:1" },
        { "{\"id\":\"2\",\"body\":\"Pressed {\\\"callback_data\\\":\\\"order:1\\\"} now\"," AUTHOR "}",
          "tap 1/2 user= data=order:1" },
        { "{\"id\":\"2\",\"body\":\"{\\\"callback_data\\\":5}\"," AUTHOR "}",
          "either 1/2 user= data={\"callback_data\":5}" },
        { "{\"id\":\"2\",\"body\":\"callback_data: order:1\"," AUTHOR "}", "tap 1/2 user= data=order:1" },
        { "{\"id\":\"2\",\"body\":\"<p>Track</p><p>Callback data = order 1 </p><p>bye</p>\"," AUTHOR "}",
          "tap 1/2 user= data=order 1" },
        { "{\"id\":\"2\",\"body\":\"my callback_data: order:1\"," AUTHOR "}",
          "either 1/2 user= data=my callback_data: order:1" },
        { "{\"id\":\"2\",\"body\":\"callback_data:\"," AUTHOR "}", "either 1/2 user= data=callback_data:" },
        { "{\"id\":\"2\",\"body\":\"callback_data: "
          "12345678901234567890123456789012345678901234567890123456789012345\"," AUTHOR "}",
          "either 1/2 user= data=callback_data: "
          "12345678901234567890123456789012345678901234567890123456789012345" },
        { "{\"id\":\"2\",\"body\":\"callback_data: "
          "1234567890123456789012345678901234567890123456789012345678901234\"," AUTHOR "}",
          "tap 1/2 user= data=1234567890123456789012345678901234567890123456789012345678901234" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char item[1000], *body;

        snprintf(item, sizeof(item), "\"id\":\"1\",\"conversation_parts\":{\"conversation_parts\":[%s]}",
                 table[i].parts);
        body = notification(REPLIED, item);
        expect(SOURCE, body, table[i].expected);
        free(body);
    }
}

static void test_times(void **state)
{
    static const struct {
        const char *created_at;
        int64_t said_at;
    } table[] = {
        { "1784015899", INT64_C(1784015899000) },
        { "1784015899123", INT64_C(1784015899123) },
        { "\"2026-07-14T07:58:19.250Z\"", INT64_C(1784015899250) },
        { "1784015899.5", INT64_C(1784015899000) },
        { "null", INT64_C(1784015000000) }, /* the envelope's */
        { "0", INT64_C(1784015000000) },
        { "-5", INT64_C(1784015000000) },
        { "99999999999999999999", INT64_C(1784015000000) },
        { "1e300", INT64_C(1784015000000) },
        { "\"yesterday\"", INT64_C(1784015000000) },
        { "{}", INT64_C(1784015000000) },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct extraction out;
        struct fixture f;
        char item[500], *body;

        snprintf(item, sizeof(item),
                 "\"id\":\"1\",\"conversation_parts\":[{\"id\":2,\"body\":\"x\",\"created_at\":%s," AUTHOR
                 "}]",
                 table[i].created_at);
        body = notification(REPLIED, item);
        fixture_open(&f, SOURCE, NULL);
        source_extract(f.source, text_of(body), STORED_AT, f.scratch, f.arena, &out);
        assert_int_equal(out.count, 1);
        assert_int_equal(out.entries[0].said_at, table[i].said_at);
        assert_int_equal(out.delivery.n, 0); /* the envelope's id is null */
        fixture_close(&f);
        free(body);
    }
}

static void test_configured(void **state)
{
#define PART(more) "\"id\":\"1\",\"conversation_parts\":{\"conversation_parts\":[{\"id\":2," more "}]}"
    static const struct {
        const char *yaml, *topic, *item, *expected;
    } table[] = {
        { "apps: [ zzz ]", REPLIED, PART("\"body\":\"x\"," AUTHOR), "- app abcd1234" },
        { "apps: [ zzz, abcd1234 ]", REPLIED, PART("\"body\":\"x\"," AUTHOR), "either 1/2 user= data=x" },
        { "topics: [ conversation.user.created ]", REPLIED, PART("\"body\":\"x\"," AUTHOR),
          "- topic conversation.user.replied" },
        { "topics: [ conversation.operator.replied ]\nauthors: [ bot ]", "conversation.operator.replied",
          PART("\"body\":\"x\",\"author\":{\"type\":\"bot\"}"), "either 1/2 user= data=x" },
        { "topics: [ conversation.admin.noted ]\nauthors: [ admin ]", "conversation.admin.noted",
          PART("\"part_type\":\"note\",\"body\":\"x\",\"author\":{\"type\":\"admin\"}"),
          "either 1/2 user= data=x" },
        { "topics: [ ticket.contact.replied ]", "ticket.contact.replied",
          "\"type\":\"ticket_ticket_part\",\"ticket\":{\"id\":\"9\",\"ticket_parts\":{\"ticket_parts\":[{"
          "\"id\":"
          "\"1\",\"body\":\"old\"," AUTHOR "}]},\"contacts\":{\"contacts\":[{\"external_id\":\"77\"}]}},"
          "\"ticket_part\":{\"id\":\"8\",\"part_type\":\"comment\",\"body\":\"<p>new</p>\"," AUTHOR "}",
          "either 9/8 user=77 data=new" },
        { "user_id: [ /custom_attributes/telegram ]", REPLIED,
          "\"custom_attributes\":{\"telegram\":700},\"conversation_parts\":[{\"id\":2,\"body\":\"x\"," AUTHOR
          "}],\"id\":1",
          "either 1/2 user=700 data=x" },
        { "user_id: [ /a~1b~0c, 'part:/author/tg', 'body:/app_id' ]", REPLIED,
          PART("\"body\":\"x\",\"author\":{\"type\":\"user\",\"tg\":\"-9\"}"), "either 1/2 user=-9 data=x" },
        { "user_id: [ { at: 'body:/app_id', pattern: '[a-z]+(?<id>[0-9]+)' } ]", REPLIED,
          PART("\"body\":\"x\"," AUTHOR), "either 1/2 user=1234 data=x" },
        { "callback_data: [ 'part:/metadata/tap', { pattern: '^tap (?<data>.*)' } ]", REPLIED,
          PART("\"body\":\"\",\"metadata\":{\"tap\":\"a:b\"}," AUTHOR), "tap 1/2 user= data=a:b" },
        { "callback_data: [ 'part:/metadata/tap', { pattern: '^tap (?<data>.*)' } ]", REPLIED,
          PART("\"body\":\"tap  a:b\"," AUTHOR), "tap 1/2 user= data=a:b" },
        { "callback_data: [ 'part:/metadata/tap', { pattern: '^tap (?<data>.*)' } ]", REPLIED,
          PART("\"body\":\"callback_data: a:b\"," AUTHOR), "text 1/2 user= data=callback_data: a:b" },
        { "callback_data: [ { pattern: '^tap (?<data>.*)' }, json, text ]", REPLIED,
          PART("\"body\":\"hello\"," AUTHOR), "either 1/2 user= data=hello" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char yaml[500], *body = notification(table[i].topic, table[i].item);

        snprintf(yaml, sizeof(yaml), SOURCE "%s\n", table[i].yaml);
        expect(yaml, body, table[i].expected);
        free(body);
    }
}

/* --- teammates, attachments, the conversation ---------------------------------------------------------------------- */

#define ANSWERED "conversation.admin.replied"
#define CLOSED "conversation.admin.closed"
#define PERSON "\"contacts\":{\"contacts\":[{\"id\":\"c1\",\"external_id\":\"77\"}]},"
#define BY(type, id) "\"author\":{\"type\":\"" type "\",\"id\":\"" id "\"}"

static void test_teammates(void **state)
{
    static const struct {
        const char *yaml, *topic, *item, *expected;
    } table[] = {
        { "", ANSWERED, PERSON PART("\"body\":\"<p>I look into it</p>\"," BY("admin", "5")),
          "teammate 1/2 user=77 data=I look into it" },
        { "", ANSWERED, PERSON PART("\"body\":\"callback_data: a:b\"," BY("admin", "5")),
          "teammate 1/2 user=77 data=callback_data: a:b" },
        { "", ANSWERED, PERSON PART("\"body\":null," BY("admin", "5")), "teammate 1/2 user=77 data=" },
        { "", ANSWERED, PART("\"body\":\"x\"," BY("bot", "5")), "- author bot" },
        { "", ANSWERED, PART("\"body\":\"x\"," BY("user", "5")), "- author user" },
        { "", ANSWERED, PART("\"part_type\":\"note\",\"body\":\"x\"," BY("admin", "5")), "- a note" },
        { "", CLOSED, PERSON PART("\"part_type\":\"close\",\"body\":null," BY("admin", "5")),
          "closed 1/2 user=77 data=" },
        { "", CLOSED, PERSON PART("\"part_type\":\"close\",\"body\":\"Bye!\"," BY("bot", "5")),
          "closed 1/2 user=77 data=Bye!" },
        { "admin_id: 5", ANSWERED, PERSON PART("\"body\":\"x\"," BY("admin", "5")),
          "- our own: by the teammate of admin_id" },
        { "admin_id: 5", CLOSED, PERSON PART("\"body\":\"x\"," BY("admin", "5")),
          "- our own: by the teammate of admin_id" },
        { "admin_id: 5", ANSWERED, PERSON PART("\"body\":\"x\"," BY("admin", "55")),
          "teammate 1/2 user=77 data=x" },
        { "takeover: 0s", ANSWERED, PERSON PART("\"body\":\"x\"," BY("admin", "5")),
          "- takeover is 0s: teammates' messages change nothing" },
        { "takeover: 0s", CLOSED, PERSON PART("\"body\":\"x\"," BY("admin", "5")),
          "closed 1/2 user=77 data=x" },
        { "topics: [ conversation.user.replied ]", ANSWERED, PART("\"body\":\"x\"," BY("admin", "5")),
          "- topic conversation.admin.replied" },
        { "authors: [ user, admin ]", ANSWERED,
          PERSON PART("\"body\":\"callback_data: a:b\"," BY("admin", "5")), "tap 1/2 user=77 data=a:b" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char yaml[500], *body = notification(table[i].topic, table[i].item);

        snprintf(yaml, sizeof(yaml), SOURCE "%s\n", table[i].yaml);
        expect(yaml, body, table[i].expected);
        free(body);
    }
}

static struct entry only_entry(struct fixture *f, const char *item)
{
    char *body = notification(REPLIED, item);
    struct entry entry = fixture_entry(f, body);

    source_finish(f->source, &entry, f->scratch, f->arena);
    free(body);
    return entry;
}

static void test_attachments(void **state)
{
    static const struct {
        const char *attachments, *type, *url, *name; /* type NULL: none, the message does not count */
    } table[] = {
        { "[{\"type\":\"upload\",\"name\":\"a.png\",\"url\":\"https://x/a\",\"content_type\":\"image/png\"},"
          "{\"content_type\":\"text/plain\"}]",
          "image/png", "https://x/a", "a.png" },
        { "[{\"type\":\"upload\",\"name\":\"A.JPG\",\"url\":\"https://x/a\"}]", "image/jpeg", "https://x/a",
          "A.JPG" },
        { "[{\"type\":\"upload\",\"url\":\"https://x/b.pdf?s=1\"}]", "application/pdf", "https://x/b.pdf?s=1",
          "" },
        { "[5,null,{\"name\":\"what\"}]", "application/octet-stream", "", "what" },
        { "[]", NULL, NULL, NULL },
        { "\"\"", "application/octet-stream", "", "" },
        { "null", NULL, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char item[900];
        struct fixture f;
        struct entry entry;

        snprintf(item, sizeof(item), PART("\"body\":\"%s\",\"attachments\":%s," AUTHOR),
                 table[i].type ? "" : "x", table[i].attachments);
        fixture_open(&f, SOURCE, NULL);
        entry = only_entry(&f, item);
        assert_int_equal(entry.kind, table[i].type ? ENTRY_TEXT : ENTRY_EITHER);
        assert_int_equal(entry.attachment.type.p != NULL, table[i].type != NULL);
        assert_true(text_is(entry.data, table[i].type ? "" : "x"));
        if (table[i].type) {
            assert_true(text_is(entry.attachment.type, table[i].type));
            assert_true(text_is(entry.attachment.url, table[i].url));
            assert_true(text_is(entry.attachment.name, table[i].name));
        }
        fixture_close(&f);
    }
}

static void test_conversation(void **state)
{
    struct fixture f;
    struct entry entry;
    char *huge = calloc(1, 40000), *item = calloc(1, 50000);

    (void)state;
    assert_non_null(huge);
    assert_non_null(item);
    memset(huge, 'x', 20000);
    fixture_open(&f, SOURCE, NULL);
    entry = only_entry(&f, "\"state\":\"open\",\"title\":null,\"priority\":\"not_priority\",\"open\":true,"
                           "\"custom_attributes\":{\"order\":\"A-1\",\"state\":\"theirs\",\"list\":[1]},"
                           "\"tags\":{\"tags\":[]}," PART("\"body\":\"x\"," AUTHOR));
    assert_true(text_is(entry.conversation_doc,
                        "{\"state\":\"open\",\"priority\":\"not_priority\",\"open\":true,"
                        "\"id\":\"1\",\"order\":\"A-1\"}"));
    snprintf(item, 50000, "\"title\":\"%s\"," PART("\"body\":\"x\"," AUTHOR), huge);
    entry = only_entry(&f, item);
    assert_null(entry.conversation_doc.p); /* too large to be kept */
    assert_true(text_is(entry.conversation, "1"));
    fixture_close(&f);
    free(huge);
    free(item);
}

/* --- the contact -------------------------------------------------------------------------------------------------- */

#define TOKEN "token: env:T\napi: http://127.0.0.1:1/\n"
#define CONTACT                                                                                            \
    "{\"type\":\"contact\",\"id\":\"66b0\",\"external_id\":\"tg-7\",\"name\":\"Dana\",\"phone\":null,"     \
    "\"tags\":{\"data\":[]},\"custom_attributes\":{\"octopods_telegram_id\":\"700000001\",\"shop_id\":77," \
    "\"name\":\"other\"}}"

static struct entry one_entry(struct fixture *f)
{
    char *body = payload("intercom-user-replied");
    struct entry entry = fixture_entry(f, body);

    free(body);
    return entry;
}

static void test_contact_is_fetched(void **state)
{
    struct fixture f;
    struct entry entry;
    struct fetch fetch;
    struct fault fault;

    (void)state;
    fixture_open(
        &f, SOURCE TOKEN "user_id: [ external_id, contact.custom_attributes.octopods_telegram_id ]\n", NULL);
    entry = one_entry(&f);
    source_next_fetch(f.source, &entry, false, f.arena, &fetch);
    assert_int_equal(fetch.kind, FETCH_CONTACT);
    assert_string_equal(fetch.url, "http://127.0.0.1:1/contacts/66b0c0ffee0000000000a001");
    assert_int_equal(
        source_apply_fetch(f.source, &entry, FETCH_CONTACT, 200, text_of(CONTACT), 0, f.arena, &fault),
        FETCH_GO_ON);
    entry = fixture_stored(&f, &entry);
    source_next_fetch(f.source, &entry, true, f.arena, &fetch);
    assert_int_equal(fetch.kind, FETCH_NONE);
    source_finish(f.source, &entry, f.scratch, f.arena);
    assert_true(text_is(entry.user_id, "700000001"));
    assert_true(text_is(entry.contact_doc,
                        "{\"type\":\"contact\",\"id\":\"66b0\",\"external_id\":\"tg-7\",\"name\":\"Dana\","
                        "\"octopods_telegram_id\":\"700000001\",\"shop_id\":77,\"custom_attributes\":{"
                        "\"octopods_telegram_id\":\"700000001\",\"shop_id\":77,\"name\":\"other\"}}"));
    fixture_close(&f);
}

static void test_contact_pattern(void **state)
{
    struct fixture f;
    struct entry entry;
    struct fault fault;

    (void)state;
    fixture_open(&f, SOURCE TOKEN "user_id: [ { at: contact.external_id, pattern: 'tg-(?<id>[0-9]+)' } ]\n",
                 NULL);
    entry = one_entry(&f);
    assert_int_equal(
        source_apply_fetch(f.source, &entry, FETCH_CONTACT, 200, text_of(CONTACT), 0, f.arena, &fault),
        FETCH_GO_ON);
    source_finish(f.source, &entry, f.scratch, f.arena);
    assert_true(text_is(entry.user_id, "7"));
    fixture_close(&f);
}

static void test_contact_only_if_needed(void **state)
{
    static const struct {
        const char *yaml;
        bool want;
        enum fetch_kind kind;
    } table[] = {
        { "", false, FETCH_NONE },
        { "", true, FETCH_NONE }, /* no token */
        { TOKEN, false, FETCH_NONE },
        { TOKEN, true, FETCH_CONTACT },
        { TOKEN "user_id: [ /admin_assignee_id, contact.x ]\n", false, FETCH_NONE },
        { TOKEN "user_id: [ contact.x, /admin_assignee_id ]\n", false, FETCH_CONTACT },
        { TOKEN "user_id: [ /nothing, contact.x ]\n", false, FETCH_CONTACT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fixture f;
        struct entry entry;
        struct fetch fetch;
        char yaml[500];

        snprintf(yaml, sizeof(yaml), SOURCE "%s", table[i].yaml);
        fixture_open(&f, yaml, NULL);
        entry = one_entry(&f);
        source_next_fetch(f.source, &entry, table[i].want, f.arena, &fetch);
        assert_int_equal(fetch.kind, table[i].kind);
        fixture_close(&f);
    }
}

static void test_contact_answers(void **state)
{
    static const struct {
        int status;
        const char *body;
        int64_t age_ms;
        enum fetch_verdict verdict;
    } table[] = {
        { 404, "{}", 0, FETCH_GO_ON }, { 404, "{}", 60000, FETCH_GO_ON },
        { 400, "", 0, FETCH_GO_ON },   { 401, "", 0, FETCH_REFUSED },
        { 403, "", 0, FETCH_REFUSED }, { 302, "", 0, FETCH_REFUSED },
        { 0, "", 0, FETCH_RETRY },     { 429, "", 0, FETCH_RETRY },
        { 500, "", 0, FETCH_RETRY },   { 503, "", 90000, FETCH_RETRY },
        { 408, "", 0, FETCH_RETRY },   { 200, "<html>", 0, FETCH_RETRY },
        { 200, "[]", 0, FETCH_RETRY }, { 200, "<html>", 30000, FETCH_GO_ON },
        { 200, "{}", 0, FETCH_GO_ON },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fixture f;
        struct entry entry;
        struct fetch fetch;
        struct fault fault;

        fixture_open(&f, SOURCE TOKEN "user_id: [ contact.external_id ]\n", NULL);
        entry = one_entry(&f);
        assert_int_equal(source_apply_fetch(f.source, &entry, FETCH_CONTACT, table[i].status,
                                            text_of(table[i].body), table[i].age_ms, f.arena, &fault),
                         table[i].verdict);
        entry = fixture_stored(&f, &entry);
        source_next_fetch(f.source, &entry, false, f.arena, &fetch);
        assert_int_equal(fetch.kind, table[i].verdict == FETCH_GO_ON ? FETCH_NONE : FETCH_CONTACT);
        source_finish(f.source, &entry, f.scratch, f.arena);
        assert_null(entry.user_id.p);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payloads),        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_items),           cmocka_unit_test(test_parts),
        cmocka_unit_test(test_times),           cmocka_unit_test(test_configured),
        cmocka_unit_test(test_teammates),       cmocka_unit_test(test_attachments),
        cmocka_unit_test(test_conversation),    cmocka_unit_test(test_contact_is_fetched),
        cmocka_unit_test(test_contact_pattern), cmocka_unit_test(test_contact_only_if_needed),
        cmocka_unit_test(test_contact_answers),
    };

    return cmocka_run_group_tests_name("source_intercom", tests, NULL, NULL);
}
