#include "source_help.h"

#include "core/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INTERCOM "{ name: i, kind: intercom, path: /i, secrets: [ env:S ], channel: c }"
#define HUBSPOT "name: h\nkind: hubspot\npath: /h\nsecrets: [ env:S ]\ntoken: env:T\nchannel: c\n"
#define GENERIC "name: g\nkind: generic\npath: /g\nchannel: c\n"

#define INTERCOM_SECRET "intercom-client-secret"
#define PING "{\"type\":\"notification_event\",\"topic\":\"ping\"}"
#define PING_SHA1 "9e8917a4fdd555230bacda28c913e3e456660272"

#define SECRET "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
#define EXAMPLE_URL "https://www.example.com"
#define B1                                                                                      \
    "[{\"eventId\":1,\"subscriptionId\":12345,\"portalId\":62515,\"occurredAt\":1564113600000," \
    "\"subscriptionType\":\"contact.creation\",\"attemptNumber\":0,\"objectId\":123,"           \
    "\"changeSource\":\"CRM\",\"changeFlag\":\"NEW\",\"appId\":54321}]"
#define B2 "{\"example_field\":\"example_value\"}"
#define B3 "{'example_field':'example_value'}"
#define UTF8 "{\"text\":\"Привет ✅\"}"
#define ONE                                                                                              \
    "[{\"eventId\":100,\"subscriptionId\":4578255,\"portalId\":242711451,\"appId\":19635961,"            \
    "\"occurredAt\":1769081993375,\"subscriptionType\":\"conversation.newMessage\",\"attemptNumber\":0," \
    "\"objectId\":9598272090,\"messageId\":\"3ad3474b08dd408ca57a8454e355e942\","                        \
    "\"messageType\":\"MESSAGE\",\"changeFlag\":\"NEW_MESSAGE\",\"changeSource\":\"CONVERSATIONS\"}]"

static void test_intercom(void **state)
{
    static const struct {
        const char *body, *header;
        const char *fault; /* "": verified */
    } table[] = {
        { PING, "X-Hub-Signature: sha1=" PING_SHA1, "" },
        { "{\"type\": \"notification_event\", \"topic\": \"ping\"}\n",
          "X-Hub-Signature: sha1=91fdfb4466470a1e17e6207b04edb6436ff91641", "" },
        { "", "X-Hub-Signature: sha1=c6e1dd8dc805b0f8c7e1f91152a5e85e0c17f9f8", "" },
        { PING, "x-hub-signature: sha1=9E8917A4FDD555230BACDA28C913E3E456660272", "" },
        { PING, "X-Hub-Signature:  sha1=" PING_SHA1 " ", "" },
        { PING " ", "X-Hub-Signature: sha1=" PING_SHA1, "does not fit" },
        { "", "X-Hub-Signature: sha1=" PING_SHA1, "does not fit" },
        { PING, "X-Hub-Signature: sha1=0e8917a4fdd555230bacda28c913e3e456660272", "does not fit" },
        { PING, "X-Hub-Signature: " PING_SHA1, "sha1=" },
        { PING, "X-Hub-Signature: SHA1=" PING_SHA1, "sha1=" },
        { PING, "X-Hub-Signature: sha256=" PING_SHA1, "sha1=" },
        { PING, "X-Hub-Signature: sha1=" PING_SHA1 "00", "40 hex" },
        { PING, "X-Hub-Signature: sha1=", "40 hex" },
        { PING, "X-Hub-Signature: sha1=ge8917a4fdd555230bacda28c913e3e456660272", "40 hex" },
        { PING, "X-Hub-Signature: ", "sha1=" },
        { PING, "X-Body-Signature: " PING_SHA1, "no X-Hub-Signature" },
    };
    struct fixture f;

    (void)state;
    fixture_open(&f, INTERCOM, NULL);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *headers[] = { table[i].header, NULL };
        const char *fault = fixture_verify(&f, INTERCOM_SECRET, "/i", table[i].body, headers, 0);

        if (table[i].fault[0] ? !strstr(fault, table[i].fault) : fault[0])
            fail_msg("%zu: %s", i, fault);
    }
    fixture_close(&f);
}

static void test_no_secret_verifies_nothing(void **state)
{
    struct request_header header = { "X-Hub-Signature", "sha1=fbdb1d1b18aa6c08324b7d64b71fb76370690e1d" };
    struct request request = { "POST", "/i", &header, 1, text_of("") };
    struct text empty = text_of("");
    struct fault fault;
    struct fixture f;

    (void)state;
    fixture_open(&f, INTERCOM, NULL);
    /* that is HMAC-SHA1 with an empty key */
    assert_false(source_verify(f.source, &request, &empty, 1, 0, &fault));
    assert_false(source_verify(f.source, &request, NULL, 0, 0, &fault));
    fixture_close(&f);
}

struct hubspot_case {
    const char *url, *target, *body;
    const char *headers[5];
    int64_t now_ms;
    const char *fault;
};

static void run_hubspot(const char *yaml, const struct hubspot_case *table, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct fixture f;
        const char *fault;

        fixture_open(&f, yaml, table[i].url);
        fault = fixture_verify(&f, SECRET, table[i].target, table[i].body, table[i].headers, table[i].now_ms);
        if (table[i].fault[0] ? !strstr(fault, table[i].fault) : fault[0])
            fail_msg("%zu: '%s'", i, fault);
        fixture_close(&f);
    }
}

#define V3(signature) "X-HubSpot-Signature-v3: " signature
#define STAMP(stamp) "X-HubSpot-Request-Timestamp: " stamp
#define V1(signature) "X-HubSpot-Signature: " signature
#define VERSION(version) "X-HubSpot-Signature-Version: " version
#define T1 INT64_C(1693657560000)
#define B2_V3 "oaA3M5dEtt6kFsseJD/Hv/x+JNl1vsoxFj4oxmwP6Go="
#define WEB EXAMPLE_URL, "/webhook_uri"
#define TENANT "https://hooks.example.com", "/hubspot?tenant=a%3Ab%2Fc%20d&x=%26%3D%2B"

static void test_hubspot_v3(void **state)
{
    static const struct hubspot_case table[] = {
        { WEB, B3, { V3("K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="), STAMP("1693657560000") }, T1, "" },
        { WEB,
          B3,
          { V3("RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="), STAMP("1700000300000") },
          INT64_C(1700000300000),
          "" },
        { WEB, B2, { V3(B2_V3), STAMP("1693657560000") }, T1, "" },
        { "https://www.example.com/", "/webhook_uri", B2, { V3(B2_V3), STAMP("1693657560000") }, T1, "" },
        { WEB, UTF8, { V3("ZzCjcbOiA75CuIsu0EXa920fGjTHgyGW4SYYE56TTK8="), STAMP("1693657560000") }, T1, "" },
        { TENANT,
          B2,
          { V3("ReHDRJ8tTycqqFt3YHUUM0za1cYh8kPFATy91swmsPQ="), STAMP("1693657560000") },
          T1,
          "" },
        { TENANT,
          B2,
          { V3("pEi/LHoCNXHbZMMBPdGmWJ7uP8s+SZdw/2Zj4UCG9nQ="), STAMP("1693657560000") },
          T1,
          "" },
        { "https://hooks.example.com",
          "/hubspot",
          ONE,
          { V3("fgnFIOFBWMrKbADtCCOSMEOb7uFo67ssvRWgEFCWyyk="), STAMP("1769081994000") },
          INT64_C(1769081994000),
          "" },
        /* a proxy that decodes forms */
        { WEB, B3, { V3("K36dawei4A QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="), STAMP("1693657560000") }, T1, "" },
        /* the window: five minutes back, one ahead, both ends good */
        { WEB, B2, { V3(B2_V3), STAMP("1693657560000") }, T1 + 300000, "" },
        { WEB, B2, { V3(B2_V3), STAMP("1693657560000") }, T1 + 300001, "older" },
        { WEB, B2, { V3(B2_V3), STAMP("1693657560000") }, T1 - 60000, "" },
        { WEB, B2, { V3(B2_V3), STAMP("1693657560000") }, T1 - 60001, "future" },
        { WEB, B2, { V3(B2_V3) }, T1, "no X-HubSpot-Request-Timestamp" },
        { WEB, B2, { V3(B2_V3), STAMP("") }, T1, "no number" },
        { WEB, B2, { V3(B2_V3), STAMP("1693657560000.0") }, T1, "no number" },
        { WEB, B2, { V3(B2_V3), STAMP("1.69365756e12") }, T1, "no number" },
        { WEB, B2, { V3(B2_V3), STAMP("-1693657560000") }, T1, "no number" },
        { WEB, B2, { V3(B2_V3), STAMP("+1693657560000") }, T1, "no number" },
        { WEB, B2, { V3(B2_V3), STAMP("NaN") }, T1, "no number" },
        { WEB, B2, { V3(B2_V3), STAMP("99999999999999999999999") }, T1, "no number" },
        { WEB, B2, { V3(B2_V3), STAMP("01693657560000") }, T1, "does not fit" },
        { WEB, B2, { V3(B2_V3), STAMP("1693657560001") }, T1, "does not fit" },
        { WEB, B3, { V3(B2_V3), STAMP("1693657560000") }, T1, "does not fit" },
        { EXAMPLE_URL, "/webhook_uri/", B2, { V3(B2_V3), STAMP("1693657560000") }, T1, "does not fit" },
        { "http://www.example.com",
          "/webhook_uri",
          B2,
          { V3(B2_V3), STAMP("1693657560000") },
          T1,
          "does not fit" },
        { WEB, B2, { V3("oaA3"), STAMP("1693657560000") }, T1, "base64" },
        { WEB, B2, { V3(""), STAMP("1693657560000") }, T1, "base64" },
        { WEB, B2, { STAMP("1693657560000") }, T1, "no signature header" },
        /* v1 alone, and v1 beside a bad v3 */
        { WEB,
          B1,
          { V1("232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"), VERSION("v1") },
          T1,
          "no signature header" },
    };

    (void)state;
    run_hubspot(HUBSPOT, table, sizeof(table) / sizeof(table[0]));
}

static void test_hubspot_v1_v2_by_choice(void **state)
{
    static const struct hubspot_case table[] = {
        { WEB,
          B1,
          { V1("232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"), VERSION("v1") },
          T1,
          "" },
        { WEB,
          B1,
          { V1("232DB2615F3D666FE21A8EC971AC7B5402D33B9A925784DF3CA654D05F4817DE"), VERSION("v1") },
          T1,
          "" },
        { WEB,
          B3,
          { V1("69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"), VERSION("v1") },
          T1,
          "" },
        { WEB,
          UTF8,
          { V1("076e7891ec03e3045aa8e81547555cc9e060f49aa91c488449ce80b5b2e82801"), VERSION("v1") },
          T1,
          "" },
        { WEB,
          ONE,
          { V1("034debc307f3918e121196f7b2a7a0cbe2d013479d9cc31395b71a5b0599297d"), VERSION("v1") },
          T1,
          "" },
        { WEB,
          B2,
          { V1("9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"), VERSION("v2") },
          T1,
          "" },
        { WEB,
          B3,
          { V1("4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383"), VERSION("v2") },
          T1,
          "" },
        { WEB, B2, { V3(B2_V3), STAMP("1693657560000") }, T1, "" },
        /* a v3 that is there decides alone */
        { WEB,
          B1,
          { V1("232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"), VERSION("v1"), V3(B2_V3),
            STAMP("1693657560000") },
          T1,
          "does not fit" },
        { WEB,
          B1,
          { V1("232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"), VERSION("v2") },
          T1,
          "does not fit" },
        { WEB,
          B2,
          { V1("9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"), VERSION("v1") },
          T1,
          "does not fit" },
        { WEB, B2, { V1("9569"), VERSION("v1") }, T1, "64 hex" },
        { WEB,
          B2,
          { V1("9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"), VERSION("v4") },
          T1,
          "no signature header" },
    };

    (void)state;
    run_hubspot(HUBSPOT "signatures: [ v1, v2, v3 ]\n", table, sizeof(table) / sizeof(table[0]));
}

/* GET with an empty body is the one published vector that is no POST. */
static void test_hubspot_v2_get(void **state)
{
    const struct request_header headers[] = {
        { "X-HubSpot-Signature", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e" },
        { "X-HubSpot-Signature-Version", "v2" },
    };
    struct request request = { "GET", "/webhook_uri", headers, 2, TEXT_NONE };
    struct text secret = text_of(SECRET);
    struct fault fault;
    struct fixture f;

    (void)state;
    fixture_open(&f, HUBSPOT "signatures: [ v2 ]\n", EXAMPLE_URL);
    assert_true(source_verify(f.source, &request, &secret, 1, 0, &fault));
    fixture_close(&f);
}

/* Signs the decoded reading, sends the encoded target: which codes are decoded, and no others. */
static void test_hubspot_v3_codes(void **state)
{
    static const struct {
        const char *sent, *signed_;
    } table[] = {
        { "/h?a=%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B", "/h?a=:/?@!$'()*,;" },
        { "/h?a=%3a%2f%3f%2a%2c%3b", "/h?a=:/?*,;" },
        { "/h?a=%20%26%3D%2B%25%D0%9F", "/h?a=%20%26%3D%2B%25%D0%9F" },
        { "/h?a=%253A", "/h?a=%253A" },
        { "/h?a=%", "/h?a=%" },
        { "/h?a=%3", "/h?a=%3" },
        { "/h?a=%3G%zz", "/h?a=%3G%zz" },
        { "/h?a=%3A%", "/h?a=:%" },
        { "/h?a=%00", "/h?a=%00" },
    };
    struct fixture f;

    (void)state;
    fixture_open(&f, HUBSPOT, PUBLIC_URL);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct text parts[] = { text_of("POST"), text_of(PUBLIC_URL), text_of(table[i].signed_),
                                      text_of(B2), text_of("1693657560000") };
        unsigned char mac[SIGN_MAX];
        char base64[45], header[100];
        const char *headers[] = { header, STAMP("1693657560000"), NULL };

        assert_true(sign_hmac(SIGN_SHA256, text_of(SECRET), parts, 5, mac));
        sign_base64(mac, 32, base64, sizeof(base64));
        snprintf(header, sizeof(header), "X-HubSpot-Signature-v3: %s", base64);
        if (fixture_verify(&f, SECRET, table[i].sent, B2, headers, T1)[0])
            fail_msg("%s", table[i].sent);
    }
    fixture_close(&f);
}

static void test_generic(void **state)
{
    static const struct {
        const char *yaml, *header, *fault;
    } table[] = {
        { GENERIC "secrets: [ env:S ]\nsignature: { header: X-Sig, hash: sha1 }\n", "X-Sig: " PING_SHA1, "" },
        { GENERIC "secrets: [ env:S ]\nsignature: { header: X-Sig, hash: sha1, prefix: 'v=' }\n",
          "x-sig: v=" PING_SHA1, "" },
        { GENERIC "secrets: [ env:S ]\nsignature: { header: X-Sig, hash: sha1, prefix: 'v=' }\n",
          "x-sig: " PING_SHA1, "prefix" },
        { GENERIC "secrets: [ env:S ]\nsignature: { header: X-Sig, hash: sha1, encoding: base64 }\n",
          "X-Sig: nokXpP3VVSMLrNooyRPj5FZmAnI=", "" },
        { GENERIC "secrets: [ env:S ]\nsignature: { header: X-Sig }\n", "X-Sig: " PING_SHA1, "hex of 32" },
        { GENERIC "secrets: [ env:S ]\nsignature: { header: X-Sig, hash: sha1 }\n", "Y: z", "no X-Sig" },
        { GENERIC "static_token: { header: Authorization, prefix: 'Bearer ', token: env:S }\n",
          "authorization: Bearer " INTERCOM_SECRET, "" },
        { GENERIC "static_token: { header: Authorization, prefix: 'Bearer ', token: env:S }\n",
          "authorization: Bearer x" INTERCOM_SECRET, "does not fit" },
        { GENERIC "static_token: { header: Authorization, prefix: 'Bearer ', token: env:S }\n",
          "authorization: Bearer ", "prefix" },
        { GENERIC "secrets: [ env:S ]\nstatic_token: { header: X-Token }\n", "X-Token: " INTERCOM_SECRET,
          "" },
        { GENERIC "secrets: [ env:S ]\nstatic_token: { header: X-Token }\n", "X-Token: ", "does not fit" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *headers[] = { table[i].header, NULL };
        struct fixture f;
        const char *fault;

        fixture_open(&f, table[i].yaml, NULL);
        fault = fixture_verify(&f, INTERCOM_SECRET, "/g", PING, headers, 0);
        if (table[i].fault[0] ? !strstr(fault, table[i].fault) : fault[0])
            fail_msg("%zu: '%s'", i, fault);
        fixture_close(&f);
    }
}

static void test_kept_headers(void **state)
{
    const struct request_header headers[] = {
        { "User-Agent", "HubSpot \"Connect\"\x01" },
        { "X-HubSpot-Request-Timestamp", "1769081994000" },
        { "Authorization", "Bearer s3cret" },
        { "X-Hub-Signature", "sha1=00" },
    };
    const struct request request = { "POST", "/h", headers, 4, TEXT_NONE };
    struct buf out = BUF(1000);
    struct fixture f;

    (void)state;
    fixture_open(&f, HUBSPOT, PUBLIC_URL);
    source_keep_headers(f.source, &request, &out);
    assert_string_equal(
        out.data,
        "{\"user-agent\":\"HubSpot \\\"Connect\\\"?\",\"x-hubspot-request-timestamp\":\"1769081994000\"}");
    assert_null(request_header(&request, "X-Nothing"));
    buf_free(&out);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intercom),       cmocka_unit_test(test_no_secret_verifies_nothing),
        cmocka_unit_test(test_hubspot_v3),     cmocka_unit_test(test_hubspot_v1_v2_by_choice),
        cmocka_unit_test(test_hubspot_v2_get), cmocka_unit_test(test_hubspot_v3_codes),
        cmocka_unit_test(test_generic),        cmocka_unit_test(test_kept_headers),
    };

    return cmocka_run_group_tests_name("source_verify", tests, NULL, NULL);
}
