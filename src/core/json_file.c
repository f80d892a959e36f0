#include "core/tree.h"
#include "core/yaml.h"
#include "core/yaml_words.h"

#include <string.h>

struct reader {
    struct tree tree;
    const char *p;
    size_t n, at;
    int line;
    size_t line_start;        /* byte where the line begins */
    size_t seen, seen_column; /* a byte of this line and its column, to count on from */
    struct buf text;
    bool failed;
};

static int column(struct reader *reader, size_t at)
{
    if (reader->seen < reader->line_start || reader->seen > at) {
        reader->seen = reader->line_start;
        reader->seen_column = 1;
    }
    for (; reader->seen < at; reader->seen++)
        reader->seen_column += ((unsigned char)reader->p[reader->seen] & 0xC0) != 0x80;
    return (int)reader->seen_column;
}

static struct place place_at(struct reader *reader, size_t at)
{
    return (struct place){ reader->tree.document, reader->line, column(reader, at), 1 };
}

/* The first error ends the reading: what follows it would be guesswork. */
static bool fail(struct reader *reader, size_t at, const char *text, const char *hint)
{
    if (!reader->failed) {
        finding_error(reader->tree.findings, place_at(reader, at), "%s", text);
        if (hint)
            finding_hint(reader->tree.findings, "%s", hint);
    }
    reader->failed = true;
    return false;
}

/* The next character that is no white space, '\0' at the end. */
static char peek(struct reader *reader)
{
    for (; reader->at < reader->n; reader->at++) {
        char c = reader->p[reader->at];

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return c;
        if (c == '\n' || (c == '\r' && !(reader->at + 1 < reader->n && reader->p[reader->at + 1] == '\n'))) {
            reader->line++;
            reader->line_start = reader->at + 1;
        }
    }
    return '\0';
}

/* --- strings ---------------------------------------------------------------------------------------------------- */

static bool unit(struct reader *reader, unsigned *out)
{
    unsigned char bytes[2];

    if (reader->n - reader->at < 6 || reader->p[reader->at] != '\\' || reader->p[reader->at + 1] != 'u' ||
        !text_unhex(text_make(reader->p + reader->at + 2, 4), bytes, 2))
        return false;
    *out = (unsigned)bytes[0] << 8 | bytes[1];
    reader->at += 6;
    return true;
}

static void add_utf8(struct buf *out, unsigned c)
{
    if (c < 0x80) {
        buf_char(out, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_char(out, (char)(0xC0 | c >> 6));
    } else if (c < 0x10000) {
        buf_char(out, (char)(0xE0 | c >> 12));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3F)));
    } else {
        buf_char(out, (char)(0xF0 | c >> 18));
        buf_char(out, (char)(0x80 | (c >> 12 & 0x3F)));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3F)));
    }
    buf_char(out, (char)(0x80 | (c & 0x3F)));
}

static bool read_unicode(struct reader *reader)
{
    size_t begin = reader->at;
    unsigned c, low;

    if (!unit(reader, &c))
        return fail(reader, begin, "'\\u' needs four hexadecimal digits", NULL);
    if (c >= 0xD800 && c < 0xDC00) {
        if (!unit(reader, &low) || low < 0xDC00 || low > 0xDFFF)
            return fail(reader, begin, "half of a character: its second \\u is missing", NULL);
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    } else if (c >= 0xDC00 && c <= 0xDFFF) {
        return fail(reader, begin, "half of a character: its first \\u is missing", NULL);
    }
    add_utf8(&reader->text, c);
    return true;
}

static bool read_escape(struct reader *reader)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = reader->at + 1 < reader->n ? reader->p[reader->at + 1] : '\0';
    const char *found = c ? strchr(names, c) : NULL;

    if (c == 'u')
        return read_unicode(reader);
    if (!found)
        return fail(reader, reader->at, "this '\\' means nothing in JSON", "a '\\' is written twice: \\\\");
    buf_char(&reader->text, values[found - names]);
    reader->at += 2;
    return true;
}

/* The string's content goes to reader->text; the cursor stands on its opening quote. */
static bool read_string(struct reader *reader)
{
    size_t begin = reader->at++;

    buf_cut(&reader->text, 0);
    while (reader->at < reader->n) {
        unsigned char c = (unsigned char)reader->p[reader->at];

        if (c == '"') {
            reader->at++;
            return !reader->text.failed || fail(reader, begin, "this text is too long", NULL);
        }
        if (c < 0x20)
            break;
        if (c == '\\') {
            if (!read_escape(reader))
                return false;
            continue;
        }
        buf_char(&reader->text, (char)c);
        reader->at++;
    }
    if (reader->at < reader->n && reader->p[reader->at] == '\t')
        return fail(reader, reader->at, "a tab cannot stand in a text", "write \\t");
    return fail(reader, begin, "the quote that begins here is not closed in its line",
                "a line break is written \\n");
}

static bool string_node(struct reader *reader)
{
    struct place at = place_at(reader, reader->at + 1);

    if (!read_string(reader))
        return false;
    at.width = column(reader, reader->at - 1) - at.column;
    if (at.width < 1)
        at.width = 1;
    return tree_scalar(&reader->tree, buf_get(&reader->text), false, at) != NULL;
}

/* --- words and numbers ------------------------------------------------------------------------------------------ */

static size_t digits(struct text a, size_t i)
{
    while (i < a.n && a.p[i] >= '0' && a.p[i] <= '9')
        i++;
    return i;
}

static bool is_number(struct text a)
{
    size_t i = a.n && a.p[0] == '-', from = i;

    i = digits(a, i);
    if (i == from || (a.p[from] == '0' && i > from + 1))
        return false;
    if (i < a.n && a.p[i] == '.') {
        from = ++i;
        i = digits(a, i);
        if (i == from)
            return false;
    }
    if (i < a.n && (a.p[i] == 'e' || a.p[i] == 'E')) {
        i++;
        from = i += i < a.n && (a.p[i] == '+' || a.p[i] == '-');
        i = digits(a, i);
        if (i == from)
            return false;
    }
    return i == a.n;
}

static bool word_node(struct reader *reader)
{
    size_t begin = reader->at;
    struct place at = place_at(reader, begin);
    struct text word;

    while (reader->at < reader->n && !strchr(" \t\r\n,:[]{}\"'#", reader->p[reader->at]))
        reader->at++;
    word = text_make(reader->p + begin, reader->at - begin);
    if (!is_number(word) && !text_is(word, "true") && !text_is(word, "false") && !text_is(word, "null"))
        return fail(reader, begin, "JSON expects a value here",
                    "texts stand in double quotes; comments are not part of JSON");
    at.width = (int)word.n;
    return tree_scalar(&reader->tree, word, true, at) != NULL;
}

/* --- values ----------------------------------------------------------------------------------------------------- */

/* Behind a ',' something must follow. */
static bool comma(struct reader *reader, char close, bool *more)
{
    char c = peek(reader);
    size_t at = reader->at;

    *more = c == ',';
    if (c != ',' && c != close)
        return fail(reader, at,
                    close == ']' ? "a ',' or ']' is missing before this"
                                 : "a ',' or '}' is missing before this",
                    NULL);
    reader->at++;
    if (*more && peek(reader) == close)
        return fail(reader, reader->at, "a value is missing behind the last ','", "take the ',' out");
    return true;
}

static bool key_node(struct reader *reader)
{
    if (peek(reader) != '"')
        return fail(reader, reader->at, "a key in double quotes is expected here", NULL);
    if (!string_node(reader))
        return false;
    if (peek(reader) != ':')
        return fail(reader, reader->at, "a ':' is missing before this", NULL);
    reader->at++;
    return true;
}

static bool value_node(struct reader *reader);

/* As deep as the tree allows. */
static bool group_node(struct reader *reader, enum node_kind kind, char close)
{
    bool more = true;

    if (!tree_open(&reader->tree, kind, place_at(reader, reader->at)))
        return false;
    reader->at++;
    if (peek(reader) == close) {
        reader->at++;
        more = false;
    }
    while (more)
        if ((kind == NODE_MAP && !key_node(reader)) || !value_node(reader) || !comma(reader, close, &more))
            return false;
    return tree_close(&reader->tree) != NULL;
}

static bool value_node(struct reader *reader)
{
    switch (peek(reader)) {
    case '{':
        return group_node(reader, NODE_MAP, '}');
    case '[':
        return group_node(reader, NODE_LIST, ']');
    case '"':
        return string_node(reader);
    default:
        return word_node(reader);
    }
}

static bool read_all(struct reader *reader)
{
    if (peek(reader) == '\0' && reader->at == reader->n)
        return true;
    if (!value_node(reader))
        return false;
    peek(reader);
    if (reader->at < reader->n)
        return fail(reader, reader->at, "something stands behind the end of the value", NULL);
    return true;
}

struct document *json_read(struct arena *arena, const char *path, struct text source,
                           struct findings *findings)
{
    size_t errors = findings_count(findings, FINDING_ERROR);
    struct reader reader = { .line = 1, .seen_column = 1, .text = BUF(source.n + 1) };
    bool good;

    if (text_starts(source, "\xEF\xBB\xBF"))
        source = text_make(source.p + 3, source.n - 3);
    if (!tree_begin(&reader.tree, arena, path, source, findings))
        return NULL;
    reader.p = reader.tree.document->source.p;
    reader.n = source.n;
    good = yaml_check_utf8(reader.tree.document, findings) && read_all(&reader);
    tree_end(&reader.tree);
    buf_free(&reader.text);
    return good && findings_count(findings, FINDING_ERROR) == errors ? reader.tree.document : NULL;
}
