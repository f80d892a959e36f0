/* Files of test cases: what they become, and what is said of wrong ones. */

#include "core/testcase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char rules[] = "rules:\n"
                            "  - { name: track, tap: track, reply: { text: Hi } }\n"
                            "  - { name: old, default: true, reply: { text: Old } }\n";

struct reading {
    struct arena *arena;
    struct findings *findings;
    struct ruleset *ruleset;
    struct test_cases cases;
};

static bool begin(struct reading *reading, const char *path, const char *text)
{
    const struct ruleset_file file = { "r.yaml", text_of(rules) };

    reading->arena = arena_new(1 << 24);
    reading->findings = findings_new();
    reading->ruleset = ruleset_build(&file, 1, NULL, 0, reading->findings);
    assert_non_null(reading->ruleset);
    return testcase_read(reading->arena, path, text_of(text), reading->ruleset, &reading->cases,
                         reading->findings);
}

static void end(struct reading *reading)
{
    ruleset_free(reading->ruleset);
    findings_free(reading->findings);
    arena_free(reading->arena);
}

static void begin_fine(struct reading *reading, const char *path, const char *text)
{
    if (!begin(reading, path, text))
        fail_msg("%s: %s", text, findings_get(reading->findings, 0)->text);
}

static void test_one_step(void **state)
{
    struct reading reading;
    const struct test_case *one;

    (void)state;
    begin_fine(&reading, "c.yaml", "- { name: a, tap: 'track:1', expect: { rule: none, replies: [] } }\n");
    assert_int_equal(reading.cases.count, 1);
    one = &reading.cases.items[0];
    assert_true(text_is(one->name, "a"));
    assert_int_equal(one->start_at, 1767614400000);
    assert_null(one->contact.p);
    assert_int_equal(one->count, 1);
    assert_int_equal(one->steps[0].deed, DEED_TAP);
    assert_true(text_is(one->steps[0].what, "track:1"));
    assert_int_equal(one->steps[0].after_ms, -1);
    assert_int_equal(one->steps[0].expect.replies->count, 0);
    assert_null(one->steps[0].expect.buttons);
    end(&reading);
}

static void test_steps(void **state)
{
    struct reading reading;
    const struct test_case *one;

    (void)state;
    begin_fine(&reading, "c.yaml",
               "- name: 7\n"
               "  at: '2026-12-01T10:00:00+01:00'\n"
               "  contact: { shop_id: 77, name: 'Änne', vip: true, tags: [ a, '1' ], none: null }\n"
               "  steps:\n"
               "    - text: 12\n"
               "    - { press: Refresh, after: 31m, expect: { rule: track, buttons: [ Refresh ] } }\n");
    one = &reading.cases.items[0];
    assert_int_equal(one->start_at, 1796115600000);
    assert_string_equal(
        one->contact.p,
        "{\"shop_id\":77,\"name\":\"Änne\",\"vip\":true,\"tags\":[\"a\",\"1\"],\"none\":null}");
    assert_int_equal(one->count, 2);
    assert_int_equal(one->steps[0].deed, DEED_TEXT);
    assert_true(text_is(one->steps[0].what, "12"));
    assert_int_equal(one->steps[1].deed, DEED_PRESS);
    assert_int_equal(one->steps[1].after_ms, 31 * 60000);
    assert_int_equal(one->steps[1].at.line, 6);
    end(&reading);
    begin_fine(&reading, "c.json", "[ { \"name\": \"a\", \"tap\": \"b\" } ]");
    end(&reading);
}

static void test_wrong(void **state)
{
    static const struct {
        const char *text, *finding;
    } cases[] = {
        { "", "c.yaml: the file has no cases" },
        { "name: a\n", "a list of cases is expected here, not a map" },
        { "- { tap: a }\n", "'name' is missing here" },
        { "- { name: a }\n", "nothing is done in this step" },
        { "- { name: a, tap: a, text: b }\n", "a step is one of tap, text, press, attachment" },
        { "- { name: a, tap: b, steps: [ { tap: c } ] }\n", "'tap' stands in a step, where there are steps" },
        { "- { name: a, steps: [ { tapp: c } ] }\n", "unknown key 'tapp'; did you mean 'tap'?" },
        { "- { name: a, tap: b, lookups: { o: error } }\n", "no rule asks a lookup 'o'" },
        { "- { name: a, tap: b, expect: { inbox: { notes: x } } }\n",
          "unknown key 'notes'; did you mean 'note'?" },
        { "- { name: a, tap: b, expect: { refused: maybe } }\n", "'maybe' is not known here" },
        { "- { name: a, attachment: { url: x } }\n", "'type' is missing here" },
        { "- { name: a, tap: b, expect: { rule: trak } }\n", "there is no rule 'trak'" },
        { "- { name: a, tap: b, at: yesterday }\n",
          "'yesterday' is no time such as 2026-12-01T10:00:00+01:00" },
        { "- { name: a, tap: b, at: '2050-01-01T00:00:00Z' }\n",
          "'2050-01-01T00:00:00Z' is not between 1970 and 2036" },
        { "- { name: a, tap: b }\n- { name: a, tap: b }\n", "two cases are called 'a'" },
        { "- { name: a, tap: b, expect: { replies: [ { txt: x } ] } }\n",
          "unknown key 'txt'; did you mean 'text'?" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct reading reading;

        assert_false(begin(&reading, "c.yaml", cases[i].text));
        for (size_t k = 0;; k++) {
            const struct finding *finding = findings_get(reading.findings, k);

            if (!finding)
                fail_msg("'%s' is not among the findings; the first: '%s'", cases[i].finding,
                         findings_get(reading.findings, 0)->text);
            if (strcmp(finding->text, cases[i].finding) == 0)
                break;
        }
        end(&reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_one_step), cmocka_unit_test(test_steps),
                                        cmocka_unit_test(test_wrong) };

    return cmocka_run_group_tests_name("testcase", tests, NULL, NULL);
}
