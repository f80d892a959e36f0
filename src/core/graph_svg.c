#include "core/columns.h"
#include "core/graph_layout.h"

#include <string.h>

#define LETTER 7.25 /* the width of a letter of the monospaced 12 px type */
#define SMALL 6.35  /* of the 10.5 px type */
#define PADDING 10.0
#define LABEL_COLUMNS 34
#define TARGET_COLUMNS 26
#define DOES_COLUMNS 52
#define WORDS_MAX ((size_t)64 << 10)
#define HUB 8 /* lines to one rule: they are drawn lightly, so that others can be seen */
#define BEND 46.0
#define NOT_REACHED " (nothing leads here)"

static const char *const colours[] = { "#1f77b4", "#d2691e", "#2e8b57", "#8e44ad", "#b8860b",
                                       "#c2185b", "#00838f", "#5d4037", "#3949ab", "#689f38" };
#define COLOURS (sizeof(colours) / sizeof(*colours))

struct drawing {
    const struct graph *graph;
    const struct layout *layout;
    const char **colours; /* of the lines to a rule */
    size_t *incoming;     /* how many there are */
    struct buf *out;
};

/* A row of a box: a port of the rule's own steps, or a block. */
struct row {
    size_t port; /* SIZE_MAX: a block */
    enum rule_block block;
};

/* --- text ------------------------------------------------------------------------------------------------------------ */

static void put_escaped(struct buf *out, struct text text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '<' || c == '>' || c == '&')
            buf_str(out, c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;");
        else
            buf_char(out, c < 0x20 ? ' ' : (char)c);
    }
}

static void put_short(struct buf *out, struct text text, int columns)
{
    if (columns_of(text) <= columns) {
        put_escaped(out, text);
        return;
    }
    put_escaped(out, columns_take(text, columns - 1));
    buf_str(out, "…");
}

static int short_columns(struct text text, int columns)
{
    int n = columns_of(text);

    return n < columns ? n : columns;
}

/* --- rows ------------------------------------------------------------------------------------------------------------ */

static struct row row_of(const struct graph_node *node, size_t i)
{
    struct row row = { .port = 0, .block = RULE_STEPS };

    for (; row.port < node->ports->count; row.port++)
        if (graph_port_in(&node->ports->items[row.port], RULE_STEPS) && layout_row(node, row.port) == i)
            return row;
    row.port = SIZE_MAX;
    while (row.block == RULE_STEPS || layout_row_of_block(node, row.block) != i)
        row.block++;
    return row;
}

static bool in_row(const struct graph_node *node, const struct row *row, size_t port)
{
    return row->port == SIZE_MAX ? graph_port_in(&node->ports->items[port], row->block) : port == row->port;
}

static bool has_address(const struct graph_node *node, const struct row *row)
{
    for (size_t i = 0; i < node->ports->count; i++)
        if (node->ports->items[i].url && in_row(node, row, i))
            return true;
    return false;
}

/* Is it the first of the row's edges that leads there? */
static bool leads_first(const struct graph *graph, const struct graph_node *node, const struct row *row,
                        size_t edge)
{
    const struct graph_edge *edges = graph->edges.items;

    for (size_t i = node->first_edge; i < edge; i++)
        if (edges[i].to == edges[edge].to && in_row(node, row, edges[i].port))
            return false;
    return in_row(node, row, edges[edge].port);
}

/* Where it leads, in words: "menu", "track, support", "no rule". */
static void put_targets(const struct graph *graph, size_t rule, const struct row *row, struct buf *out)
{
    const struct graph_node *node = &graph->nodes[rule];
    bool any = false;

    for (size_t i = node->first_edge; i < node->first_edge + node->n_edges; i++) {
        const struct graph_edge *edge = &graph->edges.items[i];

        if (!leads_first(graph, node, row, i))
            continue;
        buf_str(out, any ? ", " : "");
        buf_str(out, edge->to == GRAPH_NOWHERE   ? "no rule"
                     : edge->to == GRAPH_UNKNOWN ? "?"
                     : edge->to == rule          ? "↻"
                                                 : graph->nodes[edge->to].rule->name);
        any = true;
    }
    if (has_address(node, row))
        buf_str(out, any ? ", ↗" : "↗");
}

/* A button's label; of a block what it does and its buttons: "on error: notes; Menu, Ask a person". */
static void put_words(const struct graph_node *node, const struct row *row, struct buf *out)
{
    const char *between = ": ";

    if (row->port != SIZE_MAX) {
        buf_text(out, node->ports->items[row->port].label);
        return;
    }
    buf_str(out, graph_block_words(row->block));
    if (*node->does[row->block]) {
        buf_printf(out, ": %s", node->does[row->block]);
        between = "; ";
    }
    for (size_t i = 0; i < node->ports->count; i++) {
        if (!in_row(node, row, i))
            continue;
        buf_str(out, between);
        buf_text(out, node->ports->items[i].label);
        between = ", ";
    }
}

static bool row_is_flawed(const struct graph *graph, size_t rule, const struct row *row)
{
    const struct graph_node *node = &graph->nodes[rule];

    for (size_t i = 0; i < node->ports->count; i++)
        if (in_row(node, row, i) && (node->ports->items[i].flawed || graph_lost(graph, rule, i)))
            return true;
    return false;
}

/* --- boxes ----------------------------------------------------------------------------------------------------------- */

static double row_width(const struct graph *graph, size_t rule, size_t i)
{
    const struct row row = row_of(&graph->nodes[rule], i);
    struct buf words = BUF(WORDS_MAX), targets = BUF(WORDS_MAX);
    double columns;

    put_words(&graph->nodes[rule], &row, &words);
    put_targets(graph, rule, &row, &targets);
    columns =
        short_columns(buf_get(&words), LABEL_COLUMNS) + 3 + short_columns(buf_get(&targets), TARGET_COLUMNS);
    buf_free(&words);
    buf_free(&targets);
    return columns * LETTER;
}

static double width_of(const struct graph *graph, size_t rule)
{
    const struct graph_node *node = &graph->nodes[rule];
    struct buf kinds = BUF(WORDS_MAX);
    double most = (columns_of(text_of(node->rule->name)) + 1) * (LETTER + 0.6), width;

    graph_kinds(node->rule, &kinds);
    if (!node->reached)
        buf_str(&kinds, NOT_REACHED);
    width = columns_of(buf_get(&kinds)) * SMALL;
    most = width > most ? width : most;
    width = short_columns(text_of(node->does[RULE_STEPS]), DOES_COLUMNS) * SMALL;
    most = width > most ? width : most;
    for (size_t i = 0; i < layout_rows(node); i++) {
        width = row_width(graph, rule, i);
        most = width > most ? width : most;
    }
    buf_free(&kinds);
    return most + 2 * PADDING;
}

struct look {
    const char *frame, *head, *body, *ink;
};

static struct look look_of(const struct graph_node *node)
{
    struct look look = { "#35506b", "#eef1f4", "#ffffff", "#1c2833" };

    if (node->rule->entry)
        look.head = "#cdeed5";
    else if (node->rule->text)
        look.head = "#d3e3f5";
    else if (node->rule->otherwise != DEFAULT_NO)
        look.head = "#f3e9c9";
    if (!node->reached)
        look = (struct look){ "#a9a9a9", "#e4e4e4", "#f4f4f4", "#8a8a8a" };
    if (node->flawed && node->reached)
        look.head = "#f9d6d3";
    if (node->flawed)
        look.frame = "#c62828";
    return look;
}

static void draw_frame(struct drawing *drawing, size_t rule, const struct look *look)
{
    const struct layout_box *box = &drawing->layout->boxes[rule];
    const double head = layout_head(&drawing->graph->nodes[rule]);

    buf_printf(
        drawing->out,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"7\" fill=\"%s\"/>\n"
        "<path d=\"M%.1f %.1fv-%.1fq0 -7 7 -7h%.1fq7 0 7 7v%.1fz\" fill=\"%s\"/>\n"
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"7\" fill=\"none\" stroke=\"%s\" "
        "stroke-width=\"%s\"/>\n",
        box->x, box->y, box->width, box->height, look->body, box->x, box->y + head - 4, head - 11,
        box->width - 14, head - 11, look->head, box->x, box->y, box->width, box->height, look->frame,
        drawing->graph->nodes[rule].rule->entry ? "2.5" : "1.2");
}

static void draw_row(struct drawing *drawing, size_t rule, size_t i, const struct look *look)
{
    const struct layout_box *box = &drawing->layout->boxes[rule];
    const struct graph_node *node = &drawing->graph->nodes[rule];
    const struct row row = row_of(node, i);
    const bool flawed = row_is_flawed(drawing->graph, rule, &row);
    const bool button = row.port != SIZE_MAX && !node->ports->items[row.port].jump;
    const double y = box->y + layout_middle(node, i) + 4;
    struct buf words = BUF(WORDS_MAX), targets = BUF(WORDS_MAX);

    put_words(node, &row, &words);
    put_targets(drawing->graph, rule, &row, &targets);
    buf_printf(drawing->out, "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\"%s>", box->x + PADDING, y,
               flawed ? "#c62828" : look->ink, button ? "" : " font-style=\"italic\"");
    put_short(drawing->out, buf_get(&words), LABEL_COLUMNS);
    buf_printf(drawing->out, "</text>\n<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" fill=\"%s\">",
               box->x + box->width - PADDING, y, flawed ? "#c62828" : "#7a8794");
    put_short(drawing->out, buf_get(&targets), TARGET_COLUMNS);
    buf_str(drawing->out, "</text>\n");
    buf_free(&words);
    buf_free(&targets);
}

static void draw_small(struct drawing *drawing, double x, double y, const char *ink, struct text words)
{
    buf_printf(drawing->out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10.5\" fill=\"%s\">", x, y, ink);
    put_short(drawing->out, words, DOES_COLUMNS);
    buf_str(drawing->out, "</text>\n");
}

static void draw_box(struct drawing *drawing, size_t rule)
{
    const struct layout_box *box = &drawing->layout->boxes[rule];
    const struct graph_node *node = &drawing->graph->nodes[rule];
    const struct look look = look_of(node);
    const char *ink = node->reached ? "#5a6b7b" : look.ink;
    struct buf kinds = BUF(WORDS_MAX);

    graph_kinds(node->rule, &kinds);
    if (!node->reached)
        buf_str(&kinds, NOT_REACHED);
    draw_frame(drawing, rule, &look);
    buf_printf(drawing->out,
               "<text x=\"%.1f\" y=\"%.1f\" font-weight=\"bold\" font-size=\"13\" fill=\"%s\">%s</text>\n",
               box->x + PADDING, box->y + 16, look.ink, node->rule->name);
    draw_small(drawing, box->x + PADDING, box->y + 31, ink, buf_get(&kinds));
    if (*node->does[RULE_STEPS])
        draw_small(drawing, box->x + PADDING, box->y + 46, ink, text_of(node->does[RULE_STEPS]));
    buf_free(&kinds);
    for (size_t i = 0; i < layout_rows(node); i++)
        draw_row(drawing, rule, i, &look);
}

/* --- lines ----------------------------------------------------------------------------------------------------------- */

static void curve_to(struct buf *out, double from_x, double out_x, double to_x, double to_y, double from_y,
                     double in_x)
{
    buf_printf(out, "C%.1f %.1f %.1f %.1f %.1f %.1f", from_x + out_x, from_y, to_x + in_x, to_y, to_x, to_y);
}

/* Half the way to the next point, within reason, so that curves are neither flat nor loops. */
static double bend(double from, double to)
{
    double way = (to > from ? to - from : from - to) * 0.55;

    return way < BEND ? BEND : way > 2 * BEND ? 2 * BEND : way;
}

static void draw_path(struct drawing *drawing, const struct layout_line *line)
{
    double x = line->x, y = line->y, out = line->leaves_left ? -1 : 1, in = line->enters_left ? -1 : 1;

    buf_printf(drawing->out, "M%.1f %.1f", x, y);
    for (size_t i = 0; i < line->n_lanes; i++) {
        const struct layout_box *lane = &drawing->layout->boxes[line->lanes[i]];
        double near = line->leaves_left ? lane->x + lane->width : lane->x;
        double far = line->leaves_left ? lane->x : lane->x + lane->width;
        double level = lane->y + lane->height / 2;

        curve_to(drawing->out, x, out * bend(x, near), near, level, y, -out * bend(x, near));
        buf_printf(drawing->out, "H%.1f", far);
        x = far;
        y = level;
    }
    curve_to(drawing->out, x, out * bend(x, line->to_x), line->to_x + in * 7, line->to_y, y,
             in * bend(x, line->to_x));
}

/* Each target has its colour, in turn. */
static bool choose_colours(struct drawing *drawing, struct arena *arena)
{
    const struct layout *layout = drawing->layout;
    size_t turn = 0;

    drawing->colours = arena_array(arena, drawing->graph->count + 1, sizeof(*drawing->colours));
    drawing->incoming = arena_array(arena, drawing->graph->count + 1, sizeof(*drawing->incoming));
    if (!drawing->colours || !drawing->incoming)
        return false;
    for (size_t i = 0; i < layout->n_lines; i++)
        drawing->incoming[layout->lines[i].edge->to]++;
    for (size_t i = 0; i < drawing->graph->count; i++)
        if (drawing->incoming[i])
            drawing->colours[i] = colours[turn++ % COLOURS];
    return true;
}

static const char *style_of(const struct graph *graph, const struct graph_edge *edge)
{
    if (graph->nodes[edge->from].ports->items[edge->port].jump)
        return " stroke-width=\"2\" stroke-dasharray=\"1 4\" stroke-linecap=\"round\"";
    return edge->by_default ? " stroke-width=\"1.4\" stroke-dasharray=\"5 4\"" : " stroke-width=\"1.4\"";
}

static void draw_line(struct drawing *drawing, const struct layout_line *line)
{
    const char *colour = drawing->colours[line->edge->to];
    double in = line->enters_left ? -1 : 1;

    buf_str(drawing->out, "<path d=\"");
    draw_path(drawing, line);
    buf_printf(drawing->out, "\" fill=\"none\" stroke=\"%s\" opacity=\"%s\"%s/>\n", colour,
               drawing->incoming[line->edge->to] < HUB ? "0.8" : "0.35",
               style_of(drawing->graph, line->edge));
    buf_printf(drawing->out,
               "<path d=\"M%.1f %.1fl%.1f -4v8z\" fill=\"%s\"/>\n<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\" "
               "fill=\"%s\"/>\n",
               line->to_x, line->to_y, in * 8, colour, line->x, line->y, colour);
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

static void draw_legend(struct drawing *drawing)
{
    static const char *const lines[] = {
        "green: entry; blue: text; yellow: default; grey: nothing leads here; red: a finding",
        "dotted: goto; dashed: only a default takes it; ↻ itself; ↗ an address; ? its data may be anything",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        buf_printf(drawing->out, "<text x=\"30\" y=\"%.1f\" font-size=\"10.5\" fill=\"#5a6b7b\">%s</text>\n",
                   drawing->layout->height + 15 * (double)i, lines[i]);
}

static void draw(struct drawing *drawing)
{
    const struct layout *layout = drawing->layout;
    double width = layout->width < 700 ? 700 : layout->width, height = layout->height + 35;

    buf_printf(drawing->out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
               "%.0f\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"12\">\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"#fbfcfd\"/>\n",
               width, height, width, height);
    for (size_t i = 0; i < layout->n_lines; i++)
        draw_line(drawing, &layout->lines[i]);
    for (size_t i = 0; i < drawing->graph->count; i++)
        draw_box(drawing, i);
    draw_legend(drawing);
    buf_str(drawing->out, "</svg>\n");
}

bool graph_svg(const struct graph *graph, struct arena *arena, struct buf *out)
{
    double *widths = arena_array(arena, graph->count + 1, sizeof(*widths));
    struct layout layout;
    struct drawing drawing = { .graph = graph, .layout = &layout, .out = out };

    for (size_t i = 0; widths && i < graph->count; i++)
        widths[i] = width_of(graph, i);
    if (!widths || !layout_make(graph, widths, arena, &layout) || !choose_colours(&drawing, arena))
        return false;
    draw(&drawing);
    return !out->failed;
}
