#include "source_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOURCE "name: h\nkind: hubspot\npath: /h\nsecrets: [ env:S ]\ntoken: env:T\nchannel: c\n"
#define EVENT(more) \
    "[{\"subscriptionType\":\"conversation.newMessage\",\"portalId\":62515,\"appId\":7," more "}]"
#define THREADS "https://api.hubapi.com/conversations/v3/conversations/threads/"

/* The entries before anything is fetched. */
static const char *extracted(struct fixture *f, const char *body)
{
    struct extraction out;
    struct buf lines = BUF(10000);
    const char *kept;

    source_extract(f->source, text_of(body), STORED_AT, f->scratch, f->arena, &out);
    assert_int_equal(out.delivery.n, 0);
    if (out.reason)
        buf_printf(&lines, "- %s", out.reason);
    for (size_t i = 0; i < out.count; i++)
        buf_printf(&lines, "%s%.*s %.*s/%.*s %lld", i ? "\n" : "", TEXT_ARG(out.entries[i].account),
                   TEXT_ARG(out.entries[i].conversation), TEXT_ARG(out.entries[i].message),
                   (long long)out.entries[i].said_at);
    kept = arena_str(f->arena, buf_get(&lines));
    buf_free(&lines);
    return kept;
}

static void expect(const char *yaml, const char *body, const char *expected)
{
    fixture_expect(yaml, extracted, body, expected);
}

static void test_payloads(void **state)
{
    static const struct {
        const char *file, *expected;
    } table[] = {
        { "hubspot-one", "242711451 9598272090/3ad3474b08dd408ca57a8454e355e942 1769081993375" },
        { "hubspot-batch", "242711451 9598272091/b7f0c0de5a7d4c1c9a2b1f3e4d5c6b7a 1784012300480" },
        { "hubspot-message", "- not an array of events" },
        { "intercom-ping", "- not an array of events" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char *body = payload(table[i].file);

        expect(SOURCE, body, table[i].expected);
        free(body);
    }
}

static void test_events(void **state)
{
    static const struct {
        const char *yaml, *body, *expected;
    } table[] = {
        { "", EVENT("\"objectId\":1,\"messageId\":\"m\",\"occurredAt\":1784012300480"),
          "62515 1/m 1784012300480" },
        { "", EVENT("\"objectId\":\"1\",\"messageId\":\"m\",\"occurredAt\":1784012300480"),
          "62515 1/m 1784012300480" },
        { "", EVENT("\"objectId\":1,\"messageId\":\"m\""), "62515 1/m 1784016000000" },
        { "", EVENT("\"objectId\":99999999999999999999,\"messageId\":\"m\""),
          "- an event without a usable objectId" },
        { "", EVENT("\"objectId\":1"), "- an event without a usable messageId" },
        { "", EVENT("\"objectId\":1,\"messageId\":\"\""), "- an event without a usable messageId" },
        { "", EVENT("\"objectId\":1,\"messageId\":{}"), "- an event without a usable messageId" },
        { "",
          "[{\"eventType\":\"conversation.newMessage\",\"objectId\":1,\"messageId\":\"m\",\"occurredAt\":"
          "1784012300480}]",
          " 1/m 1784012300480" },
        { "", "[]", "- no events" },
        { "", "[null,1,\"x\",[]]", "- an event without subscriptionType" },
        { "", "[{\"subscriptionType\":\"contact.creation\"}]", "- contact.creation" },
        { "", "{}", "- not an array of events" },
        { "", EVENT("\"objectId\":1,\"messageId\":\"m\",\"messageType\":\"COMMENT\""),
          "- message type COMMENT" },
        { "message_types: [ MESSAGE, COMMENT ]\n",
          EVENT(
              "\"objectId\":1,\"messageId\":\"m\",\"messageType\":\"COMMENT\",\"occurredAt\":1784012300480"),
          "62515 1/m 1784012300480" },
        { "portals: [ 5 ]\n", EVENT("\"objectId\":1,\"messageId\":\"m\""), "- portal 62515" },
        { "portals: [ 5, '62515' ]\n",
          EVENT("\"objectId\":1,\"messageId\":\"m\",\"occurredAt\":1784012300480"),
          "62515 1/m 1784012300480" },
        { "apps: [ 5 ]\n", EVENT("\"objectId\":1,\"messageId\":\"m\""), "- app 7" },
        { "apps: [ 7 ]\n", EVENT("\"objectId\":1,\"messageId\":\"m\",\"occurredAt\":1784012300480"),
          "62515 1/m 1784012300480" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char yaml[500];

        snprintf(yaml, sizeof(yaml), SOURCE "%s", table[i].yaml);
        expect(yaml, table[i].body, table[i].expected);
    }
}

static struct entry one_entry(struct fixture *f)
{
    return fixture_entry(
        f, EVENT("\"objectId\":\"9/../x\",\"messageId\":\"m ?#%\",\"occurredAt\":1784012300480"));
}

static void expect_fetch(struct fixture *f, const struct entry *entry, bool contact, enum fetch_kind kind,
                         const char *url)
{
    struct fetch fetch;

    source_next_fetch(f->source, entry, contact, f->arena, &fetch);
    assert_int_equal(fetch.kind, kind);
    if (url)
        assert_string_equal(fetch.url, url);
}

static enum fetch_verdict apply(struct fixture *f, struct entry *entry, enum fetch_kind kind,
                                const char *body)
{
    struct fault fault;
    enum fetch_verdict verdict =
        source_apply_fetch(f->source, entry, kind, 200, text_of(body), 0, f->arena, &fault);

    *entry = fixture_stored(f, entry);
    return verdict;
}

static void test_whole_way(void **state)
{
    char *message = payload("hubspot-message"), *thread = payload("hubspot-thread");
    struct entry entry;
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE "contact_properties: [ shop_id ]\nuser_id: [ contact.tg id, sender ]\n",
                 PUBLIC_URL);
    entry = one_entry(&f);
    expect_fetch(&f, &entry, false, FETCH_MESSAGE, THREADS "9%2F..%2Fx/messages/m%20%3F%23%25");
    assert_int_equal(apply(&f, &entry, FETCH_MESSAGE, message), FETCH_GO_ON);
    assert_int_equal(entry.said_at, INT64_C(1784012300480));
    assert_true(text_is(entry.author, "V-3892221"));
    expect_fetch(&f, &entry, false, FETCH_THREAD, THREADS "9%2F..%2Fx");
    assert_int_equal(apply(&f, &entry, FETCH_THREAD, thread), FETCH_GO_ON);
    expect_fetch(&f, &entry, false, FETCH_CONTACT,
                 "https://api.hubapi.com/crm/v3/objects/contacts/3892221?properties=shop_id,tg%20id");
    assert_int_equal(apply(&f, &entry, FETCH_CONTACT,
                           "{\"id\":\"3892221\",\"properties\":{\"shop_id\":\"77\",\"tg id\":\"700\"}}"),
                     FETCH_GO_ON);
    expect_fetch(&f, &entry, true, FETCH_NONE, NULL);
    assert_true(text_is(entry.contact_doc, "{\"shop_id\":\"77\",\"tg id\":\"700\",\"id\":\"3892221\"}"));
    source_finish(f.source, &entry, f.scratch, f.arena);
    assert_string_equal(fixture_line(&f, &entry), "either 9/../x/m ?#% user=700 data=order:cancel:4711");
    fixture_close(&f);
    free(message);
    free(thread);
}

static void test_sender_is_the_default(void **state)
{
    char *message = payload("hubspot-message");
    struct entry entry;
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE, PUBLIC_URL);
    entry = one_entry(&f);
    assert_int_equal(apply(&f, &entry, FETCH_MESSAGE, message), FETCH_GO_ON);
    expect_fetch(&f, &entry, false, FETCH_NONE, NULL);
    source_finish(f.source, &entry, f.scratch, f.arena);
    assert_true(text_is(entry.user_id, "700000001"));
    expect_fetch(&f, &entry, true, FETCH_THREAD, NULL);
    /* a thread without a contact, a contact that is none */
    assert_int_equal(apply(&f, &entry, FETCH_THREAD, "{\"associatedContactId\":null}"), FETCH_GO_ON);
    expect_fetch(&f, &entry, true, FETCH_NONE, NULL);
    fixture_close(&f);
    free(message);
}

#define MESSAGE(more) "{\"type\":\"MESSAGE\",\"direction\":\"INCOMING\"," more "}"

#define OUTGOING(author)                                                                      \
    "{\"type\":\"MESSAGE\",\"direction\":\"OUTGOING\",\"text\":\"x\",\"createdBy\":\"" author \
    "\",\"recipients\":[{},{"                                                                 \
    "\"deliveryIdentifier\":{\"value\":\"8\"}}]}"

static void test_image_types(void **state)
{
    static const struct {
        const char *file, *type;
    } table[] = {
        { "\"fileUsageType\":\"IMAGE\"", "image/*" },
        { "\"fileUsageType\":\"IMAGE\",\"name\":\"x.png\"", "image/png" },
        { "\"fileUsageType\":\"STICKER\",\"url\":\"https://x/1\"", "image/*" },
        { "\"fileUsageType\":\"VOICE_RECORDING\"", "audio/*" },
        { "\"fileUsageType\":\"OTHER\",\"name\":\"bill.PDF\"", "application/pdf" },
        { "\"fileUsageType\":\"OTHER\",\"name\":\"x\"", "application/octet-stream" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fixture f;
        struct entry entry;
        char body[500];

        snprintf(body, sizeof(body), MESSAGE("\"text\":\"\",\"attachments\":[{\"type\":\"FILE\",%s}]"),
                 table[i].file);
        fixture_open(&f, SOURCE, PUBLIC_URL);
        entry = one_entry(&f);
        assert_int_equal(apply(&f, &entry, FETCH_MESSAGE, body), FETCH_GO_ON);
        assert_true(text_is(entry.attachment.type, table[i].type));
        fixture_close(&f);
    }
}

/* Whose chat it is only the contact says: so only where the user id is there. */
static void test_closing(void **state)
{
    static const char event[] =
        "[{\"subscriptionType\":\"conversation.propertyChange\",\"portalId\":1,\"appId\":7,"
        "\"objectId\":9,\"propertyName\":\"status\",\"propertyValue\":\"CLOSED\","
        "\"occurredAt\":1784012300480}]";
    struct extraction out;
    struct entry entry;
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE, PUBLIC_URL);
    assert_string_equal(fixture_read(&f, event), "- conversation.propertyChange");
    fixture_close(&f);
    fixture_open(&f, SOURCE "user_id: [ contact.tg ]\n", PUBLIC_URL);
    source_extract(f.source, text_of(event), STORED_AT, f.scratch, f.arena, &out);
    assert_int_equal(out.count, 1);
    entry = fixture_stored(&f, &out.entries[0]);
    expect_fetch(&f, &entry, false, FETCH_THREAD, THREADS "9");
    assert_int_equal(apply(&f, &entry, FETCH_THREAD, "{\"associatedContactId\":\"5\",\"status\":\"CLOSED\"}"),
                     FETCH_GO_ON);
    assert_true(text_is(entry.conversation_doc, "{\"associatedContactId\":\"5\",\"status\":\"CLOSED\"}"));
    assert_int_equal(apply(&f, &entry, FETCH_CONTACT, "{\"properties\":{\"tg\":\"700\"}}"), FETCH_GO_ON);
    expect_fetch(&f, &entry, false, FETCH_NONE, NULL);
    source_finish(f.source, &entry, f.scratch, f.arena);
    assert_string_equal(fixture_line(&f, &entry), "closed 9/closed-1784012300480 user=700 data=");
    fixture_close(&f);
}

static void test_messages(void **state)
{
    static const struct {
        const char *yaml, *body, *expected; /* expected: a line, or the fault */
    } table[] = {
        { "", MESSAGE("\"text\":\"a:b\""), "either 9/../x/m ?#% user= data=a:b" },
        { "", MESSAGE("\"text\":\"<p>a&amp;b</p>\""), "either 9/../x/m ?#% user= data=<p>a&amp;b</p>" },
        { "", MESSAGE("\"text\":\"x\",\"senders\":[{\"deliveryIdentifier\":{\"value\":\"-5\"}}]"),
          "either 9/../x/m ?#% user=-5 data=x" },
        { "", MESSAGE("\"text\":\"x\",\"senders\":[{\"deliveryIdentifier\":{\"value\":\"@anna\"}}]"),
          "either 9/../x/m ?#% user= data=x" },
        { "", MESSAGE("\"text\":\"x\",\"senders\":[{\"name\":\"x\"}]"), "either 9/../x/m ?#% user= data=x" },
        { "", MESSAGE("\"text\":\"x\",\"senders\":[5,{},{\"deliveryIdentifier\":{\"value\":\"6\"}}]"),
          "either 9/../x/m ?#% user=6 data=x" },
        { "", MESSAGE("\"text\":\"x\",\"senders\":{}"), "either 9/../x/m ?#% user= data=x" },
        { "", MESSAGE("\"text\":\"\""), "no text" },
        { "", MESSAGE("\"richText\":\"<p>x</p>\""), "no text" },
        { "", "{\"type\":\"MESSAGE\",\"direction\":\"OUTGOING\",\"text\":\"x\"}", "direction OUTGOING" },
        { "", "{\"type\":\"MESSAGE\",\"text\":\"x\"}", "direction " },
        { "", "{\"type\":\"COMMENT\",\"text\":\"x\"}", "message type COMMENT" },
        { "", "{\"type\":\"ASSIGNMENT\"}", "message type ASSIGNMENT" },
        { "", "{}", "message type " },
        { "", OUTGOING("A-1"), "teammate 9/../x/m ?#% user=8 data=x" },
        { "", OUTGOING("I-1"), "direction OUTGOING" },
        { "actor_id: A-1\n", OUTGOING("A-1"), "our own: by the actor of actor_id" },
        { "actor_id: A-12\n", OUTGOING("A-1"), "teammate 9/../x/m ?#% user=8 data=x" },
        { "takeover: 0s\n", OUTGOING("A-1"), "direction OUTGOING" },
        { "directions: [ INCOMING, OUTGOING ]\n", OUTGOING("A-1"), "either 9/../x/m ?#% user= data=x" },
        { "",
          MESSAGE("\"text\":\"\",\"attachments\":[{\"type\":\"QUICK_REPLIES\"},{\"type\":\"FILE\","
                  "\"fileUsageType\":\"IMAGE\"}]"),
          "text 9/../x/m ?#% user= data=" },
        { "", MESSAGE("\"text\":\"\",\"attachments\":[{\"type\":\"LOCATION\"}]"), "no text" },
        { "message_types: [ COMMENT ]\n", "{\"type\":\"COMMENT\",\"text\":\"x\"}",
          "either 9/../x/m ?#% user= data=x" },
        { "directions: [ OUTGOING ]\n", "{\"type\":\"MESSAGE\",\"direction\":\"OUTGOING\",\"text\":\"x\"}",
          "either 9/../x/m ?#% user= data=x" },
        { "callback_data: [ /context/data ]\n", MESSAGE("\"context\":{\"data\":\"t:1\"}"),
          "tap 9/../x/m ?#% user= data=t:1" },
        { "user_id: [ /recipients/0/id ]\n", MESSAGE("\"text\":\"x\",\"recipients\":[{\"id\":12}]"),
          "either 9/../x/m ?#% user=12 data=x" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fault fault = { "" };
        struct fixture f;
        struct entry entry;
        char yaml[500];
        const char *got = fault.text;

        snprintf(yaml, sizeof(yaml), SOURCE "%s", table[i].yaml);
        fixture_open(&f, yaml, PUBLIC_URL);
        entry = one_entry(&f);
        if (source_apply_fetch(f.source, &entry, FETCH_MESSAGE, 200, text_of(table[i].body), 0, f.arena,
                               &fault) == FETCH_GO_ON) {
            entry = fixture_stored(&f, &entry);
            source_finish(f.source, &entry, f.scratch, f.arena);
            got = fixture_line(&f, &entry);
        }
        assert_string_equal(got, table[i].expected);
        fixture_close(&f);
    }
}

static void test_truncated(void **state)
{
    static const struct {
        int status;
        const char *body, *data;
    } table[] = {
        { 200, "{\"text\":\"the whole text\",\"richText\":\"\"}", "the whole text" },
        { 200, "{\"text\":null}", "the who" },
        { 404, "", "the who" },
        { 400, "", "the who" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fault fault;
        struct fixture f;
        struct entry entry;

        fixture_open(&f, SOURCE, PUBLIC_URL);
        entry = one_entry(&f);
        assert_int_equal(apply(&f, &entry, FETCH_MESSAGE,
                               MESSAGE("\"text\":\"the who\",\"truncationStatus\":\"TRUNCATED\"")),
                         FETCH_GO_ON);
        expect_fetch(&f, &entry, false, FETCH_ORIGINAL,
                     THREADS "9%2F..%2Fx/messages/m%20%3F%23%25/original-content");
        assert_int_equal(source_apply_fetch(f.source, &entry, FETCH_ORIGINAL, table[i].status,
                                            text_of(table[i].body), 40000, f.arena, &fault),
                         FETCH_GO_ON);
        expect_fetch(&f, &entry, false, FETCH_NONE, NULL);
        source_finish(f.source, &entry, f.scratch, f.arena);
        assert_true(text_is(entry.data, table[i].data));
        fixture_close(&f);
    }
}

static void test_answers(void **state)
{
    static const struct {
        int status;
        const char *body;
        int64_t age_ms;
        enum fetch_verdict verdict;
        const char *fault;
    } table[] = {
        { 0, "", 0, FETCH_RETRY, "no connection" },
        { 404, "{}", 0, FETCH_RETRY, "status 404" },
        { 404, "{}", 29999, FETCH_RETRY, "status 404" },
        { 404, "{}", 30000, FETCH_IGNORE, "message not found" },
        { 401, "{}", 0, FETCH_REFUSED, "status 401" },
        { 403, "{}", 90000, FETCH_REFUSED, "status 403" },
        { 301, "", 0, FETCH_REFUSED, "status 301" },
        { 429, "{}", 0, FETCH_RETRY, "status 429" },
        { 423, "{}", 0, FETCH_RETRY, "status 423" },
        { 477, "{}", 0, FETCH_RETRY, "status 477" },
        { 500, "", 0, FETCH_RETRY, "status 500" },
        { 524, "", 90000, FETCH_RETRY, "status 524" },
        { 400, "", 0, FETCH_IGNORE, "status 400" },
        { 410, "", 0, FETCH_IGNORE, "status 410" },
        { 200, "", 0, FETCH_RETRY, "no JSON object" },
        { 200, "[]", 0, FETCH_RETRY, "no JSON object" },
        { 200, "[]", 30000, FETCH_IGNORE, "status 200" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fault fault = { "" };
        struct fixture f;
        struct entry entry;

        fixture_open(&f, SOURCE, PUBLIC_URL);
        entry = one_entry(&f);
        assert_int_equal(source_apply_fetch(f.source, &entry, FETCH_MESSAGE, table[i].status,
                                            text_of(table[i].body), table[i].age_ms, f.arena, &fault),
                         table[i].verdict);
        assert_non_null(strstr(fault.text, table[i].fault));
        fixture_close(&f);
    }
}

static void test_retry_after(void **state)
{
    char *limit = payload("hubspot-limit");
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE, PUBLIC_URL);
    assert_int_equal(source_retry_after(f.source, 429, text_of(limit)), 10000);
    assert_int_equal(source_retry_after(f.source, 429, text_of("{\"policyName\":\"SECONDLY\"}")), 1000);
    assert_int_equal(source_retry_after(f.source, 429, text_of("{\"policyName\":\"DAILY\"}")), 600000);
    assert_int_equal(source_retry_after(f.source, 429, text_of("nonsense")), 0);
    assert_int_equal(source_retry_after(f.source, 423, text_of("")), 2000);
    assert_int_equal(source_retry_after(f.source, 500, text_of("")), 0);
    fixture_close(&f);
    free(limit);
}

static void test_message_key(void **state)
{
    struct buf a = BUF(1000), b = BUF(1000);
    struct fixture f;
    struct entry entry;

    (void)state;
    fixture_open(&f, SOURCE, PUBLIC_URL);
    entry = one_entry(&f);
    source_message_key(f.source, &entry, &a);
    assert_string_equal(a.data, "1:h5:625156:9/../x5:m ?#%");
    entry.conversation = text_of("9/../");
    entry.message = text_of("xm ?#%");
    source_message_key(f.source, &entry, &b);
    assert_string_not_equal(a.data, b.data);
    buf_free(&a);
    buf_free(&b);
    fixture_close(&f);
}

static void test_dots_stay_in_their_segment(void **state)
{
    struct extraction out;
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE, PUBLIC_URL);
    source_extract(f.source, text_of(EVENT("\"objectId\":\"..\",\"messageId\":\".\"")), STORED_AT, f.scratch,
                   f.arena, &out);
    assert_int_equal(out.count, 1);
    expect_fetch(&f, &out.entries[0], false, FETCH_MESSAGE, THREADS "-/messages/-");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payloads),    cmocka_unit_test(test_events),
        cmocka_unit_test(test_whole_way),   cmocka_unit_test(test_sender_is_the_default),
        cmocka_unit_test(test_messages),    cmocka_unit_test(test_image_types),
        cmocka_unit_test(test_closing),     cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_answers),     cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_message_key), cmocka_unit_test(test_dots_stay_in_their_segment),
    };

    return cmocka_run_group_tests_name("source_hubspot", tests, NULL, NULL);
}
