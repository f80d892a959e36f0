/* The flow checker's bounds on rules that are made to be too much: counted in steps, never in time. */

#include "core/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define SOURCE_MAX ((size_t)16 << 20)
#define SLACK_MAX 500000u /* steps between two looks at how many were done */

static uint64_t seed;

static unsigned rnd(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

/* --- what is too much --------------------------------------------------------------------------------------------------- */

/* Each writes rule i of n. */

static void begin(struct buf *out, int i, const char *key)
{
    buf_printf(out, "  - name: r%d\n    entry: true\n    %s: '", i, key);
}

static void end(struct buf *out, const char *first, const char *second)
{
    buf_printf(out,
               "'\n    reply: { text: a, buttons: [ [ { text: A, callback_data: '%s' }, { text: B, "
               "callback_data: '%s' } ] ] }\n",
               first, second);
}

static void put_letters(struct buf *out, int i, int n)
{
    (void)n;
    begin(out, i, "tap");
    buf_printf(out, "(?i)\\p{L}*%c\\p{L}*%d(?<v>\\w*)", 'a' + (int)rnd(8), i);
    end(out, "x${v}", "${v}a");
}

static void put_classes(struct buf *out, int i, int n)
{
    (void)n;
    begin(out, i, "tap");
    buf_printf(out, "[\\x{%x}-\\x{%x}]*(?<v>[\\x{%x}-\\x{%x}a-z]+)", 0x400u + rnd(500), 0x700u + rnd(700),
               0x300u + rnd(256), 0x800u + rnd(300));
    end(out, "${v}", "a${v}");
}

static void put_nested(struct buf *out, int i, int n)
{
    (void)n;
    begin(out, i, "tap");
    buf_printf(out, "(?i)((?<v>(([a-z]{1,9}|%d){1,9}[0-9]?){1,9}x){1,3})", i);
    end(out, "${v}x", "a${v}");
}

static void put_alternatives(struct buf *out, int i, int n)
{
    (void)n;
    begin(out, i, "tap");
    buf_str(out, "(?i)(?<v>x");
    for (int k = 0; k < 150; k++) {
        buf_char(out, '|');
        for (int letter = 0; letter < 6; letter++)
            buf_char(out, (char)('a' + rnd(8)));
    }
    buf_str(out, ")");
    end(out, "${v}", "a${v}");
}

static void put_captures(struct buf *out, int i, int n)
{
    char all[200] = "";

    (void)n;
    begin(out, i, "tap");
    buf_str(out, "(?i)");
    for (int k = 0; k < 20; k++) {
        buf_printf(out, "(?<v%d>\\w*?)[a-e]", k);
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "${v%d}", 19 - k);
    }
    end(out, all, "x${v1}");
}

static void put_texts(struct buf *out, int i, int n)
{
    (void)n;
    begin(out, i, "text");
    buf_printf(out, "(?i).*\\b(?<v>\\w+%d)\\b.*[a-%c]+.*", i % 7, 'b' + i % 20);
    end(out, "a${v}", "b:${v}");
}

static void put_backtracking(struct buf *out, int i, int n)
{
    (void)n;
    begin(out, i, "tap");
    buf_printf(out, "(?i)(?<v>(\\w+\\s?)*x|(a|b|ab)*)%d", i);
    end(out, "a:1", "a:2");
}

/* Loops of nothing in loops of nothing. */
static void put_nothing(struct buf *out, int i, int n)
{
    (void)n;
    begin(out, i, "tap");
    for (int k = 0; k < 60; k++)
        buf_char(out, '(');
    buf_printf(out, "x?");
    for (int k = 0; k < 60; k++)
        buf_str(out, k < 3 ? "){10,15}" : ")");
    buf_printf(out, "%d", i);
    end(out, "$1", "a$1");
}

static void put_gotos(struct buf *out, int i, int n)
{
    begin(out, i, "tap");
    buf_printf(out, "g%d:(?<v>.*)'\n    choose:\n", i);
    for (int k = 1; k < 10 && i + k < n; k++)
        buf_printf(out, "      - { when: { v: '%d.*' }, goto: r%d }\n", k, i + k);
    buf_printf(out, "      - reply: { text: a, buttons: [ [ { text: B, callback_data: 'g%d:${v}' } ] ] }\n",
               i * 7 % n);
}

static void put_pages(struct buf *out, int i, int n)
{
    begin(out, i, "tap");
    buf_printf(out,
               "p%d(:(?<p>[1-9][0-9]{0,2}))?'\n    reply:\n      text: a\n      buttons:\n"
               "        - { repeat: contact.tags, as: o, page: '${p:-1}', max: 50, row: [ { text: a, "
               "callback_data: 'p%d:${o}' }, { text: b, callback_data: '${o|upper|truncate(20)}' } ] }\n"
               "        - [ { text: m, callback_data: 'p%d:${pages.next:-x}' } ]\n",
               i, (i + 1) % n, i);
}

static void put_everything(struct buf *out, int i, int n)
{
    (void)n;
    begin(out, i, "tap");
    buf_printf(out, "(?<v>.{1,%d})%d", 1 + i % 60, i % 10);
    end(out, "${v}${v}", "${v}1");
}

/* Thousands of items in a row that may each be left out. */
static void put_optional(struct buf *out, int i, int n)
{
    static const char pattern[] = "(?:(?:(?:a?){50}){50}){3}";

    (void)n;
    begin(out, i, "tap");
    buf_printf(out, "%s%d'\n    text: '%s%d", pattern, i, pattern, i);
    end(out, "a1", "a2");
}

/* --- bounds ----------------------------------------------------------------------------------------------------------- */

static void put_rules(struct buf *out, void (*put)(struct buf *out, int i, int n), int n)
{
    seed = 88172645463325252u;
    buf_str(out, "rules:\n");
    for (int i = 0; i < n; i++)
        put(out, i, n);
    buf_str(out, "  - { name: rest, default: true, final: true, reply: { text: a } }\n");
}

static struct ruleset *build(struct buf *source)
{
    const struct ruleset_file file = { "r.yaml", buf_get(source) };
    struct findings *findings = findings_new();
    struct ruleset *ruleset = ruleset_build(&file, 1, NULL, 0, findings);

    if (!ruleset)
        fail_msg("%s", findings_get(findings, 0)->text);
    findings_free(findings);
    return ruleset;
}

/* The findings as printed. */
static void check(const struct ruleset *ruleset, struct flow_bounds *bounds, struct buf *out)
{
    struct findings *findings = findings_new();

    flow_check_within(ruleset, bounds, findings);
    findings_print(findings, out);
    findings_free(findings);
}

static const struct shape {
    const char *name;
    void (*put)(struct buf *out, int i, int n);
} shapes[] = {
    { "letters", put_letters },       { "classes", put_classes },
    { "nested", put_nested },         { "alternatives", put_alternatives },
    { "captures", put_captures },     { "texts", put_texts },
    { "nothing", put_nothing },       { "backtracking", put_backtracking },
    { "gotos", put_gotos },           { "pages", put_pages },
    { "everything", put_everything },
};

/* Whatever the rules are, the work ends near its bound, the memory below its own, and what was given up is said. */
static void test_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct flow_bounds bounds = { (size_t)60 << 20, 20000000, 0 };
        struct buf source = BUF(SOURCE_MAX), out = BUF(SOURCE_MAX), again = BUF(SOURCE_MAX);
        struct ruleset *ruleset;

        put_rules(&source, shapes[i].put, 300);
        ruleset = build(&source);
        check(ruleset, &bounds, &out);
        print_message("%s: %llu steps\n", shapes[i].name, (unsigned long long)bounds.done);
        if (bounds.done > bounds.steps + SLACK_MAX)
            fail_msg("%s: %llu steps", shapes[i].name, (unsigned long long)bounds.done);
        if (bounds.done >= bounds.steps && !strstr(out.data, "r.yaml:2:5: note: the buttons of rule 'r0'") &&
            !strstr(out.data, "undecided"))
            fail_msg("%s: it is not said what was given up", shapes[i].name);
        check(ruleset, &bounds, &again);
        assert_true(text_eq(buf_get(&out), buf_get(&again)));
        buf_free(&source);
        buf_free(&out);
        buf_free(&again);
        ruleset_free(ruleset);
    }
}

static void put_good(struct buf *out, int i, int n)
{
    static const char *const values[] = { "[a-z]{1,20}", "[A-Z][0-9]{2,5}", ".{1,40}", "(?i:abc|def)[0-9]+",
                                          "\\p{L}{1,12}" };
    static const char *const words[] = { "abc", "X123", "zz", "abc1", "x" };
    char same[40], next[40];

    begin(out, i, "tap");
    buf_printf(out, "r%d:(?<v>%s)", i, values[i % 5]);
    snprintf(same, sizeof(same), "r%d:${v}", i);
    snprintf(next, sizeof(next), "r%d:%s", (i + 1) % n, words[(i + 1) % n % 5]);
    end(out, same, next);
}

/* How much a thousand rules take, and that ten times as many take no more than in proportion. */
static void test_good(void **state)
{
    uint64_t done[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct flow_bounds bounds = { FLOW_MEMORY_MAX, FLOW_STEPS_MAX, 0 };
        struct buf source = BUF(SOURCE_MAX), out = BUF(SOURCE_MAX);
        struct ruleset *ruleset;

        put_rules(&source, put_good, i ? 5000 : 1000);
        ruleset = build(&source);
        check(ruleset, &bounds, &out);
        assert_string_equal(buf_get(&out).p, "");
        done[i] = bounds.done;
        buf_free(&source);
        buf_free(&out);
        ruleset_free(ruleset);
    }
    print_message("%llu, %llu steps\n", (unsigned long long)done[0], (unsigned long long)done[1]);
    assert_true(done[0] < 15000000);
    assert_true(done[1] < 6 * done[0]);
}

/* Rules that are too much keep no other from being looked at. */
static void test_alone(void **state)
{
    static const struct {
        void (*put)(struct buf *out, int i, int n);
        int n;
    } table[] = { { put_captures, 40 }, { put_optional, 2 } };

    (void)state;
    for (size_t t = 0; t < COUNT(table); t++) {
        struct flow_bounds bounds = { FLOW_MEMORY_MAX, 60000000, 0 };
        struct buf source = BUF(SOURCE_MAX), out = BUF(SOURCE_MAX);
        struct ruleset *ruleset;

        buf_str(&source, "rules:\n");
        for (int i = 0; i < table[t].n; i++)
            table[t].put(&source, i, table[t].n);
        buf_str(&source,
                "  - { name: good, text: good, reply: { text: a, buttons: [ [ { text: Lost, callback_data: "
                "'0nowhere' } ] ] } }\n"
                "  - { name: dead, text: good, final: true, reply: { text: a } }\n"
                "  - { name: rest, default: true, final: true, reply: { text: a } }\n");
        ruleset = build(&source);
        check(ruleset, &bounds, &out);
        print_message("%zu: %llu steps\n", t, (unsigned long long)bounds.done);
        assert_non_null(strstr(out.data, "undecided"));
        assert_non_null(strstr(out.data, "error: button 'Lost' leads nowhere"));
        assert_non_null(strstr(out.data, "error: rule 'dead' can never win"));
        buf_free(&source);
        buf_free(&out);
        ruleset_free(ruleset);
    }
}

/* Wherever the work ends, and wherever the memory: what is half made is thrown away, not used. */
static void test_every_end(void **state)
{
    struct buf source = BUF(SOURCE_MAX);
    struct ruleset *ruleset;

    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        put_rules(&source, kind ? put_texts : put_good, 8);
        ruleset = build(&source);
        for (uint64_t i = 1; i <= 300; i++) {
            struct flow_bounds work = { FLOW_MEMORY_MAX, i * 400, 0 },
                               memory = { i * 4000, FLOW_STEPS_MAX / 100, 0 };
            struct buf out = BUF(SOURCE_MAX);

            check(ruleset, &work, &out);
            check(ruleset, &memory, &out);
            assert_false(out.failed);
            buf_free(&out);
        }
        ruleset_free(ruleset);
        buf_cut(&source, 0);
    }
    buf_free(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_every_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
