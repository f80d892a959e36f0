#pragma once

/* Where buttons lead, found by walking: for each rule examples that it takes, and what its buttons send then. */

#include "core/ruleset.h"

struct graph_edge {
    size_t from,
        to; /* rules by number; to: GRAPH_NOWHERE if no rule takes it, GRAPH_UNKNOWN if that cannot be told */
    const struct message_button *button;
    bool key;         /* of a keyboard */
    bool by_default;  /* only a default rule takes it */
    struct text data; /* what was sent */
};

#define GRAPH_NOWHERE SIZE_MAX
#define GRAPH_UNKNOWN (SIZE_MAX - 1)

struct graph_edges {
    struct graph_edge *items;
    size_t count;
};

/* graph_edges_find: each button of each rule has one edge at least, but for those that open an address. In the order of rules
   and buttons, each once. In the arena; false when memory is out. */
bool graph_edges_find(const struct ruleset *ruleset, struct pattern_scratch *scratch, struct arena *arena,
                      struct graph_edges *out) CHECKED;
