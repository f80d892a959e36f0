/* The translation of patterns into automata against PCRE2: directed cases, random patterns and texts, and translation mistakes
   that this test must notice. FLOW_PAIRS sets the number of random pairs, FLOW_SEED where they begin. */

#include "core/flow_dfa.h"
#include "core/flow_regex.h"
#include "core/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MUTANTS 24
#define PAIRS 100000

int flow_mutant;

static struct flow_mem mem = { 0, (size_t)400 << 20, false };
static struct flow_sets *sets;
static struct pattern_scratch *scratch;

/* --- one pattern in both worlds ------------------------------------------------------------------------------------ */

struct both {
    struct pattern *pattern;
    struct arena *arena;
    struct flow_regex regex;
    struct flow_code code;
    struct flow_atoms *atoms;
    struct flow_dfa *dfa;
    int start;
};

static void both_free(struct both *both)
{
    pattern_free(both->pattern);
    flow_dfa_free(both->dfa);
    flow_atoms_free(both->atoms);
    flow_drop(&mem, &both->code.ins, &both->code.cap, sizeof(struct flow_ins));
    arena_free(both->arena);
}

/* False: PCRE2 refuses it, it is outside, or too large; `both` is to be freed all the same. */
static bool both_make(struct both *both, struct text source)
{
    struct fault fault;
    size_t offset;

    *both = (struct both){ .code = { .mem = &mem } };
    both->arena = arena_new(1 << 24);
    both->pattern = pattern_compile(source, PATTERN_WHOLE, &offset, &fault);
    if (!both->pattern)
        return false;
    flow_regex_parse(source, sets, both->arena, &both->regex);
    if (both->regex.outside)
        return false;
    both->start = flow_code_rule(&both->code, both->regex.top, 0);
    if (both->start < 0)
        return false;
    both->atoms = flow_atoms_build(&mem, sets, &both->code);
    assert_non_null(both->atoms);
    both->dfa = flow_dfa_new(&mem, &both->code, both->atoms);
    flow_dfa_limit(both->dfa, 50000, (size_t)100 << 20);
    both->start = flow_dfa_start(both->dfa, &both->start, 1);
    return both->start != FLOW_LIMIT;
}

/* 1: they disagree; 0: they agree; -1: cannot be said. */
static int differ(struct both *both, struct text text)
{
    enum pattern_result real;
    int state;
    const int *names;

    if (text_utf8_count(text) < 0)
        return -1;
    real = pattern_match(both->pattern, scratch, text);
    state = flow_dfa_text(both->dfa, both->start, text);
    if (real == PATTERN_LIMIT || state == FLOW_LIMIT)
        return -1;
    return (real == PATTERN_YES) != (flow_dfa_accepts(both->dfa, state, &names) > 0);
}

/* --- directed cases -------------------------------------------------------------------------------------------------- */

/* Patterns, each with texts (behind '\1', ended by an empty one) on which a likely mistake shows. */
static const struct {
    const char *pattern;
    const char *texts[10];
} cases[] = {
    { "(?i)k", { "k", "K", "\u212A", "j" } },
    { "(?i)s\u00DF", { "S\u1E9E", "\u017F\u00DF", "ss" } },
    { "[^\\W_]|(?i:\\x{3c3})", { "\u03C2", "\u03A3", "_", "a" } },
    { "(?i)[a-z]+", { "A\u212A\u017F", "\u0131", "Z" } },
    { "a.b", { "a\nb", "a\rb", "ab" } },
    { "a(?-s:.)b", { "a\nb", "a\rb" } },
    { "(?-s)a.b(?s).", { "a\nb\n", "axb\n", "a\nbx" } },
    { "(?^)a.b", { "a\nb", "axb" } },
    { "(?i)a(?^)b", { "Ab", "aB", "AB" } },
    { "a$", { "a", "a\n" } },
    { "a\n?$", { "a\n", "a" } },
    { "(?m)a$\n^b", { "a\nb", "ab" } },
    { "(?m)a\n^", { "a\n" } },
    { "a\n^b", { "a\nb" } },
    { "(?m)a\n\\Ab", { "a\nb" } },
    { "\\Aa\\z", { "a", "a\n" } },
    { "\\ba\\b.\\Bb", { "a b", "a b", "a-b", "a.bb" } },
    { "\\b.+\\b", { "ab", " b", "a ", "\u00E4" } },
    { "(?i)a|b", { "A", "B" } },
    { "(?:x(?i)a|b)c", { "xAc", "Bc", "bC", "xac", "XAc" } },
    { "(?:(?i)a)b", { "Ab", "AB" } },
    { "a{2,3}", { "a", "aa", "aaa", "aaaa" } },
    { "a{2,}", { "a", "aa", "aaaaa" } },
    { "a{0}b", { "b", "ab" } },
    { "(|a)b", { "b", "ab" } },
    { "a+?b", { "b", "ab", "aab" } },
    { "\\Qa.b\\E+", { "a.b", "a.bb", "axb", "a.ba.b" } },
    { "\\Q*\\E*a", { "a", "**a" } },
    { "(?x) a b # c\n c", { "abc", "a b c" } },
    { "(?xx)[a b]c", { " c", "ac", "bc" } },
    { "a(?#x)+", { "aa", "a" } },
    { "\\d\\w\\s\\h\\v", { "9_\v\u180E\u2028", "8-\v\u180E\n", "9a \u3000\xC2\x85" } },
    { "[\\w-]\\D", { "-a", "_9", "\u00E4x" } },
    { "[^a-c]", { "a", "c", "d", "\u00E4" } },
    { "[a-c-e]+", { "b", "-", "d", "e" } },
    { "[]a]+[^]a]", { "]a]b", "]]" } },
    { "[[:alpha:]]\\p{L}\\P{L}\\pN", { "a\u00E4-9", "\u00E4a-9" } },
    { "[\\x{7f}-\\x{10000}]", { "\x7F", "\u07FF", "\uFFFF", "\U00010000", "\U00010001" } },
    { "\\x41\\x{e4}\\o{101}\\012\\cA\\e\\N{U+e4}", { "A\u00E4A\n\x01\033\u00E4" } },
    { "[\\101\\b\\Q-]\\E]", { "A", "\b", "-", "]" } },
    { "a++b", { "aab", "b" } },
    { "(a|ab)(c|bcd)(d*)", { "abcd", "acd" } },
    { "\\N+\\V\\H", { "ab c", "a\nbc", "abc" } },
    { "(?<n>a)(?'m'b)(?P<o>c)", { "abc" } },
    { "(?n)(a)(?<x>b)", { "ab" } },
    { "(?<a>(?:a|b)*)c{1,2}?", { "abac", "c", "abcc" } },
};

/* The number of the first case on which both differ, -1: none. */
static int directed(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct both both;
        bool bad = false;

        if (both_make(&both, text_of(cases[i].pattern)))
            for (size_t k = 0; k < 10 && cases[i].texts[k]; k++)
                bad |= differ(&both, text_of(cases[i].texts[k])) == 1;
        else if (!flow_mutant)
            fail_msg("%s: %s", cases[i].pattern, both.regex.outside ? both.regex.outside : "?");
        both_free(&both);
        if (bad)
            return (int)i;
    }
    return -1;
}

static void test_directed(void **state)
{
    int bad;

    (void)state;
    flow_mutant = 0;
    bad = directed();
    if (bad >= 0)
        fail_msg("%s", cases[bad].pattern);
}

static void test_outside(void **state)
{
    static const struct {
        const char *pattern, *outside;
    } rows[] = {
        { "(a)\\1", "a backreference" },
        { "a*+a", "a possessive quantifier" },
        { "(?=a)a", "a lookahead" },
        { "a(?<=a)", "a lookbehind" },
        { "(?>a*)b", "an atomic group" },
        { "(?|(a)|(b))", "a branch reset (?|...)" },
        { "(a)(?(1)b)", "a conditional group" },
        { "(a(?1)?)", "a recursion" },
        { "\\R", "\\R" },
        { "\\X", "\\X" },
        { "a\\Kb", "\\K" },
        { "a\\Z", "\\Z" },
        { "[[:<:]]a", "a word's edge [[:<:]]" },
        { "a(?C1)b", "a callout" },
        { "(?U)a*", "a group of another kind" },
    };

    (void)state;
    flow_mutant = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct both both;

        assert_false(both_make(&both, text_of(rows[i].pattern)));
        assert_non_null(both.pattern);
        assert_string_equal(both.regex.outside, rows[i].outside);
        both_free(&both);
    }
}

/* --- random patterns ------------------------------------------------------------------------------------------------- */

static uint64_t seed;
static char made[4000];
static size_t made_len;
static int names_made;
static const char *few[4]; /* characters that this pattern keeps to */
static unsigned n_few, favourite;

static unsigned rnd(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static void put(const char *text)
{
    size_t n = strlen(text);

    if (made_len + n < sizeof(made)) {
        memcpy(made + made_len, text, n);
        made_len += n;
    }
}

#define PICK(list) (list)[rnd((unsigned)(sizeof(list) / sizeof(*(list))))]

static const char *const letters[] = {
    "a",      "b",      "c",      "k",      "K",      "s",          "S",          "i",
    "I",      "A",      "Z",      "z",      "0",      "1",          "9",          ":",
    "-",      "_",      " ",      "/",      "\u00E4", "\u00C4",     "\u00DF",     "\u1E9E",
    "\u017F", "\u212A", "\u0130", "\u0131", "\u03C3", "\u03C2",     "\u03A3",     "\u20AC",
    "\u00B5", "\u03BC", "#",      ",",      "\u01C5", "\U0001F600", "\U00010400", "\U00010428",
};

static const char *a_letter(void)
{
    return n_few && rnd(5) ? few[rnd(n_few)] : PICK(letters);
}

static void put_class(void)
{
    static const char *const parts[] = {
        "a-z",           "0-9",
        "A-Z",           "\\d",
        "\\w",           "\\s",
        "\u00E0-\u00FF", " -~",
        "\\x00-\\x1f",   "\u0430-\u044F",
        "!-/",           "\\]",
        "\\b",           "\\h",
        "\\v",           "-",
        "*-+",           "\\x{2000}-\\x{10ffff}",
    };
    static const char *const dear[] = { "[:alpha:]", "[:^digit:]", "[:punct:]", "\\D",
                                        "\\W",       "\\p{Lu}",    "\\Qa-c]\\E" };

    put(rnd(4) ? "[" : "[^");
    for (unsigned n = 1 + rnd(3); n; n--)
        put(rnd(2) ? a_letter() : rnd(12) ? PICK(parts) : PICK(dear));
    put("]");
}

static void put_alternatives(int depth);

static void put_group(int depth)
{
    static const char *const opens[] = { "(",    "(?:",  "(|",   "(?i:",  "(?s:", "(?-i:",
                                         "(?m:", "(?x:", "(?^:", "(?-s:", "(?:",  "(" };
    char name[32];

    if (rnd(5)) {
        put(PICK(opens));
    } else {
        snprintf(name, sizeof(name), rnd(2) ? "(?<n%d>" : "(?P<n%d>", names_made++);
        put(name);
    }
    put_alternatives(depth - 1);
    put(")");
}

static void put_item(int depth)
{
    static const char *const escapes[] = { "\\d", "\\w",   "\\s",     "\\D",       "\\W",   "\\S",      "\\h",
                                           "\\v", "\\H",   "\\V",     "\\N",       "\\.",   "\\n",      "\\t",
                                           "\\-", "\\x41", "\\x{e4}", "\\0",       "\\012", "\\o{101}", "\\e",
                                           "\\/", "\\ ",   "\\p{L}",  "\\N{U+e4}", "\\]" };
    static const char *const asserts[] = { "^", "$", "\\b", "\\B", "\\A", "\\z", "\\G" };
    static const char *const settings[] = { "(?#x)", "(?i)", "(?-i)", "(?-s)", "(?m)", "(?x)",
                                            "(?^)",  "(?n)", "\\E",   " ",     "(?xx)" };
    unsigned what = rnd(2) ? favourite : rnd(12);

    if (what < 4)
        put(a_letter());
    else if (what == 4)
        put_class();
    else if (what == 5)
        put(PICK(escapes));
    else if (what == 6)
        put(".");
    else if (what == 7)
        put(rnd(2) ? "\\Qa.b\\E" : "\\Q*\\E");
    else if (what == 8)
        put(PICK(asserts));
    else if (what == 9)
        put(PICK(settings));
    else if (depth > 0)
        put_group(depth);
    else
        put(a_letter());
}

static void put_alternatives(int depth)
{
    static const char *const counts[] = { "*",   "+",     "?",     "{2}", "{1,3}", "{2,}",
                                          "{0}", "{0,2}", "{3,5}", "{1}", "{a}" };

    do {
        for (unsigned n = rnd(8) ? 1 + rnd(4) : 0; n; n--) {
            put_item(depth);
            if (!rnd(3))
                put(PICK(counts));
            else
                continue;
            if (!rnd(4))
                put(rnd(3) ? "?" : "+");
        }
    } while (!rnd(4) && (put("|"), true));
}

static void make_pattern(void)
{
    static const char *const heads[] = { "(?i)", "(?-s)", "(?m)", "(?x)", "(?n)", "(?is)", "(?im)", "(?mx)" };

    made_len = 0;
    names_made = 0;
    n_few = 0;
    for (unsigned n = rnd(3) ? 1 + rnd(4) : 0; n; n--)
        few[n_few++] = PICK(letters);
    favourite = rnd(12);
    if (!rnd(3))
        put(PICK(heads));
    put_alternatives(3);
}

/* --- random texts ---------------------------------------------------------------------------------------------------- */

static size_t random_text(char *out)
{
    static const char *const odd[] = { "\n",     "\t", "\r", "\x7F", "\xC2\x85", "\u00A0",
                                       "\u2028", "]",  "\\", "*",    "." };
    size_t n = 0;

    for (unsigned k = rnd(6); k; k--) {
        const char *text = rnd(5) ? a_letter() : PICK(odd);

        if (!rnd(40)) {
            out[n++] = '\0';
            continue;
        }
        memcpy(out + n, text, strlen(text));
        n += strlen(text);
    }
    return n;
}

/* A character of an atom, by its edges rather than by chance: there the mistakes are. */
static uint32_t random_char(const struct both *both, int atom)
{
    int n;
    const struct flow_interval *intervals = flow_atoms_intervals(both->atoms, &n);
    uint32_t found = flow_atoms_char(both->atoms, atom);

    for (int i = 0, seen = 0; i < n && rnd(3); i++) {
        if (intervals[i].atom != atom || rnd((unsigned)++seen))
            continue;
        found = rnd(2) ? intervals[i].lo : intervals[i].hi;
        if (!rnd(3))
            found = intervals[i].lo + rnd(intervals[i].hi - intervals[i].lo + 1);
    }
    return found;
}

/* A walk through the automaton that ends where it accepts, if it comes by such a place. */
static size_t member(struct both *both, char *out)
{
    size_t n = 0, best = 0;
    bool found = false;
    int state = both->start;

    for (int i = 0; i < 12; i++) {
        const int *names;
        const struct flow_move *moves;
        const struct flow_move *move;
        int count;

        if (flow_dfa_accepts(both->dfa, state, &names) > 0) {
            best = n;
            found = true;
            if (!rnd(3))
                break;
        }
        count = flow_dfa_moves(both->dfa, state, &moves);
        if (count <= 0)
            break;
        move = &moves[rnd((unsigned)count)];
        n +=
            flow_encode(random_char(both, move->lo + (int)rnd((unsigned)(move->hi - move->lo + 1))), out + n);
        state = move->to;
    }
    return found ? best : n;
}

/* Other cases and neighbours of some characters. */
static size_t twist(const char *text, size_t n, char *out)
{
    static const uint32_t kin[][4] = {
        { 'k', 'K', 0x212A, 'j' },
        { 's', 'S', 0x17F, 0xDF },
        { 'i', 'I', 0x131, 0x130 },
        { 0xE4, 0xC4, 0xE5, 'a' },
        { 0x3C3, 0x3C2, 0x3A3, 'o' },
        { 0xB5, 0x3BC, 0x39C, 'u' },
        { 0xDF, 0x1E9E, 's', 'S' },
        { 0x10400, 0x10428, 0x10401, 0x10429 },
        { '\n', '\r', 0x85, 0x2028 },
        { ' ', 0xA0, '\t', 0x0B },
        { '_', '-', '.', '0' },
        { 0x7F, 0x80, 0x7FF, 0x800 },
        { 0xFFFF, 0x10000, 0xD7FF, 0xE000 },
        { '9', ':', '/', '8' },
        { 0x1C4, 0x1C5, 0x1C6, 0x1C7 },
    };
    size_t m = 0;

    for (size_t i = 0; i < n;) {
        uint32_t code;
        bool letter;

        i += flow_decode(text + i, &code);
        letter = code < 128 && (code | 32) >= 'a' && (code | 32) <= 'z';
        if (!rnd(3) && letter && rnd(2)) {
            code ^= 32;
        } else if (!rnd(3)) {
            for (size_t k = 0; k < sizeof(kin) / sizeof(*kin); k++)
                if (code == kin[k][0] || code == kin[k][1] || code == kin[k][2] || code == kin[k][3]) {
                    code = kin[k][rnd(4)];
                    break;
                }
        }
        m += flow_encode(code, out + m);
    }
    return m;
}

static size_t mutated(const char *text, size_t n, char *out)
{
    size_t at = rnd((unsigned)n + 1), behind, m;

    while (at < n && (text[at] & 0xC0) == 0x80)
        at++;
    memcpy(out, text, at);
    m = at;
    if (rnd(2))
        m += random_text(out + m);
    behind = at;
    if (rnd(2) && behind < n)
        do
            behind++;
        while (behind < n && (text[behind] & 0xC0) == 0x80);
    memcpy(out + m, text + behind, n - behind);
    return m + n - behind;
}

static char shown[200];

/* Tries one text; true: they disagree. */
static bool try(struct both *both, const char *text, size_t n, long *pairs)
{
    int result = differ(both, text_make(text, n));

    *pairs += result >= 0;
    if (result == 1)
        text_printable(text_make(text, n), shown, sizeof(shown) - 1);
    return result == 1;
}

static bool random_pattern(long *pairs)
{
    struct both both;
    char a[400], b[800];
    bool bad = false;
    size_t n;

    make_pattern();
    if (both_make(&both, text_make(made, made_len))) {
        for (int i = 0; i < 12 && !bad; i++)
            bad = try(&both, a, random_text(a), pairs);
        for (int i = 0; i < 16 && !bad; i++) {
            n = member(&both, a);
            bad = try(&both, a, n, pairs) || try(&both, b, twist(a, n, b), pairs) ||
                  try(&both, b, twist(a, n, b), pairs) || try(&both, b, mutated(a, n, b), pairs);
        }
    }
    both_free(&both);
    return bad;
}

static void fresh_sets(void)
{
    flow_sets_free(sets);
    sets = flow_sets_new(&mem);
}

static long number_of(const char *name, long otherwise)
{
    return getenv(name) ? strtol(getenv(name), NULL, 10) : otherwise;
}

static void test_random(void **state)
{
    const long most = number_of("FLOW_PAIRS", PAIRS);
    long pairs = 0, patterns = 0;

    (void)state;
    flow_mutant = 0;
    seed = 88172645463325252u ^ (uint64_t)number_of("FLOW_SEED", 0) * 0x9E3779B97F4A7C15u;
    while (pairs < most) {
        if (++patterns % 1500 == 0)
            fresh_sets(); /* the number of items that PCRE2 is asked is bounded */
        if (random_pattern(&pairs))
            fail_msg("pattern %.*s text %s", (int)made_len, made, shown);
    }
    print_message("%ld pairs of %ld patterns\n", pairs, patterns);
}

static void test_mutants(void **state)
{
    int missed = 0, by_chance = 0;

    (void)state;
    for (int mutant = 1; mutant <= MUTANTS; mutant++) {
        long pairs = 0;
        bool caught;

        flow_mutant = mutant;
        caught = directed() >= 0;
        if (caught && !number_of("FLOW_RANDOM_MUTANTS", 0))
            continue;
        seed = 88172645463325252u;
        caught = false;
        while (pairs < PAIRS / 2 && !caught)
            caught = random_pattern(&pairs);
        by_chance += caught;
        if (!caught)
            print_message("mistake %d goes unnoticed\n", mutant);
        missed += !caught;
    }
    flow_mutant = 0;
    print_message("%d mistakes, %d of them noticed by chance alone\n", MUTANTS, by_chance);
    assert_int_equal(missed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directed),
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_mutants),
    };
    int failed;

    scratch = pattern_scratch_new();
    sets = flow_sets_new(&mem);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    flow_sets_free(sets);
    pattern_scratch_free(scratch);
    return failed || mem.used != 0;
}
