#pragma once

/* The parser's own parts: flow_regex.c (structure), flow_class.c (classes and escapes). */

#include "core/flow_regex.h"

struct flow_flags {
    bool i, s, m, x, xx, n;
};

struct flow_parse {
    const char *p;
    size_t n, at;
    int depth, groups;
    struct flow_flags flags;
    struct flow_sets *sets;
    struct arena *arena;
    struct flow_regex *out;
    struct flow_node *nothing; /* stands in where memory is out */
};

/* flow_parse_peek: the byte `ahead`, -1 behind the end. */
int flow_parse_peek(const struct flow_parse *parse, size_t ahead);
/* flow_parse_outside: the pattern is outside the subset; ends the parsing. */
struct flow_node *flow_parse_outside(struct flow_parse *parse, const char *what);
struct flow_node *flow_parse_node(struct flow_parse *parse, enum flow_node_kind kind);
struct flow_node *flow_parse_set(struct flow_parse *parse, int set);
/* flow_parse_literal: a character, with its other cases under (?i). */
struct flow_node *flow_parse_literal(struct flow_parse *parse, uint32_t code);

/* flow_class_parse: behind '['. flow_class_escape: behind '\', outside a class. */
struct flow_node *flow_class_parse(struct flow_parse *parse);
struct flow_node *flow_class_escape(struct flow_parse *parse);
