#pragma once

/* New rules against old ones: what old buttons send, and what becomes of it. */

#include "core/finding.h"
#include "core/ruleset.h"

struct flow_against;

/* flow_against_new: both rulesets are borrowed. NULL when memory is out. */
struct flow_against *flow_against_new(const struct ruleset *old, const struct ruleset *new,
                                      struct findings *findings) CHECKED;
void flow_against_free(struct flow_against *against);
/* flow_against_buttons: adds what the old rules' buttons can send that the new rules do not take, or another rule of them
   takes. */
void flow_against_buttons(struct flow_against *against);

/* flow_against_chat: one button that sits in a chat; those of a chat come one behind the other. flow_against_chats: then adds what
   becomes of them, with counts. False when memory is out. */
bool flow_against_chat(struct flow_against *against, int64_t chat, struct text data) CHECKED;
void flow_against_chats(struct flow_against *against);
