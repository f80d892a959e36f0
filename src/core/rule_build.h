#pragma once

/* Rules from the nodes of a rule file. */

#include "core/message_build.h"
#include "core/named.h"
#include "core/rule.h"

extern const struct schema rules_schema; /* a whole rule file */
extern const struct schema rule_schema;  /* one rule */

struct rule_context {
    struct maker *maker;
    const struct named_list *replies, *rows;
    const struct ruleset_channel *channels;
    size_t n_channels;
};

/* rule_build: from a node that rule_schema took. False after adding errors; the rule's patterns must be freed (rule_clear) in
   both cases. */
bool rule_build(const struct node *node, struct rule_context *context, struct rule *rule) CHECKED;
void rule_clear(struct rule *rule);
/* rule_check_reply: a reply that stands under `replies:`, without the names of a rule. */
bool rule_check_reply(const struct node *node, struct rule_context *context) CHECKED;
