#pragma once

/* Where buttons lead: found by walking, for each rule examples that it takes, and what its buttons send then; beside that what the
   flow checker knows. And where `goto`s lead. */

#include "core/graph_ports.h"
#include "core/ruleset.h"

struct graph_edge {
    size_t from,
        to; /* rules by number; to: GRAPH_NOWHERE if no rule takes it, GRAPH_UNKNOWN if that cannot be told */
    size_t port;      /* of the rule it comes from */
    bool key;         /* the label of a key of a keyboard */
    bool by_default;  /* only a default rule takes it */
    struct text data; /* what was sent; p == NULL: the checker knows, or it is a `goto` */
};

#define GRAPH_NOWHERE SIZE_MAX
#define GRAPH_UNKNOWN (SIZE_MAX - 1)

struct graph_edges {
    struct graph_edge *items; /* in the order of the rules that they come from */
    size_t count;
};

/* Where the checker says that a button may lead. */
struct graph_lead {
    size_t rule;
    const struct message_button *button;
    size_t to;
};

struct graph_leads {
    const struct graph_lead *items; /* in the order of the rules */
    size_t count;
};

/* graph_edges_find: each port has one edge at least, but for those that open an address; none has two to the same rule. `ports`
   by rule. In the arena; false when memory is out. */
bool graph_edges_find(const struct ruleset *ruleset, const struct graph_ports *ports,
                      const struct graph_leads *leads, struct pattern_scratch *scratch, struct arena *arena,
                      struct graph_edges *out) CHECKED;
