#include "source_help.h"

#include "core/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INTERCOM "name: i\nkind: intercom\npath: /i\nsecrets: [ env:S ]\nchannel: c\n"
#define HUBSPOT "name: h\nkind: hubspot\npath: /h\nsecrets: [ env:S ]\ntoken: env:T\nchannel: c\n"
#define GENERIC "name: g\nkind: generic\npath: /g\nsecrets: [ env:S ]\nchannel: c\n"
#define TOKEN "static_token: { header: X-Token }\n"

static void test_getters(void **state)
{
    struct fixture f;
    const char *const *refs;

    (void)state;
    fixture_open(&f,
                 "name: shop-1\nkind: hubspot\npath: /webhooks/hubspot\nsecrets: [ env:NEW, file:old ]\n"
                 "token: credential:hub\nchannel: shop\n",
                 PUBLIC_URL);
    assert_string_equal(source_name(f.source), "shop-1");
    assert_string_equal(source_kind(f.source), "hubspot");
    assert_string_equal(source_path(f.source), "/webhooks/hubspot");
    assert_string_equal(source_channel(f.source), "shop");
    assert_string_equal(source_api(f.source), "https://api.hubapi.com");
    assert_string_equal(source_token_ref(f.source), "credential:hub");
    assert_int_equal(source_secret_refs(f.source, &refs), 2);
    assert_string_equal(refs[0], "env:NEW");
    assert_string_equal(refs[1], "file:old");
    fixture_close(&f);
    fixture_open(&f, INTERCOM "api: https://api.eu.intercom.io/\n", NULL);
    assert_string_equal(source_api(f.source), "https://api.eu.intercom.io");
    assert_string_equal(source_api_header(f.source), "Intercom-Version: 2.15");
    assert_null(source_token_ref(f.source));
    fixture_close(&f);
}

static void test_token_is_a_secret(void **state)
{
    struct fixture f;
    const char *const *refs;

    (void)state;
    fixture_open(&f, GENERIC "static_token: { header: X-Token, token: env:MORE }\n", NULL);
    assert_int_equal(source_secret_refs(f.source, &refs), 2);
    assert_string_equal(refs[1], "env:MORE");
    fixture_close(&f);
}

static void test_wrong(void **state)
{
    static const struct {
        const char *yaml, *public_url, *error; /* a piece of what is printed; "": none */
    } table[] = {
        { INTERCOM, NULL, "" },
        { HUBSPOT, PUBLIC_URL, "" },
        { GENERIC TOKEN, NULL, "" },
        { "name: i\nkind: intercom\npath: /i\nchannel: c\n", NULL, "'secrets' is missing" },
        { "name: i\nkind: intercom\npath: /i\nsecrets: [ env:S ]\n", NULL, "'channel' is missing" },
        { "name: i\nkind: intercm\npath: /i\nsecrets: [ env:S ]\nchannel: c\n", NULL,
          "did you mean 'intercom'" },
        { "name: i\nkind: intercom\npath: i\nsecrets: [ env:S ]\nchannel: c\n", NULL, "a path such as" },
        { "name: i\nkind: intercom\npath: /i?x\nsecrets: [ env:S ]\nchannel: c\n", NULL, "a path such as" },
        { "name: i\nkind: intercom\npath: /i\nsecrets: [ hunter2 ]\nchannel: c\n", NULL, "env:NAME" },
        { INTERCOM "topcs: [ x ]\n", NULL, "did you mean 'topics'" },
        { INTERCOM "portals: [ 1 ]\n", NULL,
          "callbackd.yaml:6:1: error: 'portals' is no key of intercom sources" },
        { INTERCOM "signature: { header: x }\n", NULL, "'signature' is no key of intercom sources" },
        { HUBSPOT "topics: [ x ]\n", PUBLIC_URL, "'topics' is no key of hubspot sources" },
        { GENERIC TOKEN "api: https://x.example\n", NULL, "'api' is no key of generic sources" },
        { INTERCOM "api: ftp://x\n", NULL, "a base URL" },
        { INTERCOM "api: 'https://user@x.example'\n", NULL, "a base URL" },
        { INTERCOM "user_id: [ contact.external_id ]\n", NULL, "'token' is missing" },
        { INTERCOM "user_id: [ contact.external_id ]\ntoken: env:T\n", NULL, "" },
        { INTERCOM "user_id: [ sender ]\n", NULL, "'sender' is not for intercom" },
        { INTERCOM "user_id: [ telegram ]\n", NULL, "a place of the user id" },
        { INTERCOM "user_id: [ '/a~2' ]\n", NULL, "a place of the user id" },
        { INTERCOM "user_id: [ { at: /a, pattern: '(?<id>[0-9]+' } ]\n", NULL, "of the pattern)" },
        { INTERCOM "user_id: [ { at: /a, pattern: '[0-9]+' } ]\n", NULL, "no group 'id'" },
        { INTERCOM "user_id: [ { pattern: '(?<id>[0-9]+)' } ]\n", NULL, "'at' is missing" },
        { INTERCOM "callback_data: [ { pattern: '[0-9]+' } ]\n", NULL, "no group 'data'" },
        { INTERCOM "callback_data: [ body ]\n", NULL, "a place of callback data" },
        { INTERCOM "callback_data: []\n", NULL, "empty" },
        { INTERCOM "looks_like_tap: '('\n", NULL, "of the pattern)" },
        { INTERCOM "admin_id: 7654321\ntakeover: 0s\n", NULL, "" },
        { INTERCOM "admin_id: anna\n", NULL, "a number such as 7654321" },
        { INTERCOM "takeover: soon\n", NULL, "a duration" },
        { INTERCOM "actor_id: A-1\n", NULL, "'actor_id' is no key of intercom sources" },
        { HUBSPOT "actor_id: A-1\ntakeover: 1h\n", PUBLIC_URL, "" },
        { HUBSPOT "actor_id: 1\n", PUBLIC_URL, "such as A-52530071" },
        { INTERCOM "retention: 2h\n", NULL, "" },
        { GENERIC TOKEN "retention: 1d\n", NULL, "" },
        { INTERCOM "retention: 0s\n", NULL, "from 1h to 3650d" },
        { GENERIC TOKEN "takeover: 1h\n", NULL, "'takeover' is no key of generic sources" },
        { GENERIC TOKEN "attachment: files\n", NULL, "a JSON pointer" },
        { HUBSPOT, NULL, "needs public_url" },
        { HUBSPOT "signatures: [ v1 ]\n", NULL, "" },
        { HUBSPOT "signatures: [ v1, v2 ]\n", NULL, "needs public_url" },
        { HUBSPOT "signatures: [ v4 ]\n", PUBLIC_URL, "'v4' is not known here" },
        { HUBSPOT "directions: [ IN ]\n", PUBLIC_URL, "'IN' is not known here" },
        { HUBSPOT "user_id: [ external_id ]\n", PUBLIC_URL, "'external_id' is not for hubspot" },
        { HUBSPOT "user_id: [ 'body:/x' ]\n", PUBLIC_URL, "'body:' is not for hubspot" },
        { HUBSPOT "user_id: [ 'part:/x' ]\n", PUBLIC_URL, "'part:' is for intercom" },
        { "name: h\nkind: hubspot\npath: /h\nsecrets: [ env:S ]\nchannel: c\n", PUBLIC_URL,
          "'token' is missing" },
        { GENERIC, NULL, "either `signature` or `static_token`" },
        { GENERIC TOKEN "signature: { header: X }\n", NULL, "either `signature` or `static_token`" },
        { GENERIC "signature: { header: 'a b' }\n", NULL, "a header's name" },
        { GENERIC "signature: { header: X, hash: md5 }\n", NULL, "'md5' is not known here" },
        { GENERIC TOKEN "id: x\n", NULL, "a JSON pointer" },
        { GENERIC TOKEN "user_id: [ contact.x ]\n", NULL, "fetch no contacts" },
        { "name: g\nkind: generic\npath: /g\nchannel: c\n" TOKEN, NULL, "'secrets' is missing" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char *got = fixture_findings(table[i].yaml, table[i].public_url);

        if (table[i].error[0] ? !strstr(got, table[i].error) : got[0])
            fail_msg("%s\ngot: %s\nwant: %s", table[i].yaml, got, table[i].error);
        assert_null(strstr(got, "error: a reference to a secret is expected here: hunter2"));
        free(got);
    }
}

static void test_secret_references(void **state)
{
    static const struct {
        const char *text;
        int kind; /* -1: refused */
        const char *name;
    } table[] = {
        { "env:INTERCOM_SECRET", SECRET_ENV, "INTERCOM_SECRET" },
        { "env:_x9", SECRET_ENV, "_x9" },
        { "env:", -1, "" },
        { "env:9x", -1, "" },
        { "env:A-B", -1, "" },
        { "file:/etc/secret key", SECRET_FILE, "/etc/secret key" },
        { "file:x\n", -1, "" },
        { "file:", -1, "" },
        { "credential:octopods-shop", SECRET_CREDENTIAL, "octopods-shop" },
        { "credential:../x", -1, "" },
        { "credential:.x", -1, "" },
        { "hunter2", -1, "" },
        { "", -1, "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        enum secret_kind kind;
        struct text name;
        struct fault fault = { "" };
        bool good = secret_parse(text_of(table[i].text), &kind, &name, &fault);

        assert_int_equal(good, table[i].kind >= 0);
        assert_int_equal(secret_check(text_of(table[i].text), &fault), good);
        if (good) {
            assert_int_equal(kind, table[i].kind);
            assert_true(text_is(name, table[i].name));
        } else {
            assert_null(strstr(fault.text, "hunter2"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_getters),
        cmocka_unit_test(test_token_is_a_secret),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_secret_references),
    };

    return cmocka_run_group_tests_name("source_config", tests, NULL, NULL);
}
