#pragma once

/* Walks the pairs (program counter of some programs, state of an automaton) in order of length in bytes: what one side can
   say, and what the other makes of it. */

#include "base/buf.h"
#include "core/flow_dfa.h"

struct flow_pair {
    int pc, state;
    enum flow_class before;
    bool space; /* the last character is white space */
    int parent, atom, bytes;
};

struct flow_walk {
    struct flow_mem *mem;
    const struct flow_code *code;
    const struct flow_atoms *atoms;
    struct flow_dfa *dfa;
    bool asserts;             /* the programs look at what is around a place */
    bool trimmed;             /* white space neither first nor last: texts */
    bool keep_dead;           /* go on where the automaton is dead */
    int nodes_max, bytes_max; /* bytes_max -1: any */
    /* visit: a pair at which the program can end; false: that is enough. */
    bool (*visit)(void *arg, struct flow_walk *walk, int node);
    void *arg;
    struct flow_pair *pairs;
    int n, cap;
    /* inside */
    int *slots, n_slots;
    struct flow_ints rounds[5];
    unsigned char *done;
    int done_cap;
    int pending;
};

enum flow_result { FLOW_ALL, FLOW_STOPPED, FLOW_UNDECIDED };

/* flow_walk_run: `walk` is filled from mem to arg. Ends with all pairs seen, stopped by visit, or at a limit. */
enum flow_result flow_walk_run(struct flow_walk *walk, const int *starts, int n, int state);
/* flow_walk_word: what leads to a node, at the end of out; false if it does not fit. */
bool flow_walk_word(const struct flow_walk *walk, int node, struct buf *out);
void flow_walk_free(struct flow_walk *walk);
