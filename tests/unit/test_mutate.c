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

static const char steps[] =
    "lookups:\n"
    "  order: { method: POST, url: 'https://example.com/', body: { id: '${id}' }, sample: { n: 1.50, no: 1 } "
    "}\n"
    "rows:\n"
    "  home: [ { text: Menu, callback_data: menu, when: { hours.desk: open } } ]\n"
    "hours: { desk: { open: [ 'Mon-Fri 09:00-18:00' ] } }\n"
    "rules:\n"
    "  - name: book\n"
    "    tap: 'book:(?<id>[0-9])'\n"
    "    require_issued: true\n"
    "    single_use: true\n"
    "    expires: 24h\n"
    "    lookup: order\n"
    "    set: { order: '${id}', when: { value: now, keep: 1h } }\n"
    "    inbox: { note: Booked., tag: '7' }\n"
    "    quiet: 1h\n"
    "    choose:\n"
    "      - when: { id: '1' }\n"
    "        quiet: 0s\n"
    "      - when: { id: '2' }\n"
    "        set: { order: null }\n"
    "      - when: { chat.order: 'd.' }\n"
    "        goto: menu\n"
    "      - do: [ { reply: { text: [ a, { when: { order.no: '1' }, text: b } ], buttons: [ home ] } } ]\n"
    "    on_error: { goto: menu }\n"
    "    on_refused: { reply: { text: No. } }\n"
    "  - { name: menu, tap: menu, require_issued: false, continue: true, reply: { text: Menu } }\n"
    "  - { name: sent, tap: sent, require_issued: true, choose: [ { when: { lang: en }, reply: { text: Sent "
    "} } ] }\n";

static const char *const wanted_steps[] = {
    "row 'home' with when hours.desk: '(?!(?:open)$).*' (r.yaml:4)",
    "rule 'book' left out (r.yaml:7)",
    "rule 'book' with tap: '(?:book:(?<id>[0-9])).*' (r.yaml:7)",
    "rule 'book' without 'single_use' (r.yaml:10)",
    "rule 'book' without 'expires' (r.yaml:11)",
    "rule 'book' without 'on_error' (r.yaml:24)",
    "rule 'book' without 'on_refused' (r.yaml:25)",
    "rule 'book' without 'lookup' (r.yaml:12)",
    "rule 'book' without 'set: order' (r.yaml:13)",
    "rule 'book' without 'set: when' (r.yaml:13)",
    "rule 'book' without 'inbox: note' (r.yaml:14)",
    "rule 'book' without 'inbox: tag' (r.yaml:14)",
    "rule 'book' without 'quiet' (r.yaml:15)",
    "rule 'book' without branch 1 (r.yaml:17)",
    "rule 'book' without branch 2 (r.yaml:19)",
    "rule 'book' with branches 2 and 3 swapped (r.yaml:19)",
    "rule 'book' without branch 3 (r.yaml:21)",
    "rule 'book' without branch 4 (r.yaml:23)",
    "rule 'book' without 'quiet' (r.yaml:18)",
    "rule 'book' without 'set' (r.yaml:20)",
    "rule 'book' without 'goto' (r.yaml:22)",
    "rule 'book' without 'goto' (r.yaml:24)",
    "rule 'book' with when id: '(?!(?:1)$).*' (r.yaml:17)",
    "rule 'book' with when id: '(?!(?:2)$).*' (r.yaml:19)",
    "rule 'book' with when chat.order: '(?!(?:d.)$).*' (r.yaml:21)",
    "rule 'book' with when order.no: '(?!(?:1)$).*' (r.yaml:23)",
    "rule 'menu' left out (r.yaml:26)",
    "rule 'menu' with tap: '(?:menu).*' (r.yaml:26)",
    "rule 'menu' without 'continue' (r.yaml:26)",
    "rule 'sent' left out (r.yaml:27)",
    "rule 'sent' with tap: '(?:sent).*' (r.yaml:27)",
    "rule 'sent' without 'require_issued' (r.yaml:27)",
    "rule 'sent' without 'choose' (r.yaml:27)",
    "rule 'sent' with when lang: '(?!(?:en)$).*' (r.yaml:27)",
};

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

static void check_list(const char *text, const char *const *expected, size_t n)
{
    struct mutation mutation;

    begin(&mutation, text);
    for (size_t i = 0; i < mutation.mutants.count; i++) {
        struct buf line = BUF(1000);

        mutate_describe(&mutation.mutants.items[i], &line);
        assert_string_equal(buf_get(&line).p, i < n ? expected[i] : "one more");
        buf_free(&line);
    }
    assert_int_equal(mutation.mutants.count, n);
    end(&mutation);
}

static void test_list(void **state)
{
    (void)state;
    check_list(rules, wanted, sizeof(wanted) / sizeof(*wanted));
    check_list(steps, wanted_steps, sizeof(wanted_steps) / sizeof(*wanted_steps));
}

static bool is_whole_rule(const struct mutation *mutation, const struct mutant *mutant)
{
    return mutant->kind == MUTANT_DROP && mutant->inside == node_get(mutation->document->root, "rules");
}

/* What becomes of steps, guards and conditions; what is left of the file stays as it was. */
static void test_print_steps(void **state)
{
    size_t loaded = 0;
    struct mutation mutation;

    (void)state;
    begin(&mutation, steps);
    for (size_t i = 0; i < mutation.mutants.count; i++) {
        const struct mutant *mutant = &mutation.mutants.items[i];
        struct buf out = BUF(1 << 16);
        struct findings *findings = findings_new();
        struct ruleset *changed;
        const struct rule *book;

        mutate_print(mutation.document, mutant, &out);
        assert_non_null(strstr(buf_get(&out).p, "\"n\":1.50"));
        changed = build("r.json", buf_get(&out), findings);
        loaded += changed != NULL;
        if (changed && !is_whole_rule(&mutation, mutant)) {
            book = ruleset_rule(changed, 0);
            assert_int_equal(ruleset_count(changed), 3);
            assert_int_equal(book->single_use, strcmp(mutant->what, "rule 'book' without 'single_use'") != 0);
            assert_int_equal(book->expires_ms != 0,
                             strcmp(mutant->what, "rule 'book' without 'expires'") != 0);
            assert_int_equal(book->on_error != RULE_NO_STEP,
                             strcmp(mutant->what, "rule 'book' without 'on_error'") != 0);
        }
        ruleset_free(changed);
        findings_free(findings);
        buf_free(&out);
    }
    /* without rule 'menu', without the lookup, the rest makes no sense */
    assert_int_equal(loaded, mutation.mutants.count - 2);
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
        assert_int_equal(ruleset_count(changed), is_whole_rule(&mutation, mutant) ? 2 : 3);
        if (mutant->kind == MUTANT_SWAP)
            assert_string_equal(ruleset_rule(changed, 0)->name, "any");
        if (mutant->pattern && strstr(mutant->what, "with text"))
            assert_true(text_is(pattern_source(ruleset_rule(changed, 2)->text), mutant->pattern));
        if (mutant->kind == MUTANT_PATTERN) {
            assert_true(ruleset_rule(changed, 0)->entry);
            assert_int_equal(ruleset_rule(changed, 1)->dedup_ms, 5000);
        }
        ruleset_free(changed);
        buf_free(&out);
    }
    end(&mutation);
}

static void test_picks(void **state)
{
    static const size_t counts[] = { 1, 2, 7, 50, 51, 99, 100, 1001, 12345 };

    (void)state;
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        size_t picked = 0, gap = 0, longest = 0, most = 50;

        for (size_t turn = 0; turn < counts[i]; turn++) {
            bool picks = mutate_picks(turn, counts[i], most);

            picked += picks;
            gap = picks ? 0 : gap + 1;
            longest = gap > longest ? gap : longest;
        }
        assert_int_equal(picked, counts[i] < most ? counts[i] : most);
        assert_true(longest <= counts[i] / most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_list), cmocka_unit_test(test_print),
                                        cmocka_unit_test(test_print_steps), cmocka_unit_test(test_picks) };

    return cmocka_run_group_tests_name("mutate", tests, NULL, NULL);
}
