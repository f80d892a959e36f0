#include "core/testcase.h"

#include "base/now.h"
#include "core/doc.h"
#include "core/lookup.h"
#include "core/schema.h"
#include "core/yaml.h"

#include <string.h>

#define CONTACT_MAX (64u << 10)
#define LATEST ((int64_t)2100000000000) /* ids hold times up to 2039 */
#define STEPS_MAX 1000
#define CASES_MAX 10000
#define START_AT 1767614400000 /* 2026-01-05T12:00:00Z, a Monday */

static const char *const deed_names[] = { [DEED_NONE] = "none",
                                          [DEED_TAP] = "tap",
                                          [DEED_TEXT] = "text",
                                          [DEED_PRESS] = "press",
                                          [DEED_ATTACHMENT] = "attachment" };

const char *deed_name(enum deed deed)
{
    return deed_names[deed];
}

/* --- schema ---------------------------------------------------------------------------------------------------------- */

static bool check_time(struct text text, struct fault *fault)
{
    char copy[64];
    int64_t ms;

    if (text.n < sizeof(copy)) {
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        if (now_parse(copy, &ms))
            return (ms > 0 && ms < LATEST) || fault_set(fault, "'%s' is not between 1970 and 2036", copy);
    }
    return fault_set(fault, "'%.*s' is no time such as 2026-12-01T10:00:00+01:00",
                     (int)(text.n < 40 ? text.n : 40), text.p);
}

static const struct schema any_text = { .kind = SCHEMA_TEXT };
static const struct schema name_text = { .kind = SCHEMA_TEXT, .what = "a name", .least = 1, .most = 200 };
static const struct schema flag = { .kind = SCHEMA_BOOL };
static const struct schema time_schema = { .kind = SCHEMA_CUSTOM, .check = check_time };
static const struct schema after_schema = { .kind = SCHEMA_DURATION, .least = 0, .most = TESTCASE_AFTER_MAX };

static const struct schema any_value;
static const struct schema any_list = { .kind = SCHEMA_LIST, .item = &any_value };
static const struct schema any_map = { .kind = SCHEMA_DICT, .item = &any_value };
static const struct schema *const any_options[] = { &any_text, &any_list, &any_map, NULL };
static const struct schema any_value = { .kind = SCHEMA_ANY_OF, .options = any_options };

static const struct schema_key expected_button_keys[] = {
    { "text", &any_text, .help = "its label" },
    { "url", &any_text, .help = "the address it opens" },
    { "callback_data", &any_text, .help = "what it sends" },
    { NULL },
};
static const struct schema expected_button_map = { .kind = SCHEMA_MAP, .keys = expected_button_keys };
static const struct schema *const button_options[] = { &any_text, &expected_button_map, NULL };
static const struct schema expected_button = { .kind = SCHEMA_ANY_OF,
                                               .what = "a label or a button",
                                               .options = button_options };
static const struct schema expected_row = { .kind = SCHEMA_LIST,
                                            .what = "a row: a list of buttons",
                                            .item = &expected_button };
static const struct schema expected_rows = { .kind = SCHEMA_LIST,
                                             .what = "a list of rows",
                                             .item = &expected_row };

static const struct schema_key expected_reply_keys[] = {
    { "type", &any_text, .help = "reply_buttons, reply_keyboard, remove_reply_keyboard, highlight_reply" },
    { "text", &any_text, .help = "the whole text" },
    { "buttons", &expected_rows, .help = "the rows of buttons" },
    { "keyboard", &expected_rows, .help = "the rows of keys" },
    { "resize_keyboard", &flag },
    { "one_time_keyboard", &flag },
    { "is_persistent", &flag },
    { "input_field_placeholder", &any_text },
    { "intercom_teammate_id", &any_text },
    { "open_intercom_conversation", &flag },
    { NULL },
};
static const struct schema expected_reply = { .kind = SCHEMA_MAP,
                                              .what = "a message",
                                              .keys = expected_reply_keys };
static const struct schema expected_replies = { .kind = SCHEMA_LIST,
                                                .what = "a list of messages",
                                                .item = &expected_reply };
static const struct schema labels_schema = { .kind = SCHEMA_LIST,
                                             .what = "a list of labels",
                                             .item = &any_text };

static const char *const refused_words[] = { "used", "expired", "not_issued", NULL };
static const struct schema refused_schema = { .kind = SCHEMA_WORD, .words = refused_words };
static const struct schema_key expected_inbox_keys[] = {
    { "note", &any_text, .help = "the whole note" },
    { "assign_team", &any_text, .help = "the team's id" },
    { "assign_teammate", &any_text, .help = "the teammate's id" },
    { "tag", &any_text, .help = "the tag's name" },
    { "snooze", &flag, .help = "true: the conversation is put to sleep" },
    { "close", &flag, .help = "true: it is closed" },
    { NULL },
};
static const struct schema inbox_expected = { .kind = SCHEMA_MAP,
                                              .what = "a map of inbox actions",
                                              .keys = expected_inbox_keys };

static const struct schema_key attachment_keys[] = {
    { "type", &any_text, .required = true, .help = "media type such as image/png" },
    { "url", &any_text, .help = "where the file is" },
    { "name", &any_text, .help = "its name" },
    { NULL },
};
static const struct schema attachment_schema = { .kind = SCHEMA_MAP,
                                                 .what = "a file: { type, url, name }",
                                                 .keys = attachment_keys };

static const struct schema_key expect_keys[] = {
    { "rule", &any_text, .help = "the rule that takes it; none: no rule does" },
    { "replies", &expected_replies, .help = "the messages, each with what must be true of it; []: silence" },
    { "buttons", &labels_schema, .help = "the labels of all buttons or keys that were sent, in order" },
    { "inbox", &inbox_expected, .help = "what is done in the helpdesk, among other things; {}: nothing" },
    { "chat", &any_map, .help = "variables of the chat after it; null: there is none of the name" },
    { "refused", &refused_schema, .help = "why the guards refuse the press" },
    { NULL },
};
static const struct schema expect_schema = { .kind = SCHEMA_MAP,
                                             .what = "a map of expectations",
                                             .keys = expect_keys };

static const struct schema_key case_step_keys[] = {
    { "tap", &any_text, .help = "the data of a button that was pressed" },
    { "text", &any_text, .help = "what the customer writes" },
    { "press", &any_text, .help = "the label of a button or key that is there" },
    { "after", &after_schema, .help = "how much later than the step before; 10s" },
    { "expect", &expect_schema, .help = "what must follow" },
    { "attachment", &attachment_schema, .help = "a file that the customer sends, without words" },
    { "lookups", &any_map,
      .help = "what lookups are answered from this step on: JSON, not_found, error or sample" },
    { NULL },
};
static const struct schema case_step = { .kind = SCHEMA_MAP, .what = "a step", .keys = case_step_keys };
static const struct schema case_steps = {
    .kind = SCHEMA_LIST, .what = "a list of steps", .item = &case_step, .least = 1, .most = STEPS_MAX
};

static const struct schema_key case_keys[] = {
    { "name", &name_text, .required = true, .help = "unique in the file" },
    { "at", &time_schema, .help = "when it begins; 2026-01-05T12:00:00Z, a Monday" },
    { "contact", &any_map, .help = "what rules see as contact" },
    { "steps", &case_steps, .help = "what the customer does, one after the other" },
    { "tap", &any_text, .help = "a case of one step: see steps" },
    { "text", &any_text, .help = "a case of one step: see steps" },
    { "expect", &expect_schema, .help = "of the one step" },
    { "press", &any_text, .help = "a case of one step: see steps" },
    { "attachment", &attachment_schema, .help = "a case of one step: see steps" },
    { "lookups", &any_map,
      .help = "what lookups are answered: JSON, not_found, error or sample, as without" },
    { NULL },
};
static const struct schema case_schema = { .kind = SCHEMA_MAP, .what = "a case", .keys = case_keys };
const struct schema testcases_schema = {
    .kind = SCHEMA_LIST, .what = "a list of cases", .item = &case_schema, .least = 1, .most = CASES_MAX
};

/* --- building -------------------------------------------------------------------------------------------------------- */

struct reading {
    struct arena *arena;
    struct findings *findings;
    const struct ruleset *ruleset;
    const char **rules; /* their names, and "none"; NULL-terminated */
    bool good;
};

static struct json_object *json_of(const struct node *node)
{
    struct json_object *out = NULL;
    int64_t number;
    bool flag_value;

    if (node->kind == NODE_LIST) {
        out = json_object_new_array();
        for (size_t i = 0; i < node->count; i++)
            json_object_array_add(out, json_of(node->items[i]));
    } else if (node->kind == NODE_MAP) {
        out = json_object_new_object();
        for (size_t i = 0; i < node->count; i++)
            json_object_object_add(out, node->keys[i]->text.p, json_of(node->items[i]));
    } else if (node_int(node, &number)) {
        out = json_object_new_int64(number);
    } else if (node_bool(node, &flag_value)) {
        out = json_object_new_boolean(flag_value);
    } else if (!node_is_null(node)) {
        out = json_object_new_string_len(node->text.p, (int)node->text.n);
    }
    return out;
}

static struct text read_json(struct reading *reading, const struct node *node, size_t most, const char *what)
{
    struct buf print = BUF(most);
    struct json_object *doc;
    struct text out;

    if (!node)
        return TEXT_NONE;
    doc = json_of(node);
    doc_print(doc, &print);
    out = print.failed ? TEXT_NONE : arena_text(reading->arena, buf_get(&print));
    if (!out.p) {
        finding_error(reading->findings, node->at, "%s is too large", what);
        reading->good = false;
    }
    buf_free(&print);
    json_object_put(doc);
    return out;
}

/* Text that is neither of the words would be an error of the shop, which nobody means. */
static void no_answer(struct reading *reading, const struct node *node)
{
    static const char *const words[] = { "not_found", "error", "sample", NULL };
    const char *near = text_closest(node->text, words);

    finding_error(reading->findings, node->at,
                  "a map or a list is expected here, or one of not_found, error, sample");
    if (near)
        finding_hint(reading->findings, "did you mean '%s'?", near);
    reading->good = false;
}

static void read_lookup(struct reading *reading, const struct node *key, const struct node *node,
                        struct test_lookup *out)
{
    const char *near;

    *out = (struct test_lookup){ key->text, 200, TEXT_NONE };
    if (!ruleset_lookup(reading->ruleset, key->text, &near)) {
        finding_error(reading->findings, key->at, "no rule asks a lookup '%.*s'", TEXT_ARG(key->text));
        if (near)
            finding_hint(reading->findings, "did you mean '%s'?", near);
        reading->good = false;
    }
    if (node_is(node, "sample"))
        out->status = 0;
    else if (node_is(node, "not_found"))
        out->status = 404;
    else if (node_is(node, "error"))
        out->status = 500;
    else if (node->kind == NODE_SCALAR)
        no_answer(reading, node);
    else
        out->body = read_json(reading, node, LOOKUP_ANSWER_MAX, "the answer");
}

static struct test_lookups read_lookups(struct reading *reading, const struct node *map)
{
    size_t n = map ? map->count : 0;
    struct test_lookup *items = arena_array(reading->arena, n + 1, sizeof(*items));

    if (!items)
        reading->good = false;
    for (size_t i = 0; items && i < n; i++)
        read_lookup(reading, map->keys[i], map->items[i], &items[i]);
    return (struct test_lookups){ items, items ? n : 0 };
}

static void check_rule(struct reading *reading, const struct node *rule)
{
    const char *near;

    if (!rule || node_is(rule, "none") || ruleset_find(reading->ruleset, rule->text))
        return;
    finding_error(reading->findings, rule->at, "there is no rule '%.*s'", (int)rule->text.n, rule->text.p);
    near = text_closest(rule->text, reading->rules);
    if (near)
        finding_hint(reading->findings, "did you mean '%s'?", near);
    reading->good = false;
}

static void read_expect(struct reading *reading, const struct node *node, struct test_expect *out)
{
    out->rule = node_get(node, "rule");
    out->replies = node_get(node, "replies");
    out->buttons = node_get(node, "buttons");
    out->inbox = node_get(node, "inbox");
    out->chat = node_get(node, "chat");
    out->refused = node_get(node, "refused");
    check_rule(reading, out->rule);
}

static struct attachment read_attachment(const struct node *map)
{
    struct attachment out = { .type = node_get(map, "type")->text };

    if (node_get(map, "url"))
        out.url = node_get(map, "url")->text;
    if (node_get(map, "name"))
        out.name = node_get(map, "name")->text;
    return out;
}

static void read_step(struct reading *reading, const struct node *node, struct test_step *out)
{
    static const enum deed deeds[] = { DEED_TAP, DEED_TEXT, DEED_PRESS, DEED_ATTACHMENT };
    size_t n = 0;

    *out = (struct test_step){ .at = node->at, .after_ms = schema_duration(node, "after", -1) };
    for (size_t i = 0; i < sizeof(deeds) / sizeof(*deeds); i++) {
        const struct node *what = node_get(node, deed_names[deeds[i]]);

        if (!what)
            continue;
        out->deed = deeds[i];
        out->what = what->text;
        if (what->kind == NODE_MAP)
            out->attachment = read_attachment(what);
        n++;
    }
    if (n != 1) {
        finding_error(reading->findings, node->at,
                      n ? "a step is one of tap, text, press, attachment" : "nothing is done in this step");
        finding_hint(reading->findings,
                     "write one of: tap: DATA, text: WORDS, press: LABEL, attachment: { type: TYPE }");
        reading->good = false;
    }
    read_expect(reading, node_get(node, "expect"), &out->expect);
}

static const struct node *steps_of(struct reading *reading, const struct node *node)
{
    const struct node *steps = node_get(node, "steps");
    const char *const alone[] = { "tap", "text", "press", "attachment", "expect" };

    for (size_t i = 0; steps && i < sizeof(alone) / sizeof(*alone); i++) {
        if (!node_get(node, alone[i]))
            continue;
        finding_error(reading->findings, node_get(node, alone[i])->at,
                      "'%s' stands in a step, where there are steps", alone[i]);
        reading->good = false;
    }
    return steps;
}

static bool read_case(struct reading *reading, const struct node *node, struct test_case *out)
{
    const struct node *steps = steps_of(reading, node), *at = node_get(node, "at");

    *out = (struct test_case){ .at = node->at,
                               .name = schema_text(node, "name", ""),
                               .start_at = START_AT,
                               .contact =
                                   read_json(reading, node_get(node, "contact"), CONTACT_MAX, "the contact"),
                               .count = steps ? steps->count : 1 };
    if (at)
        reading->good = now_parse(at->text.p, &out->start_at) && reading->good;
    out->steps = arena_array(reading->arena, out->count, sizeof(*out->steps));
    out->lookups = read_lookups(reading, node_get(node, "lookups"));
    for (size_t i = 0; out->steps && i < out->count; i++) {
        read_step(reading, steps ? steps->items[i] : node, &out->steps[i]);
        if (steps)
            out->steps[i].lookups = read_lookups(reading, node_get(steps->items[i], "lookups"));
    }
    return out->steps != NULL;
}

static void check_names(struct reading *reading, const struct test_cases *cases)
{
    for (size_t i = 1; i < cases->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (!text_eq(cases->items[i].name, cases->items[k].name))
                continue;
            finding_error(reading->findings, cases->items[i].at, "two cases are called '%.*s'",
                          TEXT_ARG(cases->items[i].name));
            finding_hint(reading->findings, "the other is in line %d", cases->items[k].at.line);
            reading->good = false;
            break;
        }
    }
}

static bool list_rules(struct reading *reading)
{
    size_t n = ruleset_count(reading->ruleset);

    reading->rules = arena_array(reading->arena, n + 2, sizeof(*reading->rules));
    for (size_t i = 0; reading->rules && i < n; i++)
        reading->rules[i] = ruleset_rule(reading->ruleset, i)->name;
    if (reading->rules)
        reading->rules[n] = "none";
    return reading->rules != NULL;
}

bool testcase_read(struct arena *arena, const char *path, struct text source, const struct ruleset *ruleset,
                   struct test_cases *out, struct findings *findings)
{
    struct reading reading = { .arena = arena, .findings = findings, .ruleset = ruleset, .good = true };
    struct document *document = text_ends(text_of(path), ".json") ? json_read(arena, path, source, findings)
                                                                  : yaml_read(arena, path, source, findings);
    const struct node *root = document ? document->root : NULL;
    bool ok;

    *out = (struct test_cases){ NULL };
    if (!document)
        return false;
    if (!root) {
        finding_error(findings, (struct place){ NULL }, "%s: the file has no cases", path);
        return false;
    }
    if (!schema_check(&testcases_schema, root, findings))
        return false;
    out->count = root->count;
    out->items = arena_array(arena, root->count, sizeof(*out->items));
    reading.good = out->items && list_rules(&reading);
    ok = out->items && list_rules(&reading);
    for (size_t i = 0; ok && i < root->count; i++)
        ok = read_case(&reading, root->items[i], &out->items[i]);
    if (ok)
        check_names(&reading, out);
    else
        finding_error(findings, root->at, "out of memory");
    return ok && reading.good;
}
