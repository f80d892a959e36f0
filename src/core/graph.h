#pragma once

/* A flow as a picture: rules are nodes, their buttons lead to others. */

#include "base/buf.h"
#include "core/graph_edges.h"

struct graph_port {
    const struct message_button *button;
    struct text label; /* as written */
    bool url;
};

struct graph_node {
    const struct rule *rule;
    struct graph_port *ports; /* its buttons and keys */
    size_t n_ports;
    bool reached; /* a chain of buttons leads here from a rule that needs none: entry, text or default */
    bool flawed;  /* a finding stands in it */
};

struct graph {
    struct graph_node *nodes; /* in the order of the rules */
    size_t count;
    struct graph_edges edges;
};

/* graph_label: a button's label as it is written; of several languages the first. */
struct text graph_label(const struct message_button *button);
/* graph_build: in the arena. False when memory is out. */
bool graph_build(const struct ruleset *ruleset, struct pattern_scratch *scratch, struct arena *arena,
                 struct graph *out) CHECKED;
/* graph_mark: errors and warnings show at the rule that they stand in. */
void graph_mark(struct graph *graph, struct findings *findings);

/* What a rule is met by: "entry, tap, text", "default". */
void graph_kinds(const struct rule *rule, struct buf *out);

/* The picture: Graphviz, Mermaid, and SVG with a layout of its own (false when memory is out). */
void graph_dot(const struct graph *graph, struct buf *out);
void graph_mermaid(const struct graph *graph, struct buf *out);
bool graph_svg(const struct graph *graph, struct arena *arena, struct buf *out) CHECKED;
