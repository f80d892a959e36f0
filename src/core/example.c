#include "core/example.h"

#include <string.h>

#define DEPTH 32
#define EFFORT 10000

struct guess {
    struct text rest; /* of the pattern */
    struct buf *out;
    int branch;    /* which branch of alternatives is taken, modulo their number */
    bool optional; /* are optional parts there? */
    int depth, effort;
    bool failed;
};

static void guess_branches(struct guess *guess);

static char peek(const struct guess *guess)
{
    return guess->rest.n ? guess->rest.p[0] : '\0';
}

static bool starts(const struct guess *guess, const char *word)
{
    return text_starts(guess->rest, word);
}

static void skip(struct guess *guess, size_t n)
{
    guess->rest = n < guess->rest.n ? text_make(guess->rest.p + n, guess->rest.n - n) : text_make("", 0);
}

/* --- single characters --------------------------------------------------------------------------------------------- */

static bool in_range(char c, char low, char high)
{
    return c >= low && c <= high;
}

static bool is_word(char c)
{
    return in_range(c, 'a', 'z') || in_range(c, 'A', 'Z') || in_range(c, '0', '9') || c == '_';
}

/* \d \w \s and their opposites; false if it is none. */
static bool in_escape(char kind, char c, bool *in)
{
    switch (kind) {
    case 'd':
    case 'D':
        *in = in_range(c, '0', '9') == (kind == 'd');
        return true;
    case 'w':
    case 'W':
        *in = is_word(c) == (kind == 'w');
        return true;
    case 's':
    case 'S':
        *in = (c == ' ') == (kind == 's');
        return true;
    default:
        return false;
    }
}

static char control(char escape)
{
    return escape == 'n' ? '\n' : escape == 't' ? '\t' : escape == 'r' ? '\r' : escape;
}

static size_t utf8_length(char first)
{
    unsigned char c = (unsigned char)first;

    return c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* The end of a class, behind its bracket; 0 if it has none. */
static size_t class_end(struct text class)
{
    size_t i = 1;

    if (i < class.n && class.p[i] == '^')
        i++;
    if (i < class.n && class.p[i] == ']')
        i++;
    for (; i < class.n; i++) {
        const char *posix =
            i + 1 < class.n && class.p[i] == '[' && class.p[i + 1] == ':' ? strchr(class.p + i, ']') : NULL;

        if (class.p[i] == '\\')
            i++;
        else if (posix && (size_t)(posix - class.p) < class.n)
            i = (size_t)(posix - class.p);
        else if (class.p[i] == ']')
            return i + 1;
    }
    return 0;
}

/* Is an ASCII character among what stands between the brackets? */
static bool among(struct text inside, char c)
{
    for (size_t i = 0; i < inside.n; i++) {
        char from = inside.p[i];
        bool in;

        if (from == '\\' && i + 1 < inside.n) {
            from = inside.p[++i];
            if (in_escape(from, c, &in)) {
                if (in)
                    return true;
                continue;
            }
            from = control(from);
        }
        if (i + 2 < inside.n && inside.p[i + 1] == '-') {
            if (in_range(c, from, inside.p[i + 2]))
                return true;
            i += 2;
        } else if (c == from) {
            return true;
        }
    }
    return false;
}

/* A member that reads well; what is beyond ASCII is taken as it stands. */
static void guess_class(struct guess *guess)
{
    static const char order[] = "1a0A_- .,:;/#@!?%&=+*'\"()<>[]{}|~^$`\\23456789bcdefghijklmnopqrstuvwxyz"
                                "BCDEFGHIJKLMNOPQRSTUVWXYZ\n\t";
    size_t end = class_end(guess->rest);
    bool negated = end > 2 && guess->rest.p[1] == '^';
    char members[16];
    size_t n = 0;
    struct text inside = end ? text_make(guess->rest.p + 1 + negated, end - 2 - negated) : TEXT_NONE;

    if (!end) {
        guess->failed = true;
        return;
    }
    skip(guess, end);
    for (const char *c = order; *c && n < sizeof(members); c++)
        if (among(inside, *c) != negated)
            members[n++] = *c;
    if (n) {
        buf_char(guess->out, members[(size_t)guess->branch % n]);
        return;
    }
    if (inside.n)
        buf_add(guess->out, inside.p, utf8_length(inside.p[0]));
}

static void guess_escape(struct guess *guess)
{
    static const char samples[] = "1a ";
    char kind = guess->rest.n > 1 ? guess->rest.p[1] : '\0';
    bool in;

    skip(guess, 2);
    if (kind == '\0' || (in_range(kind, '0', '9')) || strchr("pPkgQEXRuxoc", kind)) {
        guess->failed = true; /* what is rare is not guessed */
        return;
    }
    if (strchr("bBAzZG", kind))
        return;
    if (!in_escape(kind, ' ', &in)) {
        buf_char(guess->out, control(kind));
        return;
    }
    for (const char *c = samples; *c; c++)
        if (in_escape(kind, *c, &in) && in) {
            buf_char(guess->out, *c);
            return;
        }
}

/* --- groups and repetition ----------------------------------------------------------------------------------------- */

/* Behind "(": what kind of group; false: one that has no text of its own (a look around, a flag). */
static bool open_group(struct guess *guess)
{
    size_t n = 0;

    if (!starts(guess, "?"))
        return true;
    if (starts(guess, "?=") || starts(guess, "?!") || starts(guess, "?<=") || starts(guess, "?<!"))
        return false;
    if (starts(guess, "?<") || starts(guess, "?P<") || starts(guess, "?'")) {
        n = strcspn(guess->rest.p + 3, ">'") + 4;
        skip(guess, n);
        return true;
    }
    while (n < guess->rest.n && guess->rest.p[n] != ':' && guess->rest.p[n] != ')' &&
           guess->rest.p[n] != '>' && guess->rest.p[n] != '|')
        n++;
    if (n < guess->rest.n && guess->rest.p[n] == ')')
        return false;
    skip(guess, n + 1);
    return true;
}

/* Up to the bracket that closes this group. */
static void skip_group(struct guess *guess)
{
    int level = 1;

    while (guess->rest.n && level) {
        size_t n = 1;

        if (peek(guess) == '\\')
            n = 2;
        else if (peek(guess) == '[')
            n = class_end(guess->rest) ? class_end(guess->rest) : 1;
        else if (peek(guess) == '(')
            level++;
        else if (peek(guess) == ')')
            level--;
        if (level)
            skip(guess, n);
    }
}

static void guess_group(struct guess *guess)
{
    skip(guess, 1);
    if (++guess->depth > DEPTH) {
        guess->failed = true;
        return;
    }
    if (open_group(guess))
        guess_branches(guess);
    else
        skip_group(guess);
    skip(guess, 1);
    guess->depth--;
}

/* "{4,12}": the least number, and what it takes of the pattern. */
static size_t read_braces(struct text rest, int *least, int *most)
{
    size_t i = 1;
    int numbers[2] = { 0, -1 };

    for (int k = 0; k < 2; k++) {
        bool any = false;

        for (; i < rest.n && in_range(rest.p[i], '0', '9') && numbers[k] < 10000; i++, any = true)
            numbers[k] = (numbers[k] < 0 ? 0 : numbers[k]) * 10 + (rest.p[i] - '0');
        if (k == 0 && !any)
            return 0;
        if (k == 0 && i < rest.n && rest.p[i] == '}')
            numbers[1] = numbers[0];
        if (i >= rest.n || rest.p[i] != ',' || k == 1)
            break;
        i++;
    }
    if (i >= rest.n || rest.p[i] != '}')
        return 0;
    *least = numbers[0];
    *most = numbers[1];
    return i + 1;
}

/* How often the part before is to stand. */
static int read_times(struct guess *guess)
{
    int least = 1, most = 1;
    char c = peek(guess);
    size_t n = c == '?' || c == '*' || c == '+' ? 1 : c == '{' ? read_braces(guess->rest, &least, &most) : 0;

    if (!n)
        return 1;
    if (c != '{') {
        least = c == '+';
        most = c == '?' ? 1 : -1;
    }
    skip(guess, n);
    if (peek(guess) == '?' || peek(guess) == '+')
        skip(guess, 1);
    return least == 0 && guess->optional && most != 0 ? 1 : least;
}

static void guess_part(struct guess *guess)
{
    char c = peek(guess);

    if (c == '(') {
        guess_group(guess);
    } else if (c == '[') {
        guess_class(guess);
    } else if (c == '\\') {
        guess_escape(guess);
    } else if (c == '^' || c == '$') {
        skip(guess, 1);
    } else if (c == '.') {
        buf_char(guess->out, 'a');
        skip(guess, 1);
    } else {
        size_t n = utf8_length(c);

        buf_add(guess->out, guess->rest.p, n < guess->rest.n ? n : guess->rest.n);
        skip(guess, n);
    }
}

static void guess_sequence(struct guess *guess)
{
    guess->failed = guess->failed || ++guess->effort > EFFORT;
    while (guess->rest.n && peek(guess) != '|' && peek(guess) != ')' && !guess->failed) {
        size_t before = guess->out->len, size;
        int times;

        guess_part(guess);
        times = read_times(guess);
        size = guess->out->len - before;
        if (times == 0)
            buf_cut(guess->out, before);
        for (int i = 1; i < times && !guess->failed; i++) {
            char copy[256];

            guess->failed = size > sizeof(copy) || ++guess->effort > EFFORT;
            if (!guess->failed) {
                memcpy(copy, guess->out->data + before, size);
                buf_add(guess->out, copy, size);
            }
        }
        guess->failed = guess->failed || guess->out->failed;
    }
}

/* The branches up to the end of the group; one of them is kept. */
static void guess_branches(struct guess *guess)
{
    struct text branches[64];
    size_t n = 0, begin = guess->out->len;
    struct text end;

    do {
        if (n)
            skip(guess, 1);
        if (n < 64)
            branches[n++] = guess->rest;
        buf_cut(guess->out, begin);
        guess_sequence(guess);
    } while (peek(guess) == '|' && !guess->failed);
    end = guess->rest;
    if (n < 2 || guess->failed)
        return;
    buf_cut(guess->out, begin);
    guess->rest = branches[(size_t)guess->branch % n];
    guess_sequence(guess);
    guess->rest = end;
}

bool example_make(const struct pattern *pattern, int variant, struct pattern_scratch *scratch,
                  struct buf *out)
{
    struct guess guess = {
        .rest = pattern_source(pattern), .out = out, .branch = variant / 2, .optional = variant % 2 == 0
    };

    buf_cut(out, 0);
    guess_branches(&guess);
    return !guess.failed && !guess.rest.n && pattern_match(pattern, scratch, buf_get(out)) == PATTERN_YES;
}
