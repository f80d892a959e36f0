#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fuzz_broken(const char *property, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
    abort();
}

void *fuzz_must(void *made)
{
    HOLDS(made != NULL);
    return made;
}

struct text fuzz_text(const uint8_t *data, size_t size)
{
    return text_make(size ? (const char *)data : "", size);
}

const char *fuzz_find(struct text text, const char *string)
{
    size_t n = strlen(string);

    for (size_t i = 0; i + n <= text.n; i++)
        if (memcmp(text.p + i, string, n) == 0)
            return text.p + i;
    return NULL;
}

static struct text cut(struct text *rest, const char *mark)
{
    size_t n = strlen(mark);
    const char *end = fuzz_find(*rest, mark);
    struct text head = *rest;

    if (!end) {
        *rest = text_make(rest->p + rest->n, 0);
        return head;
    }
    head.n = (size_t)(end - rest->p);
    *rest = text_make(end + n, rest->n - head.n - n);
    return head;
}

struct text fuzz_line(struct text *rest)
{
    return cut(rest, "\n");
}

struct text fuzz_section(struct text *rest)
{
    return cut(rest, "\n--\n");
}

bool fuzz_is_line(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7F)
            return false;
    return text_utf8_count(text) >= 0;
}
