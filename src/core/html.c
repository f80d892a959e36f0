#include "core/html.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

static const char *const first_tags[] = { "p",  "div", "h1", "h2",  "h3",         "h4", "h5", "h6", "ul",
                                          "ol", "pre", "a",  "img", "blockquote", "b",  "i",  "br", NULL };
static const char *const block_tags[] = { "p",  "div", "li", "h1",  "h2",         "h3", "h4", "h5",
                                          "h6", "ul",  "ol", "pre", "blockquote", "tr", NULL };

static bool listed(struct text name, const char *const *names)
{
    for (; *names; names++)
        if (text_is_nocase(name, *names))
            return true;
    return false;
}

/* The letters and digits at the beginning. */
static struct text word(struct text a)
{
    size_t n = 0;

    while (n < a.n && isalnum((unsigned char)a.p[n]))
        n++;
    return text_make(a.p, n);
}

static struct text behind(struct text a, size_t n)
{
    return text_make(a.p + n, a.n - n);
}

bool html_detect(struct text text)
{
    struct text rest = text_trim(text), name;

    if (rest.n < 3 || rest.p[0] != '<')
        return false;
    name = word(behind(rest, 1));
    if (!listed(name, first_tags) || rest.n == name.n + 1)
        return false;
    return strchr("> /\t\r\n", rest.p[name.n + 1]) != NULL && rest.p[name.n + 1];
}

/* The length of the tag at the beginning, 0 if it is none: it must end before another one begins, which also keeps the
   whole walk linear. */
static size_t tag_length(struct text a)
{
    char quote = '\0';

    if (a.n < 3 || !(isalpha((unsigned char)a.p[1]) || a.p[1] == '/' || a.p[1] == '!'))
        return 0;
    for (size_t i = 1; i < a.n; i++) {
        if (quote)
            quote = a.p[i] == quote ? '\0' : quote;
        else if (a.p[i] == '>')
            return i + 1;
        else if (a.p[i] == '<')
            return 0;
        else if ((a.p[i] == '"' || a.p[i] == '\'') && a.p[i - 1] == '=')
            quote = a.p[i];
    }
    return 0;
}

static bool breaks_line(struct text tag)
{
    if (tag.p[1] == '/')
        return listed(word(behind(tag, 2)), block_tags);
    return text_is_nocase(word(behind(tag, 1)), "br");
}

static void drop_tags(struct text html, struct buf *out)
{
    bool broke = false; /* a tag made the last byte a LF: the source's own line end behind it is layout */

    for (size_t i = 0; i < html.n;) {
        struct text rest = behind(html, i);
        size_t tag = rest.p[0] == '<' ? tag_length(rest) : 0;

        if (tag && breaks_line(text_make(rest.p, tag))) {
            buf_char(out, '\n');
            broke = true;
        } else if (!tag && !(broke && strchr("\r\n", rest.p[0]) && rest.p[0])) {
            buf_char(out, rest.p[0]);
            broke = false;
        }
        i += tag ? tag : 1;
    }
}

static const struct {
    const char *name;
    const char *text;
} entities[] = {
    { "&amp;", "&" },   { "&lt;", "<" },   { "&gt;", ">" },
    { "&quot;", "\"" }, { "&apos;", "'" }, { "&nbsp;", " " },
};

static void add_utf8(struct buf *out, uint32_t c)
{
    char bytes[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0x00, 0xC0, 0xE0, 0xF0 };

    for (size_t i = n - 1; i; i--, c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3F));
    bytes[0] = (char)(lead[n] | c);
    buf_add(out, bytes, n);
}

static int digit(char c, unsigned base)
{
    int value = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 16;

    return value < (int)base ? value : -1;
}

/* "&#39;", "&#x27;": its length, 0 if it is none or names no character. */
static size_t number_entity(struct text a, uint32_t *c)
{
    bool hex = a.n > 2 && (a.p[2] == 'x' || a.p[2] == 'X');
    size_t i = hex ? 3 : 2, first = i;

    if (!text_starts(a, "&#"))
        return 0;
    for (*c = 0; i < a.n && digit(a.p[i], hex ? 16 : 10) >= 0 && *c <= 0x10FFFF; i++)
        *c = *c * (hex ? 16 : 10) + (uint32_t)digit(a.p[i], hex ? 16 : 10);
    if (i == first || i == a.n || a.p[i] != ';' || *c > 0x10FFFF)
        return 0;
    if (!*c || (*c >= 0xD800 && *c <= 0xDFFF))
        *c = 0xFFFD;
    return i + 1;
}

/* Decodes the entity at the beginning; its length, 0 if it is none. */
static size_t entity(struct text a, struct buf *out)
{
    uint32_t c;
    size_t n;

    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
        if (text_starts(a, entities[i].name)) {
            buf_str(out, entities[i].text);
            return strlen(entities[i].name);
        }
    n = number_entity(a, &c);
    if (n)
        add_utf8(out, c);
    return n;
}

void html_reduce(struct text html, struct buf *out)
{
    struct buf bare = BUF(html.n);
    struct text text;

    drop_tags(html, &bare);
    text = buf_get(&bare);
    out->failed = out->failed || bare.failed;
    for (size_t i = 0; i < text.n;) {
        size_t n = text.p[i] == '&' ? entity(behind(text, i), out) : 0;

        if (!n)
            buf_char(out, text.p[i]);
        i += n ? n : 1;
    }
    buf_free(&bare);
}
