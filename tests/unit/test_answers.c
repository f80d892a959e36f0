/* What lookups are answered as people say it, and from which turn of a talk on. */

#include "app/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char rules[] =
    "lookups:\n"
    "  order: { url: 'https://shop.example/${id}', fields: { id: '[0-9]+' }, sample: { id: 7 } }\n"
    "  orders: { url: 'https://shop.example/', sample: { id: 7 } }\n"
    "  unused: { url: 'https://shop.example/', sample: { id: 7 } }\n"
    "rules:\n"
    "  - { name: a, tap: '(?<id>a)', lookup: order, reply: { text: '${order.id}' } }\n"
    "  - { name: b, tap: b, lookup: orders, reply: { text: '${orders.id}' } }\n";

static struct ruleset *ruleset;

static int load(void **state)
{
    const struct ruleset_file file = { "r.yaml", text_of(rules) };
    struct findings *findings = findings_new();

    (void)state;
    ruleset = ruleset_build(&file, 1, NULL, 0, findings);
    findings_free(findings);
    return !ruleset;
}

static int unload(void **state)
{
    (void)state;
    ruleset_free(ruleset);
    return 0;
}

static void set(struct answers *answers, const char *words, size_t from)
{
    struct fault fault = { "" };

    if (!answers_set(answers, ruleset, text_of(words), from, &fault))
        fail_msg("%s: %s", words, fault.text);
}

static const char *at(const struct answers *answers, const char *name, size_t turn)
{
    const struct given *given = answers_find(answers, name, turn);

    return given ? answers_word(given) : "nothing";
}

static void words(void **state)
{
    static const struct {
        const char *words, *kept;
        int status;
    } rows[] = { { "order={\"id\":12}", "{\"id\":12}", 200 },
                 { "order=not_found", "not_found", 404 },
                 { " order = error ", "error", 500 },
                 { "order=sample", "sample", 0 },
                 { "order= { \"a\":\"=\"} ", "{\"a\":\"=\"}", 200 },
                 { "order=[123456789012345678901,0.50,1e3]", "[\"123456789012345678901\",0.50,1e3]", 200 } };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct answers answers = { NULL, 0 };
        struct result_mail result = { .status = 0 };

        set(&answers, rows[i].words, 0);
        assert_string_equal(at(&answers, "order", 0), rows[i].kept);
        assert_int_equal(answers_give(answers_find(&answers, "order", 0), &result),
                         rows[i].status ? SANDBOX_GIVEN : SANDBOX_SAMPLE);
        assert_int_equal(result.status, rows[i].status);
        if (rows[i].status == 200)
            assert_string_equal(result.body, rows[i].kept);
        free(result.body);
        answers_clear(&answers);
    }
}

static void refused(void **state)
{
    static const char *const rows[][2] = {
        { "order", "write NAME=JSON" },
        { "", "write NAME=JSON" },
        { "unused=error", "no rule asks a lookup 'unused'" },
        { "ordr=error", "did you mean 'order'?" },
        { "order=not-found", "did you mean not_found?" },
        { "order={\"id\":\"x\"}", "breaks 'fields'" },
        { "order=12", "neither an object nor a list" },
    };
    struct answers answers = { NULL, 0 };
    struct fault fault;
    char *large = malloc((128 << 10) + 20);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_false(answers_set(&answers, ruleset, text_of(rows[i][0]), 0, &fault));
        if (!strstr(fault.text, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], fault.text);
    }
    assert_non_null(large);
    memset(large, ' ', (128 << 10) + 20);
    memcpy(large, "orders=[", 8);
    memcpy(large + (128 << 10) + 18, "]", 2);
    assert_false(answers_set(&answers, ruleset, text_of(large), 0, &fault));
    assert_non_null(strstr(fault.text, "larger than 128 KiB"));
    free(large);
    assert_int_equal(answers.count, 0);
}

static void turns(void **state)
{
    struct answers answers = { NULL, 0 };

    (void)state;
    set(&answers, "order=error", 2);
    set(&answers, "order=not_found", 2); /* instead */
    set(&answers, "orders=error", 2);
    set(&answers, "order=sample", 5);
    assert_int_equal(answers.count, 3);
    assert_string_equal(at(&answers, "order", 1), "nothing");
    assert_string_equal(at(&answers, "order", 2), "not_found");
    assert_string_equal(at(&answers, "order", 4), "not_found");
    assert_string_equal(at(&answers, "order", 9), "sample");
    assert_true(answers_begin(&answers, 5));
    assert_false(answers_begin(&answers, 4));
    answers_back(&answers, 3);
    assert_string_equal(at(&answers, "order", 2), "not_found");
    assert_string_equal(at(&answers, "order", 3), "sample");
    answers_back(&answers, 1);
    assert_int_equal(answers.count, 2);
    assert_string_equal(at(&answers, "order", 1), "sample");
    assert_string_equal(at(&answers, "orders", 1), "error");
    assert_string_equal(at(&answers, "order", 0), "nothing");
    answers_clear(&answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(words), cmocka_unit_test(refused),
                                        cmocka_unit_test(turns) };

    return cmocka_run_group_tests_name("answers", tests, load, unload);
}
