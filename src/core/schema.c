#include "core/schema.h"

#include "core/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 60 /* bytes of a wrong value that an error repeats */
#define LIST_MAX 200 /* bytes of a list of words */
#define KEYS_MAX 64  /* keys of one map among which "did you mean" looks */

/* What a check needs: deeper levels are checked through it. */
struct check {
    struct findings *findings;
    bool good;
};

static enum node_kind kind_of(const struct schema *schema)
{
    switch (schema->kind) {
    case SCHEMA_LIST:
        return NODE_LIST;
    case SCHEMA_DICT:
    case SCHEMA_MAP:
        return NODE_MAP;
    default:
        return NODE_SCALAR;
    }
}

/* The option for this kind of node, NULL if none fits. */
static const struct schema *choose(const struct schema *schema, enum node_kind kind)
{
    if (schema->kind != SCHEMA_ANY_OF)
        return kind_of(schema) == kind ? schema : NULL;
    for (size_t i = 0; schema->options[i]; i++) {
        const struct schema *option = choose(schema->options[i], kind);

        if (option)
            return option;
    }
    return NULL;
}

/* --- words ------------------------------------------------------------------------------------------------------ */

struct shown {
    char text[SHOWN_MAX + 1];
};

static const char *show(struct text text, struct shown *shown)
{
    text_printable(text, shown->text, SHOWN_MAX);
    return shown->text;
}

static const char *kind_words(enum schema_kind kind)
{
    static const char *const words[] = {
        [SCHEMA_TEXT] = "a text",
        [SCHEMA_NAME] = "a name (small letters, digits and '-')",
        [SCHEMA_BOOL] = "true or false",
        [SCHEMA_INT] = "a whole number",
        [SCHEMA_DURATION] = "a duration such as 15m",
        [SCHEMA_SIZE] = "a size such as 64KiB",
        [SCHEMA_WORD] = "a word",
        [SCHEMA_LIST] = "a list",
        [SCHEMA_DICT] = "a map",
        [SCHEMA_MAP] = "a map",
        [SCHEMA_ANY_OF] = "one of several forms",
        [SCHEMA_CUSTOM] = "a text",
    };

    return words[kind];
}

static void describe(const struct schema *schema, struct buf *out)
{
    if (schema->what || schema->kind != SCHEMA_ANY_OF) {
        buf_str(out, schema->what ? schema->what : kind_words(schema->kind));
        return;
    }
    for (size_t i = 0; schema->options[i]; i++) {
        buf_str(out, i == 0 ? "" : schema->options[i + 1] ? ", " : " or ");
        describe(schema->options[i], out);
    }
}

static void describe_words(const char *const *words, struct buf *out)
{
    for (size_t i = 0; words[i]; i++) {
        buf_str(out, i == 0 ? "" : words[i + 1] ? ", " : " or ");
        buf_str(out, words[i]);
    }
}

static const char *words_of(struct buf *buf)
{
    return buf->data ? buf->data : "";
}

static void wrong_kind(struct check *check, const struct schema *schema, const struct node *node)
{
    static const char *const found[] = { "a single value", "a list", "a map" };
    struct buf what = BUF(LIST_MAX);

    describe(schema, &what);
    if (node->kind == NODE_SCALAR && node->plain && node->text.n == 0)
        finding_error(check->findings, node->at, "%s is expected here, and nothing stands here",
                      words_of(&what));
    else
        finding_error(check->findings, node->at, "%s is expected here, not %s", words_of(&what),
                      found[node->kind]);
    if (node->kind != NODE_LIST && choose(schema, NODE_LIST) && !choose(schema, node->kind))
        finding_hint(check->findings, "a list is written [ one, two ], or one '- ' line for each element");
    else if (node->kind != NODE_MAP && choose(schema, NODE_MAP) && !choose(schema, NODE_SCALAR))
        finding_hint(check->findings,
                     "a map is written { key: value }, or one 'key: value' line for each key");
    buf_free(&what);
    check->good = false;
}

/* --- scalars ---------------------------------------------------------------------------------------------------- */

static bool in_range(const struct schema *schema, int64_t value)
{
    return schema->most <= 0 || (value >= schema->least && value <= schema->most);
}

static bool is_name(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", text.p[i]) || !text.p[i])
            return false;
    return text.n > 0 && text.n <= 64;
}

static void expected(struct check *check, const struct schema *schema, const struct node *node,
                     const char *range)
{
    finding_error(check->findings, node->at, "%s%s is expected here",
                  schema->what ? schema->what : kind_words(schema->kind), range ? range : "");
    check->good = false;
}

static const char *print_duration(int64_t ms, struct shown *shown)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };
    size_t i = 0;

    while (units[i].ms > 1 && (ms == 0 || ms % units[i].ms))
        i++;
    if (ms == 0)
        i = 3;
    snprintf(shown->text, sizeof(shown->text), "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
    return shown->text;
}

static const char *print_size(int64_t bytes, struct shown *shown)
{
    static const char *const units[] = { "", "KiB", "MiB", "GiB" };
    size_t i = 0;

    for (; i < 3 && bytes && bytes % 1024 == 0; i++)
        bytes /= 1024;
    snprintf(shown->text, sizeof(shown->text), "%" PRId64 "%s", bytes, units[i]);
    return shown->text;
}

static const char *print_number(int64_t number, struct shown *shown)
{
    snprintf(shown->text, sizeof(shown->text), "%" PRId64, number);
    return shown->text;
}

/* An amount within its range, or an error that says the range in its own unit. */
static void check_amount(struct check *check, const struct schema *schema, const struct node *node,
                         bool readable, int64_t value, const char *(*print)(int64_t, struct shown *))
{
    struct shown least, most;
    char range[2 * SHOWN_MAX + 16] = "";

    if (readable && in_range(schema, value))
        return;
    if (schema->most > 0)
        snprintf(range, sizeof(range), " from %s to %s", print(schema->least, &least),
                 print(schema->most, &most));
    expected(check, schema, node, range);
}

static void check_int(struct check *check, const struct schema *schema, const struct node *node)
{
    int64_t value = 0;
    bool readable = node_int(node, &value);

    check_amount(check, schema, node, readable, value, print_number);
    if (!readable && !node->plain && text_i64(node->text, &value))
        finding_hint(check->findings, "write it without quotes");
}

static void check_duration(struct check *check, const struct schema *schema, const struct node *node)
{
    int64_t ms = 0, number;
    bool readable = text_duration(node->text, &ms);

    check_amount(check, schema, node, readable, ms, print_duration);
    if (!readable && text_i64(node->text, &number) && number >= 0)
        finding_hint(check->findings, "the unit is missing: %" PRId64 "s are seconds; also ms, m, h, d",
                     number);
}

static void check_size(struct check *check, const struct schema *schema, const struct node *node)
{
    size_t bytes = 0;
    bool readable = text_size(node->text, &bytes) && bytes <= INT64_MAX;

    check_amount(check, schema, node, readable, (int64_t)bytes, print_size);
}

static void check_text(struct check *check, const struct schema *schema, const struct node *node)
{
    char range[64];

    if (in_range(schema, (int64_t)node->text.n))
        return;
    if (node->text.n == 0)
        snprintf(range, sizeof(range), " that is not empty");
    else
        snprintf(range, sizeof(range), " of %" PRId64 " to %" PRId64 " bytes", schema->least, schema->most);
    expected(check, schema, node, range);
}

static void check_name(struct check *check, const struct schema *schema, const struct node *node)
{
    struct shown shown;

    if (is_name(node->text))
        return;
    finding_error(check->findings, node->at, "'%s' is no name", show(node->text, &shown));
    finding_hint(check->findings, "%s: small letters, digits and '-', at most 64",
                 schema->what ? schema->what : "a name");
    check->good = false;
}

static void check_bool(struct check *check, const struct schema *schema, const struct node *node)
{
    bool value;

    if (node_bool(node, &value))
        return;
    expected(check, schema, node, NULL);
    if (!node->plain && (node_is(node, "true") || node_is(node, "false")))
        finding_hint(check->findings, "write it without quotes");
    else if (text_is_nocase(node->text, "yes") || text_is_nocase(node->text, "on"))
        finding_hint(check->findings, "write: true");
    else if (text_is_nocase(node->text, "no") || text_is_nocase(node->text, "off"))
        finding_hint(check->findings, "write: false");
}

static void check_word(struct check *check, const struct schema *schema, const struct node *node)
{
    struct buf words = BUF(LIST_MAX);
    struct shown shown;
    const char *near;

    for (size_t i = 0; schema->words[i]; i++)
        if (text_is(node->text, schema->words[i]))
            return;
    describe_words(schema->words, &words);
    near = text_closest(node->text, schema->words);
    show(node->text, &shown);
    if (near)
        finding_error(check->findings, node->at, "'%s' is not known here; did you mean '%s'?", shown.text,
                      near);
    else
        finding_error(check->findings, node->at, "'%s' is not known here", shown.text);
    finding_hint(check->findings, "%s%s%s", schema->what ? schema->what : "it must be",
                 schema->what ? ": " : " ", words_of(&words));
    buf_free(&words);
    check->good = false;
}

static void check_custom(struct check *check, const struct schema *schema, const struct node *node)
{
    struct fault fault = { "" };

    if (schema->check(node->text, &fault))
        return;
    finding_error(check->findings, node->at, "%s", fault.text);
    if (schema->check == secret_check)
        findings_conceal(check->findings, node->at);
    check->good = false;
}

/* --- lists and maps --------------------------------------------------------------------------------------------- */

static void check_node(struct check *check, const struct schema *schema, const struct node *node);

static void empty(struct check *check, const struct node *node, const char *what)
{
    finding_error(check->findings, node->at, "this %s is empty", what);
    finding_hint(check->findings, "put something into it");
}

static void check_list(struct check *check, const struct schema *schema, const struct node *node)
{
    if (!in_range(schema, (int64_t)node->count)) {
        if (node->count == 0)
            empty(check, node, "list");
        else
            finding_error(check->findings, node->at,
                          "a list of %" PRId64 " to %" PRId64 " elements is expected here, not of %zu",
                          schema->least, schema->most, node->count);
        check->good = false;
    }
    for (size_t i = 0; i < node->count; i++)
        check_node(check, schema->item, node->items[i]);
}

static void check_dict(struct check *check, const struct schema *schema, const struct node *node)
{
    if (node->count == 0 && schema->least > 0) {
        empty(check, node, "map");
        check->good = false;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (node->keys[i]->text.n == 0) {
            finding_error(check->findings, node->keys[i]->at, "a key is empty");
            check->good = false;
        }
        check_node(check, schema->item, node->items[i]);
    }
}

static void unknown_key(struct check *check, const struct schema *schema, const struct node *key)
{
    const char *names[KEYS_MAX + 1], *near;
    struct buf list = BUF(LIST_MAX);
    struct shown shown;
    size_t n = 0;

    for (const struct schema_key *known = schema->keys; known->name && n < KEYS_MAX; known++)
        if (!known->later)
            names[n++] = known->name;
    names[n] = NULL;
    near = text_closest(key->text, names);
    show(key->text, &shown);
    describe_words(names, &list);
    if (near)
        finding_error(check->findings, key->at, "unknown key '%s'; did you mean '%s'?", shown.text, near);
    else
        finding_error(check->findings, key->at, "unknown key '%s'", shown.text);
    if (!near && !list.failed && n)
        finding_hint(check->findings, "known here: %s", words_of(&list));
    buf_free(&list);
    check->good = false;
}

static const struct schema_key *find_key(const struct schema *schema, struct text name)
{
    for (const struct schema_key *key = schema->keys; key->name; key++)
        if (text_is(name, key->name))
            return key;
    return NULL;
}

static void check_entry(struct check *check, const struct schema *schema, const struct node *key,
                        const struct node *value)
{
    const struct schema_key *known = find_key(schema, key->text);

    if (!known) {
        unknown_key(check, schema, key);
    } else if (known->later) {
        finding_error(check->findings, key->at, "'%s' is not supported by this version of callbackd yet",
                      known->later);
        check->good = false;
    } else if (known->schema) {
        check_node(check, known->schema, value);
    }
}

/* False: the map was meant for another one, and its keys, unknown here, are not worth a word. */
static bool check_required(struct check *check, const struct schema *schema, const struct node *node)
{
    bool meant = true;

    for (const struct schema_key *key = schema->keys; key->name; key++) {
        const char *way_out;

        if (!key->required || node_get(node, key->name))
            continue;
        way_out = schema->mistaken ? schema->mistaken(node) : NULL;
        finding_error(check->findings, node->at, "'%s' is missing here", key->name);
        if (way_out)
            finding_hint(check->findings, "%s", way_out);
        else if (key->help)
            finding_hint(check->findings, "%s: %s", key->name, key->help);
        meant = meant && !way_out;
        check->good = false;
    }
    return meant;
}

static void check_map(struct check *check, const struct schema *schema, const struct node *node)
{
    if (!check_required(check, schema, node))
        return;
    for (size_t i = 0; i < node->count; i++)
        check_entry(check, schema, node->keys[i], node->items[i]);
}

static void check_node(struct check *check, const struct schema *schema, const struct node *node)
{
    static void (*const checks[])(struct check *, const struct schema *, const struct node *) = {
        [SCHEMA_TEXT] = check_text,
        [SCHEMA_NAME] = check_name,
        [SCHEMA_BOOL] = check_bool,
        [SCHEMA_INT] = check_int,
        [SCHEMA_DURATION] = check_duration,
        [SCHEMA_SIZE] = check_size,
        [SCHEMA_WORD] = check_word,
        [SCHEMA_LIST] = check_list,
        [SCHEMA_DICT] = check_dict,
        [SCHEMA_MAP] = check_map,
        [SCHEMA_ANY_OF] = NULL,
        [SCHEMA_CUSTOM] = check_custom,
    };
    const struct schema *chosen = choose(schema, node->kind);

    /* an empty place is a forgotten value; an empty text is written '' */
    if (!chosen || (node->kind == NODE_SCALAR && node->plain && node->text.n == 0))
        wrong_kind(check, schema, node);
    else
        checks[chosen->kind](check, chosen, node);
}

bool schema_check(const struct schema *schema, const struct node *node, struct findings *findings)
{
    struct check check = { findings, true };

    check_node(&check, schema, node);
    return check.good;
}

/* --- values ----------------------------------------------------------------------------------------------------- */

struct text schema_text(const struct node *map, const char *key, const char *otherwise)
{
    const struct node *node = node_get(map, key);

    return node && node->kind == NODE_SCALAR ? node->text : text_of(otherwise);
}

bool schema_bool(const struct node *map, const char *key, bool otherwise)
{
    bool value;

    return node_bool(node_get(map, key), &value) ? value : otherwise;
}

int64_t schema_int(const struct node *map, const char *key, int64_t otherwise)
{
    int64_t value;

    return node_int(node_get(map, key), &value) ? value : otherwise;
}

int64_t schema_duration(const struct node *map, const char *key, int64_t otherwise)
{
    int64_t value;

    return text_duration(schema_text(map, key, NULL), &value) ? value : otherwise;
}

size_t schema_size(const struct node *map, const char *key, size_t otherwise)
{
    size_t value;

    return text_size(schema_text(map, key, NULL), &value) ? value : otherwise;
}
