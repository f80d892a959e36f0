#pragma once

/* Rules from the nodes of a rule file. */

#include "core/message_build.h"
#include "core/named.h"
#include "core/rule.h"

struct lookup_form;

extern const struct schema rules_schema; /* a whole rule file */
extern const struct schema rule_schema;  /* one rule */

struct rule_context {
    struct maker *maker;
    const struct named_list *replies, *rows, *lookups;
    struct lookup_form *const *forms; /* of the lookups */
    const struct ruleset_channel *channels;
    size_t n_channels;
    struct rule *rules, **by_name; /* all that are begun; by_name is sorted */
    size_t n_rules;
    const struct node **lost; /* those that the schema did not take; their errors are told */
    size_t n_lost;
};

/* A rule is made in two goes, because its names may come from rules that lead to it. */

/* rule_begin: name, patterns, flags, from a node that rule_schema took. False after adding errors; without a name memory was
   out. The rule's patterns must be freed (rule_clear) in any case. */
bool rule_begin(const struct node *node, struct rule_context *context, struct rule *rule) CHECKED;
/* rule_build: the rest: `when` and steps, when all rules are begun and have their origins. False after adding errors. */
bool rule_build(struct rule_context *context, struct rule *rule) CHECKED;
void rule_clear(struct rule *rule);
/* rule_check_reply: a reply that stands under `replies:`, without the names of a rule. */
bool rule_check_reply(const struct node *node, struct rule_context *context) CHECKED;
