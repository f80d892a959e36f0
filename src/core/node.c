#include "core/node.h"

#include <string.h>

/* Length of the line at p, without its end. */
static size_t line_length(const char *p, size_t n)
{
    const char *lf = n ? memchr(p, '\n', n) : NULL;
    const char *cr;

    if (lf)
        n = (size_t)(lf - p);
    cr = n ? memchr(p, '\r', n) : NULL;
    return cr ? (size_t)(cr - p) : n;
}

/* Bytes up to the beginning of the next line, 0 if this is the last one. */
static size_t line_step(struct text rest)
{
    size_t n = line_length(rest.p, rest.n);

    if (n == rest.n)
        return 0;
    return n + (rest.p[n] == '\r' && n + 1 < rest.n && rest.p[n + 1] == '\n' ? 2 : 1);
}

struct text document_line(const struct document *document, int line)
{
    struct text rest = document->source;

    for (; line > 1; line--) {
        size_t step = line_step(rest);

        if (!step)
            return text_make("", 0);
        rest.p += step;
        rest.n -= step;
    }
    return text_make(rest.p, line == 1 ? line_length(rest.p, rest.n) : 0);
}

/* How many characters n bytes are; what is no UTF-8 counts as one character each. */
static int characters(const char *p, size_t n)
{
    int64_t count = text_utf8_count(text_make(p, n));

    if (count >= 0)
        return (int)count;
    count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xC0) != 0x80;
    return (int)count;
}

struct place document_place(const struct document *document, size_t offset, int width)
{
    struct place at = { document, 1, 1, width };
    struct text rest = document->source;

    if (offset > rest.n)
        offset = rest.n;
    for (size_t step; (step = line_step(rest)) && step <= offset; at.line++) {
        rest.p += step;
        rest.n -= step;
        offset -= step;
    }
    at.column = 1 + characters(rest.p, offset);
    return at;
}

/* Bytes of the source line before the character in this column. */
static size_t column_offset(struct text line, int column)
{
    size_t i = 0;

    while (i < line.n && column > 1) {
        i++;
        while (i < line.n && ((unsigned char)line.p[i] & 0xC0) == 0x80)
            i++;
        column--;
    }
    return i;
}

/* Bytes that an escape in double quotes takes. */
static size_t escape_length(const char *p, size_t n)
{
    if (n < 2)
        return n;
    return p[1] == 'x' ? 4 : p[1] == 'u' ? 6 : p[1] == 'U' ? 10 : 2;
}

/* Bytes of UTF-8 that begin with c. */
static size_t utf8_length(unsigned char c)
{
    return c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* One character of the scalar and of its source further. False where they do not run side by side. */
static bool walk(struct text line, char quote, struct text text, size_t *at, size_t *done)
{
    size_t i = *at, step = utf8_length((unsigned char)text.p[*done]), from = 0;

    if (i >= line.n)
        return false;
    if (quote == '"' && line.p[i] == '\\')
        from = escape_length(line.p + i, line.n - i);
    else if (quote == '\'' && line.p[i] == '\'')
        from = 2;
    else if (i + step <= line.n && *done + step <= text.n && memcmp(line.p + i, text.p + *done, step) == 0)
        from = step;
    /* a character beyond U+FFFF is two escapes in JSON */
    if (from == 6 && step == 4)
        from = 12;
    *at += from;
    *done += step;
    return from > 0 && *at <= line.n && *done <= text.n;
}

struct place node_part(const struct node *node, size_t offset, size_t n)
{
    struct place at = node->at;
    struct text line;
    size_t start, i, done = 0, first;
    char quote;

    if (node->kind != NODE_SCALAR || !at.document || offset > node->text.n || n > node->text.n - offset)
        return at;
    line = document_line(at.document, at.line);
    start = i = first = column_offset(line, at.column);
    quote = (char)(!node->plain && start ? line.p[start - 1] : 0);
    if (!node->plain && quote != '"' && quote != '\'')
        return at;
    while (done < offset + n) {
        if (!walk(line, quote, node->text, &i, &done))
            return at;
        if (done <= offset)
            first = i;
    }
    at.column += characters(line.p + start, first - start);
    at.width = i > first ? characters(line.p + first, i - first) : 1;
    return at;
}

struct place node_quoted(const struct node *node)
{
    struct place at = node->at;
    struct text line;
    size_t start;

    if (node->kind != NODE_SCALAR || node->plain || !at.document)
        return at;
    line = document_line(at.document, at.line);
    start = column_offset(line, at.column);
    if (!start || (line.p[start - 1] != '\'' && line.p[start - 1] != '"'))
        return at;
    /* an empty content is one wide, too, so that a caret shows */
    at.column--;
    at.width += node->text.n ? 2 : 1;
    return at;
}

const struct node *node_get(const struct node *map, const char *key)
{
    size_t n = strlen(key);

    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        struct text name = map->keys[i]->text;

        if (name.n == n && memcmp(name.p, key, n) == 0)
            return map->items[i];
    }
    return NULL;
}

bool node_is_null(const struct node *node)
{
    if (!node || node->kind != NODE_SCALAR || !node->plain)
        return false;
    return node->text.n == 0 || text_is(node->text, "null") || text_is(node->text, "~");
}

bool node_bool(const struct node *node, bool *out)
{
    if (!node || node->kind != NODE_SCALAR || !node->plain)
        return false;
    if (!text_is(node->text, "true") && !text_is(node->text, "false"))
        return false;
    *out = node->text.n == 4;
    return true;
}

bool node_int(const struct node *node, int64_t *out)
{
    return node && node->kind == NODE_SCALAR && node->plain && text_i64(node->text, out);
}

bool node_is(const struct node *node, const char *text)
{
    return node && node->kind == NODE_SCALAR && text_is(node->text, text);
}
