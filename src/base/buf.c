#include "base/buf.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *buf)
{
    free(buf->data);
    *buf = BUF(buf->max);
}

/* Room for n more bytes and the NUL. */
static bool reserve(struct buf *buf, size_t n)
{
    size_t want, cap;
    char *data;

    if (buf->failed || n > buf->max || buf->len > buf->max - n)
        return !(buf->failed = true);
    want = buf->len + n + 1;
    if (want <= buf->cap)
        return true;
    for (cap = buf->cap ? buf->cap : 64; cap < want;)
        cap *= 2;
    data = realloc(buf->data, cap);
    if (!data) {
        memory_failed();
        return !(buf->failed = true);
    }
    buf->data = data;
    buf->cap = cap;
    return true;
}

void buf_add(struct buf *buf, const void *bytes, size_t n)
{
    if (!reserve(buf, n))
        return;
    if (n)
        memcpy(buf->data + buf->len, bytes, n);
    buf->len += n;
    buf->data[buf->len] = '\0';
}

void buf_text(struct buf *buf, struct text text)
{
    buf_add(buf, text.p, text.n);
}

void buf_str(struct buf *buf, const char *string)
{
    buf_text(buf, text_of(string));
}

void buf_char(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    int n;

    va_start(args, format);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
    } else if (reserve(buf, (size_t)n)) {
        vsnprintf(buf->data + buf->len, (size_t)n + 1, format, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

void buf_cut(struct buf *buf, size_t len)
{
    if (len >= buf->len)
        return;
    buf->len = len;
    buf->data[len] = '\0';
}

struct text buf_get(const struct buf *buf)
{
    return text_make(buf->data ? buf->data : "", buf->len);
}

char *buf_take(struct buf *buf)
{
    char *data;

    buf_add(buf, "", 0);
    if (buf->failed) {
        buf_free(buf);
        return NULL;
    }
    data = buf->data;
    buf->data = NULL;
    buf_free(buf);
    return data;
}
