#pragma once

/* Messages from the nodes of a rule file. */

#include "core/message.h"
#include "core/named.h"
#include "core/ruleset.h"
#include "core/schema.h"

extern const struct schema message_schema; /* a message as a map */
extern const struct schema row_schema;     /* a list of buttons or keys */

struct message_context {
    struct arena *arena;
    struct findings *findings;
    const struct template_known *known; /* NULL: names come later */
    const struct named_list *rows;
    const struct ruleset_channel *channels;
    size_t n_channels;  /* 0: channels are not checked */
    bool wants_contact; /* set when a template uses ${contact....} */
};

/* message_build: from a node that message_schema took. NULL after adding errors. With known->again only what has to do with
   names is reported: the rest was, when the same node was built with `known` NULL. */
const struct message *message_build(const struct node *node, struct message_context *context) CHECKED;
