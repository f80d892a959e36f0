#include "core/ruleset.h"

#include "case_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct ruleset_channel channels[] = { { "shop", DIALECT_FLAT }, { "vip", DIALECT_MARKUP } };

static struct ruleset *build(const char *path, struct text text, struct findings *findings)
{
    const struct ruleset_file file = { path, text };

    return ruleset_build(&file, 1, channels, 2, findings);
}

/* A ruleset without warnings or errors. */
static struct ruleset *build_fine(const char *text)
{
    struct findings *findings = findings_new();
    struct ruleset *ruleset = build("r.yaml", text_of(text), findings);

    if (!ruleset)
        fail_msg("%s: %s", text, findings_get(findings, 0)->text);
    findings_free(findings);
    return ruleset;
}

/* --- files and what is printed about them ------------------------------------------------------------------------- */

static void print_findings(struct text file, struct buf *out)
{
    struct findings *findings = findings_new();
    struct ruleset *ruleset = build("r.yaml", file, findings);

    findings_print(findings, out);
    assert_true((ruleset != NULL) == (findings_count(findings, FINDING_ERROR) == 0));
    ruleset_free(ruleset);
    findings_free(findings);
}

static void test_findings(void **state)
{
    (void)state;
    cases_compare("tests/unit/rules_findings.txt", "RULES_PRINT", print_findings);
}

static void test_several_files(void **state)
{
    const struct ruleset_file files[] = {
        { "a.yaml", text_of("rules:\n  - { name: r, tap: a, reply: bye }\n") },
        { "b.json", text_of("{\"replies\": {\"bye\": {\"text\": \"b\"}}, \"rules\": [{\"name\": \"r\", "
                            "\"tap\": \"b\"}]}") },
        { "c.yaml", text_of("replies:\n  bye: { text: c }\n") },
    };
    struct findings *findings = findings_new();

    (void)state;
    assert_null(ruleset_build(files, 3, NULL, 0, findings));
    assert_int_equal(findings_count(findings, FINDING_ERROR), 2);
    assert_string_equal(findings_get(findings, 0)->text, "two rules are called 'r'");
    assert_string_equal(findings_get(findings, 0)->at.document->path, "b.json");
    assert_string_equal(findings_get(findings, 0)->hint, "the other is in a.yaml, line 2");
    assert_string_equal(findings_get(findings, 1)->text,
                        "rule 'r' has no reply: what it takes is not answered");
    assert_string_equal(findings_get(findings, 2)->text, "reply 'bye' stands twice");
    assert_string_equal(findings_get(findings, 2)->hint, "the first is in b.json, line 1");
    findings_free(findings);
}

/* What is wrong with a file that cannot be read is not buried under what the others miss of it. */
static void test_one_of_several_is_unreadable(void **state)
{
    const struct ruleset_file files[] = {
        { "a.yaml",
          text_of("rules:\n  - { name: r, tap: a, reply: bye }\n  - { name: s, tap: b, goto: t }\n") },
        { "b.yaml", text_of("replies:\n  bye: { text: b\n") },
        { "c.yaml", text_of("rules:\n  - { nam: t }\n") },
    };
    struct findings *findings = findings_new();

    (void)state;
    assert_null(ruleset_build(files, 3, NULL, 0, findings));
    assert_int_equal(findings_count(findings, FINDING_ERROR), 3);
    assert_string_equal(findings_get(findings, 0)->at.document->path, "b.yaml");
    assert_string_equal(findings_get(findings, 1)->at.document->path, "c.yaml");
    assert_string_equal(findings_get(findings, 2)->at.document->path, "c.yaml");
    findings_free(findings);
}

/* Two files that are as large as can be together, and a byte more. */
static void test_size_of_all_files(void **state)
{
    const size_t half = (size_t)3 << 20;
    char *comment = malloc(half + 1);
    struct ruleset_file files[] = { { "a.yaml", text_of("") }, { "b.yaml", text_of("") } };
    struct findings *findings = findings_new();

    (void)state;
    assert_non_null(comment);
    memset(comment, ' ', half + 1);
    comment[0] = '#';
    files[0].text = text_make(comment, half);
    files[1].text = text_make(comment, half);
    ruleset_free(ruleset_build(files, 2, NULL, 0, findings));
    assert_int_equal(findings_count(findings, FINDING_ERROR), 0);
    files[1].text.n++;
    assert_null(ruleset_build(files, 2, NULL, 0, findings));
    assert_int_equal(findings_count(findings, FINDING_ERROR), 1);
    findings_free(findings);
    free(comment);
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

static const char flow[] =
    "rules:\n"
    "  - { name: either-text, text: 'b:.*', reply: { text: a } }\n"
    "  - { name: first, tap: 'a:(?<id>[0-9]+)', text: 'order (?<id>[0-9]+)(?<more>!)?', reply: "
    "{ text: 'a ${id}' } }\n"
    "  - { name: second, tap: 'a:.*', reply: { text: a } }\n"
    "  - { name: hard, tap: '(x+)+[yz]', reply: { text: a } }\n"
    "  - { name: after-hard, tap: 'x*!', reply: { text: a } }\n"
    "  - { name: either-tap, tap: 'b:1', reply: { text: a } }\n"
    "  - { name: old, default: true, tap: 'old', reply: { text: a } }\n";
static const char with_any[] = "  - { name: any, default: any, reply: { text: a } }\n";

static void test_matching(void **state)
{
    static const struct {
        enum entry_kind kind;
        const char *data;
        bool issued, looks;
        enum match_how how;
        const char *rule, *captures;
        const char *rule_with_any; /* NULL: the same */
    } rows[] = {
        { ENTRY_TAP, "a:12", false, false, MATCH_TAP, "first", "{\"1\":\"12\",\"id\":\"12\"}", NULL },
        { ENTRY_TAP, "a:x", false, false, MATCH_TAP, "second", "{}", NULL },
        { ENTRY_TAP, " a:12", false, false, MATCH_DEFAULT, "old", "{}", NULL },
        { ENTRY_TAP, "order 5", false, false, MATCH_DEFAULT, "old", "{}", NULL },
        { ENTRY_TAP, "old", false, false, MATCH_TAP, "old", "{}", NULL },
        { ENTRY_TEXT, " order 5\n", false, false, MATCH_TEXT, "first", "{\"1\":\"5\",\"id\":\"5\"}", NULL },
        { ENTRY_TEXT, "order 5!", false, false, MATCH_TEXT, "first",
          "{\"1\":\"5\",\"2\":\"!\",\"id\":\"5\",\"more\":\"!\"}", NULL },
        { ENTRY_TEXT, "a:12", true, true, MATCH_NONE, NULL, "{}", "any" },
        { ENTRY_TEXT, "hello", false, false, MATCH_NONE, NULL, "{}", "any" },
        /* of unknown kind: all tap patterns, then all text patterns, then the default if it counts as a tap */
        { ENTRY_EITHER, "b:1", false, false, MATCH_TAP, "either-tap", "{}", NULL },
        { ENTRY_EITHER, "b:2", false, false, MATCH_TEXT, "either-text", "{}", NULL },
        { ENTRY_EITHER, "order 5", false, false, MATCH_TEXT, "first", "{\"1\":\"5\",\"id\":\"5\"}", NULL },
        { ENTRY_EITHER, "hello", false, false, MATCH_NONE, NULL, "{}", "any" },
        { ENTRY_EITHER, "hello", true, false, MATCH_DEFAULT, "old", "{}", NULL },
        { ENTRY_EITHER, "c:3", false, true, MATCH_DEFAULT, "old", "{}", NULL },
        { ENTRY_TAP, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx!", false, false, MATCH_TAP, "after-hard", "{}",
          NULL },
    };
    struct pattern_scratch *scratch = pattern_scratch_new();
    char both[2000];

    (void)state;
    snprintf(both, sizeof(both), "%s%s", flow, with_any);
    for (int any = 0; any < 2; any++) {
        struct ruleset *ruleset = build_fine(any ? both : flow);

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
            const struct ruleset_question question = { rows[i].kind, text_of(rows[i].data), rows[i].issued,
                                                       rows[i].looks };
            const char *rule = any && rows[i].rule_with_any ? rows[i].rule_with_any : rows[i].rule;
            struct match match;

            assert_true(ruleset_match(ruleset, &question, scratch, &match));
            if (!rule != !match.rule || (rule && strcmp(rule, match.rule->name) != 0))
                fail_msg("%s: %s", rows[i].data, match.rule ? match.rule->name : "none");
            assert_int_equal(match.how, rule == rows[i].rule ? rows[i].how : MATCH_DEFAULT);
            assert_string_equal(json_object_to_json_string_ext(match.captures, JSON_C_TO_STRING_PLAIN),
                                rows[i].captures);
            assert_int_equal(match.limited, rows[i].data[0] == 'x');
            json_object_put(match.captures);
        }
        ruleset_free(ruleset);
    }
    pattern_scratch_free(scratch);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* One way to be met, by a loop over all rules from the given one on. */
static const struct rule *first_match(const struct ruleset *ruleset, const struct ruleset_question *question,
                                      enum match_how how, size_t from, struct pattern_scratch *scratch)
{
    for (size_t i = from; i < ruleset_count(ruleset); i++) {
        const struct rule *rule = ruleset_rule(ruleset, i);
        const struct pattern *pattern = how == MATCH_TAP ? rule->tap : rule->text;

        if (pattern && pattern_match(pattern, scratch, question->data) == PATTERN_YES &&
            condition_holds(rule->when, question->scope, scratch))
            return rule;
    }
    return NULL;
}

/* What is of unknown kind meets all taps, then all texts. */
static const struct rule *first_of_kind(const struct ruleset *ruleset,
                                        const struct ruleset_question *question,
                                        struct pattern_scratch *scratch)
{
    const struct rule *rule = NULL;

    if (question->kind != ENTRY_TEXT)
        rule = first_match(ruleset, question, MATCH_TAP, 0, scratch);
    if (!rule && question->kind != ENTRY_TAP)
        rule = first_match(ruleset, question, MATCH_TEXT, 0, scratch);
    return rule;
}

/* Later rules are found as if all before them were not there. */
static void check_further(const struct ruleset *ruleset, const struct ruleset_question *question,
                          const struct match *first, struct pattern_scratch *scratch)
{
    struct match match;

    if (!first->rule)
        return;
    assert_true(ruleset_match_next(ruleset, question, first, scratch, &match));
    assert_ptr_equal(match.rule, first_match(ruleset, question, first->how,
                                             (size_t)(first->rule - ruleset_rule(ruleset, 0)) + 1, scratch));
    json_object_put(match.captures);
}

/* Whatever the prefixes, the index answers as a loop over all rules does. */
static void test_index_is_a_loop(void **state)
{
    static const char *const parts[] = {
        "a",    "b",  "ab", "a:",  "(?i)a",    "[ab]",     "a|b",
        "b?",   "a*", ":",  "\\.", "(a)",      ".",        "(?:)",
        "b{2}", "^a", ".*", "a+",  "\xC3\xA4", "\\Qa|\\E", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    };
    static const enum entry_kind kinds[] = { ENTRY_TAP, ENTRY_TEXT, ENTRY_EITHER };
    static const char *const letters[] = { "a", "b", ":", ".", "A", "\xC3\xA4", "aaaaaaaaaaaaaaaaaaa", "|" };
    struct pattern_scratch *scratch = pattern_scratch_new();
    uint32_t seed = 5;
    size_t taken = 0;

    (void)state;
    for (int round = 0; round < 30; round++) {
        struct buf file = BUF(100000);
        struct ruleset *ruleset;

        buf_str(&file, "rules:\n");
        for (int i = 0; i < 30; i++) {
            buf_printf(&file, "  - { name: r%d, reply: { text: a }, %s: '", i,
                       next_random(&seed) % 4 ? "tap" : "text");
            for (uint32_t n = next_random(&seed) % 4; n < 4; n++)
                buf_str(&file, parts[next_random(&seed) % (sizeof(parts) / sizeof(*parts))]);
            buf_str(&file, next_random(&seed) % 3 ? "' }\n" : "', when: { source: 'b?' } }\n");
        }
        ruleset = build_fine(file.data);
        for (int i = 0; i < 200; i++) {
            struct buf data = BUF(1000);
            struct ruleset_question question = { .kind = kinds[next_random(&seed) % 3] };
            struct match match;

            for (uint32_t n = next_random(&seed) % 6; n < 6; n++)
                buf_str(&data, letters[next_random(&seed) % (sizeof(letters) / sizeof(*letters))]);
            question.data = buf_get(&data);
            question.scope = json_object_new_object();
            json_object_object_add(question.scope, "source", json_object_new_string(i % 2 ? "a" : "b"));
            assert_true(ruleset_match(ruleset, &question, scratch, &match));
            if (match.rule != first_of_kind(ruleset, &question, scratch))
                fail_msg("%s\n%s", file.data, data.data);
            taken += match.rule != NULL;
            check_further(ruleset, &question, &match, scratch);
            json_object_put(question.scope);
            json_object_put(match.captures);
            buf_free(&data);
        }
        ruleset_free(ruleset);
        buf_free(&file);
    }
    assert_true(taken > 1000);
    pattern_scratch_free(scratch);
}

/* --- what a ruleset knows ----------------------------------------------------------------------------------------- */

static void test_fields(void **state)
{
    struct ruleset *ruleset = build_fine(
        "rules:\n"
        "  - { name: a, tap: a, reply: [ { text: a }, bye ], dedup: 0s, send_within: 1h, unknown_send: poll, "
        "entry: true, final: true }\n"
        "  - { name: b, text: b, default: any, reply: { text: a, channel: shop } }\n"
        "replies: { bye: { text: 'Bye ${contact.name:-you}' } }\n");
    const struct rule *a = ruleset_find(ruleset, text_of("a")), *b = ruleset_find(ruleset, text_of("b"));

    (void)state;
    assert_ptr_equal(a, ruleset_rule(ruleset, 0));
    assert_ptr_equal(b, ruleset_rule(ruleset, 1));
    assert_null(ruleset_rule(ruleset, 2));
    assert_null(ruleset_find(ruleset, text_of("ab")));
    assert_null(ruleset_find(ruleset, TEXT_NONE));
    assert_int_equal(ruleset_count(ruleset), 2);
    assert_int_equal(ruleset_longest(ruleset), 3600000);
    assert_true(ruleset_wants(ruleset)->contact);
    assert_true(a->entry && a->final && a->dedup_ms == 0 && a->unknown_send == UNKNOWN_POLL);
    assert_int_equal(a->n_steps, 1);
    assert_int_equal(a->steps[0].count, 2);
    assert_true(!b->entry && !b->final && b->dedup_ms == 2000 && b->send_within_ms == 900000);
    assert_int_equal(b->unknown_send, UNKNOWN_DROP);
    assert_int_equal(b->otherwise, DEFAULT_ANY);
    assert_string_equal(b->steps[0].messages[0]->channel, "shop");
    ruleset_free(ruleset);
}

static void test_source(void **state)
{
    struct ruleset *ruleset = build_fine(flow), *again, *other = build_fine("rules: []\n");
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct ruleset_question question = { ENTRY_TAP, text_of("a:12"), false, false };
    struct fault fault;
    struct match match;
    struct text source = ruleset_source(ruleset);

    (void)state;
    again = ruleset_read(source, &fault);
    assert_non_null(again);
    assert_true(text_eq(ruleset_source(again), source));
    assert_int_equal(ruleset_hash(again).n, 32);
    assert_true(text_eq(ruleset_hash(again), ruleset_hash(ruleset)));
    assert_false(text_eq(ruleset_hash(other), ruleset_hash(ruleset)));
    assert_int_equal(ruleset_count(again), ruleset_count(ruleset));
    assert_true(ruleset_match(again, &question, scratch, &match));
    assert_string_equal(match.rule->name, "first");
    json_object_put(match.captures);
    for (size_t n = 0; n < source.n; n++) {
        struct ruleset *cut = ruleset_read(text_make(source.p, n), &fault);

        assert_true(cut == NULL || n == strlen("callbackd rules 1\n"));
        ruleset_free(cut);
    }
    pattern_scratch_free(scratch);
    ruleset_free(ruleset);
    ruleset_free(again);
    ruleset_free(other);
}

/* --- shipped rules ------------------------------------------------------------------------------------------------ */

static void walk_button(const struct ruleset *ruleset, const struct rendered *message,
                        const struct rendered_button *button, struct pattern_scratch *scratch)
{
    const bool key = message->type == MESSAGE_REPLY_KEYBOARD;
    const struct ruleset_question question = { key ? ENTRY_TEXT : ENTRY_TAP,
                                               key ? button->text : button->callback_data, false, false };
    struct match match;

    if (button->url.p)
        return;
    assert_true(ruleset_match(ruleset, &question, scratch, &match));
    if (match.how != MATCH_TAP && match.how != MATCH_TEXT)
        fail_msg("button '%.*s' leads nowhere", TEXT_ARG(button->text));
    json_object_put(match.captures);
}

static void test_shipped(void **state)
{
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct json_object *captures = json_object_new_object();
    struct findings *findings = findings_new();
    struct buf file = BUF(1000000);
    struct ruleset *ruleset;
    const char *const given[] = { "id", "reason", "1" };

    (void)state;
    for (size_t i = 0; i < 3; i++)
        json_object_object_add(captures, given[i], json_object_new_string("ORD-9876"));
    source_file("contrib/examples/rules/shop.yaml", &file);
    ruleset = ruleset_build(&(struct ruleset_file){ "shop.yaml", buf_get(&file) }, 1, channels, 2, findings);
    assert_non_null(ruleset);
    assert_null(findings_get(findings, 0));
    for (size_t i = 0; i < ruleset_count(ruleset); i++) {
        const struct step *step = ruleset_rule(ruleset, i)->steps;

        for (size_t m = 0; m < step->count; m++) {
            struct arena *arena = arena_new(1 << 20);
            struct rendered out;
            struct fault fault;

            if (!message_render(step->messages[m], captures, scratch, arena, &out, &fault))
                fail_msg("%s: %s", ruleset_rule(ruleset, i)->name, fault.text);
            for (size_t r = 0; r < out.n_rows; r++)
                for (size_t b = 0; b < out.rows[r].count; b++)
                    walk_button(ruleset, &out, &out.rows[r].buttons[b], scratch);
            arena_free(arena);
        }
    }
    json_object_put(captures);
    ruleset_free(ruleset);
    buf_free(&file);
    findings_free(findings);
    pattern_scratch_free(scratch);
}

/* --- rubbish ------------------------------------------------------------------------------------------------------ */

/* Bytes and lines of good files, changed at random: loaded or refused, never anything else. */
static void test_mutants(void **state)
{
    static const char values[] =
        "hours: { shop: { open: [ 'Mon-Fri 09:00-18:00' ], closed: [ '2026-12-25' ] } }\nlanguages: [ en, de "
        "]\n"
        "rules:\n  - name: r\n    tap: 'a(:(?<p>.*))?'\n    when: { hours.shop: open }\n    choose:\n"
        "      - { when: { p: '' }, do: [ { reply: { text: { en: '${p:-x}', de: a } } } ] }\n"
        "      - reply:\n          text: [ a, { repeat: contact.t, as: t, text: '${t.x|cents(,)|upper:-}' } "
        "]\n"
        "          buttons:\n            - { repeat: contact.t, max: 2, per_row: 2, page: '${p:-1}', row: "
        "[ { text: '${item}', callback_data: b } ] }\n"
        "            - [ { text: a, when: { pages.next: '.+' }, callback_data: 'a:${pages.next}' } ]\n";
    static const char *const bits[] = { "'",    "[",    "]",  "{", "}",  ":", "\n",   " ",  "${", "-",
                                        "null", "text", "\"", "|", "\t", "(", "\xFF", "&a", "*a" };
    struct buf files[3] = { BUF(1000000), BUF(1000000), BUF(1000000) };
    uint32_t seed = 11;
    size_t loaded = 0;

    (void)state;
    source_file("tests/flows/01-orders.yaml", &files[0]);
    buf_str(&files[1], flow);
    buf_str(&files[2], values);
    for (int i = 0; i < 3000; i++) {
        const struct buf *from = &files[i % 8 == 0 ? 0 : 1 + i % 2];
        struct findings *findings = findings_new();
        struct buf mutant = BUF(1000000), out = BUF(1000000);
        size_t at = next_random(&seed) % from->len,
               gone = next_random(&seed) % 3 ? 0 : next_random(&seed) % 40;
        struct ruleset *ruleset;

        if (gone > from->len - at)
            gone = from->len - at;
        buf_add(&mutant, from->data, at);
        for (uint32_t n = next_random(&seed) % 3; n > 0; n--)
            buf_str(&mutant, bits[next_random(&seed) % (sizeof(bits) / sizeof(*bits))]);
        buf_add(&mutant, from->data + at + gone, from->len - at - gone);
        ruleset = build("m.yaml", buf_get(&mutant), findings);
        findings_print(findings, &out);
        assert_true((ruleset != NULL) == (findings_count(findings, FINDING_ERROR) == 0));
        loaded += ruleset != NULL;
        ruleset_free(ruleset);
        findings_free(findings);
        buf_free(&mutant);
        buf_free(&out);
    }
    assert_true(loaded > 100);
    buf_free(&files[0]);
    buf_free(&files[1]);
    buf_free(&files[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_several_files),
        cmocka_unit_test(test_one_of_several_is_unreadable),
        cmocka_unit_test(test_size_of_all_files),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_index_is_a_loop),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_source),
        cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_mutants),
    };

    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
