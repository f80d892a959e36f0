#pragma once

/* A pattern as a tree over sets of code points. */

#include "core/flow_set.h"

#define FLOW_GROUPS_MAX 31

enum flow_node_kind {
    FLOW_EMPTY,
    FLOW_CHAR,   /* one character of a set */
    FLOW_CAT,    /* one behind the other */
    FLOW_ALT,    /* the first that fits */
    FLOW_REPEAT, /* min to max times; max -1: any number */
    FLOW_GROUP,  /* a capture */
    FLOW_ASSERT,
};

enum flow_assert {
    FLOW_AT_START,
    FLOW_AT_END,
    FLOW_AT_LINE,
    FLOW_AT_LINE_END,
    FLOW_AT_WORD,
    FLOW_NOT_AT_WORD,
};

struct flow_node {
    enum flow_node_kind kind;
    int set, min, max, group;
    bool lazy, possessive;
    enum flow_assert assertion;
    int count, cap;
    struct flow_node **kids;
};

/* flow_tree_clamp: counts above `most` become "any number" where the difference needs more than `most` characters. */
void flow_tree_clamp(struct flow_node *node, int most);
bool flow_tree_nullable(const struct flow_node *node);
/* flow_tree_group: what is inside group n, NULL if there is no such group. */
const struct flow_node *flow_tree_group(const struct flow_node *node, int group);
/* flow_tree_optional: can the pattern match without group n being set? */
bool flow_tree_optional(const struct flow_node *node, int group);
/* flow_tree_in_loop: can group n be set more than once in a match? */
bool flow_tree_in_loop(const struct flow_node *node, int group);
/* flow_tree_empty_loop: is there a loop whose body can be empty? PCRE2 ends such loops by rules of its own. */
bool flow_tree_empty_loop(const struct flow_node *node);
/* flow_tree_most: how many bytes (or characters) a match has at most; -1: any number. flow_tree_least: bytes at least. */
long flow_tree_most(const struct flow_sets *sets, const struct flow_node *node, bool characters);
long flow_tree_least(const struct flow_sets *sets, const struct flow_node *node);

/* Translation mistakes that the differential test switches on, to see that it would notice; only in its own build. */
#ifdef FLOW_MUTANTS
extern int flow_mutant;
#define FLOW_MUTANT(n) (flow_mutant == (n))
#else
#define FLOW_MUTANT(n) false
#endif
