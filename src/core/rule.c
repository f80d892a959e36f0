#include "core/rule.h"

static const char *const names[RULE_BLOCKS] = { "", "not_found", "on_error", "on_refused" };

const char *rule_block_name(enum rule_block block)
{
    return names[block];
}

size_t rule_block_begin(const struct rule *rule, enum rule_block block)
{
    const size_t begins[RULE_BLOCKS] = { 0, rule->not_found, rule->on_error, rule->on_refused };

    return begins[block];
}

struct place rule_block_at(const struct rule *rule, enum rule_block block)
{
    for (size_t i = 0; i < rule->node->count; i++)
        if (text_is(rule->node->keys[i]->text, names[block]))
            return rule->node->keys[i]->at;
    return rule->at;
}

enum rule_block rule_block_of(const struct rule *rule, size_t step)
{
    enum rule_block found = RULE_STEPS;

    for (int block = RULE_NOT_FOUND; block < RULE_BLOCKS; block++) {
        size_t begin = rule_block_begin(rule, (enum rule_block)block);

        if (begin != RULE_NO_STEP && begin <= step) /* they stand in this order */
            found = (enum rule_block)block;
    }
    return found;
}
