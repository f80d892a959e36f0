#pragma once

/* Where the boxes of a flow's picture go: columns from left to right by distance from the entries; lines that pass a column
   run in lanes, one for each target and direction, so that they never cross a box. */

#include "core/graph.h"

#define LAYOUT_HEAD 42.0 /* height of a box's head */
#define LAYOUT_PORT 20.0 /* and of each line for a button */

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
/* layout_port: how far below the top of its box a port's middle is. */
double layout_port(const struct graph *graph, const struct graph_edge *edge);
