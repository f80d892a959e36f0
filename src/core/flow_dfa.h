#pragma once

/* Automata made on demand over sets of program counters: a state lists which programs accept there. */

#include "core/flow_atoms.h"

#define FLOW_DEAD 0
#define FLOW_LIMIT (-1) /* memory or the budget is used up */

struct flow_move {
    int lo, hi, to; /* atoms lo to hi lead to a state; atoms that no move has lead to FLOW_DEAD */
};

struct flow_dfa;

/* flow_dfa_new: several may work on the same programs. NULL when memory is out. */
struct flow_dfa *flow_dfa_new(struct flow_mem *mem, const struct flow_code *code,
                              const struct flow_atoms *atoms) CHECKED;
void flow_dfa_free(struct flow_dfa *dfa);
/* flow_dfa_reset: forgets all states. */
void flow_dfa_reset(struct flow_dfa *dfa);
/* flow_dfa_limit: from now on at most so many states and bytes more; flow_dfa_states: how many there are. */
void flow_dfa_limit(struct flow_dfa *dfa, int states, size_t bytes);
int flow_dfa_states(const struct flow_dfa *dfa);
size_t flow_dfa_bytes(const struct flow_dfa *dfa);

/* States or FLOW_LIMIT. */
int flow_dfa_start(struct flow_dfa *dfa, const int *starts, int n);
int flow_dfa_step(struct flow_dfa *dfa, int state, int atom);
/* flow_dfa_text: after all characters of valid UTF-8. */
int flow_dfa_text(struct flow_dfa *dfa, int state, struct text text);
/* flow_dfa_moves: number of moves or FLOW_LIMIT; sorted. Lent until flow_dfa_reset. */
int flow_dfa_moves(struct flow_dfa *dfa, int state, const struct flow_move **moves);
/* flow_dfa_accepts: number of programs that accept here, their names in order. */
int flow_dfa_accepts(struct flow_dfa *dfa, int state, const int **names);

/* flow_dfa_holds: an assertion between two characters. */
bool flow_dfa_holds(enum flow_assert assertion, enum flow_class before, enum flow_class behind);
/* flow_dfa_closure: the SET and MATCH counters that can be reached from one without a character: how many. Lent until the next
   call. */
int flow_dfa_closure(struct flow_dfa *dfa, int pc, enum flow_class before, enum flow_class behind,
                     const int **out);
