#pragma once

/* Patterns and templates as programs (Pike's): all in one array, so that many can run at once as a set of counters. */

#include "core/flow_tree.h"

enum flow_op { FLOW_OP_SET, FLOW_OP_SPLIT, FLOW_OP_JUMP, FLOW_OP_SAVE, FLOW_OP_ASSERT, FLOW_OP_MATCH };

struct flow_ins {
    uint8_t op, assertion;
    uint16_t group;  /* SAVE */
    bool end;        /* SAVE: the group's end */
    int x, y;        /* SET: x the set; SPLIT: x is preferred to y; JUMP: x; MATCH: x names the program */
    uint32_t groups; /* SET: bit n: inside group n */
};

struct flow_code {
    struct flow_mem *mem;
    struct flow_ins *ins;
    int n, cap;
    int from;        /* where the program that is being made begins */
    int room;        /* for it */
    bool over;       /* it is too long */
    bool plain;      /* without groups and assertions */
    uint32_t groups; /* that are open */
};

/* FLOW_ATOM + a: the set of atom a alone (flow_atoms.h). */
#define FLOW_ATOM (1 << 28)
#define FLOW_PROGRAM_MAX 20000 /* instructions */
#define FLOW_PROGRAM_SMALL 100 /* when there are many already */

/* flow_code_rule: a pattern, with its groups and assertions; gives where it begins, -1 if it is too long or memory is out. */
int flow_code_rule(struct flow_code *code, const struct flow_node *node, int name);
/* flow_code_begin, then parts, then flow_code_end: gives where it begins, -1 (and nothing is left of it) if it is too long. */
void flow_code_begin(struct flow_code *code);
void flow_code_node(struct flow_code *code,
                    const struct flow_node *node); /* its language: assertions count as true */
void flow_code_text(struct flow_code *code, struct flow_sets *sets, struct text text);
void flow_code_either(struct flow_code *code, struct flow_sets *sets, const struct flow_node *node,
                      struct text text);                            /* one of them */
void flow_code_any(struct flow_code *code, struct flow_sets *sets); /* any text */
void flow_code_atom(struct flow_code *code, int atom);
int flow_code_end(struct flow_code *code, int name);
/* flow_code_skip: over jumps and saves. */
int flow_code_skip(const struct flow_code *code, int pc);
/* flow_code_asserts: does the program that begins there look at what is around it? */
bool flow_code_asserts(const struct flow_code *code, int start);
