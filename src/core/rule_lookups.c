#include "core/rule_lookups.h"

#include "core/lookup_build.h"
#include "core/step_build.h"

#include <string.h>

struct carrying {
    struct rule_context *context;
    struct names_lookups *lookups;
    bool failed;
};

/* Another lookup of that name counts, too: its values may be others. */
static bool has_form(const struct names_lookups *lookups, struct text as, const struct lookup_form *form)
{
    for (const struct names_lookup *entry = lookups->last; entry; entry = entry->before)
        if (text_is(as, entry->as) && entry->form == form)
            return true;
    return false;
}

/* The first of a name is the one that is found by it. */
static void add_carried(struct names_lookups *lookups, struct names_lookup *entry)
{
    struct names_lookup **last = &lookups->last;

    while (*last && strcmp((*last)->as, entry->as) != 0)
        last = &(*last)->before;
    if (*last)
        last = &(*last)->before;
    else
        last = &lookups->last;
    entry->before = *last;
    *last = entry;
}

static void note_lookup(void *context, const struct node *map)
{
    struct carrying *carrying = context;
    const struct node *node = node_get(map, "lookup");
    struct names_lookup *entry;
    const struct lookup_form *form;
    struct text as;

    if (!node || node->kind == NODE_LIST)
        return;
    form = lookup_find(carrying->context->lookups, carrying->context->forms, node, &as);
    if (!form || has_form(carrying->lookups, as, form))
        return;
    entry = arena_alloc(carrying->context->maker->arena, sizeof(*entry));
    if (entry)
        entry->as = arena_str(carrying->context->maker->arena, as);
    if (!entry || !entry->as) {
        carrying->failed = true;
        return;
    }
    entry->form = form;
    entry->maybe = entry->elsewhere = true;
    add_carried(carrying->lookups, entry);
}

static bool has_ways_in(const struct rule *rule)
{
    return rule->tap || rule->text || rule->otherwise != DEFAULT_NO;
}

/* Does the rule ask before anything else? */
static bool asks_first(struct rule_context *context, const struct rule *rule,
                       const struct names_lookup *entry)
{
    const struct node *node = node_get(rule->node, "lookup");
    struct text as;

    return node && node->kind != NODE_LIST &&
           lookup_find(context->lookups, context->forms, node, &as) == entry->form && text_is(as, entry->as);
}

bool rule_lookups_carried(struct rule_context *context, const struct rule *rule,
                          struct names_lookups *lookups)
{
    struct carrying carrying = { context, lookups, false };

    for (size_t i = 0; i < rule->n_origins && context->lookups->count; i++)
        step_visit(rule->origins[i]->node, note_lookup, &carrying);
    for (struct names_lookup *entry = lookups->last; entry && !has_ways_in(rule); entry = entry->before) {
        size_t n = 0;

        while (n < rule->n_origins && asks_first(context, rule->origins[n], entry))
            n++;
        entry->maybe = n < rule->n_origins;
    }
    return !carrying.failed;
}

void rule_lookups_leave(struct names_lookups *lookups, const struct names_lookup *before)
{
    for (struct names_lookup *entry = lookups->last; entry && entry != before; entry = entry->before)
        entry->maybe = entry->elsewhere = true;
}

static bool used_once(const struct rule *rule)
{
    bool all = rule->n_origins > 0 && !has_ways_in(rule);

    for (size_t i = 0; i < rule->n_origins; i++)
        all = all && rule->origins[i]->single_use;
    return rule->single_use || all;
}

void rule_lookups_warn(struct rule_context *context, const struct rule *rule)
{
    struct findings *findings = context->maker->findings;

    for (size_t i = 0; i < rule->n_steps; i++) {
        const struct step *step = &rule->steps[i];

        if (step->kind != STEP_LOOKUP || !step->lookup)
            continue;
        if (rule->on_error == RULE_NO_STEP) {
            finding_add(findings, FINDING_WARNING, step->at,
                        "rule '%s' has no on_error: when lookup '%s' fails, the customer hears nothing",
                        rule->name, lookup_name(step->lookup));
            finding_hint(findings, "add: on_error: { reply: ... }");
        }
        if (lookup_posts(step->lookup) && !used_once(rule)) {
            finding_add(findings, FINDING_WARNING, step->at,
                        "lookup '%s' changes something in the shop, and a button can be pressed again",
                        lookup_name(step->lookup));
            finding_hint(findings, "add to rule '%s': single_use: true", rule->name);
        }
    }
}
