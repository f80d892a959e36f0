#pragma once

/* Atoms: the coarsest partition of the code points that respects every set in use, word, newline and space characters, and
   the length in UTF-8. All automata step on atoms; they are numbered by their lowest code point. */

#include "core/flow_code.h"

struct flow_run {
    int lo, hi; /* atoms */
};

enum flow_class {
    FLOW_EDGE,
    FLOW_WORD,
    FLOW_NEWLINE,
    FLOW_OTHER
}; /* EDGE: the start or the end of the text */

struct flow_atoms;

/* flow_atoms_prepare: makes the sets that are needed in any case, before there may be too many others. */
bool flow_atoms_prepare(struct flow_sets *sets) CHECKED;
/* flow_atoms_build: after all programs are made (later ones may only use FLOW_ATOM). NULL when memory is out. */
struct flow_atoms *flow_atoms_build(struct flow_mem *mem, struct flow_sets *sets,
                                    const struct flow_code *code) CHECKED;
void flow_atoms_free(struct flow_atoms *atoms);
int flow_atoms_count(const struct flow_atoms *atoms);
int flow_atoms_of(const struct flow_atoms *atoms, uint32_t code);
/* flow_atoms_runs: which atoms make up a set that a program uses. */
const struct flow_run *flow_atoms_runs(const struct flow_atoms *atoms, int set, int *n);
bool flow_atoms_in(const struct flow_atoms *atoms, int set, int atom);
/* flow_atoms_char: the member that reads best; its rank, 0 the best. */
uint32_t flow_atoms_char(const struct flow_atoms *atoms, int atom);
int flow_atoms_rank(const struct flow_atoms *atoms, int atom);
int flow_atoms_bytes(const struct flow_atoms *atoms, int atom);
enum flow_class flow_atoms_class(const struct flow_atoms *atoms, int atom);
bool flow_atoms_space(const struct flow_atoms *atoms,
                      int atom); /* ASCII white space, which is cut around texts */
/* flow_atoms_intervals: the partition itself. */
struct flow_interval {
    uint32_t lo, hi;
    int atom;
};
const struct flow_interval *flow_atoms_intervals(const struct flow_atoms *atoms, int *n);
