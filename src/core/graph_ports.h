#pragma once

/* What leads out of a rule: its buttons and keys, and its `goto`s; and, in a few words, what else it does. */

#include "base/buf.h"
#include "core/rule.h"

/* A button of a named row that a rule sends several times is one port, so are two `goto`s to one rule. */
struct graph_port {
    const struct node *node; /* as written: the button, the target's name */
    struct text label;       /* as written, of several languages the first; of a `goto` "goto" */
    const struct rule *jump; /* the target of a `goto`; NULL: a button */
    unsigned blocks;         /* where it is sent: 1 << RULE_STEPS, 1 << RULE_ON_ERROR, ... */
    bool url;
    bool flawed; /* a finding stands in it */
};

struct graph_ports {
    struct graph_port *items; /* in the order of the rule */
    size_t count;
};

/* graph_label: a button's label as it is written; of several languages the first. */
struct text graph_label(const struct message_button *button);
/* graph_ports_build: in the arena. False when memory is out. */
bool graph_ports_build(const struct rule *rule, struct arena *arena, struct graph_ports *out) CHECKED;
/* graph_ports_find: the number of a button's port, of a `goto`'s; SIZE_MAX: there is none. */
size_t graph_ports_find(const struct graph_ports *ports, const struct node *node);
size_t graph_ports_jump(const struct graph_ports *ports, const struct rule *target);
bool graph_port_in(const struct graph_port *port, enum rule_block block);

/* What a rule is met by: "entry, tap, text", "default". */
void graph_kinds(const struct rule *rule, struct buf *out);
/* What the steps do beside sending: "asks order; hands over; quiet for 12h". */
void graph_does(const struct rule *rule, enum rule_block block, struct buf *out);
/* "not found", "on error", "refused". */
const char *graph_block_words(enum rule_block block);
/* Of a port that only blocks send: " (not found, on error)"; else nothing. */
void graph_port_blocks(const struct graph_port *port, struct buf *out);
