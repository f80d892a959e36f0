#pragma once

/* What buttons send: where it leads, how long it can be; each claim shown by a trace that was replayed, or proved. */

#include "core/flow_concrete.h"

/* flow_data_check: after flow_reach_mark and the concrete walk (`concrete` may be NULL). */
void flow_data_check(struct flow *flow, struct flow_real *real, const struct flow_concrete *concrete);
/* flow_data_sends: can a customer make the button send exactly this? It was tried. */
bool flow_data_sends(struct flow *flow, struct flow_real *real, const struct flow_concrete *concrete,
                     struct flow_button *button, struct text data);
