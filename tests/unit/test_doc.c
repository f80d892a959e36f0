#include "core/doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json_object *parse(const char *text)
{
    struct fault fault;

    return doc_parse(text_of(text), &fault);
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        { "{}", true },
        { " [1, 2]\r\n\t ", true },
        { "12", true },
        { "\"a\"", true },
        { "true", true },
        { "{\"n\":123456789012345678901234567890}", true },
        { "{\"n\":-123456789012345678901234567890}", true },
        { "{\"n\":18446744073709551615,\"m\":1e400}", true },
        { "", false },
        { "  ", false },
        { "null", false },
        { "{} {}", false },
        { "{}x", false },
        { "{", false },
        { "[1,]", false },
        { "{\"a\":1,}", false },
        { "{'a':1}", false },
        { "{\"a\":NaN}", false },
        { "[1] // x", false },
        { "\"a\tb\"", false },
        { "\"\\\"'\\\\\"", true },
        { "[Infinity]", false },
        { "[TRUE]", false },
        { "[01]", false },
        { "[-]", false },
        { "[1.]", false },
        { "00.1", false },
        { "[-01]", false },
        { "{\"a\":-00}", false },
        { "-.0", false },
        { "[.5]", false },
        { "[1e]", false },
        { "[1e+]", false },
        { "[1.5.5]", false },
        { "[1-1]", false },
        { "[+1]", false },
        { "[0, -0, 0.10, 100, 1e01, 1E-01, 1.00]", true },
        { "\"\\x\"", false },
        { "\"\\u12\"", false },
        { "/* x */ []", false },
        { "\"\xFF\"", false },
        { "\"\xED\xA0\x80\"", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fault fault = { "" };
        struct json_object *value = doc_parse(text_of(rows[i].text), &fault);

        if ((value != NULL) != rows[i].good)
            fail_msg("%s: %s", rows[i].text, fault.text);
        assert_true(value || fault.text[0]);
        json_object_put(value);
    }
    assert_null(doc_parse(text_make("{}\0{}", 5), &(struct fault){ "" }));
}

static void test_depth(void **state)
{
    char text[2 * DOC_DEPTH + 6];

    (void)state;
    for (int depth = DOC_DEPTH - 3; depth <= DOC_DEPTH + 2; depth++) {
        struct fault fault;
        struct json_object *value;

        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        value = doc_parse(text_make(text, 2 * (size_t)depth), &fault);
        assert_true((value != NULL) == (depth <= DOC_DEPTH));
        json_object_put(value);
    }
}

static void test_pointer(void **state)
{
    static const struct {
        const char *pointer, *expected;
    } rows[] = {
        { "", "{\"a\":{\"b\":[10,{\"c\":\"d/e\"}],\"x/y\":1,\"m~n\":2,\"\":3},\"n\":null}" },
        { "/a/b/0", "10" },
        { "/a/b/1/c", "\"d/e\"" },
        { "/a/x~1y", "1" },
        { "/a/m~0n", "2" },
        { "/a/", "3" },
        { "/a/b/2", NULL },
        { "/a/b/-", NULL },
        { "/a/b/-0", NULL },
        { "/a/b/00", NULL },
        { "/a/b/x", NULL },
        { "/a/~2", NULL },
        { "/a/m~", NULL },
        { "/n", NULL },
        { "/n/x", NULL },
        { "a", NULL },
        { "/a/b/0/0", NULL },
    };
    struct json_object *root = parse(rows[0].expected);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct json_object *found = doc_at(root, rows[i].pointer);
        struct buf out = BUF(1000);

        assert_true((found != NULL) == (rows[i].expected != NULL));
        if (found) {
            doc_print(found, &out);
            assert_string_equal(out.data, rows[i].expected);
        }
        buf_free(&out);
    }
    json_object_put(root);
}

static void test_id(void **state)
{
    static const struct {
        const char *json, *id;
    } rows[] = {
        { "\"abc\"", "abc" },
        { "0", "0" },
        { "-1001234567890", "-1001234567890" },
        { "9223372036854775806", "9223372036854775806" },
        { "9223372036854775808", NULL },
        { "99999999999999999999999", NULL },
        { "-99999999999999999999999", NULL },
        { "1.5", NULL },
        { "1e3", NULL },
        { "\"\"", NULL },
        { "\"a\\u0000b\"", NULL },
        { "true", NULL },
        { "[]", NULL },
        { "{}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct json_object *value = parse(rows[i].json);
        char id[256] = "";

        assert_non_null(value);
        if (doc_id(value, id) != (rows[i].id != NULL))
            fail_msg("%s", rows[i].json);
        if (rows[i].id)
            assert_string_equal(id, rows[i].id);
        json_object_put(value);
    }
    assert_false(doc_id(NULL, (char[256]){ 0 }));
}

static void test_texts(void **state)
{
    struct json_object *object = parse("{\"a\":\"x\",\"n\":1,\"z\":null}");
    struct buf out = BUF(1000);

    (void)state;
    assert_true(text_is(doc_str(object, "a"), "x"));
    assert_null(doc_str(object, "n").p);
    assert_null(doc_str(object, "z").p);
    assert_null(doc_str(object, "none").p);
    assert_null(doc_str(NULL, "a").p);
    assert_null(doc_key(NULL, "a"));
    assert_true(doc_add_text(object, "u", text_of("a/b \"\xE2\x82\xAC\"")));
    assert_true(doc_add_text(object, "v", TEXT_NONE));
    doc_print(object, &out);
    assert_string_equal(out.data, "{\"a\":\"x\",\"n\":1,\"z\":null,\"u\":\"a/b \\\"\xE2\x82\xAC\\\"\"}");
    buf_free(&out);
    json_object_put(object);
}

/* The value is taken in any case: nobody else holds it when its object is gone, or never was. */
static void test_adding(void **state)
{
    struct json_object *object = json_object_new_object(), *value = json_object_new_int(1);

    (void)state;
    assert_true(doc_add(object, "a", json_object_get(value)));
    assert_ptr_equal(doc_key(object, "a"), value);
    assert_false(doc_add(object, "b", NULL));
    assert_false(json_object_object_get_ex(object, "b", NULL));
    json_object_put(object);
    assert_false(doc_add(NULL, "a", json_object_get(value)));
    assert_int_equal(json_object_put(value), 1);
}

static void test_printed(void **state)
{
    struct arena *arena = arena_new(1000);
    struct json_object *value = parse("{\"a\": [1, null]}");

    (void)state;
    assert_string_equal(doc_printed(value, 14, arena).p, "{\"a\":[1,null]}");
    assert_null(doc_printed(value, 13, arena).p);
    json_object_put(value);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),   cmocka_unit_test(test_depth), cmocka_unit_test(test_pointer),
        cmocka_unit_test(test_id),      cmocka_unit_test(test_texts), cmocka_unit_test(test_adding),
        cmocka_unit_test(test_printed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
