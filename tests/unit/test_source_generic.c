#include "source_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOURCE \
    "name: g\nkind: generic\npath: /g\nsecrets: [ env:S ]\nstatic_token: { header: X-Token }\nchannel: c\n"

static void test_bodies(void **state)
{
    static const struct {
        const char *yaml, *body, *expected;
    } table[] = {
        { "", "{\"id\":1,\"conversation_id\":\"c\",\"text\":\"a:b\",\"user_id\":700}",
          "either c/1 user=700 data=a:b" },
        { "", "[{\"id\":1,\"text\":\"x\"},{\"id\":2,\"text\":\"callback_data: y\"}]",
          "either /1 user= data=x\ntap /2 user= data=y" },
        { "", "{\"text\":\"x\"}", "- an entry without a usable id" },
        { "", "{\"id\":99999999999999999999,\"text\":\"x\"}", "- an entry without a usable id" },
        { "", "{\"id\":1,\"text\":\"  \"}", "- no text" },
        { "", "{\"id\":1,\"text\":5}", "- no text" },
        { "", "[]", "- no entries" },
        { "", "5", "- an entry without a usable id" },
        { "", "\"\xFF\"", "- not JSON: not UTF-8, so no JSON" },
        { "", "[1 2]", "- not JSON: array value separator ',' expected at byte 3" },
        { "", "[1,]'", "- not JSON: a character where it may not stand" },
        { "", "", "- not JSON: empty instead of JSON" },
        { "", "null", "- not JSON: null instead of a JSON value" },
        { "", "{\"id\":1,\"text\":\"<p>&amp;</p>\"}", "either /1 user= data=<p>&amp;</p>" },
        { "entries: /events\nid: /m/id\nconversation: body:/thread\ntext: /m/text\nuser_id: [ 'body:/user' "
          "]\n",
          "{\"thread\":9,\"user\":\"-3\",\"events\":[{\"m\":{\"id\":\"a\",\"text\":\"x\"}},{\"m\":{\"id\":"
          "\"b\","
          "\"text\":\"y\"}}]}",
          "either 9/a user=-3 data=x\neither 9/b user=-3 data=y" },
        { "entries: /events\n", "{\"events\":{\"id\":1,\"text\":\"x\"}}", "either /1 user= data=x" },
        { "entries: /events\n", "{\"id\":1,\"text\":\"x\"}", "- no entries" },
        { "data: /button\n", "{\"id\":1,\"button\":\"t:1\"}", "tap /1 user= data=t:1" },
        { "data: /button\n", "{\"id\":1,\"button\":17}", "tap /1 user= data=17" },
        { "data: /button\n", "{\"id\":1,\"text\":\"hello\"}", "text /1 user= data=hello" },
        { "data: /button\ncallback_data: [ text ]\n", "{\"id\":1,\"text\":\"hello\"}",
          "either /1 user= data=hello" },
        { "data: /button\n", "{\"id\":1}", "- no text" },
        { "", "{\"id\":1,\"attachment\":\"https://x/a.png\"}", "text /1 user= data=" },
        { "attachment: /files/0\n", "{\"id\":1,\"files\":[{\"type\":\"image/png\"}]}",
          "text /1 user= data=" },
        { "attachment: /files/1\n", "{\"id\":1,\"files\":[{\"type\":\"image/png\"}]}", "- no text" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fixture f;
        char yaml[800];
        const char *got;

        snprintf(yaml, sizeof(yaml), SOURCE "%s", table[i].yaml);
        fixture_open(&f, yaml, NULL);
        got = fixture_read(&f, table[i].body);
        if (strcmp(got, table[i].expected) != 0)
            fail_msg("\n got: %s\nwant: %s", got, table[i].expected);
        fixture_close(&f);
    }
}

static void test_delivery_and_time(void **state)
{
    struct extraction out;
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE "delivery_id: /delivery\nsaid_at: /at\nentries: /list\n", NULL);
    source_extract(
        f.source,
        text_of("{\"delivery\":17,\"list\":[{\"id\":1,\"text\":\"x\",\"at\":\"2026-07-14T07:58:19+02:00\"},"
                "{\"id\":2,\"text\":\"x\"}]}"),
        STORED_AT, f.scratch, f.arena, &out);
    assert_true(text_is(out.delivery, "17"));
    assert_int_equal(out.count, 2);
    assert_int_equal(out.entries[0].said_at, INT64_C(1784008699000));
    assert_int_equal(out.entries[1].said_at, STORED_AT);
    fixture_close(&f);
}

static void test_needs_no_fetch(void **state)
{
    struct entry entry = { .body = text_of("x") };
    struct fetch fetch;
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE, NULL);
    assert_null(source_api(f.source));
    assert_null(source_token_ref(f.source));
    source_next_fetch(f.source, &entry, true, f.arena, &fetch);
    assert_int_equal(fetch.kind, FETCH_NONE);
    fixture_close(&f);
}

static void test_looks_like_tap(void **state)
{
    static const struct {
        const char *data;
        bool yes;
    } table[] = {
        { "order:cancel:4711", true }, { "menu:", true }, { "a-b_C9:x", true }, { "hello", false },
        { "see: that", false },        { ":x", false },   { "", false },        { "Привет:x", false },
    };
    struct fixture f;

    (void)state;
    fixture_open(&f, SOURCE, NULL);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_int_equal(source_looks_like_tap(f.source, text_of(table[i].data), f.scratch), table[i].yes);
    fixture_close(&f);
}

static void test_entries_from_the_store(void **state)
{
    static const char *const bad[] = { "", "{", "[]", "{}", "{\"kind\":\"other\"}", "{\"kind\":5}" };
    static const char odd[] =
        "{\"kind\":\"tap\",\"body\":5,\"values\":[1,{\"at\":\"x\"},null],\"fetched\":\"x\"}";
    struct arena *arena = arena_new(1 << 20);
    struct fault fault;
    struct entry entry;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(entry_read(text_of(bad[i]), arena, &entry, &fault));
    assert_true(entry_read(text_of(odd), arena, &entry, &fault));
    assert_int_equal(entry.n_values, 3);
    assert_null(entry.body.p);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_delivery_and_time),
        cmocka_unit_test(test_needs_no_fetch),
        cmocka_unit_test(test_looks_like_tap),
        cmocka_unit_test(test_entries_from_the_store),
    };

    return cmocka_run_group_tests_name("source_generic", tests, NULL, NULL);
}
