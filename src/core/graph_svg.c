#include "core/columns.h"
#include "core/graph_layout.h"

#include <string.h>

#define LETTER 7.25 /* the width of a letter of the monospaced 12 px type */
#define PADDING 10.0
#define LABEL_COLUMNS 30
#define TARGET_COLUMNS 24
#define BEND 46.0
#define NOT_REACHED " (nothing leads here)"

static const char *const colours[] = { "#1f77b4", "#d2691e", "#2e8b57", "#8e44ad", "#b8860b",
                                       "#c2185b", "#00838f", "#5d4037", "#3949ab", "#689f38" };
#define COLOURS (sizeof(colours) / sizeof(*colours))

struct drawing {
    const struct graph *graph;
    const struct layout *layout;
    struct buf *out;
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

/* Where a port leads, in words: "menu", "track, support", "no rule". */
static void put_targets(const struct graph *graph, size_t rule, const struct graph_port *port,
                        struct buf *out)
{
    bool any = false;

    for (size_t i = 0; i < graph->edges.count; i++) {
        const struct graph_edge *edge = &graph->edges.items[i];

        if (edge->from != rule || edge->button != port->button)
            continue;
        buf_str(out, any ? ", " : "");
        buf_str(out, edge->to == GRAPH_NOWHERE   ? "no rule"
                     : edge->to == GRAPH_UNKNOWN ? "?"
                     : edge->to == rule          ? "↻"
                                                 : graph->nodes[edge->to].rule->name);
        any = true;
    }
    if (port->url)
        buf_str(out, "↗");
}

static bool leads_nowhere(const struct graph *graph, size_t rule, const struct graph_port *port)
{
    for (size_t i = 0; i < graph->edges.count; i++)
        if (graph->edges.items[i].from == rule && graph->edges.items[i].button == port->button &&
            (graph->edges.items[i].to == GRAPH_NOWHERE || graph->edges.items[i].by_default))
            return true;
    return false;
}

/* --- boxes ----------------------------------------------------------------------------------------------------------- */

static double width_of(const struct graph *graph, size_t rule)
{
    const struct graph_node *node = &graph->nodes[rule];
    struct buf words = BUF(1000);
    double most = columns_of(text_of(node->rule->name)) + 1, kinds;

    graph_kinds(node->rule, &words);
    if (!node->reached)
        buf_str(&words, NOT_REACHED);
    kinds = columns_of(buf_get(&words));
    most = kinds > most ? kinds : most;
    for (size_t i = 0; i < node->n_ports; i++) {
        double columns;

        buf_cut(&words, 0);
        put_targets(graph, rule, &node->ports[i], &words);
        columns = short_columns(node->ports[i].label, LABEL_COLUMNS) + 3 +
                  short_columns(buf_get(&words), TARGET_COLUMNS);
        most = columns > most ? columns : most;
    }
    buf_free(&words);
    return most * LETTER + 2 * PADDING;
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
    if (node->flawed) {
        look.frame = "#c62828";
        look.head = "#f9d6d3";
    }
    return look;
}

static void draw_frame(struct drawing *drawing, const struct layout_box *box, const struct look *look,
                       bool entry)
{
    buf_printf(
        drawing->out,
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"7\" fill=\"%s\"/>\n"
        "<path d=\"M%.1f %.1fv-%.1fq0 -7 7 -7h%.1fq7 0 7 7v%.1fz\" fill=\"%s\"/>\n"
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"7\" fill=\"none\" stroke=\"%s\" "
        "stroke-width=\"%s\"/>\n",
        box->x, box->y, box->width, box->height, look->body, box->x, box->y + LAYOUT_HEAD - 4,
        LAYOUT_HEAD - 11, box->width - 14, LAYOUT_HEAD - 11, look->head, box->x, box->y, box->width,
        box->height, look->frame, entry ? "2.5" : "1.2");
}

static void draw_port(struct drawing *drawing, size_t rule, size_t i, const struct look *look)
{
    const struct layout_box *box = &drawing->layout->boxes[rule];
    const struct graph_port *port = &drawing->graph->nodes[rule].ports[i];
    double y = box->y + LAYOUT_HEAD + LAYOUT_PORT * ((double)i + 0.5) + 4;
    bool nowhere = leads_nowhere(drawing->graph, rule, port);
    struct buf targets = BUF(4000);

    put_targets(drawing->graph, rule, port, &targets);
    buf_printf(drawing->out, "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\">", box->x + PADDING, y, look->ink);
    put_short(drawing->out, port->label, LABEL_COLUMNS);
    buf_printf(drawing->out, "</text>\n<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\" fill=\"%s\">",
               box->x + box->width - PADDING, y, nowhere ? "#c62828" : "#7a8794");
    put_short(drawing->out, buf_get(&targets), TARGET_COLUMNS);
    buf_str(drawing->out, "</text>\n");
    buf_free(&targets);
}

static void draw_box(struct drawing *drawing, size_t rule)
{
    const struct layout_box *box = &drawing->layout->boxes[rule];
    const struct graph_node *node = &drawing->graph->nodes[rule];
    struct look look = look_of(node);
    struct buf kinds = BUF(200);

    graph_kinds(node->rule, &kinds);
    draw_frame(drawing, box, &look, node->rule->entry);
    buf_printf(drawing->out,
               "<text x=\"%.1f\" y=\"%.1f\" font-weight=\"bold\" font-size=\"13\" fill=\"%s\">%s</text>\n"
               "<text x=\"%.1f\" y=\"%.1f\" font-size=\"10.5\" fill=\"%s\">",
               box->x + PADDING, box->y + 16, look.ink, node->rule->name, box->x + PADDING, box->y + 31,
               node->reached ? "#5a6b7b" : look.ink);
    buf_text(drawing->out, buf_get(&kinds));
    buf_printf(drawing->out, "%s</text>\n", node->reached ? "" : NOT_REACHED);
    buf_free(&kinds);
    for (size_t i = 0; i < node->n_ports; i++)
        draw_port(drawing, rule, i, &look);
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
static const char *colour_of(const struct layout *layout, size_t target)
{
    size_t turn = 0;

    for (size_t i = 0; i < target; i++)
        for (size_t k = 0; k < layout->n_lines; k++)
            if (layout->lines[k].edge->to == i) {
                turn++;
                break;
            }
    return colours[turn % COLOURS];
}

static void draw_line(struct drawing *drawing, const struct layout_line *line)
{
    const char *colour = colour_of(drawing->layout, line->edge->to);
    double in = line->enters_left ? -1 : 1;

    buf_str(drawing->out, "<path d=\"");
    draw_path(drawing, line);
    buf_printf(drawing->out, "\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.4\" opacity=\"0.75\"%s/>\n",
               colour, line->edge->by_default ? " stroke-dasharray=\"5 4\"" : "");
    buf_printf(drawing->out,
               "<path d=\"M%.1f %.1fl%.1f -4v8z\" fill=\"%s\"/>\n<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\" "
               "fill=\"%s\"/>\n",
               line->to_x, line->to_y, in * 8, colour, line->x, line->y, colour);
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

static void draw_legend(struct drawing *drawing)
{
    buf_printf(drawing->out,
               "<text x=\"30\" y=\"%.1f\" font-size=\"10.5\" fill=\"#5a6b7b\">green: entry; blue: text; "
               "yellow: default; grey: "
               "nothing leads here; red: a finding; dashed: only a default takes it; ↻ itself; ↗ an "
               "address</text>\n",
               drawing->layout->height);
}

static void draw(struct drawing *drawing)
{
    const struct layout *layout = drawing->layout;
    double width = layout->width < 1000 ? 1000 : layout->width, height = layout->height + 20;

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
    struct drawing drawing = { graph, &layout, out };

    for (size_t i = 0; widths && i < graph->count; i++)
        widths[i] = width_of(graph, i);
    if (!widths || !layout_make(graph, widths, arena, &layout))
        return false;
    draw(&drawing);
    return !out->failed;
}
