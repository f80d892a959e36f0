#pragma once

/* Variables of the chat: what all `set`s together can give them, and conditions that ask for something else. */

#include "core/flow_model.h"

/* flow_chat_tree: the texts that the variable can have, in the flow's arena; NULL: any. */
const struct flow_node *flow_chat_tree(struct flow *flow, struct text name);
/* flow_chat_prepare: programs for what conditions ask, before there are atoms; flow_chat_check: says which of them no `set` can
   fulfil. */
void flow_chat_prepare(struct flow *flow);
void flow_chat_check(struct flow *flow);
void flow_chat_free(struct flow *flow);
