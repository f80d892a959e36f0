#pragma once

/* Texts that a pattern may take, picked at random: for what can only be tried. The same ones each time. */

#include "base/buf.h"
#include "core/flow_tree.h"

/* flow_sample: adds one; `seed` is any number and is moved on. Assertions are not looked at. */
void flow_sample(const struct flow_sets *sets, const struct flow_node *node, uint64_t *seed, struct buf *out);
