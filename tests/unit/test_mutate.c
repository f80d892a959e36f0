/* Changes of rule files: which there are, and that the changed file says what it should. */

#include "core/mutate.h"
#include "core/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char rules[] =
    "rules:\n"
    "  - name: exact\n"
    "    tap: 'go:(1)'\n"
    "    text: '.*'\n" /* takes everything as it is */
    "    entry: true\n"
    "    reply: { text: \"Line\\n\\\"two\\\" 007 ${1}\", buttons: [ [ { text: true, callback_data: 7 } ] "
    "] }\n"
    "  - { name: any, tap: 'go:(\\{2\\}|[0-9]{1,3})', dedup: 5s, reply: { text: Any } }\n"
    "  - { name: old, default: true, text: 'a{0,3}', reply: { text: Old } }\n";

struct mutation {
    struct arena *arena;
    struct findings *findings;
    struct ruleset *ruleset;
    struct pattern_scratch *scratch;
    struct document *document;
    struct mutants mutants;
};

static struct ruleset *build(const char *path, struct text text, struct findings *findings)
{
    const struct ruleset_file file = { path, text };

    return ruleset_build(&file, 1, NULL, 0, findings);
}

static void begin(struct mutation *mutation, const char *text)
{
    mutation->arena = arena_new(1 << 24);
    mutation->findings = findings_new();
    mutation->scratch = pattern_scratch_new();
    mutation->ruleset = build("r.yaml", text_of(text), mutation->findings);
    mutation->document = yaml_read(mutation->arena, "r.yaml", text_of(text), mutation->findings);
    if (!mutation->ruleset || !mutation->document)
        fail_msg("%s", findings_get(mutation->findings, 0)->text);
    assert_true(mutate_list(mutation->document, mutation->ruleset, mutation->scratch, mutation->arena,
                            &mutation->mutants));
}

static void end(struct mutation *mutation)
{
    ruleset_free(mutation->ruleset);
    pattern_scratch_free(mutation->scratch);
    findings_free(mutation->findings);
    arena_free(mutation->arena);
}

static const char *const wanted[] = {
    "rule 'exact' left out (r.yaml:2)",
    "rules 'exact' and 'any' swapped (r.yaml:2)",
    "rule 'exact' with tap: '(?:go:(1)).*' (r.yaml:2)",
    "rule 'any' left out (r.yaml:7)",
    "rule 'any' with tap: 'go:(\\{2\\}|[0-9]+)' (r.yaml:7)",
    "rule 'any' with tap: '(?:go:(\\{2\\}|[0-9]{1,3})).*' (r.yaml:7)",
    "rule 'old' left out (r.yaml:8)",
    "rule 'old' with text: 'a*' (r.yaml:8)",
    "rule 'old' with text: '(?:a{0,3}).*' (r.yaml:8)",
};

static void test_list(void **state)
{
    struct mutation mutation;

    (void)state;
    begin(&mutation, rules);
    for (size_t i = 0; i < mutation.mutants.count; i++) {
        struct buf line = BUF(1000);

        mutate_describe(&mutation.mutants.items[i], &line);
        assert_string_equal(buf_get(&line).p, i < sizeof(wanted) / sizeof(*wanted) ? wanted[i] : "one more");
        buf_free(&line);
    }
    assert_int_equal(mutation.mutants.count, sizeof(wanted) / sizeof(*wanted));
    end(&mutation);
}

/* Each changed file loads, and has as many rules as it should. */
static void test_print(void **state)
{
    struct mutation mutation;

    (void)state;
    begin(&mutation, rules);
    for (size_t i = 0; i < mutation.mutants.count; i++) {
        const struct mutant *mutant = &mutation.mutants.items[i];
        struct buf out = BUF(1 << 16);
        struct ruleset *changed;

        mutate_print(mutation.document, mutant, &out);
        changed = build("r.json", buf_get(&out), mutation.findings);
        if (!changed)
            fail_msg("%s: %s", findings_get(mutation.findings, 0)->text, out.data);
        assert_int_equal(ruleset_count(changed), mutant->kind == MUTANT_DROP ? 2 : 3);
        if (mutant->kind == MUTANT_SWAP)
            assert_string_equal(ruleset_rule(changed, 0)->name, "any");
        if (mutant->pattern && mutant->kind == MUTANT_TEXT)
            assert_true(text_is(pattern_source(ruleset_rule(changed, 2)->text), mutant->pattern));
        if (mutant->kind != MUTANT_DROP && mutant->kind != MUTANT_SWAP) {
            assert_true(ruleset_rule(changed, 0)->entry);
            assert_int_equal(ruleset_rule(changed, 1)->dedup_ms, 5000);
        }
        ruleset_free(changed);
        buf_free(&out);
    }
    end(&mutation);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_list), cmocka_unit_test(test_print) };

    return cmocka_run_group_tests_name("mutate", tests, NULL, NULL);
}
