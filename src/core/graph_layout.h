#pragma once

/* Where the boxes of a flow's picture go: columns from left to right by distance from the entries; lines that pass a column
   run in lanes, one for each target and direction, so that they never cross a box. */

#include "core/graph.h"

#define LAYOUT_HEAD 42.0 /* height of a box's head */
#define LAYOUT_DOES 15.0 /* of the line in it for what the rule does */
#define LAYOUT_ROW 20.0  /* of each row: a button, a block */

struct layout_box {
    bool lane;
    size_t rule; /* of a lane: the target */
    bool back;   /* of a lane: it runs to the left */
    int column;
    double x, y, width, height;
};

/* A line from a port to its target: what it passes on its way. */
struct layout_line {
    const struct graph_edge *edge;
    double x, y; /* the port */
    bool leaves_left;
    const size_t *lanes; /* boxes */
    size_t n_lanes;
    double to_x, to_y;
    bool enters_left;
};

struct layout {
    struct layout_box *boxes; /* first the rules, by number; then the lanes */
    size_t count;
    struct layout_line *lines;
    size_t n_lines;
    double width, height;
};

/* layout_make: `widths` of the rules' boxes. In the arena; false when memory is out. */
bool layout_make(const struct graph *graph, const double *widths, struct arena *arena,
                 struct layout *out) CHECKED;
/* How high the head of a rule's box is, and how many rows are below it: the rule's own buttons and `goto`s, then a row for each
   block. layout_row: in which a port is; that of its first block if only blocks have it. */
double layout_head(const struct graph_node *node);
size_t layout_rows(const struct graph_node *node);
size_t layout_row(const struct graph_node *node, size_t port);
/* layout_row_of_block: SIZE_MAX if the rule has no such block. */
size_t layout_row_of_block(const struct graph_node *node, enum rule_block block);
/* layout_middle: how far below the top of its box the middle of a row is. */
double layout_middle(const struct graph_node *node, size_t row);
