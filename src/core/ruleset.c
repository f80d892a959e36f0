#include "core/ruleset_load.h"

#include "core/doc.h"
#include "core/lookup.h"
#include "core/rule_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ruleset_free(struct ruleset *ruleset)
{
    if (!ruleset)
        return;
    for (size_t i = 0; i < ruleset->count; i++)
        rule_clear(&ruleset->rules[i]);
    pattern_pool_clear(ruleset->pool);
    arena_free(ruleset->arena);
    free(ruleset->source);
    free(ruleset);
}

struct text ruleset_source(const struct ruleset *ruleset)
{
    return text_make(ruleset->source, ruleset->source_len);
}

struct text ruleset_hash(const struct ruleset *ruleset)
{
    return text_make((const char *)ruleset->hash, sign_hash_size(SIGN_SHA256));
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

size_t ruleset_count(const struct ruleset *ruleset)
{
    return ruleset->count;
}

const struct rule *ruleset_rule(const struct ruleset *ruleset, size_t i)
{
    return i < ruleset->count ? &ruleset->rules[i] : NULL;
}

const struct rule *ruleset_find(const struct ruleset *ruleset, struct text name)
{
    size_t low = 0, high = ruleset->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = text_order(text_of(ruleset->by_name[middle]->name), name);

        if (order == 0)
            return ruleset->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct lookup *ruleset_lookup(const struct ruleset *ruleset, struct text name, const char **near)
{
    *near = NULL;
    for (size_t i = 0; i < ruleset->count; i++)
        for (size_t k = 0; k < ruleset->rules[i].n_steps; k++) {
            const struct step *step = &ruleset->rules[i].steps[k];
            const char *const names[] = { step->lookup ? lookup_name(step->lookup) : NULL, *near, NULL };

            if (step->kind != STEP_LOOKUP)
                continue;
            if (text_is(name, names[0]))
                return step->lookup;
            *near = text_closest(name, names);
        }
    return NULL;
}

const struct wants *ruleset_wants(const struct ruleset *ruleset)
{
    return &ruleset->wants;
}

void ruleset_check_secrets(const struct ruleset *ruleset, const char *const *names, struct findings *findings)
{
    for (const struct secret_use *use = ruleset->secrets; use; use = use->next) {
        const char *const *name = names;
        const char *near;

        while (*name && strcmp(*name, use->name) != 0)
            name++;
        if (*name)
            continue;
        finding_error(findings, use->at, "the configuration has no secret '%s'", use->name);
        near = text_closest(text_of(use->name), names);
        if (near)
            finding_hint(findings, "did you mean ${secret.%s}?", near);
        else
            finding_hint(findings, "add it there: secrets: { %s: 'env:%s' }", use->name, use->name);
    }
}

const struct settings *ruleset_settings(const struct ruleset *ruleset)
{
    return &ruleset->settings;
}

int64_t ruleset_longest(const struct ruleset *ruleset)
{
    return ruleset->longest;
}

int64_t ruleset_window(const struct ruleset *ruleset)
{
    return ruleset->window;
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

static bool add_capture(struct json_object *captures, const char *key, struct text value)
{
    return !value.p || doc_add_text(captures, key, value);
}

static bool take_captures(const struct pattern *pattern, const struct pattern_scratch *scratch,
                          struct json_object *captures)
{
    for (int i = 1; i <= pattern_groups(pattern); i++) {
        char key[16];

        snprintf(key, sizeof(key), "%d", i);
        if (!add_capture(captures, key, pattern_group(scratch, i)))
            return false;
    }
    for (size_t i = 0; i < pattern_names(pattern); i++) {
        int group = 0;
        const char *name = pattern_name(pattern, i, &group);

        if (!add_capture(captures, name, pattern_group(scratch, group)))
            return false;
    }
    return true;
}

struct matching {
    const struct ruleset *ruleset;
    const struct ruleset_question *question;
    struct pattern_scratch *scratch;
    struct json_object *scope, *captures; /* captures: of the rule that is looked at */
    bool failed;                          /* memory is out */
};

/* The captures stand in the scope while the condition is looked at: other rules give other names. */
static bool holds(struct matching *matching, const struct condition *when)
{
    bool holds;

    if (!when)
        return true;
    json_object_object_foreach(
        matching->captures, key,
        value) if (json_object_object_add(matching->scope, key, json_object_get(value)) != 0)
    {
        json_object_put(value);
        matching->failed = true;
    }
    holds = condition_holds(when, matching->scope, matching->scratch);
    json_object_object_foreach(matching->captures, name, unused)
    {
        (void)unused;
        json_object_object_del(matching->scope, name);
    }
    return holds;
}

static bool takes(void *context, const struct rule *rule, const struct pattern *pattern)
{
    struct matching *matching = context;

    json_object_put(matching->captures);
    matching->captures = json_object_new_object();
    if (!matching->captures || (pattern && !take_captures(pattern, matching->scratch, matching->captures)))
        matching->failed = true;
    return !matching->failed && holds(matching, rule->when);
}

static const struct rule *find_default(struct matching *matching, bool tap, const struct rule *after)
{
    const struct ruleset *ruleset = matching->ruleset;

    for (size_t i = after ? (size_t)(after - ruleset->rules) + 1 : 0; i < ruleset->count; i++) {
        const struct rule *rule = &ruleset->rules[i];

        if ((rule->otherwise == DEFAULT_ANY || (tap && rule->otherwise == DEFAULT_TAP)) &&
            takes(matching, rule, NULL))
            return rule;
    }
    return NULL;
}

static bool counts_as_tap(const struct ruleset_question *question)
{
    return question->kind == ENTRY_TAP ||
           (question->kind == ENTRY_EITHER && (question->issued || question->looks_like_tap));
}

static const struct rule *find(struct matching *matching, enum match_how how, const struct rule *after,
                               bool *limited)
{
    const struct index_wish wish = { after, takes, matching };
    const struct ruleset_question *question = matching->question;

    switch (how) {
    case MATCH_TAP:
        return ruleset_index_find(matching->ruleset->taps, question->data, &wish, matching->scratch, limited);
    case MATCH_TEXT:
        return ruleset_index_find(matching->ruleset->texts, text_trim(question->data), &wish,
                                  matching->scratch, limited);
    case MATCH_DEFAULT:
        return find_default(matching, counts_as_tap(question), after);
    default:
        return NULL;
    }
}

/* Tries the given ways in their order; `after` NULL: all rules. */
static bool match_ways(struct matching *matching, const enum match_how *hows, size_t n,
                       const struct rule *after, struct match *match)
{
    struct json_object *own = NULL;

    *match = (struct match){ .how = MATCH_NONE };
    matching->scope = matching->question->scope;
    if (!matching->scope)
        matching->scope = own = json_object_new_object();
    for (size_t i = 0; matching->scope && i < n && !match->rule && !matching->failed; i++) {
        match->rule = find(matching, hows[i], after, &match->limited);
        match->how = match->rule ? hows[i] : MATCH_NONE;
    }
    if (!match->rule) {
        json_object_put(matching->captures);
        matching->captures = json_object_new_object();
    }
    match->captures = matching->captures;
    if (match->captures && matching->scope && !matching->failed) {
        json_object_put(own);
        return true;
    }
    json_object_put(own);
    json_object_put(match->captures);
    *match = (struct match){ .how = MATCH_NONE };
    return false;
}

bool ruleset_match(const struct ruleset *ruleset, const struct ruleset_question *question,
                   struct pattern_scratch *scratch, struct match *match)
{
    struct matching matching = { .ruleset = ruleset, .question = question, .scratch = scratch };
    enum match_how hows[3];
    size_t n = 0;

    if (question->kind != ENTRY_TEXT)
        hows[n++] = MATCH_TAP;
    if (question->kind != ENTRY_TAP && !question->quiet)
        hows[n++] = MATCH_TEXT;
    if (!question->quiet)
        hows[n++] = MATCH_DEFAULT;
    return match_ways(&matching, hows, n, NULL, match);
}

bool ruleset_match_next(const struct ruleset *ruleset, const struct ruleset_question *question,
                        const struct match *before, struct pattern_scratch *scratch, struct match *match)
{
    struct matching matching = { .ruleset = ruleset, .question = question, .scratch = scratch };

    return match_ways(&matching, &before->how, 1, before->rule, match);
}

bool ruleset_default(const struct ruleset *ruleset, const struct ruleset_question *question,
                     struct pattern_scratch *scratch, struct match *match)
{
    struct matching matching = { .ruleset = ruleset, .question = question, .scratch = scratch };
    const enum match_how how = MATCH_DEFAULT;

    return match_ways(&matching, &how, question->quiet ? 0 : 1, NULL, match);
}
