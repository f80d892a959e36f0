#include "core/finding.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_MAX 1000
#define ARENA_MAX ((size_t)16 << 20)
#define LINE_MAX_CHARS 100 /* longer lines are cut around the caret */
#define CONCEALED_MAX 1000
#define CARET_BEFORE 50 /* how much of a cut line stands before the caret */

/* A finding keeps what it shows, so that it outlives the file it is about. */
struct item {
    struct finding finding;
    struct document document; /* the path only */
    struct text excerpt;      /* the line, or what is shown of it */
    int skipped;              /* characters of the line before the excerpt */
    bool cut_before, cut_after;
    size_t order;
};

/* Characters of a line that are never shown. */
struct concealed {
    struct concealed *next;
    const char *path;
    int line, column, width;
};

struct findings {
    struct arena *arena;
    struct item *items[FINDINGS_MAX];
    size_t kept, total, counts[3];
    size_t kept_of[3]; /* by level */
    struct item *last; /* NULL: it was not kept */
    const char *path;  /* of the last one that has a path */
    struct concealed *concealed;
    size_t n_concealed;
    bool conceal_all; /* there was no room to note what must not be shown: no line is */
    bool sorted;
};

struct findings *findings_new(void)
{
    struct findings *findings = calloc(1, sizeof(*findings));

    if (!findings)
        return NULL;
    findings->arena = arena_new(ARENA_MAX);
    if (findings->arena)
        return findings;
    free(findings);
    return NULL;
}

void findings_free(struct findings *findings)
{
    if (!findings)
        return;
    arena_free(findings->arena);
    free(findings);
}

/* The character at p: its length in bytes, its code point in *c; what is no UTF-8 is one byte and U+FFFD. */
static size_t next_char(const char *p, size_t n, unsigned *c)
{
    const unsigned char *u = (const unsigned char *)p;
    size_t len = u[0] < 0x80 ? 1 : u[0] < 0xE0 ? 2 : u[0] < 0xF0 ? 3 : 4;

    *c = 0xFFFD;
    if (len > n || text_utf8_count(text_make(p, len)) != 1)
        return 1;
    *c = len == 1 ? u[0] : u[0] & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        *c = *c << 6 | (u[i] & 0x3F);
    return len;
}

/* Columns that a character takes on a terminal. */
static int char_columns(unsigned c)
{
    static const struct {
        unsigned first, last;
        int columns;
    } ranges[] = {
        { 0x0300, 0x036F, 0 },   { 0x1100, 0x115F, 2 },   { 0x200B, 0x200F, 0 },   { 0x20D0, 0x20FF, 0 },
        { 0x2E80, 0x303E, 2 },   { 0x3041, 0xA4CF, 2 },   { 0xAC00, 0xD7A3, 2 },   { 0xF900, 0xFAFF, 2 },
        { 0xFE00, 0xFE0F, 0 },   { 0xFE30, 0xFE6F, 2 },   { 0xFF00, 0xFF60, 2 },   { 0xFFE0, 0xFFE6, 2 },
        { 0x1F300, 0x1F64F, 2 }, { 0x1F680, 0x1F6FF, 2 }, { 0x1F900, 0x1F9FF, 2 }, { 0x20000, 0x3FFFD, 2 },
    };

    for (size_t i = 0; c >= 0x300 && i < sizeof(ranges) / sizeof(*ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].columns;
    return 1;
}

/* The bytes of the first `count` characters, or all. */
static size_t char_bytes(struct text text, int count)
{
    size_t i = 0;
    unsigned c;

    while (i < text.n && count-- > 0)
        i += next_char(text.p + i, text.n - i, &c);
    return i;
}

/* Takes what will be shown of the line. */
static void keep_excerpt(struct findings *findings, struct item *item, const struct place *at)
{
    struct text line = document_line(at->document, at->line);
    size_t from, to;

    if (char_bytes(line, LINE_MAX_CHARS) < line.n) {
        item->skipped = at->column - 1 > LINE_MAX_CHARS - 20 ? at->column - 1 - CARET_BEFORE : 0;
        from = char_bytes(line, item->skipped);
        line = text_make(line.p + from, line.n - from);
        to = char_bytes(line, LINE_MAX_CHARS);
        item->cut_before = from > 0;
        item->cut_after = to < line.n;
        line.n = to;
    }
    item->excerpt = arena_text(findings->arena, line);
}

/* The path is copied once for findings of the same file in a row. */
static const char *keep_path(struct findings *findings, const char *path)
{
    if (!findings->path || strcmp(findings->path, path) != 0)
        findings->path = arena_str(findings->arena, text_of(path));
    return findings->path;
}

static void keep_place(struct findings *findings, struct item *item, struct place at)
{
    if (!at.document)
        return;
    if (at.document->path)
        item->document.path = keep_path(findings, at.document->path);
    if (at.document->path && !item->document.path)
        return;
    if (at.line > 0 && at.document->source.n)
        keep_excerpt(findings, item, &at);
    item->finding.at = at;
    item->finding.at.document = &item->document;
}

PRINTF(2, 0) static const char *keep_format(struct findings *findings, const char *format, va_list args)
{
    char text[1024], clean[sizeof(text)];

    vsnprintf(text, sizeof(text), format, args);
    text_printable(text_of(text), clean, sizeof(clean) - 1);
    return arena_str(findings->arena, text_of(clean));
}

/* Where the next one goes; NULL: it is only counted. What matters more takes the place of what matters less. */
static struct item **place_for(struct findings *findings, enum finding_level level)
{
    enum finding_level least = FINDING_NOTE;

    if (findings->kept < FINDINGS_MAX)
        return &findings->items[findings->kept];
    while (least > level && !findings->kept_of[least])
        least--;
    for (size_t i = findings->kept; i > 0 && least > level; i--)
        if (findings->items[i - 1]->finding.level == least)
            return &findings->items[i - 1];
    return NULL;
}

static void put(struct findings *findings, struct item **place, struct item *item)
{
    if (findings->kept < FINDINGS_MAX)
        findings->kept++;
    else
        findings->kept_of[(*place)->finding.level]--;
    *place = findings->last = item;
    findings->kept_of[item->finding.level]++;
    findings->sorted = false;
}

void finding_add(struct findings *findings, enum finding_level level, struct place at, const char *format,
                 ...)
{
    struct item **place = place_for(findings, level);
    struct item *item = place ? arena_alloc(findings->arena, sizeof(*item)) : NULL;
    va_list args;

    findings->counts[level]++;
    findings->total++;
    findings->last = NULL;
    if (!item)
        return;
    item->finding.level = level;
    item->order = findings->total;
    keep_place(findings, item, at);
    va_start(args, format);
    item->finding.text = keep_format(findings, format, args);
    va_end(args);
    if (!item->finding.text)
        item->finding.text = "memory is out";
    put(findings, place, item);
}

void finding_hint(struct findings *findings, const char *format, ...)
{
    va_list args;

    if (!findings->last)
        return;
    va_start(args, format);
    findings->last->finding.hint = keep_format(findings, format, args);
    va_end(args);
}

void finding_mark(struct findings *findings, const char *format, ...)
{
    va_list args;

    if (!findings->last)
        return;
    va_start(args, format);
    findings->last->finding.mark = keep_format(findings, format, args);
    va_end(args);
}

void findings_conceal(struct findings *findings, struct place at)
{
    struct concealed *one;

    if (!at.document || !at.document->path)
        return;
    one = findings->n_concealed++ < CONCEALED_MAX ? arena_alloc(findings->arena, sizeof(*one)) : NULL;
    if (one) {
        *one =
            (struct concealed){ findings->concealed, arena_str(findings->arena, text_of(at.document->path)),
                                at.line, at.column, at.width };
        findings->concealed = one;
    }
    findings->conceal_all |= !one || !one->path;
}

static const char *item_path(const struct item *item)
{
    return item->document.path ? item->document.path : "";
}

static bool is_concealed(const struct findings *findings, const struct item *item, int column)
{
    for (const struct concealed *one = findings->concealed; one; one = one->next)
        if (one->line == item->finding.at.line && column >= one->column &&
            column < one->column + one->width && strcmp(one->path, item_path(item)) == 0)
            return true;
    return false;
}

size_t findings_count(const struct findings *findings, enum finding_level level)
{
    return findings->counts[level];
}

static int compare(const void *left, const void *right)
{
    const struct item *a = *(struct item *const *)left, *b = *(struct item *const *)right;
    int order = strcmp(item_path(a), item_path(b));

    if (order == 0)
        order = (a->finding.at.line > b->finding.at.line) - (a->finding.at.line < b->finding.at.line);
    if (order == 0)
        order = (a->finding.at.column > b->finding.at.column) - (a->finding.at.column < b->finding.at.column);
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

static const struct item *item_get(struct findings *findings, size_t i)
{
    if (!findings->sorted)
        qsort(findings->items, findings->kept, sizeof(*findings->items), compare);
    findings->sorted = true;
    return i < findings->kept ? findings->items[i] : NULL;
}

const struct finding *findings_get(struct findings *findings, size_t i)
{
    const struct item *item = item_get(findings, i);

    return item ? &item->finding : NULL;
}

static const char *level_name(enum finding_level level)
{
    static const char *const names[] = { "error", "warning", "note" };

    return names[level];
}

/* The line as a terminal shows it: one column for a tab or what cannot be shown. */
static void print_line(const struct findings *findings, const struct item *item, struct buf *out)
{
    struct text line = item->excerpt;
    int column = item->skipped + 1;
    unsigned c;

    for (size_t i = 0, step; i < line.n; i += step, column++) {
        step = next_char(line.p + i, line.n - i, &c);
        if (is_concealed(findings, item, column))
            buf_char(out, '*');
        else if (c == '\t')
            buf_char(out, ' ');
        else if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xFFFD)
            buf_char(out, '?');
        else
            buf_add(out, line.p + i, step);
    }
}

/* Columns of n bytes. */
static int columns(const char *p, size_t n)
{
    int total = 0;
    unsigned c;

    for (size_t i = 0; i < n;) {
        i += next_char(p + i, n - i, &c);
        total += char_columns(c);
    }
    return total;
}

static void print_caret(const struct item *item, struct buf *out)
{
    const struct place *at = &item->finding.at;
    struct text line = item->excerpt;
    /* a place behind the end of its line is shown at the end */
    size_t from = char_bytes(line, at->column - 1 - item->skipped), to;
    int width;

    to = from + char_bytes(text_make(line.p + from, line.n - from), at->width);
    width = columns(line.p + from, to - from);
    buf_printf(out, "%*s^", columns(line.p, from) + (item->cut_before ? 1 : 0), "");
    for (; width > 1; width--)
        buf_char(out, '~');
    if (item->finding.mark)
        buf_printf(out, " %s", item->finding.mark);
    buf_char(out, '\n');
}

static void print_item(const struct findings *findings, const struct item *item, struct buf *out)
{
    const struct finding *finding = &item->finding;
    char number[16];
    int width;

    if (item->document.path && finding->at.line > 0)
        buf_printf(out, "%s:%d:%d: ", item->document.path, finding->at.line, finding->at.column);
    else if (item->document.path)
        buf_printf(out, "%s: ", item->document.path);
    buf_printf(out, "%s: %s\n", level_name(finding->level), finding->text);
    snprintf(number, sizeof(number), "%d", finding->at.line);
    width = strlen(number) > 4 ? (int)strlen(number) : 4;
    if (item->excerpt.p && !findings->conceal_all) {
        buf_printf(out, "%*s | %s", width, number, item->cut_before ? "…" : "");
        print_line(findings, item, out);
        buf_printf(out, "%s\n%*s | ", item->cut_after ? "…" : "", width, "");
        print_caret(item, out);
    }
    if (finding->hint)
        buf_printf(out, "%*s = %s\n", width, "", finding->hint);
}

void findings_print(struct findings *findings, struct buf *out)
{
    const struct item *item;

    for (size_t i = 0; (item = item_get(findings, i)); i++)
        print_item(findings, item, out);
    if (findings->total > findings->kept)
        buf_printf(out, "and %zu more\n", findings->total - findings->kept);
}

static void add_string(struct json_object *object, const char *key, const char *string)
{
    if (string)
        json_object_object_add(object, key, json_object_new_string(string));
}

static struct json_object *item_json(const struct item *item)
{
    const struct finding *finding = &item->finding;
    struct json_object *object = json_object_new_object();

    if (!object)
        return NULL;
    add_string(object, "level", level_name(finding->level));
    add_string(object, "path", item->document.path);
    if (item->document.path && finding->at.line > 0) {
        json_object_object_add(object, "line", json_object_new_int(finding->at.line));
        json_object_object_add(object, "column", json_object_new_int(finding->at.column));
    }
    add_string(object, "text", finding->text);
    add_string(object, "hint", finding->hint);
    return object;
}

void findings_json(struct findings *findings, struct buf *out)
{
    const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    const struct item *item;

    buf_char(out, '[');
    for (size_t i = 0; (item = item_get(findings, i)); i++) {
        struct json_object *object = item_json(item);
        const char *json = object ? json_object_to_json_string_ext(object, flags) : NULL;

        buf_str(out, i ? ",\n" : "");
        buf_str(out, json ? json : "null");
        json_object_put(object);
    }
    buf_char(out, ']');
}
