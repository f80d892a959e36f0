#include "core/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
#define B1                                                                                      \
    "[{\"eventId\":1,\"subscriptionId\":12345,\"portalId\":62515,\"occurredAt\":1564113600000," \
    "\"subscriptionType\":\"contact.creation\",\"attemptNumber\":0,\"objectId\":123,"           \
    "\"changeSource\":\"CRM\",\"changeFlag\":\"NEW\",\"appId\":54321}]"

static void test_hmac_sha1(void **state)
{
    static const struct {
        const char *body, *hex;
    } table[] = {
        { "{\"type\":\"notification_event\",\"topic\":\"ping\"}",
          "9e8917a4fdd555230bacda28c913e3e456660272" },
        { "{\"type\": \"notification_event\", \"topic\": \"ping\"}\n",
          "91fdfb4466470a1e17e6207b04edb6436ff91641" },
        { "", "c6e1dd8dc805b0f8c7e1f91152a5e85e0c17f9f8" },
    };

    (void)state;
    assert_int_equal(sign_hash_size(SIGN_SHA1), 20);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct text body = text_of(table[i].body);
        unsigned char mac[SIGN_MAX];
        char hex[41];

        assert_true(sign_hmac(SIGN_SHA1, text_of("intercom-client-secret"), &body, 1, mac));
        text_hex(mac, 20, hex);
        assert_string_equal(hex, table[i].hex);
    }
}

static void test_parts_are_joined(void **state)
{
    const struct text parts[] = { text_of(SECRET), text_of(B1), TEXT_NONE };
    unsigned char digest[SIGN_MAX];
    char hex[65];

    (void)state;
    assert_true(sign_digest(SIGN_SHA256, parts, 3, digest));
    text_hex(digest, 32, hex);
    assert_string_equal(hex, "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de");
    assert_true(sign_digest(SIGN_SHA1, NULL, 0, digest));
    text_hex(digest, 20, hex);
    assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void test_hmac_with_an_empty_key(void **state)
{
    unsigned char mac[SIGN_MAX];
    char hex[65];

    (void)state;
    assert_true(sign_hmac(SIGN_SHA256, TEXT_NONE, NULL, 0, mac));
    text_hex(mac, 32, hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(sign_equal("abc", "abc", 3));
    assert_false(sign_equal("abc", "abd", 3));
    assert_true(sign_equal_text(text_of("abc"), text_of("abc")));
    assert_false(sign_equal_text(text_of("abc"), text_of("abcd")));
    assert_true(sign_equal_text(TEXT_NONE, text_of("")));
}

static void test_base64(void **state)
{
    static const unsigned char bytes[32] = { 0xfb, 0xef, 0xbe, 0xff, 1, 2 };
    unsigned char back[32];
    char text[45], small[10];

    (void)state;
    sign_base64(bytes, 32, text, sizeof(text));
    assert_string_equal(text, "++++/wECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_true(sign_unbase64(text_of(text), back, 32));
    assert_memory_equal(back, bytes, 32);
    assert_true(sign_unbase64(text_of("    /wECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), back, 32));
    assert_memory_equal(back, bytes, 32);
    sign_base64(bytes, 32, small, sizeof(small));
    assert_string_equal(small, "");
}

static void test_base64_refused(void **state)
{
    static const char *const table[] = {
        "",
        "++++/wECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* no padding */
        "++++/wECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",  /* bits behind the end */
        "++++/wECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",  /* 33 bytes */
        "++++/wECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", /* too long */
        "----_wECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",  /* the URL alphabet */
        "+++=/wECAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    };
    unsigned char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        assert_false(sign_unbase64(text_of(table[i]), out, 32));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac_sha1),
        cmocka_unit_test(test_parts_are_joined),
        cmocka_unit_test(test_hmac_with_an_empty_key),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_refused),
    };

    return cmocka_run_group_tests_name("sign", tests, NULL, NULL);
}
