#pragma once

/* The concrete walk: from entries along real buttons, with the real matcher, as long as new data turns up. */

#include "core/flow_real.h"

struct flow_concrete;

/* flow_concrete_run: fills gone and large of the buttons that it comes by. NULL when memory is out. */
struct flow_concrete *flow_concrete_run(struct flow *flow, struct flow_real *real) CHECKED;
void flow_concrete_free(struct flow_concrete *concrete);
/* flow_concrete_saw: did the walk come by this tap or text? */
bool flow_concrete_saw(const struct flow_concrete *concrete, enum flow_side side, struct text input);
