/* Classes and escapes. */

#include "core/flow_parse.h"

#include <string.h>

struct named_set {
    const char *name;
    int n;
    struct flow_range ranges[10];
};

/* Without UCP: ASCII, but for \h and \v. */
static const struct named_set escapes[] = {
    { "d", 1, { { '0', '9' } } },
    { "s", 2, { { 9, 13 }, { ' ', ' ' } } },
    { "w", 4, { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } } },
    { "h",
      9,
      { { 9, 9 },
        { ' ', ' ' },
        { 0xA0, 0xA0 },
        { 0x1680, 0x1680 },
        { 0x180E, 0x180E },
        { 0x2000, 0x200A },
        { 0x202F, 0x202F },
        { 0x205F, 0x205F },
        { 0x3000, 0x3000 } } },
    { "v", 3, { { 10, 13 }, { 0x85, 0x85 }, { 0x2028, 0x2029 } } },
};

static int hex(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f')
        return (c | 32) - 'a' + 10;
    return -1;
}

/* \d \D \s ...: -2 if the letter is none of them. */
static int letter_set(struct flow_parse *parse, int letter)
{
    static const struct flow_range newline = { '\n', '\n' };

    if (letter == 'N')
        return flow_set_not(parse->sets, flow_set_make(parse->sets, &newline, 1));
    for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
        struct flow_range ranges[10];
        int set, n = escapes[i].n;

        if (letter <= 0 || (letter | 32) != escapes[i].name[0])
            continue;
        memcpy(ranges, escapes[i].ranges, sizeof(ranges));
        if (FLOW_MUTANT(1) && (letter | 32) == 'd')
            ranges[0].hi = '8';
        if (FLOW_MUTANT(2) && (letter | 32) == 's')
            ranges[0].hi = 12;
        if (FLOW_MUTANT(3) && (letter | 32) == 'h')
            ranges[4] = ranges[3];
        if (FLOW_MUTANT(4) && (letter | 32) == 'w')
            ranges[2].lo = ranges[2].hi = '-';
        set = flow_set_make(parse->sets, ranges, n);
        return letter & 32 ? set : flow_set_not(parse->sets, set);
    }
    return -2;
}

/* {...} of digits of this base, from `at` + skip on; false if it is anything else. */
static bool braced(struct flow_parse *parse, size_t skip, int base, uint32_t *code)
{
    size_t k = skip;
    uint32_t value = 0;

    if (flow_parse_peek(parse, k++) != '{')
        return false;
    if (base == 0) { /* U+ */
        k += 2;
        base = 16;
    }
    for (int digit; (digit = hex(flow_parse_peek(parse, k))) >= 0; k++) {
        if (digit >= base || value > FLOW_CODE_MAX)
            return false;
        value = value * (uint32_t)base + (uint32_t)digit;
    }
    if (flow_parse_peek(parse, k) != '}' || k == skip + 1)
        return false;
    parse->at += k + 1;
    *code = value;
    return true;
}

static bool octal(struct flow_parse *parse, uint32_t *code)
{
    *code = 0;
    for (int k = 0; k < 3 && flow_parse_peek(parse, 0) >= '0' && flow_parse_peek(parse, 0) <= '7';
         k++, parse->at++)
        *code = *code * 8 + (uint32_t)(flow_parse_peek(parse, 0) - '0');
    return true;
}

static bool control(struct flow_parse *parse, uint32_t *code)
{
    int c = flow_parse_peek(parse, 1);

    if (c < ' ' || c > '~')
        return false;
    if (c >= 'a' && c <= 'z')
        c -= 32;
    *code = (uint32_t)c ^ 64;
    parse->at += 2;
    return true;
}

/* A character behind the backslash; false: it is none that is known here. */
static bool character(struct flow_parse *parse, bool in_class, uint32_t *code)
{
    static const char letters[] = "aefnrt", values[] = "\a\033\f\n\r\t";
    int e = flow_parse_peek(parse, 0);
    const char *found = e > 0 ? strchr(letters, e) : NULL;

    if (found || (e == 'b' && in_class)) {
        *code = found ? (uint32_t)values[found - letters] : 8;
        parse->at++;
        return true;
    }
    if (e == 'c')
        return control(parse, code);
    if (e == 'x' && flow_parse_peek(parse, 1) == '{')
        return braced(parse, 1, 16, code);
    if (e == 'o')
        return braced(parse, 1, 8, code);
    if (e == 'N' && flow_parse_peek(parse, 2) == 'U')
        return braced(parse, 1, 0, code);
    if (e == 'x') {
        parse->at++;
        *code = 0;
        for (int k = 0; k < 2 && hex(flow_parse_peek(parse, 0)) >= 0; k++, parse->at++)
            *code = *code * 16 + (uint32_t)hex(flow_parse_peek(parse, 0));
        return true;
    }
    if (e == '0' || (in_class && e >= '1' && e <= '7'))
        return octal(parse, code);
    if (e < 0 || (e >= '0' && e <= '9') || ((e | 32) >= 'a' && (e | 32) <= 'z' && e < 128))
        return false;
    parse->at += flow_decode(parse->p + parse->at, code);
    return true;
}

/* --- classes ------------------------------------------------------------------------------------------------------ */

struct class_state {
    struct flow_range *ranges;
    int n, cap;
    int set;     /* of \d and its like */
    int64_t low; /* the last character, which a '-' may make a range; -1: none */
    bool dash;   /* behind it */
    bool ask;    /* PCRE2 must say what it is */
    bool negative;
    bool good;
};

static void add_range(struct flow_parse *parse, struct class_state *state, uint32_t lo, uint32_t hi)
{
    if (state->n == state->cap) {
        int more = state->cap ? 2 * state->cap : 8;
        struct flow_range *ranges = arena_array(parse->arena, (size_t)more, sizeof(*ranges));

        if (!ranges) {
            state->good = false;
            return;
        }
        if (state->n)
            memcpy(ranges, state->ranges, (size_t)state->n * sizeof(*ranges));
        state->ranges = ranges;
        state->cap = more;
    }
    state->ranges[state->n++] = (struct flow_range){ lo, hi };
}

static void add_one(struct flow_parse *parse, struct class_state *state, uint32_t code)
{
    if (state->dash && state->low >= 0) {
        add_range(parse, state, (uint32_t)state->low, FLOW_MUTANT(5) && code ? code - 1 : code);
        state->low = -1;
        state->dash = false;
        return;
    }
    add_range(parse, state, code, code);
    state->low = code;
}

static void add_set(struct flow_parse *parse, struct class_state *state, int set)
{
    if (state->dash)
        add_range(parse, state, '-', '-');
    state->dash = false;
    state->low = -1;
    state->set = flow_set_union(parse->sets, state->set, set);
}

/* [:alpha:]: PCRE2 says what it is; here only its end matters. */
static bool posix(struct flow_parse *parse)
{
    size_t k = 2;

    if (flow_parse_peek(parse, 0) != '[' || flow_parse_peek(parse, 1) != ':')
        return false;
    if (flow_parse_peek(parse, k) == '^')
        k++;
    while (flow_parse_peek(parse, k) >= 'a' && flow_parse_peek(parse, k) <= 'z')
        k++;
    if (flow_parse_peek(parse, k) != ':' || flow_parse_peek(parse, k + 1) != ']')
        return false;
    parse->at += k + 2;
    return true;
}

static void skip_property(struct flow_parse *parse)
{
    parse->at++; /* the p */
    if (flow_parse_peek(parse, 0) == '{')
        while (parse->at < parse->n && parse->p[parse->at] != '}')
            parse->at++;
    parse->at += parse->at < parse->n;
}

/* Behind a backslash in a class; false: outside. */
static bool class_escape(struct flow_parse *parse, struct class_state *state)
{
    int e = flow_parse_peek(parse, 0), set;
    uint32_t code;

    if (e == 'p' || e == 'P') {
        state->ask = true;
        skip_property(parse);
        add_set(parse, state, flow_set_make(parse->sets, NULL, 0));
        return true;
    }
    set = e == 'N' ? -2 : letter_set(parse, e);
    if (set != -2) {
        state->ask |= e < 'a';
        parse->at++;
        add_set(parse, state, set);
        return true;
    }
    if (!character(parse, true, &code))
        return false;
    add_one(parse, state, code);
    return true;
}

/* One element of a class; false: outside. */
static bool element(struct flow_parse *parse, struct class_state *state, bool *quoted)
{
    int c = flow_parse_peek(parse, 0), next = flow_parse_peek(parse, 1);
    uint32_t code;

    if (c == '\\' && (next == 'E' || (next == 'Q' && !*quoted))) {
        *quoted = next == 'Q';
        parse->at += 2;
        state->ask = true;
        return true;
    }
    if (!*quoted) {
        if (parse->flags.xx && (c == ' ' || c == '\t')) {
            parse->at++;
            state->ask = true;
            return true;
        }
        if (posix(parse)) {
            state->ask = true;
            add_set(parse, state, flow_set_make(parse->sets, NULL, 0));
            return true;
        }
        if (c == '\\') {
            parse->at++;
            return class_escape(parse, state);
        }
        if (c == '-' && state->low >= 0 && !state->dash && next != ']') {
            state->dash = true;
            parse->at++;
            return true;
        }
    }
    parse->at += flow_decode(parse->p + parse->at, &code);
    add_one(parse, state, code);
    return true;
}

static int class_set(struct flow_parse *parse, struct class_state *state, size_t from)
{
    int set;

    if (state->ask || parse->flags.i)
        return flow_set_item(parse->sets, text_make(parse->p + from, parse->at - from),
                             parse->flags.i && !FLOW_MUTANT(6), parse->flags.xx);
    if (state->dash)
        add_range(parse, state, '-', '-');
    set = flow_set_union(parse->sets, state->set, flow_set_make(parse->sets, state->ranges, state->n));
    return state->negative && !FLOW_MUTANT(7) ? flow_set_not(parse->sets, set) : set;
}

struct flow_node *flow_class_parse(struct flow_parse *parse)
{
    struct class_state state = { .low = -1, .good = true };
    size_t from = parse->at - 1;
    bool first = true, quoted = false;
    int set;

    state.set = flow_set_make(parse->sets, NULL, 0);
    if (flow_parse_peek(parse, 0) == '^') {
        state.negative = true;
        parse->at++;
    }
    for (; state.good; first = false) {
        if (parse->at >= parse->n)
            return flow_parse_outside(parse, "a class without end");
        if (parse->p[parse->at] == ']' && !first && !quoted)
            break;
        /* \E and, under (?xx), spaces may stand before a first ']' */
        if (first && !quoted && (flow_parse_peek(parse, 0) == '\\' && (flow_parse_peek(parse, 1) == 'E')))
            return flow_parse_outside(parse, "\\E at the start of a class");
        if (first && parse->flags.xx && strchr(" \t", parse->p[parse->at]))
            return flow_parse_outside(parse, "white space at the start of a class under (?xx)");
        if (!element(parse, &state, &quoted))
            return flow_parse_outside(parse, "an escape in a class");
    }
    parse->at++;
    set = class_set(parse, &state, from);
    if (!state.good || set < 0)
        return flow_parse_outside(parse, "a class that is too much to look through");
    return flow_parse_set(parse, set);
}

/* --- escapes outside classes --------------------------------------------------------------------------------------- */

static struct flow_node *property(struct flow_parse *parse)
{
    size_t from = parse->at - 1;
    int set;

    skip_property(parse);
    set = flow_set_item(parse->sets, text_make(parse->p + from, parse->at - from), parse->flags.i, false);
    return set < 0 ? flow_parse_outside(parse, "a property") : flow_parse_set(parse, set);
}

static struct flow_node *assertion(struct flow_parse *parse, enum flow_assert what)
{
    struct flow_node *node = flow_parse_node(parse, FLOW_ASSERT);

    parse->at++;
    node->assertion = what;
    return node;
}

struct flow_node *flow_class_escape(struct flow_parse *parse)
{
    static const struct {
        const char *letters, *what;
    } outside[] = {
        { "Z", "\\Z" },
        { "R", "\\R" },
        { "X", "\\X" },
        { "C", "\\C" },
        { "K", "\\K" },
        { "k", "a backreference" },
        { "g", "a backreference or a call of a group" },
        { "123456789", "a backreference" },
    };
    int e = flow_parse_peek(parse, 0), set;
    uint32_t code;

    if (e == 'p' || e == 'P')
        return property(parse);
    if (e == 'b')
        return assertion(parse, FLOW_MUTANT(8) ? FLOW_NOT_AT_WORD : FLOW_AT_WORD);
    if (e == 'B')
        return assertion(parse, FLOW_NOT_AT_WORD);
    if (e == 'A' || e == 'G')
        return assertion(parse, FLOW_MUTANT(9) ? FLOW_AT_LINE : FLOW_AT_START);
    if (e == 'z')
        return assertion(parse, FLOW_AT_END);
    for (size_t i = 0; e > 0 && i < sizeof(outside) / sizeof(*outside); i++)
        if (strchr(outside[i].letters, e))
            return flow_parse_outside(parse, outside[i].what);
    set = e == 'N' && flow_parse_peek(parse, 1) == '{' ? -2 : letter_set(parse, e);
    if (set != -2) {
        parse->at++;
        return flow_parse_set(parse, set);
    }
    if (!character(parse, false, &code) || code > FLOW_CODE_MAX)
        return flow_parse_outside(parse, "an escape");
    return flow_parse_literal(parse, code);
}
