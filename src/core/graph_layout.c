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

struct placer {
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

/* --- rows ------------------------------------------------------------------------------------------------------------ */

double layout_head(const struct graph_node *node)
{
    return LAYOUT_HEAD + (*node->does[RULE_STEPS] ? LAYOUT_DOES : 0);
}

/* Of the ports before this one. */
static size_t own_rows(const struct graph_node *node, size_t port)
{
    size_t n = 0;

    for (size_t i = 0; i < port; i++)
        n += graph_port_in(&node->ports->items[i], RULE_STEPS);
    return n;
}

static bool has_block(const struct graph_node *node, int block)
{
    return rule_block_begin(node->rule, (enum rule_block)block) != RULE_NO_STEP;
}

size_t layout_row_of_block(const struct graph_node *node, enum rule_block block)
{
    size_t n = own_rows(node, node->ports->count);

    for (int before = RULE_NOT_FOUND; before < (int)block; before++)
        n += has_block(node, before);
    return has_block(node, (int)block) ? n : SIZE_MAX;
}

size_t layout_rows(const struct graph_node *node)
{
    size_t n = own_rows(node, node->ports->count);

    for (int block = RULE_NOT_FOUND; block < RULE_BLOCKS; block++)
        n += has_block(node, block);
    return n;
}

size_t layout_row(const struct graph_node *node, size_t port)
{
    int block = RULE_STEPS;

    while (!graph_port_in(&node->ports->items[port], (enum rule_block)block))
        block++;
    return block == RULE_STEPS ? own_rows(node, port) : layout_row_of_block(node, (enum rule_block)block);
}

double layout_middle(const struct graph_node *node, size_t row)
{
    return layout_head(node) + LAYOUT_ROW * ((double)row + 0.5);
}

static double port_middle(const struct graph *graph, const struct graph_edge *edge)
{
    const struct graph_node *node = &graph->nodes[edge->from];

    return layout_middle(node, layout_row(node, edge->port));
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
static void spread(struct placer *placer)
{
    struct layout_box *boxes = placer->out->boxes;
    bool again = true;

    for (int column = 0; again; column++) {
        again = false;
        for (size_t i = 0; i < placer->graph->edges.count; i++) {
            const struct graph_edge *edge = &placer->graph->edges.items[i];

            if (!leads(placer->graph, edge) || boxes[edge->from].column != column ||
                boxes[edge->to].column >= 0)
                continue;
            boxes[edge->to].column = column + 1;
            again = true;
        }
    }
}

static void place_columns(struct placer *placer)
{
    const struct graph *graph = placer->graph;
    struct layout_box *boxes = placer->out->boxes;
    size_t first;

    for (size_t i = 0; i < graph->count; i++)
        boxes[i].column = graph->nodes[i].rule->entry ? 0 : -1;
    for (size_t i = 0; i < graph->count; i++)
        if (boxes[i].column < 0 && !has_incoming(graph, i))
            boxes[i].column = 0;
    spread(placer);
    for (;;) { /* circles that nothing leads into */
        for (first = 0; first < graph->count && boxes[first].column >= 0;)
            first++;
        if (first == graph->count)
            break;
        boxes[first].column = 0;
        spread(placer);
    }
    for (size_t i = 0; i < graph->count; i++)
        if (boxes[i].column >= placer->columns)
            placer->columns = boxes[i].column + 1;
}

/* --- lanes ----------------------------------------------------------------------------------------------------------- */

static size_t find_lane(struct placer *placer, size_t target, int column, bool back)
{
    struct layout *out = placer->out;

    for (size_t i = placer->graph->count; i < out->count; i++)
        if (out->boxes[i].rule == target && out->boxes[i].column == column && out->boxes[i].back == back)
            return i;
    if (out->count == placer->room) {
        size_t room = 2 * placer->room;
        struct layout_box *boxes = arena_array(placer->arena, room, sizeof(*boxes));

        if (!boxes)
            return SIZE_MAX;
        for (size_t i = 0; i < out->count; i++)
            boxes[i] = out->boxes[i];
        out->boxes = boxes;
        placer->room = room;
    }
    out->boxes[out->count] = (struct layout_box){
        .lane = true, .rule = target, .back = back, .column = column, .height = LANE_HEIGHT
    };
    return out->count++;
}

/* The line of an edge, and the lanes that it takes. */
static bool make_line(struct placer *placer, const struct graph_edge *edge)
{
    struct layout *out = placer->out;
    struct layout_line *line = &out->lines[out->n_lines++];
    int from = out->boxes[edge->from].column, to = out->boxes[edge->to].column;
    int step = to > from ? 1 : -1;
    size_t *lanes = arena_array(placer->arena, (size_t)placer->columns + 1, sizeof(*lanes));

    *line =
        (struct layout_line){ .edge = edge, .leaves_left = to<from, .lanes = lanes, .enters_left = to> from };
    if (!lanes)
        return false;
    for (int column = from + step; from != to && column != to; column += step) {
        lanes[line->n_lanes] = find_lane(placer, edge->to, column, step < 0);
        if (lanes[line->n_lanes++] == SIZE_MAX)
            return false;
    }
    return true;
}

static bool make_lines(struct placer *placer)
{
    const struct graph_edges *edges = &placer->graph->edges;

    placer->out->lines = arena_array(placer->arena, edges->count + 1, sizeof(*placer->out->lines));
    if (!placer->out->lines)
        return false;
    for (size_t i = 0; i < edges->count; i++)
        if (leads(placer->graph, &edges->items[i]) && !make_line(placer, &edges->items[i]))
            return false;
    return true;
}

static double middle(const struct layout_box *box)
{
    return box->lane ? LANE_HEIGHT / 2 : LAYOUT_HEAD / 2;
}

static bool make_links(struct placer *placer)
{
    const struct layout *out = placer->out;
    size_t n = 0;

    for (size_t i = 0; i < out->n_lines; i++)
        n += out->lines[i].n_lanes + 1;
    placer->links = arena_array(placer->arena, n + 1, sizeof(*placer->links));
    if (!placer->links)
        return false;
    for (size_t i = 0; i < out->n_lines; i++) {
        const struct layout_line *line = &out->lines[i];
        size_t before = line->edge->from;
        double at = port_middle(placer->graph, line->edge);

        for (size_t k = 0; k <= line->n_lanes; k++) {
            size_t next = k < line->n_lanes ? line->lanes[k] : line->edge->to;
            double at_next = middle(&out->boxes[next]);

            if (out->boxes[before].column != out->boxes[next].column)
                placer->links[placer->n_links++] = (struct link){ before, next, at, at_next };
            before = next;
            at = at_next;
        }
    }
    return true;
}

/* --- heights --------------------------------------------------------------------------------------------------------- */

static size_t column_boxes(struct placer *placer, int column)
{
    size_t n = 0;

    for (size_t i = 0; i < placer->out->count; i++)
        if (placer->out->boxes[i].column == column)
            placer->order[n++] = i;
    return n;
}

/* Where a box would like to be: the mean of what its neighbours want; where it is if it has none. */
static double wish(const struct placer *placer, size_t box)
{
    const struct layout_box *boxes = placer->out->boxes;
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < placer->n_links; i++) {
        const struct link *link = &placer->links[i];

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

static void sort_by_wish(struct placer *placer, size_t n)
{
    for (size_t i = 0; i < n; i++)
        placer->wanted[placer->order[i]] = wish(placer, placer->order[i]);
    for (size_t i = 1; i < n; i++) {
        size_t moved = placer->order[i], k = i;

        for (; k > 0 && placer->wanted[placer->order[k - 1]] > placer->wanted[moved]; k--)
            placer->order[k] = placer->order[k - 1];
        placer->order[k] = moved;
    }
}

static double gap(const struct layout_box *upper, const struct layout_box *lower)
{
    return upper->lane && lower->lane ? LANE_GAP : BOX_GAP;
}

/* As near to the wishes as order and gaps allow: least squares, by merging neighbours that are in each other's way. */
static void place_column(struct placer *placer, size_t n)
{
    struct layout_box *boxes = placer->out->boxes;
    double offset = 0, at;
    size_t blocks = 0, i = 0;

    for (size_t k = 0; k < n; k++) {
        struct layout_box *box = &boxes[placer->order[k]];

        if (k)
            offset += boxes[placer->order[k - 1]].height + gap(&boxes[placer->order[k - 1]], box);
        box->x = offset; /* until the real x is known */
        placer->means[blocks] = placer->wanted[placer->order[k]] - offset;
        placer->sizes[blocks++] = 1;
        while (blocks > 1 && placer->means[blocks - 2] > placer->means[blocks - 1]) {
            double sum = placer->means[blocks - 2] * (double)placer->sizes[blocks - 2] +
                         placer->means[blocks - 1] * (double)placer->sizes[blocks - 1];

            placer->sizes[blocks - 2] += placer->sizes[blocks - 1];
            placer->means[blocks - 2] = sum / (double)placer->sizes[blocks - 2];
            blocks--;
        }
    }
    for (size_t block = 0; block < blocks; block++) {
        at = placer->means[block];
        for (size_t k = 0; k < placer->sizes[block]; k++, i++)
            boxes[placer->order[i]].y = at + boxes[placer->order[i]].x;
    }
}

static bool place_heights(struct placer *placer)
{
    size_t n = placer->out->count + 1;

    placer->order = arena_array(placer->arena, n, sizeof(*placer->order));
    placer->wanted = arena_array(placer->arena, n, sizeof(*placer->wanted));
    placer->means = arena_array(placer->arena, n, sizeof(*placer->means));
    placer->sizes = arena_array(placer->arena, n, sizeof(*placer->sizes));
    if (!placer->order || !placer->wanted || !placer->means || !placer->sizes)
        return false;
    for (int column = 0; column < placer->columns; column++) { /* one below the other to begin with */
        double y = 0;

        n = column_boxes(placer, column);
        for (size_t i = 0; i < n; i++) {
            placer->out->boxes[placer->order[i]].y = y;
            y += placer->out->boxes[placer->order[i]].height + BOX_GAP;
        }
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int i = 0; i < placer->columns; i++) {
            n = column_boxes(placer, sweep % 2 ? placer->columns - 1 - i : i);
            sort_by_wish(placer, n);
            place_column(placer, n);
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

static void place_x(struct placer *placer)
{
    struct layout *out = placer->out;
    double x = MARGIN;

    for (int column = 0; column < placer->columns; column++) {
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

static void place_lines(struct placer *placer)
{
    struct layout *out = placer->out;

    for (size_t i = 0; i < out->n_lines; i++) {
        struct layout_line *line = &out->lines[i];
        const struct layout_box *from = &out->boxes[line->edge->from], *to = &out->boxes[line->edge->to];

        line->x = from->x + (line->leaves_left ? 0 : from->width);
        line->y = from->y + port_middle(placer->graph, line->edge);
        line->to_x = to->x + (line->enters_left ? 0 : to->width);
        line->to_y = to->y + LAYOUT_HEAD / 2;
    }
}

bool layout_make(const struct graph *graph, const double *widths, struct arena *arena, struct layout *out)
{
    struct placer placer = { .graph = graph, .arena = arena, .out = out, .room = 2 * graph->count + 16 };

    *out = (struct layout){ .boxes = arena_array(arena, placer.room, sizeof(*out->boxes)),
                            .count = graph->count,
                            .height = 2 * MARGIN };
    if (!out->boxes)
        return false;
    for (size_t i = 0; i < graph->count; i++) {
        const size_t rows = layout_rows(&graph->nodes[i]);

        out->boxes[i] = (struct layout_box){ .rule = i, .width = widths[i] };
        out->boxes[i].height = layout_head(&graph->nodes[i]) + LAYOUT_ROW * (double)rows + (rows ? 6 : 0);
    }
    place_columns(&placer);
    if (!make_lines(&placer) || !make_links(&placer) || !place_heights(&placer))
        return false;
    shift_down(out);
    place_x(&placer);
    place_lines(&placer);
    return true;
}
