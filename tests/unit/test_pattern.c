#include "core/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Subjects with their length, so that NUL can stand in them. */
#define T(literal)                     \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

struct row {
    const char *pattern;
    struct text subject;
    bool takes;
    const char *group; /* what group 1 took; NULL: it took no part or is not looked at */
};

/* The traps that the checker's method names, as far as matching meets them. */
static const struct row rows[] = {
    { "track:(.*)", T("track:"), true, "" },
    { "track:(.*)", T("track:a\nb"), true, "a\nb" },
    { "track:(.*)", T("xtrack:1"), false, NULL },
    { "track", T("track "), false, NULL },
    { "^track$", T("track"), true, NULL },
    { "^track$", T("track\n"), false, NULL },
    { "a|ab", T("ab"), true, NULL },
    { "(a|ab)(c|bcd)?", T("abcd"), true, "a" },
    { "(ab|a)(c|bcd)?", T("abcd"), true, "a" },
    { "(ab|a)(b?)", T("ab"), true, "ab" },
    { "(a|ab)(b?)", T("ab"), true, "a" },
    { "(a+?)a*", T("aaa"), true, "a" },
    { "(a+)a*", T("aaa"), true, "aaa" },
    { "(?:(a)|b)*", T("ab"), true, "a" },
    { "(?:(\\w),?)*", T("a,b,c"), true, "c" },
    { "(a)?b", T("b"), true, NULL },
    { "(a*)*", T("aaa"), true, "" },
    { "(?:)*x", T("x"), true, NULL },
    { "a*+a", T("aaa"), false, NULL },
    { "(?i)k", T("\xE2\x84\xAA"), true, NULL },
    { "k", T("\xE2\x84\xAA"), false, NULL },
    { "(?i)s", T("\xC5\xBF"), true, NULL },
    { "(?i)\xC3\xA4", T("\xC3\x84"), true, NULL },
    { "a((?i)b|c)d", T("aCd"), true, "C" },
    { "a.b", T("a\nb"), true, NULL },
    { "a.b", T("a\0b"), true, NULL },
    { "a\\x00b", T("a\0b"), true, NULL },
    { "a\\Nb", T("a\nb"), false, NULL },
    { "\\d", T("\xD9\xA3"), false, NULL },
    { "\\w+", T("\xC3\xA4"), false, NULL },
    { "\\W", T("\xC3\xA4"), true, NULL },
    { "[\xC3\xA4-\xC3\xB6]", T("\xC3\xA5"), true, NULL },
    { "[a-\xF0\x9F\x98\x80]", T("\xE2\x82\xAC"), true, NULL },
    { "[\\x{7f}-\\x{801}]", T("\xC2\x80"), true, NULL },
    { ".", T("\xF0\x9F\x98\x80"), true, NULL },
    { "..", T("\xF0\x9F\x98\x80"), false, NULL },
    { "\\S+\\v", T("ab\n"), true, NULL },
    { "\\S*\\h", T("ab "), true, NULL },
    { "(?m)^a$\\n^b$", T("a\nb"), true, NULL },
    { "^a$\\n^b$", T("a\nb"), false, NULL },
    { "\\Aa\\n\\Ab", T("a\nb"), false, NULL },
    { "a\\b.*", T("ab"), false, NULL },
    { "a\\b.*", T("a-b"), true, NULL },
    { "\\Qa.b\\E", T("axb"), false, NULL },
    { "\\Qa{,3}b(?J)\\E", T("a{,3}b(?J)"), true, NULL },
    { "[{,3}]", T("{"), true, NULL },
    { "a\\{,3}", T("a{,3}"), true, NULL },
    { "a{x}", T("a{x}"), true, NULL },
    { "[]{,2}]+", T("]{"), true, NULL },
    { "[[:alpha:]{,2}]", T("{"), true, NULL },
    { "", T(""), true, NULL },
    { "", T("a"), false, NULL },
};

static struct pattern *compile(const char *source)
{
    struct fault fault = { "" };
    size_t offset = 0;
    struct pattern *pattern = pattern_compile(text_of(source), PATTERN_WHOLE, &offset, &fault);

    if (!pattern)
        fail_msg("%s: %s at %zu", source, fault.text, offset);
    return pattern;
}

static void test_table(void **state)
{
    struct pattern_scratch *scratch = pattern_scratch_new();

    (void)state;
    assert_non_null(scratch);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct pattern *pattern = compile(rows[i].pattern);
        enum pattern_result result = pattern_match(pattern, scratch, rows[i].subject);

        if (result != (rows[i].takes ? PATTERN_YES : PATTERN_NO))
            fail_msg("%s on '%s' (row %zu): %d", rows[i].pattern, rows[i].subject.p, i, (int)result);
        if (rows[i].group && !text_is(pattern_group(scratch, 1), rows[i].group))
            fail_msg("%s on '%s' (row %zu): group 1 took '%.*s'", rows[i].pattern, rows[i].subject.p, i,
                     TEXT_ARG(pattern_group(scratch, 1)));
        pattern_free(pattern);
    }
    pattern_scratch_free(scratch);
}

static void test_refused(void **state)
{
    static const struct {
        const char *pattern;
        size_t offset;
        const char *words;
    } refused[] = {
        { "(*UCP)a", 0, "(*...)" },
        { "(*LIMIT_MATCH=9)a", 0, "(*...)" },
        { "a(?J)b", 1, "(?J)" },
        { "a(?iJ:b)", 1, "(?J)" },
        { "ab{,3}", 2, "{0,n}" },
        { "ab{ 2}", 2, "spaces" },
        { "ab{2, 3}", 2, "spaces" },
        { "a\\Cb", 3, "\\C" },
        { "a(b", 3, "parenthesis" },
        { "a[b", 3, "]" },
        { "(?<id>a)(?<id>b)", 14, "same name" },
        { "\xFF", 0, "UTF-8" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct fault fault = { "" };
        size_t offset = 99;
        struct pattern *pattern =
            pattern_compile(text_of(refused[i].pattern), PATTERN_WHOLE, &offset, &fault);

        assert_null(pattern);
        if (!strstr(fault.text, refused[i].words) || offset != refused[i].offset)
            fail_msg("%s: '%s' at %zu", refused[i].pattern, fault.text, offset);
    }
}

static void test_names(void **state)
{
    struct pattern *pattern = compile("(?<b>x)(y)(?<a>z)?");
    int group = 0;

    (void)state;
    assert_int_equal(pattern_groups(pattern), 3);
    assert_int_equal(pattern_names(pattern), 2);
    assert_string_equal(pattern_name(pattern, 0, &group), "a");
    assert_int_equal(group, 3);
    assert_string_equal(pattern_name(pattern, 1, &group), "b");
    assert_int_equal(group, 1);
    assert_null(pattern_name(pattern, 2, &group));
    assert_true(text_is(pattern_source(pattern), "(?<b>x)(y)(?<a>z)?"));
    pattern_free(pattern);
}

static void test_groups(void **state)
{
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct pattern *pattern = compile("(a)?(b)(c)?");

    (void)state;
    assert_int_equal(pattern_match(pattern, scratch, text_of("b")), PATTERN_YES);
    assert_null(pattern_group(scratch, 1).p);
    assert_true(text_is(pattern_group(scratch, 2), "b"));
    assert_null(pattern_group(scratch, 3).p);
    assert_null(pattern_group(scratch, 4).p);
    assert_null(pattern_group(scratch, -1).p);
    assert_int_equal(pattern_match(pattern, scratch, text_of("x")), PATTERN_NO);
    assert_null(pattern_group(scratch, 2).p);
    pattern_free(pattern);
    pattern_scratch_free(scratch);
}

static void test_search(void **state)
{
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct fault fault;
    size_t offset;
    struct pattern *pattern = pattern_compile(text_of("data: (\\S+)"), PATTERN_SEARCH, &offset, &fault);

    (void)state;
    assert_non_null(pattern);
    assert_int_equal(pattern_match(pattern, scratch, text_of("Button, data: a:b, end")), PATTERN_YES);
    assert_true(text_is(pattern_group(scratch, 1), "a:b,"));
    pattern_free(pattern);
    pattern_scratch_free(scratch);
}

static void test_prefix(void **state)
{
    static const char *const table[][2] = {
        { "track:(.*)", "track:" },
        { "^track$", "track" },
        { "a|ab", "" },
        { "ab(c|d)", "ab" },
        { "abc?", "ab" },
        { "abc*", "ab" },
        { "abc+", "abc" },
        { "abc{2}", "ab" },
        { "(?i)abc", "" },
        { "ab(?i)c", "ab" },
        { "ab(?x)c#(\n|d", "" },
        { "a\\.b", "a.b" },
        { "a\\d", "a" },
        { "a\xC3\xA4?", "a" },
        { "a\xC3\xA4", "a\xC3\xA4" },
        { "[ab]c", "" },
        { "a[|]b", "a" },
        { "a\\|b", "a|b" },
        { "\\Qab\\E", "" },
        { "", "" },
        { "ba\\Q|\\E", "b" },
        { "ab\\.?c", "ab" },
        { "a b#c", "a b#c" },
        { "xz(?#|)y", "x" },
        { "ab\\E*", "a" },
        { "ab\\Q\\E?", "a" },
        { "a:(?<n>b)", "a:" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct pattern *pattern = compile(table[i][0]);

        if (!text_is(pattern_prefix(pattern), table[i][1]))
            fail_msg("%s: prefix '%.*s'", table[i][0], TEXT_ARG(pattern_prefix(pattern)));
        assert_int_equal(pattern_prefix(pattern).p[pattern_prefix(pattern).n], 0);
        pattern_free(pattern);
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Patterns of every construct that could fool the look at the source: what matches begins with the prefix. */
static void test_prefix_holds(void **state)
{
    static const char *const parts[] = { "a",          "b",       "ab",       "a",      "|",
                                         "(",          ")",       "?",        "*",      "+",
                                         "{0}",        "{2}",     "{,2}",     "{0,1}",  "[",
                                         "]",          "[|]",     "[]|]",     "[^]]",   "[[:alpha:]|]",
                                         "[[:a]",      "\\Q",     "\\E",      "\\",     "(?i)",
                                         "(?x)",       "(?-x)",   "#",        "\n",     " ",
                                         "^",          "$",       "(?#",      "(?:",    "(?|",
                                         "(?=",        "(?<n>",   "\\|",      "\\(",    "\\[",
                                         "[\\Q]|\\E]", "\\x{61}", "\\o{141}", "\\g{1}", "\\K",
                                         "(*ACCEPT)",  "(?!",     "(?<=a)" };
    static const char *const letters[] = { "a", "b", "A", "|", "(", "#", "\n", "" };
    struct pattern_scratch *scratch = pattern_scratch_new();
    uint32_t seed = 3;
    size_t looked_at = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        char source[200] = "", subject[20];
        struct fault fault;
        size_t offset;
        struct pattern *pattern;

        for (uint32_t n = next_random(&seed) % 7; n < 8; n++)
            strncat(source, parts[next_random(&seed) % (sizeof(parts) / sizeof(*parts))],
                    sizeof(source) - strlen(source) - 1);
        pattern = pattern_compile(text_of(source), PATTERN_WHOLE, &offset, &fault);
        for (int k = 0; pattern && k < 20; k++) {
            subject[0] = '\0';
            for (uint32_t n = next_random(&seed) % 5; n < 5; n++)
                strncat(subject, letters[next_random(&seed) % (sizeof(letters) / sizeof(*letters))],
                        sizeof(subject) - strlen(subject) - 1);
            if (pattern_match(pattern, scratch, text_of(subject)) != PATTERN_YES)
                continue;
            looked_at += pattern_prefix(pattern).n > 0;
            if (strncmp(subject, pattern_prefix(pattern).p, pattern_prefix(pattern).n) != 0)
                fail_msg("%s takes %s, prefix %.*s", source, subject, TEXT_ARG(pattern_prefix(pattern)));
        }
        pattern_free(pattern);
    }
    assert_true(looked_at > 100);
    pattern_scratch_free(scratch);
}

static void test_bounds(void **state)
{
    static const char *const hard[] = { "(a+)+[b-c]", "(a|aa)+[b-c]", "([a-z]+)*[0-9]",
                                        "(?:a?){40}a{40}[b-c]" };
    struct pattern_scratch *scratch = pattern_scratch_new();
    char *subject = malloc(PATTERN_SUBJECT_MAX + 1);
    struct pattern *pattern;

    (void)state;
    assert_non_null(subject);
    memset(subject, 'a', PATTERN_SUBJECT_MAX + 1);
    for (size_t i = 0; i < sizeof(hard) / sizeof(*hard); i++) {
        pattern = compile(hard[i]);
        if (pattern_match(pattern, scratch, text_make(subject, 60)) != PATTERN_LIMIT)
            fail_msg("%s ends", hard[i]);
        pattern_free(pattern);
    }
    /* A deep but honest match is no attack: it falls back from the JIT's stack to the interpreter. */
    pattern = compile("((((a)))|b)*");
    assert_int_equal(pattern_match(pattern, scratch, text_make(subject, PATTERN_SUBJECT_MAX)), PATTERN_YES);
    assert_int_equal(pattern_match(pattern, scratch, text_make(subject, PATTERN_SUBJECT_MAX + 1)),
                     PATTERN_LIMIT);
    assert_int_equal(pattern_match(pattern, scratch, text_of("\xED\xA0\x80")), PATTERN_LIMIT);
    assert_int_equal(pattern_match(pattern, scratch, text_of("\x80")), PATTERN_LIMIT);
    assert_int_equal(pattern_match(pattern, scratch, TEXT_NONE), PATTERN_YES);
    pattern_free(pattern);
    free(subject);
    pattern_scratch_free(scratch);
}

static void test_too_large(void **state)
{
    static char source[20000];
    struct fault fault;
    size_t offset;

    (void)state;
    memset(source, 'a', sizeof(source));
    assert_null(pattern_compile(text_make(source, sizeof(source)), PATTERN_WHOLE, &offset, &fault));
    memset(source, '(', sizeof(source));
    assert_null(pattern_compile(text_make(source, 16000), PATTERN_WHOLE, &offset, &fault));
    for (size_t i = 0; i + 2 <= 600; i += 2)
        memcpy(source + i, "()", 2);
    assert_null(pattern_compile(text_make(source, 600), PATTERN_WHOLE, &offset, &fault));
    assert_non_null(strstr(fault.text, "groups"));
    assert_null(
        pattern_compile(text_of("((((a{1,999}){1,999}){1,999}){1,999})"), PATTERN_WHOLE, &offset, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),        cmocka_unit_test(test_refused), cmocka_unit_test(test_names),
        cmocka_unit_test(test_groups),       cmocka_unit_test(test_search),  cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_prefix_holds), cmocka_unit_test(test_bounds),  cmocka_unit_test(test_too_large),
    };

    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
