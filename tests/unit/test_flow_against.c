/* New rules against old ones: the findings, letter by letter, and against brute force; buttons in chats. */

#include "base/file.h"
#include "core/flow_against.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ruleset *build(const char *path, struct text text)
{
    const struct ruleset_file file = { path, text };
    struct findings *findings = findings_new();
    struct ruleset *ruleset = ruleset_build(&file, 1, NULL, 0, findings);

    if (!ruleset)
        fail_msg("%s: %s", path, findings_get(findings, 0)->text);
    findings_free(findings);
    return ruleset;
}

/* --- cases ------------------------------------------------------------------------------------------------------------- */

struct text_case {
    struct text name, old, new, printed;
};

/* What stands before `end`, which goes. */
static struct text before(struct text *rest, const char *end)
{
    const char *at = strstr(rest->p, end);
    struct text part = text_make(rest->p, at ? (size_t)(at - rest->p) : rest->n);

    rest->p += part.n + (at ? strlen(end) : 0);
    rest->n -= part.n + (at ? strlen(end) : 0);
    return part;
}

/* "### NAME", the old rules, "--", the new ones, "=>", the findings. */
static bool next_case(struct text *rest, struct text_case *out)
{
    if (rest->n == 0)
        return false;
    out->name = before(rest, "\n");
    out->old = before(rest, "\n--\n");
    out->new = before(rest, "\n=>\n");
    out->printed = before(rest, "### ");
    return true;
}

static void check(const struct text_case *one, struct buf *out)
{
    struct findings *findings = findings_new();
    struct ruleset *old = build("old.yaml", one->old), *new = build("new.yaml", one->new);
    struct flow_against *against = flow_against_new(old, new, findings);

    assert_non_null(against);
    flow_against_buttons(against);
    findings_print(findings, out);
    flow_against_free(against);
    findings_free(findings);
    ruleset_free(old);
    ruleset_free(new);
}

static void test_cases(void **state)
{
    const char *srcdir = getenv("srcdir");
    struct buf cases = BUF(1000000);
    struct text_case one;
    struct text rest;
    struct fault fault;
    char path[4096];
    int bad = 0;

    (void)state;
    snprintf(path, sizeof(path), "%s/tests/unit/flow_against.txt", srcdir ? srcdir : ".");
    if (!file_read(path, &cases, &fault))
        fail_msg("%s", fault.text);
    rest = buf_get(&cases);
    (void)before(&rest, "### ");
    while (next_case(&rest, &one)) {
        struct buf out = BUF(100000);

        check(&one, &out);
        if (getenv("FLOW_PRINT"))
            printf("@@@### %.*s\n%.*s\n--\n%.*s\n=>\n%.*s@@@", TEXT_ARG(one.name), TEXT_ARG(one.old),
                   TEXT_ARG(one.new), TEXT_ARG(buf_get(&out)));
        else if (!text_eq(buf_get(&out), one.printed) && ++bad)
            print_message("%.*s:\n%.*s\ninstead of\n%.*s", TEXT_ARG(one.name), TEXT_ARG(buf_get(&out)),
                          TEXT_ARG(one.printed));
        buf_free(&out);
    }
    assert_int_equal(bad, 0);
    buf_free(&cases);
}

/* --- buttons in chats -------------------------------------------------------------------------------------------------- */

static void test_chats(void **state)
{
    static const struct {
        int64_t chat;
        const char *data;
    } buttons[] = { { 1, "a:1" }, { 1, "a:2" },   { 1, "b" }, { 2, "a:1" },
                    { 3, "c" },   { 4, "never" }, { 5, "b" } };
    struct findings *findings = findings_new();
    struct ruleset *old =
        build("old.yaml",
              text_of("rules:\n"
                      "  - { name: a, tap: 'a:(?<n>.)', entry: true, final: true, reply: { text: a } }\n"
                      "  - { name: b, tap: b, entry: true, final: true, reply: { text: a } }\n"
                      "  - { name: c, tap: c, entry: true, final: true, reply: { text: a } }\n"));
    struct ruleset *new =
        build("new.yaml",
              text_of("rules:\n"
                      "  - { name: a, tap: 'a:(?<n>[2-9])', entry: true, final: true, reply: { text: a } }\n"
                      "  - { name: d, tap: b, entry: true, final: true, reply: { text: a } }\n"
                      "  - { name: c, tap: c, entry: true, final: true, reply: { text: a } }\n"));
    struct flow_against *against = flow_against_new(old, new, findings);
    struct buf out = BUF(100000);

    (void)state;
    assert_non_null(against);
    for (size_t i = 0; i < sizeof(buttons) / sizeof(*buttons); i++)
        assert_true(flow_against_chat(against, buttons[i].chat, text_of(buttons[i].data)));
    flow_against_chats(against);
    findings_print(findings, &out);
    assert_string_equal(
        out.data, "old.yaml:2:22: warning: 2 buttons in 2 chats would lead nowhere with the new rules\n"
                  "   2 |   - { name: a, tap: 'a:(?<n>.)', entry: true, final: true, reply: { text: a } }\n"
                  "     |                      ^~~~~~~~~\n"
                  "     = 'a:1' went to rule 'a', now no rule takes it\n"
                  "old.yaml:3:21: warning: 2 buttons in 2 chats would lead elsewhere with the new rules\n"
                  "   3 |   - { name: b, tap: b, entry: true, final: true, reply: { text: a } }\n"
                  "     |                     ^\n"
                  "     = 'b' went to rule 'b', now it goes to rule 'd' (new.yaml:3)\n");
    buf_free(&out);
    flow_against_free(against);
    findings_free(findings);
    ruleset_free(old);
    ruleset_free(new);
}

/* --- against brute force ----------------------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static unsigned rnd(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static void put_pattern(struct buf *out)
{
    static const char *const items[] = { "a",  "b",    "[ab]",     ".",      "a*",
                                         "b?", "[^a]", "(?:a|bb)", "a{1,2}", "(?:ab)*" };

    do
        for (unsigned n = 1 + rnd(3); n; n--)
            buf_str(out, items[rnd(sizeof(items) / sizeof(*items))]);
    while (!rnd(3) && (buf_char(out, '|'), true));
}

static void put_rules(struct buf *out)
{
    static const char *const names[] = { "one", "two", "three" };

    buf_str(
        out,
        "rules:\n  - { name: start, text: '/start (?<v>[ab]{1,4})', reply: { text: a, buttons: [ [ { text: "
        "B, callback_data: 'p${v}' } ] ] } }\n");
    for (int i = 0; i < 3; i++) {
        buf_printf(out, "  - { name: %s, entry: true, final: true, tap: 'p(?:", names[i]);
        put_pattern(out);
        buf_str(out, ")', reply: { text: a } }\n");
    }
}

static const struct rule *taker(const struct ruleset *ruleset, struct text data,
                                struct pattern_scratch *scratch)
{
    const struct ruleset_question question = { .kind = ENTRY_TAP, .data = data };
    struct match match;

    assert_true(ruleset_match(ruleset, &question, scratch, &match));
    json_object_put(match.captures);
    return match.rule;
}

/* Does any data that the old button sends have another fate? */
static bool differs(const struct ruleset *old, const struct ruleset *new, struct pattern_scratch *scratch)
{
    for (size_t n = 1; n <= 4; n++)
        for (size_t i = 0; i < (size_t)1 << n; i++) {
            char data[5] = "p";
            const struct rule *was, *is;

            for (size_t k = 0; k < n; k++)
                data[1 + k] = (i >> k & 1) ? 'a' : 'b';
            was = taker(old, text_make(data, n + 1), scratch);
            is = taker(new, text_make(data, n + 1), scratch);
            if (was && (!is || strcmp(was->name, is->name) != 0))
                return true;
        }
    return false;
}

static void test_brute_force(void **state)
{
    struct pattern_scratch *scratch = pattern_scratch_new();
    int different = 0;

    (void)state;
    for (int i = 0; i < 300; i++) {
        struct buf texts[2] = { BUF(10000), BUF(10000) };
        struct ruleset *old, *new;
        struct flow_against *against;
        struct findings *findings = findings_new();
        bool expected;

        put_rules(&texts[0]);
        if (rnd(4))
            put_rules(&texts[1]);
        else
            buf_text(&texts[1], buf_get(&texts[0]));
        old = build("old.yaml", buf_get(&texts[0]));
        new = build("new.yaml", buf_get(&texts[1]));
        against = flow_against_new(old, new, findings);
        assert_non_null(against);
        flow_against_buttons(against);
        expected = differs(old, new, scratch);
        different += expected;
        if ((findings_count(findings, FINDING_WARNING) > 0) != expected ||
            findings_count(findings, FINDING_NOTE))
            fail_msg("%s\n%s--\n%s", expected ? "missed" : "false alarm", texts[0].data, texts[1].data);
        flow_against_free(against);
        findings_free(findings);
        ruleset_free(old);
        ruleset_free(new);
        buf_free(&texts[0]);
        buf_free(&texts[1]);
    }
    assert_true(different > 30 && different < 270);
    pattern_scratch_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_chats),
        cmocka_unit_test(test_brute_force),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
