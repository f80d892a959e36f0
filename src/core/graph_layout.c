#include "core/graph_layout.h"

#define COLUMN_GAP 120.0
#define BOX_GAP 26.0
#define LANE_GAP 10.0
#define LANE_HEIGHT 2.0
#define MARGIN 30.0
#define SWEEPS 12

/* An adjacent pair that wants to be level. */
struct link {
    size_t a, b;
    double at_a, at_b; /* from the top of each box */
};

struct maker {
    const struct graph *graph;
    struct arena *arena;
    struct layout *out;
    size_t room; /* of boxes */
    struct link *links;
    size_t n_links;
    size_t *order; /* room for one column */
    double *wanted, *means;
    size_t *sizes;
    int columns;
};

double layout_port(const struct graph *graph, const struct graph_edge *edge)
{
    const struct graph_node *node = &graph->nodes[edge->from];

    for (size_t i = 0; i < node->n_ports; i++)
        if (node->ports[i].button == edge->button)
            return LAYOUT_HEAD + LAYOUT_PORT * ((double)i + 0.5);
    return LAYOUT_HEAD / 2;
}

/* --- columns --------------------------------------------------------------------------------------------------------- */

static bool leads(const struct graph *graph, const struct graph_edge *edge)
{
    return edge->to < graph->count && edge->to != edge->from;
}

static bool has_incoming(const struct graph *graph, size_t rule)
{
    for (size_t i = 0; i < graph->edges.count; i++)
        if (leads(graph, &graph->edges.items[i]) && graph->edges.items[i].to == rule)
            return true;
    return false;
}

/* Breadth first from all rules in column 0. */
static void spread(struct maker *maker)
{
    struct layout_box *boxes = maker->out->boxes;
    bool again = true;

    for (int column = 0; again; column++) {
        again = false;
        for (size_t i = 0; i < maker->graph->edges.count; i++) {
            const struct graph_edge *edge = &maker->graph->edges.items[i];

            if (!leads(maker->graph, edge) || boxes[edge->from].column != column ||
                boxes[edge->to].column >= 0)
                continue;
            boxes[edge->to].column = column + 1;
            again = true;
        }
    }
}

static void place_columns(struct maker *maker)
{
    const struct graph *graph = maker->graph;
    struct layout_box *boxes = maker->out->boxes;
    size_t first;

    for (size_t i = 0; i < graph->count; i++)
        boxes[i].column = graph->nodes[i].rule->entry ? 0 : -1;
    for (size_t i = 0; i < graph->count; i++)
        if (boxes[i].column < 0 && !has_incoming(graph, i))
            boxes[i].column = 0;
    spread(maker);
    for (;;) { /* circles that nothing leads into */
        for (first = 0; first < graph->count && boxes[first].column >= 0;)
            first++;
        if (first == graph->count)
            break;
        boxes[first].column = 0;
        spread(maker);
    }
    for (size_t i = 0; i < graph->count; i++)
        if (boxes[i].column >= maker->columns)
            maker->columns = boxes[i].column + 1;
}

/* --- lanes ----------------------------------------------------------------------------------------------------------- */

static size_t find_lane(struct maker *maker, size_t target, int column, bool back)
{
    struct layout *out = maker->out;

    for (size_t i = maker->graph->count; i < out->count; i++)
        if (out->boxes[i].rule == target && out->boxes[i].column == column && out->boxes[i].back == back)
            return i;
    if (out->count == maker->room) {
        size_t room = 2 * maker->room;
        struct layout_box *boxes = arena_array(maker->arena, room, sizeof(*boxes));

        if (!boxes)
            return SIZE_MAX;
        for (size_t i = 0; i < out->count; i++)
            boxes[i] = out->boxes[i];
        out->boxes = boxes;
        maker->room = room;
    }
    out->boxes[out->count] = (struct layout_box){
        .lane = true, .rule = target, .back = back, .column = column, .height = LANE_HEIGHT
    };
    return out->count++;
}

/* The line of an edge, and the lanes that it takes. */
static bool make_line(struct maker *maker, const struct graph_edge *edge)
{
    struct layout *out = maker->out;
    struct layout_line *line = &out->lines[out->n_lines++];
    int from = out->boxes[edge->from].column, to = out->boxes[edge->to].column;
    int step = to > from ? 1 : -1;
    size_t *lanes = arena_array(maker->arena, (size_t)maker->columns + 1, sizeof(*lanes));

    *line =
        (struct layout_line){ .edge = edge, .leaves_left = to<from, .lanes = lanes, .enters_left = to> from };
    if (!lanes)
        return false;
    for (int column = from + step; from != to && column != to; column += step) {
        lanes[line->n_lanes] = find_lane(maker, edge->to, column, step < 0);
        if (lanes[line->n_lanes++] == SIZE_MAX)
            return false;
    }
    return true;
}

static bool make_lines(struct maker *maker)
{
    const struct graph_edges *edges = &maker->graph->edges;

    maker->out->lines = arena_array(maker->arena, edges->count + 1, sizeof(*maker->out->lines));
    if (!maker->out->lines)
        return false;
    for (size_t i = 0; i < edges->count; i++)
        if (leads(maker->graph, &edges->items[i]) && !make_line(maker, &edges->items[i]))
            return false;
    return true;
}

static double middle(const struct layout_box *box)
{
    return box->lane ? LANE_HEIGHT / 2 : LAYOUT_HEAD / 2;
}

static bool make_links(struct maker *maker)
{
    const struct layout *out = maker->out;
    size_t n = 0;

    for (size_t i = 0; i < out->n_lines; i++)
        n += out->lines[i].n_lanes + 1;
    maker->links = arena_array(maker->arena, n + 1, sizeof(*maker->links));
    if (!maker->links)
        return false;
    for (size_t i = 0; i < out->n_lines; i++) {
        const struct layout_line *line = &out->lines[i];
        size_t before = line->edge->from;
        double at = layout_port(maker->graph, line->edge);

        for (size_t k = 0; k <= line->n_lanes; k++) {
            size_t next = k < line->n_lanes ? line->lanes[k] : line->edge->to;
            double at_next = middle(&out->boxes[next]);

            if (out->boxes[before].column != out->boxes[next].column)
                maker->links[maker->n_links++] = (struct link){ before, next, at, at_next };
            before = next;
            at = at_next;
        }
    }
    return true;
}

/* --- heights --------------------------------------------------------------------------------------------------------- */

static size_t column_boxes(struct maker *maker, int column)
{
    size_t n = 0;

    for (size_t i = 0; i < maker->out->count; i++)
        if (maker->out->boxes[i].column == column)
            maker->order[n++] = i;
    return n;
}

/* Where a box would like to be: the mean of what its neighbours want; where it is if it has none. */
static double wish(const struct maker *maker, size_t box)
{
    const struct layout_box *boxes = maker->out->boxes;
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < maker->n_links; i++) {
        const struct link *link = &maker->links[i];

        if (link->a == box)
            sum += boxes[link->b].y + link->at_b - link->at_a;
        else if (link->b == box)
            sum += boxes[link->a].y + link->at_a - link->at_b;
        else
            continue;
        n++;
    }
    return n ? sum / (double)n : boxes[box].y;
}

static void sort_by_wish(struct maker *maker, size_t n)
{
    for (size_t i = 0; i < n; i++)
        maker->wanted[maker->order[i]] = wish(maker, maker->order[i]);
    for (size_t i = 1; i < n; i++) {
        size_t moved = maker->order[i], k = i;

        for (; k > 0 && maker->wanted[maker->order[k - 1]] > maker->wanted[moved]; k--)
            maker->order[k] = maker->order[k - 1];
        maker->order[k] = moved;
    }
}

static double gap(const struct layout_box *upper, const struct layout_box *lower)
{
    return upper->lane && lower->lane ? LANE_GAP : BOX_GAP;
}

/* As near to the wishes as order and gaps allow: least squares, by merging neighbours that are in each other's way. */
static void place_column(struct maker *maker, size_t n)
{
    struct layout_box *boxes = maker->out->boxes;
    double offset = 0, at;
    size_t blocks = 0, i = 0;

    for (size_t k = 0; k < n; k++) {
        struct layout_box *box = &boxes[maker->order[k]];

        if (k)
            offset += boxes[maker->order[k - 1]].height + gap(&boxes[maker->order[k - 1]], box);
        box->x = offset; /* until the real x is known */
        maker->means[blocks] = maker->wanted[maker->order[k]] - offset;
        maker->sizes[blocks++] = 1;
        while (blocks > 1 && maker->means[blocks - 2] > maker->means[blocks - 1]) {
            double sum = maker->means[blocks - 2] * (double)maker->sizes[blocks - 2] +
                         maker->means[blocks - 1] * (double)maker->sizes[blocks - 1];

            maker->sizes[blocks - 2] += maker->sizes[blocks - 1];
            maker->means[blocks - 2] = sum / (double)maker->sizes[blocks - 2];
            blocks--;
        }
    }
    for (size_t block = 0; block < blocks; block++) {
        at = maker->means[block];
        for (size_t k = 0; k < maker->sizes[block]; k++, i++)
            boxes[maker->order[i]].y = at + boxes[maker->order[i]].x;
    }
}

static bool place_heights(struct maker *maker)
{
    size_t n = maker->out->count + 1;

    maker->order = arena_array(maker->arena, n, sizeof(*maker->order));
    maker->wanted = arena_array(maker->arena, n, sizeof(*maker->wanted));
    maker->means = arena_array(maker->arena, n, sizeof(*maker->means));
    maker->sizes = arena_array(maker->arena, n, sizeof(*maker->sizes));
    if (!maker->order || !maker->wanted || !maker->means || !maker->sizes)
        return false;
    for (int column = 0; column < maker->columns; column++) { /* one below the other to begin with */
        double y = 0;

        n = column_boxes(maker, column);
        for (size_t i = 0; i < n; i++) {
            maker->out->boxes[maker->order[i]].y = y;
            y += maker->out->boxes[maker->order[i]].height + BOX_GAP;
        }
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int i = 0; i < maker->columns; i++) {
            n = column_boxes(maker, sweep % 2 ? maker->columns - 1 - i : i);
            sort_by_wish(maker, n);
            place_column(maker, n);
        }
    return true;
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

static void shift_down(struct layout *out)
{
    double top = 1e18;

    for (size_t i = 0; i < out->count; i++)
        if (out->boxes[i].y < top)
            top = out->boxes[i].y;
    for (size_t i = 0; i < out->count; i++) {
        struct layout_box *box = &out->boxes[i];

        box->y += MARGIN - top;
        if (box->y + box->height + MARGIN > out->height)
            out->height = box->y + box->height + MARGIN;
    }
}

static void place_x(struct maker *maker)
{
    struct layout *out = maker->out;
    double x = MARGIN;

    for (int column = 0; column < maker->columns; column++) {
        double width = 0;

        for (size_t i = 0; i < out->count; i++)
            if (out->boxes[i].column == column && out->boxes[i].width > width)
                width = out->boxes[i].width;
        for (size_t i = 0; i < out->count; i++) {
            if (out->boxes[i].column != column)
                continue;
            out->boxes[i].x = x;
            out->boxes[i].width = width;
        }
        x += width + COLUMN_GAP;
    }
    out->width = x - COLUMN_GAP + MARGIN + 40; /* room for lines that turn round at the right */
}

static void place_lines(struct maker *maker)
{
    struct layout *out = maker->out;

    for (size_t i = 0; i < out->n_lines; i++) {
        struct layout_line *line = &out->lines[i];
        const struct layout_box *from = &out->boxes[line->edge->from], *to = &out->boxes[line->edge->to];

        line->x = from->x + (line->leaves_left ? 0 : from->width);
        line->y = from->y + layout_port(maker->graph, line->edge);
        line->to_x = to->x + (line->enters_left ? 0 : to->width);
        line->to_y = to->y + LAYOUT_HEAD / 2;
    }
}

bool layout_make(const struct graph *graph, const double *widths, struct arena *arena, struct layout *out)
{
    struct maker maker = { .graph = graph, .arena = arena, .out = out, .room = 2 * graph->count + 16 };

    *out = (struct layout){ .boxes = arena_array(arena, maker.room, sizeof(*out->boxes)),
                            .count = graph->count,
                            .height = 2 * MARGIN };
    if (!out->boxes)
        return false;
    for (size_t i = 0; i < graph->count; i++)
        out->boxes[i] =
            (struct layout_box){ .rule = i,
                                 .width = widths[i],
                                 .height = LAYOUT_HEAD + LAYOUT_PORT * (double)graph->nodes[i].n_ports +
                                           (graph->nodes[i].n_ports ? 6 : 0) };
    place_columns(&maker);
    if (!make_lines(&maker) || !make_links(&maker) || !place_heights(&maker))
        return false;
    shift_down(out);
    place_x(&maker);
    place_lines(&maker);
    return true;
}
