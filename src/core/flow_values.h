#pragma once

/* What values that only a run knows can be, where that is known all the same. */

#include "core/flow_model.h"

/* flow_values_tree: the texts that the value of a template's part can be before its filters, as a tree in the flow's arena; NULL:
   any text. */
const struct flow_node *flow_values_tree(struct flow *flow, const struct template_part *part);
/* flow_values_filter: what the filter makes of these texts, or more than that; NULL: any text, there and here. */
const struct flow_node *flow_values_filter(struct flow *flow, const struct flow_node *tree,
                                           const struct filter *filter);
