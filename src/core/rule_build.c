#include "core/rule_build.h"

#include "core/lookup_build.h"
#include "core/names.h"
#include "core/rule_lookups.h"
#include "core/settings_build.h"
#include "core/step_build.h"

#include <stdio.h>
#include <string.h>

#define WEEK_MS ((int64_t)7 * 86400 * 1000)
#define DEDUP_MS 2000
#define EXPIRES_MAX ((int64_t)30 * 86400 * 1000) /* the ledger forgets then */
#define SEND_WITHIN_MS ((int64_t)15 * 60 * 1000)

/* --- schema ------------------------------------------------------------------------------------------------------- */

static const char *const default_words[] = { "true", "any", NULL };
static const char *const unknown_words[] = { "drop", "poll", "resend", NULL };

static const struct schema name_schema = { .kind = SCHEMA_NAME };
static const struct schema pattern_schema = { .kind = SCHEMA_TEXT, .what = "a pattern" };
static const struct schema flag_schema = { .kind = SCHEMA_BOOL };
static const struct schema default_schema = { .kind = SCHEMA_WORD, .words = default_words };
static const struct schema unknown_schema = { .kind = SCHEMA_WORD, .words = unknown_words };
static const struct schema dedup_schema = { .kind = SCHEMA_DURATION, .least = 0, .most = WEEK_MS };
static const struct schema expires_schema = { .kind = SCHEMA_DURATION, .least = 1000, .most = EXPIRES_MAX };
static const struct schema within_schema = { .kind = SCHEMA_DURATION, .least = 1000, .most = WEEK_MS };

static const struct schema_key rule_keys[] = {
    { "name", &name_schema, .required = true, .help = "unique; the rule's id in logs and metrics" },
    { "tap", &pattern_schema, .help = "PCRE2 pattern of the callback data, the whole of it" },
    { "text", &pattern_schema, .help = "PCRE2 pattern of what the customer wrote, the whole of it" },
    { "default", &default_schema, .help = "true: a tap that no rule took; any: a text too" },
    { "when", &condition_schema, .help = "the rule takes nothing if it does not hold" },
    { "choose", &choose_schema, .help = "branches, the first whose 'when' holds" },
    { "reply", &reply_schema, .help = "what is sent" },
    { "do", &do_schema, .help = "steps in another order; stands alone" },
    { "continue", &flag_schema, .help = "later rules are tried, too" },
    { "dedup", &dedup_schema, .help = "the same tap within it makes no second run; 2s" },
    { "send_within", &within_schema, .help = "a follow-up not sent by then is dropped; 15m" },
    { "unknown_send", &unknown_schema, .help = "when an answer does not come: drop, poll or resend" },
    { "entry", &flag_schema, .help = "other systems send buttons for this rule" },
    { "final", &flag_schema, .help = "meant to end the talk" },
    { "require_issued", &flag_schema, .help = "takes only data of buttons that were sent to this chat" },
    { "single_use", &flag_schema, .help = "one press spends the buttons of its message" },
    { "expires", &expires_schema, .help = "a button that was sent longer ago is refused" },
    { "on_refused", &do_schema, .help = "steps for a press that the guards refuse" },
    { "lookup", &lookup_step_schema, .help = "what is asked first" },
    { "not_found", &do_schema, .help = "steps when a lookup finds nothing" },
    { "on_error", &do_schema, .help = "steps when a step fails" },
    { "set", &set_schema, .help = "variables of the chat" },
    { "inbox", &inbox_schema, .help = "a note, a tag, ... in the helpdesk" },
    { "quiet", &quiet_schema, .help = "so long no text rule and no default answers; 0s ends it" },
    { "goto", &goto_schema, .help = "goes on with another rule" },
    { NULL },
};
const struct schema rule_schema = { .kind = SCHEMA_MAP, .what = "a rule", .keys = rule_keys };

static const struct schema rule_list = { .kind = SCHEMA_LIST,
                                         .what = "a list of rules",
                                         .item = &rule_schema };
static const struct schema replies_schema = { .kind = SCHEMA_DICT,
                                              .what = "a map of replies",
                                              .item = &message_schema };
static const struct schema rows_schema = { .kind = SCHEMA_DICT,
                                           .what = "a map of rows",
                                           .item = &row_schema };

static const struct schema lookups_schema = { .kind = SCHEMA_DICT,
                                              .what = "a map of lookups",
                                              .item = &lookup_schema };

static const struct schema_key top_keys[] = {
    { "rules", &rule_list, .help = "the rules, the first that matches wins" },
    { "replies", &replies_schema, .help = "messages that rules call by name" },
    { "rows", &rows_schema, .help = "rows of buttons that messages call by name" },
    { "zone", &settings_zone, .help = "time zone of dates and hours; UTC" },
    { "hours", &settings_hours, .help = "opening hours by name" },
    { "languages", &settings_languages, .help = "languages of texts; the first is the default" },
    { "lookups", &lookups_schema, .help = "what rules ask the shop, by name" },
    { "session", &settings_session, .help = "how long variables are kept after the last entry; 30m" },
    { NULL },
};
const struct schema rules_schema = { .kind = SCHEMA_MAP, .what = "a rule file", .keys = top_keys };

/* --- names that captures can have --------------------------------------------------------------------------------- */

struct captures {
    const char **all, **maybe;
    size_t n_all, n_maybe;
};

static bool has(const char *const *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static size_t names_of(const struct pattern *pattern)
{
    return pattern ? pattern_names(pattern) + (size_t)pattern_groups(pattern) : 0;
}

/* The i-th name of a pattern's captures: first its names, then its numbers. */
static const char *name_of(const struct pattern *pattern, size_t i, struct arena *arena)
{
    char number[16];

    if (i < pattern_names(pattern))
        return pattern_name(pattern, i, NULL);
    snprintf(number, sizeof(number), "%zu", i - pattern_names(pattern) + 1);
    return arena_str(arena, text_of(number));
}

static bool add_names(struct captures *names, const struct pattern *pattern, struct arena *arena)
{
    for (size_t i = 0; i < names_of(pattern); i++) {
        const char *name = name_of(pattern, i, arena);

        if (!name)
            return false;
        if (!has(names->all, names->n_all, name))
            names->all[names->n_all++] = name;
    }
    return true;
}

static bool gives(const struct pattern *pattern, const char *name)
{
    struct text text = text_of(name);
    int64_t group;

    if (!pattern)
        return false;
    if (text_i64(text, &group))
        return group <= pattern_groups(pattern);
    for (size_t i = 0; i < pattern_names(pattern); i++)
        if (strcmp(pattern_name(pattern, i, NULL), name) == 0)
            return true;
    return false;
}

/* Does every way into the rule give the name? */
static bool always_gives(const struct rule *rule, const char *name)
{
    return rule->otherwise == DEFAULT_NO && (!rule->tap || gives(rule->tap, name)) &&
           (!rule->text || gives(rule->text, name));
}

static size_t most_names(const struct rule *rule)
{
    size_t most = names_of(rule->tap) + names_of(rule->text) + 1;

    for (size_t i = 0; i < rule->n_origins; i++)
        most += names_of(rule->origins[i]->tap) + names_of(rule->origins[i]->text);
    return most;
}

static bool add_rule_names(struct captures *names, const struct rule *rule, struct arena *arena)
{
    return add_names(names, rule->tap, arena) && add_names(names, rule->text, arena);
}

/* The names that one way into the rule gives and another does not are uncertain. */
static bool collect_names(const struct rule *rule, struct arena *arena, struct captures *names)
{
    size_t most = most_names(rule);
    bool good;

    *names = (struct captures){ arena_array(arena, most, sizeof(char *)),
                                arena_array(arena, most, sizeof(char *)), 0, 0 };
    good = names->all && names->maybe && add_rule_names(names, rule, arena);
    for (size_t i = 0; good && i < rule->n_origins; i++)
        good = add_rule_names(names, rule->origins[i], arena);
    for (size_t i = 0; good && i < names->n_all; i++) {
        bool always = always_gives(rule, names->all[i]);

        for (size_t k = 0; k < rule->n_origins; k++)
            always = always && always_gives(rule->origins[k], names->all[i]);
        if (!always)
            names->maybe[names->n_maybe++] = names->all[i];
    }
    return good;
}

/* --- patterns ----------------------------------------------------------------------------------------------------- */

/* Where a group's name stands in the pattern. */
static struct place group_place(const struct node *node, const char *name)
{
    struct text text = node->text;
    size_t n = strlen(name);

    for (size_t i = 1; i + n < text.n; i++)
        if ((text.p[i - 1] == '<' || text.p[i - 1] == '\'') && memcmp(text.p + i, name, n) == 0 &&
            (text.p[i + n] == '>' || text.p[i + n] == '\''))
            return node_part(node, i, n);
    return node->at;
}

static bool fit_name(const char *name)
{
    if (name[0] < 'a' || name[0] > 'z')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static bool check_groups(const struct node *node, const struct pattern *pattern, struct findings *findings)
{
    bool good = true;

    for (size_t i = 0; i < pattern_names(pattern); i++) {
        const char *name = pattern_name(pattern, i, NULL);

        if (!fit_name(name)) {
            finding_error(findings, group_place(node, name), "'%s' is no name for a group", name);
            finding_hint(findings, "small letters, digits and '_', a letter first");
            good = false;
        } else if (names_reserved(text_of(name))) {
            finding_error(findings, group_place(node, name), "'%s' has a meaning of its own in templates",
                          name);
            finding_hint(findings, "give the group another name");
            good = false;
        }
    }
    return good;
}

static void warn_habits(const struct node *node, struct findings *findings)
{
    struct text text = node->text;

    if (text.n > 2 && text.p[0] == '/' && text.p[text.n - 1] == '/') {
        finding_add(findings, FINDING_WARNING, node->at, "the slashes at both ends are part of this pattern");
        finding_hint(findings, "a pattern stands without slashes around it");
    }
    if (text_ends(text, ":*")) {
        finding_add(findings, FINDING_WARNING, node_part(node, text.n - 2, 2),
                    "':*' means any number of colons");
        finding_hint(findings, "for anything behind a colon write ':.*'");
    }
}

static bool build_pattern(const struct node *node, struct rule_context *context, struct pattern **out)
{
    struct fault fault;
    size_t offset = 0;

    if (!node)
        return true;
    *out = pattern_compile(node->text, PATTERN_WHOLE, &offset, &fault);
    if (!*out) {
        if (offset >= node->text.n && node->text.n) /* something is missing at the end */
            offset = node->text.n - 1;
        finding_error(context->maker->findings, node_part(node, offset, 1), "%s", fault.text);
        return false;
    }
    warn_habits(node, context->maker->findings);
    return check_groups(node, *out, context->maker->findings);
}

/* --- whole -------------------------------------------------------------------------------------------------------- */

static int word_index(const struct node *node, const char *const *words)
{
    for (int i = 0; node && words[i]; i++)
        if (node_is(node, words[i]))
            return i;
    return -1;
}

static void fill(const struct node *node, struct rule *rule)
{
    const int otherwise = word_index(node_get(node, "default"), default_words);
    const int unknown = word_index(node_get(node, "unknown_send"), unknown_words);

    rule->at = node->at;
    rule->node = node;
    rule->otherwise = otherwise < 0 ? DEFAULT_NO : otherwise ? DEFAULT_ANY : DEFAULT_TAP;
    rule->unknown_send = unknown < 0 ? UNKNOWN_DROP : (enum unknown_send)unknown;
    rule->dedup_ms = schema_duration(node, "dedup", DEDUP_MS);
    rule->send_within_ms = schema_duration(node, "send_within", SEND_WITHIN_MS);
    rule->entry = schema_bool(node, "entry", false);
    rule->final = schema_bool(node, "final", false);
    rule->further = schema_bool(node, "continue", false);
    rule->single_use = schema_bool(node, "single_use", false);
    rule->expires_ms = schema_duration(node, "expires", 0);
    rule->require_issued =
        schema_bool(node, "require_issued", false) || rule->single_use || rule->expires_ms > 0;
}

/* Does it answer, or lead to a rule that does? */
static bool answers(const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_steps; i++)
        if (rule->steps[i].kind == STEP_REPLY || rule->steps[i].kind == STEP_GOTO)
            return true;
    return false;
}

/* What only makes sense together. */
static bool check_guards(const struct node *node, const struct rule *rule, struct rule_context *context)
{
    const struct node *refused = node_get(node, "on_refused"), *text = node_get(node, "text");
    const struct node *otherwise = node_get(node, "default");
    bool good = true;

    if (refused && !rule->require_issued) {
        finding_error(context->maker->findings, refused->at, "nothing is refused by rule '%s'", rule->name);
        finding_hint(context->maker->findings, "it needs require_issued, single_use or expires beside it");
        good = false;
    }
    if (text && rule->require_issued) {
        finding_error(context->maker->findings, text->at,
                      "rule '%s' takes only what was sent to the chat, and a text never was", rule->name);
        finding_hint(context->maker->findings, "give it a 'tap' only");
        good = false;
    }
    if (otherwise && rule->require_issued) {
        finding_error(context->maker->findings, otherwise->at,
                      "rule '%s' takes only what was sent to the chat; as the default it would take all else",
                      rule->name);
        finding_hint(context->maker->findings, "let another rule be the default");
        good = false;
    }
    return good;
}

static bool check_use(const struct node *node, const struct rule *rule, struct rule_context *context)
{
    bool good = check_guards(node, rule, context);

    if (!answers(rule)) {
        finding_add(context->maker->findings, FINDING_WARNING, rule->at,
                    "rule '%s' has no reply: what it takes is not answered", rule->name);
    }
    if (node_get(node, "tap") || node_get(node, "text") || rule->otherwise != DEFAULT_NO || rule->n_origins)
        return good;
    finding_error(context->maker->findings, rule->at,
                  "nothing reaches rule '%s': it has no tap, no text and no default", rule->name);
    finding_hint(context->maker->findings, "or lead to it from another rule: goto: %s", rule->name);
    return false;
}

/* `when` and the steps. `captures` NULL: a pattern does not compile, so every name would be unknown; only the rest is
   checked. */
static bool build_rest(const struct node *node, struct rule_context *context, const struct captures *captures,
                       struct rule *rule)
{
    struct maker *maker = context->maker;
    struct names names = { .rule = rule->name,
                           .handled = node_get(node, "on_error"),
                           .not_found = node_get(node, "not_found") };
    struct names_guard guard = { NULL, false, NULL };
    bool good;

    if (captures) {
        names.all = captures->all;
        names.maybe = captures->maybe;
        maker->names = &names;
    }
    good = condition_build(maker, node_get(node, "when"), &rule->when);
    guard.when = rule->when;
    if (good && rule->when)
        names.guards = &guard;
    good = step_build(node, context, rule) && good;
    maker->names = NULL;
    return good;
}

bool rule_begin(const struct node *node, struct rule_context *context, struct rule *rule)
{
    bool good;

    fill(node, rule);
    rule->settings = context->maker->settings;
    rule->name = arena_str(context->maker->arena, node_get(node, "name")->text);
    if (!rule->name) {
        finding_error(context->maker->findings, node->at, "out of memory");
        return false;
    }
    good = build_pattern(node_get(node, "tap"), context, &rule->tap);
    return build_pattern(node_get(node, "text"), context, &rule->text) && good;
}

/* A pattern that does not compile gives no names: then none is looked for. */
static bool has_patterns(const struct rule *rule)
{
    return !node_get(rule->node, "tap") == !rule->tap && !node_get(rule->node, "text") == !rule->text;
}

static bool knows_names(const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_origins; i++)
        if (!has_patterns(rule->origins[i]))
            return false;
    return has_patterns(rule);
}

bool rule_build(struct rule_context *context, struct rule *rule)
{
    struct captures captures = { NULL };
    bool good = true, known = knows_names(rule);

    if (known && !collect_names(rule, context->maker->arena, &captures)) {
        finding_error(context->maker->findings, rule->at, "out of memory");
        good = known = false;
    }
    good = build_rest(rule->node, context, known ? &captures : NULL, rule) && good;
    context->maker->wants.ledger |= rule->require_issued;
    if (good)
        rule_lookups_warn(context, rule);
    return check_use(rule->node, rule, context) && good;
}

void rule_clear(struct rule *rule)
{
    pattern_free(rule->tap);
    pattern_free(rule->text);
    rule->tap = rule->text = NULL;
}
