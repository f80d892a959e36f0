#include "core/draw.h"

#include "core/columns.h"

#include <string.h>

#define WIDTH 60        /* of the whole drawing */
#define LEAST 24        /* and at least */
#define EDGES 4         /* columns of a box beside its text */
#define LABEL_COLUMNS 8 /* a button narrower than this, or its label, goes to the next line */

struct style {
    const char *corner[4], *flat, *side; /* corners: top left, top right, bottom left, bottom right */
};

static const struct style bubble = { { "╭", "╮", "╰", "╯" }, "─", "│" };
static const struct style button_style = { { "┌", "┐", "└", "┘" }, "─", "│" };
static const struct style key_style = { { "┏", "┓", "┗", "┛" }, "━", "┃" };

struct lines {
    struct text *items;
    size_t count;
};

/* A button in a row: its label in lines. */
struct cell {
    struct lines lines;
    int width; /* with its frame */
};

/* --- lines ----------------------------------------------------------------------------------------------------------- */

static size_t word_end(struct text text, size_t from)
{
    while (from < text.n && text.p[from] != ' ')
        from++;
    return from;
}

static struct text part(struct text text, size_t from, size_t to)
{
    return text_make(text.p + from, to - from);
}

/* One paragraph: as many words in a line as fit; longer words are cut. */
static void wrap_paragraph(struct text text, int columns, struct lines *out)
{
    size_t begin = 0, end = word_end(text, 0);

    for (;;) {
        size_t next = end < text.n ? word_end(text, end + 1) : end;

        if (columns_of(part(text, begin, end)) > columns) {
            struct text head = columns_take(part(text, begin, end), columns);

            out->items[out->count++] = head;
            begin += head.n;
        } else if (end == text.n || columns_of(part(text, begin, next)) > columns) {
            out->items[out->count++] = part(text, begin, end);
            if (end == text.n)
                return;
            begin = end + 1;
            end = word_end(text, begin);
        } else {
            end = next;
        }
    }
}

static bool wrap(struct arena *arena, struct text text, int columns, struct lines *out)
{
    struct text line, rest = text;

    out->count = 0;
    out->items = arena_array(arena, text.n + 2, sizeof(*out->items)); /* a byte each at the worst */
    if (!out->items)
        return false;
    while (text_cut(rest, '\n', &line, &rest))
        wrap_paragraph(line, columns, out);
    wrap_paragraph(rest, columns, out);
    return true;
}

static int widest(const struct lines *lines)
{
    int most = 0;

    for (size_t i = 0; i < lines->count; i++)
        if (columns_of(lines->items[i]) > most)
            most = columns_of(lines->items[i]);
    return most;
}

/* --- boxes ----------------------------------------------------------------------------------------------------------- */

static void repeat(struct buf *out, const char *what, int times)
{
    for (int i = 0; i < times; i++)
        buf_str(out, what);
}

/* Without what would disturb the terminal. */
static void put_clean(struct buf *out, struct text text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool high = c == 0xC2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xA0; /* U+0080 to U+009F */

        i += high;
        if (c < 0x20 || c == 0x7F || high)
            buf_char(out, ' ');
        else
            buf_char(out, (char)c);
    }
}

static void put_edge(struct buf *out, const struct style *style, int width, bool top)
{
    buf_str(out, style->corner[top ? 0 : 2]);
    repeat(out, style->flat, width - 2);
    buf_str(out, style->corner[top ? 1 : 3]);
}

static void put_line(struct buf *out, const struct style *style, int width, struct text text, bool middle)
{
    int room = width - EDGES - columns_of(text), left = middle && room > 0 ? room / 2 : 0;

    buf_printf(out, "%s ", style->side);
    repeat(out, " ", left);
    put_clean(out, text);
    repeat(out, " ", room - left);
    buf_printf(out, " %s", style->side);
}

static void draw_bubble(struct buf *out, const struct lines *lines, int width, bool highlight)
{
    put_edge(out, &bubble, width, true);
    buf_char(out, '\n');
    if (highlight) {
        put_line(out, &bubble, width, text_of("▎ reply to this message"), false);
        buf_char(out, '\n');
    }
    for (size_t i = 0; i < lines->count; i++) {
        put_line(out, &bubble, width, lines->items[i], false);
        buf_char(out, '\n');
    }
    put_edge(out, &bubble, width, false);
    buf_char(out, '\n');
}

/* All as high as the highest. */
static void draw_cells(struct buf *out, const struct style *style, const struct cell *cells, size_t n)
{
    size_t high = 0;

    for (size_t i = 0; i < n; i++)
        if (cells[i].lines.count > high)
            high = cells[i].lines.count;
    for (size_t line = 0; line < high + 2; line++)
        for (size_t i = 0; i < n; i++) {
            const struct lines *lines = &cells[i].lines;

            if (line == 0 || line == high + 1)
                put_edge(out, style, cells[i].width, line == 0);
            else
                put_line(out, style, cells[i].width,
                         line <= lines->count ? lines->items[line - 1] : TEXT_NONE, true);
            buf_char(out, i + 1 < n ? ' ' : '\n');
        }
}

/* --- rows ------------------------------------------------------------------------------------------------------------ */

struct picture {
    struct arena *arena;
    const struct draw_numbers *numbers;
    struct buf *out;
    const struct style *style;
    int width;
};

/* "[2] Open ↗" */
static struct text label_of(const struct picture *picture, const struct shown_button *button)
{
    struct buf label = BUF(1 << 16);
    size_t number = picture->numbers ? picture->numbers->number(picture->numbers->arg, button) : 0;
    struct text out;

    if (number)
        buf_printf(&label, "[%zu] ", number);
    for (size_t i = 0; i < button->label.n; i++)
        buf_char(&label, button->label.p[i] == '\n' ? ' ' : button->label.p[i]);
    if (button->url.p)
        buf_str(&label, " ↗");
    out = arena_text(picture->arena, buf_get(&label));
    buf_free(&label);
    return out;
}

static bool read_labels(const struct picture *picture, const struct shown_row *row, struct text *labels)
{
    for (size_t i = 0; i < row->count; i++) {
        labels[i] = label_of(picture, &row->buttons[i]);
        if (!labels[i].p)
            return false;
    }
    return true;
}

static bool draw_some(const struct picture *picture, const struct text *labels, size_t n)
{
    struct cell *cells = arena_array(picture->arena, n, sizeof(*cells));
    int all = picture->width - ((int)n - 1), share, over;

    if (!cells || n == 0)
        return cells;
    share = all / (int)n;
    over = all % (int)n;
    for (size_t i = 0; i < n; i++) {
        cells[i].width = share + ((int)i < over);
        if (!wrap(picture->arena, labels[i], cells[i].width - EDGES, &cells[i].lines))
            return false;
    }
    draw_cells(picture->out, picture->style, cells, n);
    return true;
}

/* Buttons side by side with equal shares; several lines of them where the shares would be too narrow. */
static bool draw_row(const struct picture *picture, const struct shown_row *row)
{
    struct text *labels = arena_array(picture->arena, row->count + 1, sizeof(*labels));
    int most = 1;
    size_t per_line;

    if (!labels || !read_labels(picture, row, labels))
        return false;
    for (size_t i = 0; i < row->count; i++)
        if (columns_of(labels[i]) > most)
            most = columns_of(labels[i]);
    per_line =
        (size_t)(picture->width + 1) / (size_t)((most < LABEL_COLUMNS ? most : LABEL_COLUMNS) + EDGES + 1);
    for (size_t i = 0; i < row->count; i += per_line)
        if (!draw_some(picture, labels + i, row->count - i < per_line ? row->count - i : per_line))
            return false;
    return true;
}

/* The columns that the rows would like to have. */
static int wish(const struct picture *picture, const struct shown *shown)
{
    int most = 0;

    for (size_t i = 0; i < shown->n_rows; i++) {
        int label = 0;

        for (size_t k = 0; k < shown->rows[i].count; k++) {
            struct text text = label_of(picture, &shown->rows[i].buttons[k]);

            if (text.p && columns_of(text) > label)
                label = columns_of(text);
        }
        if ((int)shown->rows[i].count * (label + EDGES + 1) - 1 > most)
            most = (int)shown->rows[i].count * (label + EDGES + 1) - 1;
    }
    return most;
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

static void draw_notes(const struct shown *shown, struct buf *out)
{
    const struct {
        bool is;
        const char *words;
    } notes[] = { { shown->resize_keyboard, "resize keyboard" },
                  { shown->one_time_keyboard, "one time keyboard" },
                  { shown->is_persistent, "is persistent" } };
    bool any = false;

    for (size_t i = 0; i < sizeof(notes) / sizeof(*notes); i++) {
        if (!notes[i].is)
            continue;
        buf_printf(out, "%s%s", any ? ", " : "  keyboard: ", notes[i].words);
        any = true;
    }
    if (any)
        buf_char(out, '\n');
}

bool draw_message(const struct shown *shown, const struct draw_numbers *numbers, struct arena *arena,
                  struct buf *out)
{
    struct picture picture = { arena, numbers, out, shown->keyboard ? &key_style : &button_style, LEAST };
    bool highlight = text_is(shown->type, "highlight_reply");
    struct lines lines;

    if (!wrap(arena, shown->text, WIDTH - EDGES, &lines))
        return false;
    if (highlight)
        picture.width = LEAST + EDGES;
    if (widest(&lines) + EDGES > picture.width)
        picture.width = widest(&lines) + EDGES;
    if (wish(&picture, shown) > picture.width)
        picture.width = wish(&picture, shown);
    if (picture.width > WIDTH)
        picture.width = WIDTH;
    draw_bubble(out, &lines, picture.width, highlight);
    if (shown->keyboard) {
        repeat(out, "┄", picture.width);
        buf_char(out, '\n');
    }
    for (size_t i = 0; i < shown->n_rows; i++)
        if (shown->rows[i].count && !draw_row(&picture, &shown->rows[i]))
            return false;
    draw_notes(shown, out);
    return !out->failed;
}
