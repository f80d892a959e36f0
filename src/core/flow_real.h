#pragma once

/* What really happens: PCRE2 on the input, the first rule that takes it, its captures, the rendered message. Whatever the
   automata claim is tried here before it is said. */

#include "core/flow_model.h"

struct flow_real;

struct flow_real *flow_real_new(struct flow *flow) CHECKED; /* NULL when memory is out */
void flow_real_free(struct flow_real *real);

/* flow_real_take: the number of the rule that takes a tap or a text, -1: none, or the work is done. Defaults take nothing
   here. */
int flow_real_take(struct flow_real *real, enum flow_side side, struct text input);
/* flow_real_guess: as flow_real_take, but only the rules that the automata name are tried: many times faster where many rules have
   no literal beginning. Right if it gives a rule. */
int flow_real_guess(struct flow_real *real, enum flow_side side, struct text input);
/* flow_real_default: as if nothing had been taken: the rule's default side. */
void flow_real_default(struct flow_real *real, int rule);
/* flow_real_lost: is it for sure taken by no rule but those that take everything? */
bool flow_real_lost(struct flow_real *real, enum flow_side side, struct text input);
/* flow_real_takers: the rules that may take it, in order, those that take everything left out: how many, at most `max`. Ends
   behind the first that takes it for sure. */
int flow_real_takers(struct flow_real *real, enum flow_side side, struct text input, int *rules, int max);
/* flow_real_kept: certainly not lost, as quickly as flow_real_guess. */
bool flow_real_kept(struct flow_real *real, enum flow_side side, struct text input);

enum flow_sent {
    FLOW_SENT,
    FLOW_REFUSED, /* it would go out, but a limit does not hold */
    FLOW_UNSENT,  /* a value is missing, or is not known here */
};

/* flow_real_sends: what this button of the rule that took the last input sends; lent until the next input. */
enum flow_sent flow_real_sends(struct flow_real *real, const struct flow_button *button, struct text *out);

/* flow_real_exclude: can the conditions of the two rules never hold at once, as far as that is plain? */
bool flow_real_exclude(struct flow_real *real, int a, int b);
