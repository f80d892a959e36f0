#define _XOPEN_SOURCE 700 /* for wcwidth */

#include "core/columns.h"

#include <stdint.h>
#include <wchar.h>

#define JOINER 0x200D
#define EMOJI_STYLE 0xFE0F
#define KEYCAP 0x20E3

/* The first character; what is not UTF-8 counts as U+FFFD of one byte. */
static size_t decode(struct text text, uint32_t *code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = text.n ? (unsigned char)text.p[0] : 0;
    size_t n = first < 0x80   ? 1
               : first < 0xC2 ? 0
               : first < 0xE0 ? 2
               : first < 0xF0 ? 3
               : first < 0xF5 ? 4
                              : 0;

    *code = n == 1 ? first : n == 2 ? first & 0x1Fu : n == 3 ? first & 0x0Fu : first & 0x07u;
    for (size_t i = 1; i < n; i++) {
        unsigned char next = i < text.n ? (unsigned char)text.p[i] : 0;

        if ((next & 0xC0) != 0x80)
            n = 0;
        *code = *code << 6 | (next & 0x3Fu);
    }
    if (text.n && n && *code >= least[n])
        return n;
    *code = 0xFFFD;
    return text.n ? 1 : 0;
}

static bool is_flag(uint32_t code)
{
    return code >= 0x1F1E6 && code <= 0x1F1FF;
}

/* Control characters count as the space that is shown for them. */
static int width_of(uint32_t code)
{
    int width = wcwidth((wchar_t)code);

    return width < 0 ? 1 : width;
}

/* Does it belong to the character before it? */
static bool is_mark(uint32_t code)
{
    return code == JOINER || code == EMOJI_STYLE || code == KEYCAP || (code >= 0x1F3FB && code <= 0x1F3FF) ||
           (code >= 0x20 && wcwidth((wchar_t)code) == 0);
}

size_t columns_cluster(struct text text, int *columns)
{
    uint32_t first, code, last;
    size_t used = decode(text, &first), n;

    last = first;
    *columns = used ? width_of(first) : 0;
    while (used < text.n && (n = decode(text_make(text.p + used, text.n - used), &code)) > 0) {
        bool flag = is_flag(first) && last == first && used == 4 && is_flag(code);

        if (!is_mark(code) && last != JOINER && !flag)
            break;
        if (flag || ((code == EMOJI_STYLE || code == KEYCAP) && *columns == 1))
            *columns = 2;
        used += n;
        last = code;
        if (flag)
            last = 0;
    }
    return used;
}

int columns_of(struct text text)
{
    int sum = 0, columns;
    size_t n;

    while ((n = columns_cluster(text, &columns)) > 0) {
        sum += columns;
        text = text_make(text.p + n, text.n - n);
    }
    return sum;
}

struct text columns_take(struct text text, int most)
{
    size_t used = 0, n;
    int sum = 0, columns;

    while (used < text.n && (n = columns_cluster(text_make(text.p + used, text.n - used), &columns)) > 0) {
        if (used && sum + columns > most)
            break;
        used += n;
        sum += columns;
    }
    return text_make(text.p, used);
}
