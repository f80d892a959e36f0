#include "core/doc.h"
#include "core/schema.h"
#include "core/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool check_even(struct text text, struct fault *fault)
{
    return text.n % 2 == 0 || fault_set(fault, "a text of an even length is expected here");
}

static const char *const colours[] = { "red", "green", "blue", NULL };
static const struct schema text = { SCHEMA_TEXT };
static const struct schema short_text = { SCHEMA_TEXT, .least = 1, .most = 5 };
static const struct schema name = { SCHEMA_NAME };
static const struct schema boolean = { SCHEMA_BOOL };
static const struct schema whole = { SCHEMA_INT };
static const struct schema few = { SCHEMA_INT, .least = 1, .most = 50 };
static const struct schema duration = { SCHEMA_DURATION };
static const struct schema wait = { SCHEMA_DURATION, .least = 1000, .most = 7LL * 86400 * 1000 };
static const struct schema size = { SCHEMA_SIZE, .least = 512, .most = 1 << 20 };
static const struct schema colour = { SCHEMA_WORD, .words = colours };
static const struct schema even = { SCHEMA_CUSTOM, .check = check_even };
static const struct schema list = { SCHEMA_LIST, .item = &few, .least = 1, .most = 3 };
static const struct schema dict = { SCHEMA_DICT, .item = &duration };
static const struct schema self;
static const struct schema *const options[] = { &text, &self, NULL };
static const struct schema choice = { SCHEMA_ANY_OF, .options = options };
static const struct schema_key keys[] = {
    { "text", &text },
    { "short", &short_text },
    { "name", &name },
    { "bool", &boolean },
    { "int", &whole },
    { "few", &few },
    { "duration", &duration },
    { "wait", &wait },
    { "size", &size },
    { "colour", &colour },
    { "even", &even },
    { "list", &list },
    { "dict", &dict },
    { "self", &self },
    { "choice", &choice },
    { "buttons", &text },
    { "lookup", NULL, .later = "lookup" },
    { "any", NULL },
    { NULL },
};
static const struct schema self = { SCHEMA_MAP, .keys = keys };

/* "LINE:COLUMN TEXT [HINT]" of each finding, one after the other. */
static void list_findings(struct findings *findings, struct buf *out)
{
    const struct finding *finding;

    for (size_t i = 0; (finding = findings_get(findings, i)); i++) {
        buf_printf(out, "%s%d:%d %s", i ? "; " : "", finding->at.line, finding->at.column, finding->text);
        if (finding->hint)
            buf_printf(out, " [%s]", finding->hint);
    }
}

static void test_checks(void **state)
{
    static const struct {
        const char *source, *expected;
    } rows[] = {
        { "text: a", "" },
        { "text: 12", "" },
        { "text: true", "" },
        { "text: ''", "" },
        { "text:", "1:6 a text is expected here, and nothing stands here" },
        { "text: [ a ]", "1:7 a text is expected here, not a list" },
        { "text: { a: b }", "1:7 a text is expected here, not a map" },
        { "short: abcde", "" },
        { "short: abcdef", "1:8 a text of 1 to 5 bytes is expected here" },
        { "short: ''", "1:9 a text that is not empty is expected here" },
        { "name: a-1", "" },
        { "name: My Rule", "1:7 'My Rule' is no name [a name: small letters, digits and '-', at most 64]" },
        { "bool: true", "" },
        { "bool: false", "" },
        { "bool: yes", "1:7 true or false is expected here [write: true]" },
        { "bool: Off", "1:7 true or false is expected here [write: false]" },
        { "bool: 1", "1:7 true or false is expected here" },
        { "bool: 'true'", "1:8 true or false is expected here [write it without quotes]" },
        { "int: -5", "" },
        { "int: 5.0", "1:6 a whole number is expected here" },
        { "int: 99999999999999999999", "1:6 a whole number is expected here" },
        { "int: '5'", "1:7 a whole number is expected here [write it without quotes]" },
        { "few: 50", "" },
        { "few: 51", "1:6 a whole number from 1 to 50 is expected here" },
        { "duration: 15m", "" },
        { "duration: 15",
          "1:11 a duration such as 15m is expected here [the unit is missing: 15s are seconds; also "
          "ms, m, h, d]" },
        { "wait: 500ms", "1:7 a duration such as 15m from 1s to 7d is expected here" },
        { "size: 64KiB", "" },
        { "size: 64kb", "1:7 a size such as 64KiB from 512 to 1MiB is expected here" },
        { "colour: red", "" },
        { "colour: grene",
          "1:9 'grene' is not known here; did you mean 'green'? [it must be red, green or blue]" },
        { "colour: xyzzy", "1:9 'xyzzy' is not known here [it must be red, green or blue]" },
        { "even: ab", "" },
        { "even: abc", "1:7 a text of an even length is expected here" },
        { "list: [ 1, 2 ]", "" },
        { "list: []", "1:7 this list is empty [put something into it]" },
        { "list: [ 1, 2, 3, 4 ]", "1:7 a list of 1 to 3 elements is expected here, not of 4" },
        { "list: 1",
          "1:7 a list is expected here, not a single value [a list is written [ one, two ], or one '- ' "
          "line for each element]" },
        { "list: [ 1, x, 99 ]", "1:12 a whole number from 1 to 50 is expected here; 1:15 a whole number from "
                                "1 to 50 is expected here" },
        { "dict: { a: 1s, b: 2m }", "" },
        { "dict: { a: 1s, b: x }", "1:19 a duration such as 15m is expected here" },
        { "dict: { '': 1s }", "1:10 a key is empty" },
        { "dict: a", "1:7 a map is expected here, not a single value [a map is written { key: value }, or "
                     "one 'key: value' line for each key]" },
        { "self: { self: { int: x } }", "1:22 a whole number is expected here" },
        { "choice: a", "" },
        { "choice: { int: 1 }", "" },
        { "choice: [ a ]", "1:9 a text or a map is expected here, not a list" },
        { "butons: a", "1:1 unknown key 'butons'; did you mean 'buttons'?" },
        { "lookup: a", "1:1 'lookup' is not supported by this version of callbackd yet" },
        { "any: [ { x: y } ]", "" },
        { "int: x\nbool: y\nwrong-key: z", "1:6 a whole number is expected here; 2:7 true or false is "
                                           "expected here; 3:1 unknown key 'wrong-key' "
                                           "[known here: text, short, name, bool, int, few, duration, wait, "
                                           "size, colour, even, list, dict, self, "
                                           "choice, buttons or any]" },
        { "- a", "1:1 a map is expected here, not a list [a map is written { key: value }, or one 'key: "
                 "value' line for each key]" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *arena = arena_new(1 << 20);
        struct findings *findings = findings_new();
        struct document *document = yaml_read(arena, "f", text_of(rows[i].source), findings);
        struct buf out = BUF(10000);

        assert_non_null(document);
        assert_true(schema_check(&self, document->root, findings) == (rows[i].expected[0] == '\0'));
        buf_str(&out, "");
        list_findings(findings, &out);
        assert_string_equal(out.data, rows[i].expected);
        buf_free(&out);
        findings_free(findings);
        arena_free(arena);
    }
}

static void test_required(void **state)
{
    static const struct schema_key required[] = { { "name", &name, true, .help = "what it is called" },
                                                  { "text", &text, true },
                                                  { NULL } };
    static const struct schema map = { SCHEMA_MAP, .what = "a rule", .keys = required };
    struct arena *arena = arena_new(1 << 20);
    struct findings *findings = findings_new();
    struct document *document = yaml_read(arena, "f", text_of("{}"), findings);
    struct buf out = BUF(10000);

    (void)state;
    assert_false(schema_check(&map, document->root, findings));
    list_findings(findings, &out);
    assert_string_equal(out.data,
                        "1:1 'name' is missing here [name: what it is called]; 1:1 'text' is missing here");
    buf_free(&out);
    findings_free(findings);
    arena_free(arena);
}

static void test_values(void **state)
{
    struct arena *arena = arena_new(1 << 20);
    struct findings *findings = findings_new();
    struct document *document = yaml_read(
        arena, "f", text_of("text: a b\nbool: true\nint: -7\nduration: 2s\nsize: 1KiB\n"), findings);
    const struct node *map = document->root;

    (void)state;
    assert_true(text_is(schema_text(map, "text", "x"), "a b"));
    assert_true(text_is(schema_text(map, "none", "x"), "x"));
    assert_null(schema_text(map, "none", NULL).p);
    assert_true(schema_bool(map, "bool", false));
    assert_true(schema_bool(map, "none", true));
    assert_int_equal(schema_int(map, "int", 1), -7);
    assert_int_equal(schema_int(map, "none", 1), 1);
    assert_int_equal(schema_duration(map, "duration", 1), 2000);
    assert_int_equal(schema_duration(map, "none", 1), 1);
    assert_int_equal(schema_size(map, "size", 1), 1024);
    assert_int_equal(schema_size(NULL, "size", 1), 1);
    findings_free(findings);
    arena_free(arena);
}

static void test_json(void **state)
{
    static const struct {
        const char *pointer, *expected;
    } rows[] = {
        { "/$schema", "\"https://json-schema.org/draft/2020-12/schema\"" },
        { "/allOf/0/$ref", "\"#/$defs/0\"" },
        { "/$defs/0/type", "\"object\"" },
        { "/$defs/0/additionalProperties", "false" },
        { "/$defs/0/properties/few/maximum", "50" },
        { "/$defs/0/properties/colour/enum", "[\"red\",\"green\",\"blue\"]" },
        { "/$defs/0/properties/text/type/1", "\"number\"" },
        { "/$defs/0/properties/self/$ref", "\"#/$defs/0\"" },
        { "/$defs/0/properties/lookup", NULL },
        { "/$defs/1/maxItems", "3" },
        { "/$defs/2/additionalProperties/type", "\"string\"" },
        { "/$defs/3/anyOf/1/$ref", "\"#/$defs/0\"" },
    };
    struct buf out = BUF(100000);
    struct fault fault = { "" };
    struct json_object *root;

    (void)state;
    assert_true(schema_json(&self, &out));
    root = doc_parse(buf_get(&out), &fault);
    assert_string_equal(fault.text, "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json_object *found = doc_at(root, rows[i].pointer);
        struct buf one = BUF(1000);

        if (found)
            doc_print(found, &one);
        if (!rows[i].expected ? found != NULL : !one.data || strcmp(one.data, rows[i].expected) != 0)
            fail_msg("%s: %s", rows[i].pointer, out.data);
        buf_free(&one);
    }
    json_object_put(root);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_json),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
