#include "core/doc.h"
#include "core/ruleset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json_object *parse(const char *text)
{
    struct fault fault;
    struct json_object *doc = doc_parse(text_of(text), &fault);

    if (!doc)
        fail_msg("%s: %s", text, fault.text);
    return doc;
}

/* A ruleset that may have warnings, no errors. */
static struct ruleset *build(const char *text)
{
    struct findings *findings = findings_new();
    const struct ruleset_file file = { "r.yaml", text_of(text) };
    struct ruleset *ruleset = ruleset_build(&file, 1, NULL, 0, findings);
    struct buf out = BUF(100000);

    findings_print(findings, &out);
    if (!ruleset)
        fail_msg("%s", out.data);
    buf_free(&out);
    findings_free(findings);
    return ruleset;
}

/* --- rendering ---------------------------------------------------------------------------------------------------- */

static const char head[] = "hours: { shop: { open: [ 'Mon 09:00-10:00' ] } }\n"
                           "languages: [ en, de ]\n"
                           "rows: { home: [ { text: Home, callback_data: home, when: { topic: '' } } ] }\n"
                           "rules:\n  - name: r\n    tap: '(?<p>.*)'\n    reply: ";

static const char contact[] =
    "{\"contact\":{\"vip\":true,\"n\":3,\"list\":[{\"id\":1,\"ok\":true},{\"id\":2},{\"id\":3,\"ok\":true},"
    "{\"id\":4,\"ok\":true},{\"id\":5,\"ok\":true}],\"words\":[\"a\",null,\"b\"],\"none\":[]},"
    "\"hours\":{\"shop\":\"open\"},\"lang\":\"de\",\"p\":\"";

static const struct {
    const char *reply, *p;
    const char *out; /* "text", then "|" and the labels of each row; or "fault: ..." */
} rows[] = {
    /* lines */
    { "{ text: [ a, { text: b, when: { contact.vip: 'true' } }, { text: c, when: { contact.vip: '' } } ] }",
      "", "a\nb" },
    { "{ text: [ { text: a, when: { hours.shop: open, lang: de, contact.n: '[0-9]' } }, b ] }", "", "a\nb" },
    { "{ text: [ { text: a, when: { hours.shop: open, contact.nix: '.+' } }, b ] }", "", "b" },
    { "{ text: [ { text: a, when: { contact.list: '' } }, { text: b, when: { contact.list.count: '5' } } ] }",
      "", "a\nb" },
    { "{ text: [ { text: '${i.id}', repeat: contact.list, as: i, max: 3 } ] }", "", "1\n2\n3" },
    { "{ text: [ { text: '${i.id}', repeat: contact.list, as: i, max: 3, when: { i.ok: 'true' } } ] }", "",
      "1\n3\n4" },
    { "{ text: [ { text: '-${item:-?}', repeat: contact.words } ] }", "", "-a\n-?\n-b" },
    { "{ text: [ { text: '-${item}', repeat: contact.words } ] }", "", "fault: text: ${item} is missing" },
    { "{ text: [ x, { text: a, repeat: contact.none }, { text: a, repeat: contact.nix }, { text: a, repeat: "
      "contact.vip } ] }",
      "", "x" },
    { "{ text: [ { text: a, repeat: contact.none } ] }", "", "fault: no line of the text is left" },
    { "{ text: [ a, '', b ] }", "", "a\n\nb" },
    { "{ text: [ '' ] }", "", "fault: text is empty" },
    /* languages */
    { "{ text: { en: Hello, de: 'Hallo ${p}' } }", "du", "Hallo du" },
    { "{ text: [ { text: { de: '1', en: '2' } } ], keyboard: [ [ { text: { en: Yes, de: Ja } } ] ] }", "",
      "1|Ja" },
    /* buttons, rows, keys */
    { "{ text: a, buttons: [ [ { text: b, callback_data: b, when: { p: x } }, { text: c, callback_data: c } "
      "], home ] }",
      "", "a|c|Home" },
    { "{ text: a, buttons: [ [ { text: b, callback_data: b, when: { p: x } } ], home ] }", "x", "a|b|Home" },
    { "{ text: a, buttons: [ { row: [ { text: b, callback_data: b } ], when: { p: x } } ] }", "y",
      "fault: no button is left" },
    { "{ text: a, keyboard: [ [ { text: b, when: { p: x } } ] ] }", "y", "fault: no key is left" },
    { "{ text: a, keyboard: [ [ { text: b, when: { p: x } }, { text: b, when: { p: 'y?' } } ] ] }", "y",
      "a|b" },
    { "{ text: a, keyboard: [ [ { text: b, when: { p: x } }, { text: b, when: { p: 'x?' } } ] ] }", "x",
      "fault: label 'b' stands twice" },
    /* repeat */
    { "{ text: a, keyboard: [ { repeat: contact.list, as: i, row: [ 'n${i.id}' ] } ] }", "",
      "a|n1|n2|n3|n4|n5" },
    { "{ text: a, keyboard: [ { repeat: contact.list, as: i, per_row: 2, row: [ 'n${i.id}' ] } ] }", "",
      "a|n1,n2|n3,n4|n5" },
    { "{ text: a, keyboard: [ { repeat: contact.list, as: i, per_row: 2, row: [ { text: 'n${i.id}', when: { "
      "i.ok: "
      "'true' } }, 'm${i.id}' ] } ] }",
      "", "a|n1,m1,m2|n3,m3,n4,m4|n5,m5" },
    { "{ text: a, keyboard: [ { repeat: contact.list, as: i, per_row: 4, max: 4, when: { i.ok: 'true' }, "
      "row: [ "
      "'n${i.id}' ] } ] }",
      "", "a|n1,n3,n4,n5" },
    { "{ text: a, keyboard: [ { repeat: contact.list, as: i, row: [ { text: 'n${i.id}', when: { i.ok: 'true' "
      "} } ] "
      "} ] }",
      "", "a|n1|n3|n4|n5" },
    { "{ text: a, buttons: [ { repeat: contact.none, row: [ { text: b, callback_data: b } ] } ] }", "",
      "fault: no button is left" },
/* pages */
#define PAGES                                                                                             \
    "{ text: '${pages.now}/${pages.count} ${pages.prev:-}<>${pages.next:-}', keyboard: [ { repeat: "      \
    "contact.list, as: i, max: 2, page: '${p:-1}', row: [ 'n${i.id}' ] }, [ { text: 'to ${pages.next}', " \
    "when: { pages.next: '.+' } }, x ] ] }"
    { PAGES, "1", "1/3 <>2|n1|n2|to 2,x" },
    { PAGES, "2", "2/3 1<>3|n3|n4|to 3,x" },
    { PAGES, "3", "3/3 2<>|n5|x" },
    { PAGES, "4", "3/3 2<>|n5|x" },
    { PAGES, "0", "1/3 <>2|n1|n2|to 2,x" },
    { PAGES, "-9", "1/3 <>2|n1|n2|to 2,x" },
    { PAGES, "x", "1/3 <>2|n1|n2|to 2,x" },
    { PAGES, "99999999999999999999", "1/3 <>2|n1|n2|to 2,x" },
    { PAGES, "", "1/3 <>2|n1|n2|to 2,x" },
    { "{ text: '${pages.now}/${pages.count}', keyboard: [ { repeat: contact.list, as: i, max: 2, page: "
      "'${p}', when: "
      "{ i.ok: 'true' }, row: [ 'n${i.id}' ] }, [ x ] ] }",
      "2", "2/2|n4|n5|x" },
    { "{ text: '${pages.now}/${pages.count}', keyboard: [ { repeat: contact.none, page: '${p}', row: [ b ] "
      "}, [ x ] ] "
      "}",
      "2", "1/1|x" },
};

static void show_message(const struct rendered *message, struct buf *out)
{
    buf_text(out, message->text);
    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++) {
            buf_char(out, k ? ',' : '|');
            buf_text(out, message->rows[i].buttons[k].text);
        }
}

static void test_render(void **state)
{
    struct pattern_scratch *scratch = pattern_scratch_new();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf file = BUF(10000), values = BUF(10000), out = BUF(10000);
        struct arena *arena = arena_new(1 << 20);
        struct json_object *scope;
        struct ruleset *ruleset;
        struct rendered rendered;
        struct fault fault;

        buf_printf(&file, "%s%s\n", head, rows[i].reply);
        buf_printf(&values, "%s%s\"}", contact, rows[i].p);
        ruleset = build(file.data);
        scope = parse(values.data);
        if (message_render(ruleset_rule(ruleset, 0)->steps[0].messages[0], scope, scratch, arena, &rendered,
                           &fault))
            show_message(&rendered, &out);
        else
            buf_printf(&out, "fault: %s", fault.text);
        if (rows[i].out[0] == 'f' && rows[i].out[1] == 'a')
            buf_cut(&out, out.len < strlen(rows[i].out) ? out.len : strlen(rows[i].out));
        if (strcmp(out.data, rows[i].out) != 0)
            fail_msg("%s\n%s\ninstead of\n%s\n%s", rows[i].reply, out.data, rows[i].out, fault.text);
        /* what was bound while it worked is gone */
        assert_int_equal(json_object_object_length(scope), 4);
        json_object_put(scope);
        ruleset_free(ruleset);
        arena_free(arena);
        buf_free(&file);
        buf_free(&values);
        buf_free(&out);
    }
    pattern_scratch_free(scratch);
}

/* --- steps -------------------------------------------------------------------------------------------------------- */

static const char steps[] =
    "rules:\n"
    "  - name: r\n"
    "    tap: '(?<a>.)(?<b>.)'\n"
    "    choose:\n"
    "      - when: { a: x }\n"
    "        do:\n"
    "          - reply: { text: x }\n"
    "          - choose:\n"
    "              - { when: { b: '1' }, reply: { text: x1 } }\n"
    "              - { when: { b: '2' } }\n"
    "            reply: { text: x-end }\n"
    "      - when: { a: y }\n"
    "        choose: [ { when: { b: '1' }, reply: { text: y1 } }, { reply: { text: y } } ]\n"
    "      - when: { a: z }\n"
    "        reply: [ { text: z }, { text: zz } ]\n"
    "    reply: { text: end }\n"
    "  - name: in-list\n"
    "    tap: q\n"
    "    do: [ { choose: [ { reply: { text: a } } ] }, { do: { reply: { text: b } } } ]\n";

/* The texts that a rule sends, as the engine goes through its steps. */
static void walk(const struct rule *rule, struct json_object *scope, struct pattern_scratch *scratch,
                 struct buf *out)
{
    size_t at = 0, moves = 0;

    while (at < rule->n_steps) {
        const struct step *step = &rule->steps[at];

        assert_true(moves++ < 100);
        if (step->kind != STEP_REPLY) {
            size_t next = rule_next(step, scope, scratch);

            assert_true(next > at && next <= rule->n_steps);
            at = next;
            continue;
        }
        for (size_t i = 0; i < step->count; i++) {
            struct arena *arena = arena_new(1 << 16);
            struct rendered message;
            struct fault fault;

            assert_true(message_render(step->messages[i], scope, scratch, arena, &message, &fault));
            buf_printf(out, "%s%.*s", out->len ? " " : "", TEXT_ARG(message.text));
            arena_free(arena);
        }
        at++;
    }
}

static void test_walk(void **state)
{
    static const struct {
        const char *tap, *sent;
    } table[] = {
        { "x1", "x x1 x-end end" }, { "x2", "x x-end end" }, { "x3", "x x-end end" }, { "y1", "y1 end" },
        { "y2", "y end" },          { "z1", "z zz end" },    { "q1", "end" },         { "q", "a b" },
    };
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct ruleset *ruleset = build(steps);

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        const struct ruleset_question question = { .kind = ENTRY_TAP, .data = text_of(table[i].tap) };
        struct buf out = BUF(1000);
        struct match match;

        assert_true(ruleset_match(ruleset, &question, scratch, &match));
        walk(match.rule, match.captures, scratch, &out);
        if (strcmp(out.data, table[i].sent) != 0)
            fail_msg("%s: %s", table[i].tap, out.data);
        json_object_put(match.captures);
        buf_free(&out);
    }
    ruleset_free(ruleset);
    pattern_scratch_free(scratch);
}

/* --- conditions of rules, and `continue` ------------------------------------------------------------------------------ */

static const char conditional[] =
    "rules:\n"
    "  - { name: vip, tap: 'a:(?<n>.*)', text: '(?<n>.*)', when: { contact.vip: 'true' }, reply: { text: a } "
    "}\n"
    "  - { name: five, tap: 'a:(?<n>.*)', when: { n: '5' }, continue: true, reply: { text: a } }\n"
    "  - { name: log, tap: '.*', when: { source: shop }, continue: true, reply: { text: a } }\n"
    "  - { name: no-n, tap: 'a(:(?<n>.+))?:?', when: { n: '' }, reply: { text: a } }\n"
    "  - { name: all, tap: 'a.*', reply: { text: a } }\n"
    "  - { name: closed, default: any, when: { topic: late }, continue: true, reply: { text: a } }\n"
    "  - { name: other, default: true, reply: { text: a } }\n"
    "  - { name: last, default: any, reply: { text: a } }\n";

static void match_all(const struct ruleset *ruleset, const struct ruleset_question *question,
                      struct pattern_scratch *scratch, struct buf *out)
{
    struct match match, before;

    assert_true(ruleset_match(ruleset, question, scratch, &match));
    while (match.rule) {
        buf_printf(out, "%s%s%s", out->len ? " " : "", match.rule->name,
                   json_object_to_json_string_ext(match.captures, JSON_C_TO_STRING_PLAIN));
        if (!match.rule->further)
            break;
        before = match;
        assert_true(ruleset_match_next(ruleset, question, &before, scratch, &match));
        json_object_put(before.captures);
    }
    json_object_put(match.captures);
}

static void test_when(void **state)
{
    static const struct {
        enum entry_kind kind;
        const char *data, *scope, *rules;
    } table[] = {
        { ENTRY_TAP, "a:1", "{\"contact\":{\"vip\":true}}", "vip{\"1\":\"1\",\"n\":\"1\"}" },
        { ENTRY_TAP, "a:1", "{\"contact\":{\"vip\":\"no\"}}", "all{}" },
        { ENTRY_TAP, "a:5", "{}", "five{\"1\":\"5\",\"n\":\"5\"} all{}" },
        { ENTRY_TAP, "a:5", NULL, "five{\"1\":\"5\",\"n\":\"5\"} all{}" },
        { ENTRY_TAP, "a:5", "{\"source\":\"shop\"}", "five{\"1\":\"5\",\"n\":\"5\"} log{} all{}" },
        { ENTRY_TAP, "a:", "{\"source\":\"shop\"}", "log{} no-n{}" },
        { ENTRY_TAP, "a", "{}", "no-n{}" },
        { ENTRY_TAP, "b", "{\"source\":\"shop\",\"topic\":\"late\"}", "log{}" },
        { ENTRY_TAP, "b", "{\"topic\":\"late\"}", "closed{} other{}" },
        { ENTRY_TAP, "b", "{\"topic\":\"later\"}", "other{}" },
        { ENTRY_TEXT, "b", "{}", "last{}" },
        { ENTRY_TEXT, "b", "{\"topic\":\"late\"}", "closed{} last{}" },
        { ENTRY_TEXT, " b ", "{\"contact\":{\"vip\":true}}", "vip{\"1\":\"b\",\"n\":\"b\"}" },
        { ENTRY_EITHER, "a:5", "{\"contact\":{\"vip\":true}}", "vip{\"1\":\"5\",\"n\":\"5\"}" },
        { ENTRY_EITHER, "a:5", "{}", "five{\"1\":\"5\",\"n\":\"5\"} all{}" },
    };
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct ruleset *ruleset = build(conditional);

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        struct json_object *scope = table[i].scope ? parse(table[i].scope) : NULL;
        const struct ruleset_question question = { .kind = table[i].kind,
                                                   .data = text_of(table[i].data),
                                                   .scope = scope };
        struct buf out = BUF(1000);

        match_all(ruleset, &question, scratch, &out);
        if (strcmp(out.data, table[i].rules) != 0)
            fail_msg("%s %s: %s", table[i].data, table[i].scope, out.data);
        if (scope)
            assert_string_equal(json_object_to_json_string_ext(scope, JSON_C_TO_STRING_PLAIN),
                                table[i].scope);
        json_object_put(scope);
        buf_free(&out);
    }
    assert_true(ruleset_wants(ruleset)->contact);
    ruleset_free(ruleset);
    pattern_scratch_free(scratch);
}

/* --- the ruleset's source --------------------------------------------------------------------------------------------- */

static bool read_zone(const char *name, struct buf *out)
{
    static const char header[44] = "TZif2";

    if (strcmp(name, "Test/Zone") != 0)
        return false;
    for (int block = 0; block < 2; block++) {
        buf_add(out, header, 39);
        buf_add(out, "\1\0\0\0\1", 5);
        buf_add(out, "\0\0\0\0\0\0\0", 7);
    }
    buf_str(out, "\nTST-2\n");
    return true;
}

/* The zone goes with the rules: what is stored needs no database of zones. */
static void test_zone_in_source(void **state)
{
    const struct ruleset_file file = {
        "r.yaml",
        text_of(
            "zone: Test/Zone\nrules:\n"
            "  - { name: r, tap: '(?<t>[0-9]+)', default: true, reply: { text: '${t|date(%H):-}' } }\n")
    };
    struct findings *findings = findings_new();
    struct ruleset *ruleset = ruleset_build_zoned(&file, 1, NULL, 0, read_zone, findings), *again;
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct json_object *scope = parse("{\"t\":\"0\"}");
    struct arena *arena = arena_new(1 << 16);
    struct rendered message;
    struct fault fault;

    (void)state;
    assert_non_null(ruleset);
    again = ruleset_read(ruleset_source(ruleset), &fault);
    if (!again)
        fail_msg("%s", fault.text);
    assert_true(text_eq(ruleset_hash(again), ruleset_hash(ruleset)));
    assert_true(message_render(ruleset_rule(again, 0)->steps[0].messages[0], scope, scratch, arena, &message,
                               &fault));
    assert_true(text_is(message.text, "02"));
    assert_null(ruleset_build(&file, 1, NULL, 0, findings));
    ruleset_free(again);
    ruleset_free(ruleset);
    arena_free(arena);
    json_object_put(scope);
    pattern_scratch_free(scratch);
    findings_free(findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_render),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_zone_in_source),
    };

    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
