#pragma once

/* Messages from the nodes of a rule file. */

#include "core/message.h"
#include "core/named.h"
#include "core/ruleset.h"
#include "core/schema.h"

extern const struct schema message_schema; /* a message as a map */
extern const struct schema row_schema;     /* a list of buttons or keys */

#define LINES_MAX 200

extern const char *const
    *const message_type_words; /* as a rule writes them; NULL-terminated, in the order of the types */

struct message_context {
    struct maker *maker;
    const struct named_list *rows;
    const struct ruleset_channel *channels;
    size_t n_channels; /* 0: channels are not checked */
};

/* message_build: from a node that message_schema took. NULL after adding errors. With maker->names->again only what has to do
   with the names is reported: the rest was, when the same node was built without names. */
const struct message *message_build(const struct node *node, struct message_context *context) CHECKED;
