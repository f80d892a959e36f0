/* Rule files through the loader and the checker; what loads is printed and read again, asked for matches, and its messages are
   rendered. */

#include "kit_file.h"
#include "kit_rules.h"

#include "core/doc.h"
#include "core/flow.h"

static const struct ruleset_channel channels[] = { { "shop", DIALECT_FLAT }, { "other", DIALECT_MARKUP } };

static void check_back(const struct ruleset *ruleset)
{
    struct fault fault = { "" };
    struct ruleset *again = ruleset_read(ruleset_source(ruleset), &fault);

    HOLDS(again && ruleset_count(again) == ruleset_count(ruleset));
    HOLDS(text_eq(ruleset_hash(again), ruleset_hash(ruleset)));
    HOLDS(text_eq(ruleset_source(again), ruleset_source(ruleset)));
    ruleset_free(again);
}

static struct json_object *scope_of(struct json_object *captures)
{
    static const char contact[] =
        "{\"name\":\"Anna\",\"language\":\"de-AT\",\"custom_attributes\":{\"vip\":true}}";
    struct json_object *scope = captures ? captures : fuzz_must(json_object_new_object());
    struct fault fault;

    HOLDS(doc_add(scope, "contact", doc_parse(text_of(contact), &fault)));
    HOLDS(doc_add_text(scope, "lang", text_of("en")));
    return scope;
}

static void ask(const struct ruleset *ruleset, struct text data, enum entry_kind kind,
                struct pattern_scratch *scratch)
{
    struct json_object *empty = fuzz_must(json_object_new_object());
    struct ruleset_question question = { .kind = kind, .data = data, .scope = empty };
    struct match match, next;
    struct json_object *scope;

    HOLDS(ruleset_match(ruleset, &question, scratch, &match));
    HOLDS((match.how == MATCH_NONE) == (match.rule == NULL));
    if (match.rule) {
        HOLDS(ruleset_find(ruleset, text_of(match.rule->name)) == match.rule);
        HOLDS(ruleset_match_next(ruleset, &question, &match, scratch, &next));
        json_object_put(next.captures);
    }
    scope = scope_of(match.captures);
    kit_render(ruleset, scope, scratch);
    json_object_put(scope);
    json_object_put(empty);
}

static void check_ruleset(const struct ruleset *ruleset, size_t size, struct findings *findings)
{
    static const char *const texts[] = { "track:ORD-1001", "/start", "", "menu", "buy:a:b:3" };
    struct pattern_scratch *scratch = fuzz_must(pattern_scratch_new());
    /* Small ones, so that the checker gives up at many places. */
    struct flow_bounds bounds = { 300000 + size % 20 * 300000, size * 7919 % 300 * 1000 + 1000, 0 };

    check_back(ruleset);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        ask(ruleset, text_of(texts[i]), ENTRY_TAP, scratch);
        ask(ruleset, text_of(texts[i]), ENTRY_EITHER, scratch);
    }
    flow_check_within(ruleset, &bounds, findings);
    pattern_scratch_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = fuzz_text(data, size);
    struct ruleset_file file = { kit_path(text), text };
    struct findings *findings = fuzz_must(findings_new()), *flow = fuzz_must(findings_new());
    struct ruleset *ruleset = ruleset_build(&file, 1, channels, 2, findings);

    if (ruleset)
        check_ruleset(ruleset, size, flow);
    kit_findings(findings, text, ruleset != NULL);
    kit_findings(flow, text, findings_count(flow, FINDING_ERROR) == 0);
    ruleset_free(ruleset);
    return 0;
}
