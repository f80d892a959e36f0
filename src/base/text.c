#include "base/text.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct text text_of(const char *string)
{
    return (struct text){ string, string ? strlen(string) : 0 };
}

struct text text_make(const char *p, size_t n)
{
    return (struct text){ p, n };
}

bool text_eq(struct text a, struct text b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int text_order(struct text a, struct text b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool text_is(struct text a, const char *string)
{
    return text_eq(a, text_of(string));
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool same_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower((unsigned char)a[i]) != lower((unsigned char)b[i]))
            return false;
    return true;
}

bool text_is_nocase(struct text a, const char *string)
{
    return a.n == strlen(string) && same_nocase(a.p, string, a.n);
}

bool text_starts(struct text a, const char *prefix)
{
    size_t n = strlen(prefix);

    return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

bool text_ends(struct text a, const char *suffix)
{
    size_t n = strlen(suffix);

    return a.n >= n && (n == 0 || memcmp(a.p + a.n - n, suffix, n) == 0);
}

bool text_find_nocase(struct text hay, const char *needle)
{
    size_t n = strlen(needle);

    for (size_t i = 0; i + n <= hay.n; i++)
        if (same_nocase(hay.p + i, needle, n))
            return true;
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct text text_trim(struct text a)
{
    while (a.n && is_space(a.p[0])) {
        a.p++;
        a.n--;
    }
    while (a.n && is_space(a.p[a.n - 1]))
        a.n--;
    return a;
}

char *text_dup(struct text a)
{
    char *copy = malloc(a.n + 1);

    if (!copy) {
        memory_failed();
        return NULL;
    }
    if (a.n)
        memcpy(copy, a.p, a.n);
    copy[a.n] = '\0';
    return copy;
}

bool text_cut(struct text a, char sep, struct text *head, struct text *tail)
{
    const char *at = a.n ? memchr(a.p, sep, a.n) : NULL;

    if (!at)
        return false;
    *head = text_make(a.p, (size_t)(at - a.p));
    *tail = text_make(at + 1, a.n - head->n - 1);
    return true;
}

/* The length of the UTF-8 sequence at p, 0 if it is not one. Table 3-7 of the Unicode standard. */
static size_t sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0], low = 0x80, high = 0xBF;
    size_t want;

    if (c < 0x80)
        return 1;
    if (c < 0xC2 || c > 0xF4)
        return 0;
    want = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (n < want)
        return 0;
    if (c == 0xE0)
        low = 0xA0;
    else if (c == 0xED)
        high = 0x9F;
    else if (c == 0xF0)
        low = 0x90;
    else if (c == 0xF4)
        high = 0x8F;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < want; i++)
        if (p[i] < 0x80 || p[i] > 0xBF)
            return 0;
    return want;
}

/* ASCII at p, in whole words of eight: most of what is counted is nothing else. */
static size_t ascii_words(const char *p, size_t n)
{
    size_t run = 0;
    uint64_t word;

    for (; n - run >= sizeof(word); run += sizeof(word)) {
        memcpy(&word, p + run, sizeof(word));
        if (word & 0x8080808080808080u)
            break;
    }
    return run;
}

static int64_t count(struct text a, bool utf16)
{
    int64_t total = 0;

    for (size_t i = 0, step; i < a.n; i += step) {
        step = ascii_words(a.p + i, a.n - i);
        total += (int64_t)step;
        if (step)
            continue;
        step = sequence((const unsigned char *)a.p + i, a.n - i);
        if (!step)
            return -1;
        total += utf16 && step == 4 ? 2 : 1;
    }
    return total;
}

int64_t text_utf8_count(struct text a)
{
    return count(a, false);
}

int64_t text_utf16_count(struct text a)
{
    return count(a, true);
}

void text_printable(struct text a, char *out, size_t max)
{
    size_t used = 0;

    for (size_t i = 0, step; i < a.n; i += step) {
        const unsigned char *p = (const unsigned char *)a.p + i;

        step = sequence(p, a.n - i);
        if (used + (step ? step : 1) > max)
            break;
        if (!step || *p < 0x20 || *p == 0x7F || (step == 2 && *p == 0xC2 && p[1] < 0xA0)) {
            out[used++] = '?';
            step = step ? step : 1;
            continue;
        }
        memcpy(out + used, p, step);
        used += step;
    }
    out[used] = '\0';
}

bool text_i64(struct text a, int64_t *out)
{
    bool minus = a.n && a.p[0] == '-';
    int64_t value = 0;

    if (a.n == (minus ? 1u : 0u))
        return false;
    for (size_t i = minus; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, a.p[i] - '0', &value))
            return false;
    }
    if (!minus && value == INT64_MIN)
        return false;
    *out = minus ? value : -value;
    return true;
}

struct unit {
    const char *suffix;
    int64_t factor;
};

static bool scaled(struct text a, const struct unit *units, int64_t *out)
{
    for (; units->suffix; units++) {
        int64_t value;

        if (!text_ends(a, units->suffix))
            continue;
        if (!text_i64(text_make(a.p, a.n - strlen(units->suffix)), &value) || value < 0)
            continue;
        return !__builtin_mul_overflow(value, units->factor, out);
    }
    return false;
}

bool text_duration(struct text a, int64_t *ms)
{
    static const struct unit units[] = { { "ms", 1 },          { "s", 1000 },         { "m", 60000 },
                                         { "h", 3600 * 1000 }, { "d", 86400 * 1000 }, { NULL, 0 } };

    return scaled(a, units, ms);
}

bool text_size(struct text a, size_t *bytes)
{
    static const struct unit units[] = {
        { "KiB", 1 << 10 }, { "MiB", 1 << 20 }, { "GiB", 1 << 30 }, { "", 1 }, { NULL, 0 }
    };
    int64_t value;

    if (!scaled(a, units, &value))
        return false;
    *bytes = (size_t)value;
    return true;
}

void text_hex(const void *bytes, size_t n, char *out)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[p[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[p[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)lower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool text_unhex(struct text hex, void *out, size_t n)
{
    unsigned char *p = out;

    if (hex.n != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(hex.p[2 * i]), low = hex_digit(hex.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        p[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

#define WORD_MAX 64

/* Edit distance in which swapping two neighbours counts once, as people mistype. */
static size_t distance(struct text a, struct text b)
{
    unsigned char row[3][WORD_MAX + 1];
    unsigned char *before = row[0], *last = row[1], *now = row[2], *spare;

    for (size_t j = 0; j <= b.n; j++)
        last[j] = (unsigned char)j;
    for (size_t i = 1; i <= a.n; i++) {
        now[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.n; j++) {
            unsigned best = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);

            if (last[j] + 1u < best)
                best = last[j] + 1u;
            if (now[j - 1] + 1u < best)
                best = now[j - 1] + 1u;
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
                before[j - 2] + 1u < best)
                best = before[j - 2] + 1u;
            now[j] = (unsigned char)best;
        }
        spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.n];
}

const char *text_closest(struct text a, const char *const *words)
{
    const char *best = NULL;
    size_t nearest = a.n / 3 + 1;

    if (a.n > WORD_MAX)
        return NULL;
    for (; *words; words++) {
        struct text word = text_of(*words);
        size_t d;

        if (word.n > WORD_MAX)
            continue;
        d = distance(a, word);
        if (d <= nearest && (!best || d < nearest)) {
            best = *words;
            nearest = d;
        }
    }
    return best;
}
