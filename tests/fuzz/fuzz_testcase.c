/* Files of test cases. */

#include "kit_file.h"
#include "kit_rules.h"

#include "core/doc.h"
#include "core/testcase.h"

static const char rules[] =
    "lookups:\n"
    "  order: { url: 'https://shop.example/o/${id}', fields: { status: '[a-z]+' }, sample: { status: open } "
    "}\n"
    "rules:\n"
    "  - { name: start, text: /start, reply: { text: Hi, buttons: [ [ { text: Track, callback_data: "
    "'track:1' } ] ] } }\n"
    "  - { name: track, tap: 'track:(?<id>.*)', lookup: order, reply: { text: '${order.status}' } }\n";

static void check_steps(const struct test_case *one)
{
    HOLDS(one->start_at > 0 && one->count > 0);
    for (size_t i = 0; i < one->count; i++) {
        HOLDS(one->steps[i].after_ms >= -1 && one->steps[i].after_ms <= TESTCASE_AFTER_MAX);
        HOLDS(deed_name(one->steps[i].deed) != NULL);
    }
}

static void check_cases(const struct test_cases *cases)
{
    struct fault fault;

    for (size_t i = 0; i < cases->count; i++) {
        const struct test_case *one = &cases->items[i];

        if (one->contact.p)
            json_object_put(fuzz_must(doc_parse(one->contact, &fault)));
        for (size_t k = 0; k < one->lookups.count; k++)
            if (one->lookups.items[k].status == 200)
                json_object_put(fuzz_must(doc_parse(one->lookups.items[k].body, &fault)));
        check_steps(one);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ruleset *ruleset;
    struct text text = fuzz_text(data, size);
    struct arena *arena = fuzz_must(arena_new((size_t)64 << 20));
    struct findings *findings = fuzz_must(findings_new());
    struct test_cases cases;
    bool loaded;

    if (!ruleset)
        ruleset = kit_rules(rules);
    loaded = testcase_read(arena, kit_path(text), text, ruleset, &cases, findings);
    if (loaded)
        check_cases(&cases);
    kit_findings(findings, text, loaded);
    arena_free(arena);
    return 0;
}
