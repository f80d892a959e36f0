#pragma once

/* A flow as a picture: rules are nodes, their buttons lead to others. */

#include "base/buf.h"
#include "core/graph_edges.h"

struct graph_node {
    const struct rule *rule;
    const struct graph_ports *ports;
    const char *does[RULE_BLOCKS]; /* "" if nothing; see graph_does */
    size_t first_edge, n_edges;
    bool reached; /* a chain of buttons leads here from a rule that needs none: entry, text or default */
    bool flawed;  /* a finding stands in it */
};

struct graph {
    struct graph_node *nodes; /* in the order of the rules */
    size_t count;
    struct graph_edges edges;
};

/* What the flow checker knows of the whole. */
struct graph_known {
    struct graph_leads leads;
    const bool *reached; /* by rule; NULL: it came to no end */
};

/* graph_check: flow_check, and what it knows beside its findings. In the arena; false when memory is out. */
bool graph_check(const struct ruleset *ruleset, struct arena *arena, struct findings *findings,
                 struct graph_known *out) CHECKED;
/* graph_build: in the arena. `known` NULL: by examples alone. False when memory is out. */
bool graph_build(const struct ruleset *ruleset, const struct graph_known *known,
                 struct pattern_scratch *scratch, struct arena *arena, struct graph *out) CHECKED;
/* graph_mark: errors and warnings show at the rule and the button that they stand in. */
void graph_mark(struct graph *graph, struct findings *findings);

/* graph_lost: nothing but a default, at best, takes what the button sends. */
bool graph_lost(const struct graph *graph, size_t rule, size_t port);

/* The picture: Graphviz, Mermaid, and SVG with a layout of its own (false when memory is out). */
void graph_dot(const struct graph *graph, struct buf *out);
void graph_mermaid(const struct graph *graph, struct buf *out);
bool graph_svg(const struct graph *graph, struct arena *arena, struct buf *out) CHECKED;
