/* Examples of patterns, where buttons lead, and how wide text is. */

#include "core/columns.h"
#include "core/example.h"
#include "core/graph.h"
#include "core/graph_layout.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- columns ---------------------------------------------------------------------------------------------------------- */

static void test_columns(void **state)
{
    static const struct {
        const char *text;
        int columns;
    } cases[] = { { "", 0 },          { "abc", 3 },     { "äöü", 3 },      { "日本", 4 },
                  { "e\xCC\x81", 1 }, { "📦 A", 4 },     { "↩️", 2 },   { "👩‍👩‍👧", 2 },
                  { "🇩🇪🇫🇷", 4 },      { "1️⃣", 2 }, { "👍🏽", 2 }, { "\xFFz", 2 },
                  { "\xE2\x82", 2 } };

    (void)state;
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (columns_of(text_of(cases[i].text)) != cases[i].columns)
            fail_msg("'%s' has %d columns", cases[i].text, columns_of(text_of(cases[i].text)));
    assert_int_equal(columns_take(text_of("日本語"), 5).n, 6);
    assert_int_equal(columns_take(text_of("日本語"), 1).n, 3);
    assert_int_equal(columns_take(text_of("abc"), 9).n, 3);
}

/* --- examples --------------------------------------------------------------------------------------------------------- */

static void test_examples(void **state)
{
    static const struct {
        const char *pattern, *example; /* of variant 0, or of variant 1 */
        int variant;
    } cases[] = {
        { "menu", "menu", 0 },
        { "track:(?<id>ORD-[0-9]{4,12})", "track:ORD-1111", 0 },
        { "orders(:(?<p>[1-9][0-9]{0,2}))?", "orders:11", 0 },
        { "orders(:(?<p>[1-9][0-9]{0,2}))?", "orders", 1 },
        { "(?i)/start|hi|hello", "/start", 0 },
        { "(?i)/start|hi|hello", "hi", 2 },
        { "(?i)/start|hi|hello", "hello", 4 },
        { "where is my order\\??", "where is my order?", 0 },
        { "(?:a|b(?:c|d))x", "bdx", 2 },
        { "[^0-9a]+\\d\\w\\s", "A11 ", 0 },
        { "[[:alpha:]]", NULL, 0 }, /* 'a' is among its letters, whatever they mean */
        { "^a.b$", "aab", 0 },
        { "äö[ü]", "äöü", 0 },
        { "a(?=b)b", "ab", 0 },
        { "\\x41", NULL, 0 },
        { "(a)\\1", NULL, 0 },
        { "a(?!.*a)", "a", 0 },
    };
    struct pattern_scratch *scratch = pattern_scratch_new();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = BUF(1000);
        struct fault fault = { "" };
        size_t offset;
        struct pattern *pattern = pattern_compile(text_of(cases[i].pattern), PATTERN_WHOLE, &offset, &fault);
        bool made;

        if (!pattern)
            fail_msg("%s: %s", cases[i].pattern, fault.text);
        made = example_make(pattern, cases[i].variant, scratch, &out);
        if (cases[i].example && (!made || !text_is(buf_get(&out), cases[i].example)))
            fail_msg("%s: '%s'", cases[i].pattern, buf_get(&out).p);
        if (!cases[i].example && made)
            assert_int_equal(pattern_match(pattern, scratch, buf_get(&out)), PATTERN_YES);
        pattern_free(pattern);
        buf_free(&out);
    }
    pattern_scratch_free(scratch);
}

/* However a pattern is nested, a guess ends. */
static void test_effort(void **state)
{
    struct buf source = BUF(4096), out = BUF(4096);
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct pattern *pattern;
    struct fault fault;
    size_t offset;

    (void)state;
    for (int i = 0; i < 30; i++)
        buf_str(&source, "(a|b");
    for (int i = 0; i < 30; i++)
        buf_str(&source, "|c)");
    pattern = pattern_compile(buf_get(&source), PATTERN_WHOLE, &offset, &fault);
    assert_non_null(pattern);
    for (int i = 0; i < EXAMPLE_VARIANTS; i++)
        if (example_make(pattern, i, scratch, &out))
            assert_int_equal(pattern_match(pattern, scratch, buf_get(&out)), PATTERN_YES);
    pattern_free(pattern);
    pattern_scratch_free(scratch);
    buf_free(&source);
    buf_free(&out);
}

/* --- edges ------------------------------------------------------------------------------------------------------------ */

static const char rules[] =
    "rules:\n"
    "  - name: start\n"
    "    text: start\n"
    "    reply:\n"
    "      text: Hi\n"
    "      buttons:\n"
    "        - [ { text: One, callback_data: 'go:1' }, { text: Web, url: 'https://example.com/' } ]\n"
    "        - [ { text: Lost, callback_data: lost } ]\n"
    "  - name: go\n"
    "    tap: 'go:(?<n>[12])'\n"
    "    reply:\n"
    "      text: 'This is ${n}.'\n"
    "      buttons: [ [ { text: 'Again <${n}>', callback_data: 'go:${n}' }, { text: Next, callback_data: "
    "'to:${n}' } ] ]\n"
    "  - { name: to-one, tap: 'to:1', reply: { text: One, keyboard: [ [ start, other ] ] } }\n"
    "  - { name: alone, tap: alone, reply: { text: 'I am ${contact.name}.', buttons: [ [ { text: Who, "
    "callback_data: "
    "'${contact.name}' } ] ] } }\n";

static const char steps[] =
    "lookups: { order: { url: 'https://example.com/${id}', fields: { n: '[0-9]{4}' }, sample: { n: 1234 } } "
    "}\n"
    "rows: { home: [ { text: Menu, callback_data: menu } ] }\n"
    "rules:\n"
    "  - name: order\n"
    "    tap: 'order:(?<id>[0-9])'\n"
    "    entry: true\n"
    "    single_use: true\n"
    "    lookup: order\n"
    "    set: { seen: '${id}', again: null }\n"
    "    inbox: { assign_team: 1, tag: seen }\n"
    "    quiet: 90m\n"
    "    choose:\n"
    "      - when: { id: '1' }\n"
    "        reply: { text: One, buttons: [ [ { text: More, callback_data: 'more:${order.n}' } ], home ] }\n"
    "      - goto: end\n"
    "    not_found: { reply: { text: No., buttons: [ home, [ { text: Again, callback_data: 'order:${id}' } ] "
    "] } }\n"
    "    on_error: [ { inbox: { note: Oh. } }, { goto: end } ]\n"
    "    on_refused: { goto: menu }\n"
    "  - { name: menu, tap: menu, quiet: 0s, reply: { text: Menu } }\n"
    "  - { name: more, tap: 'more:[0-9]{4}', reply: { text: More } }\n"
    "  - { name: end, reply: { text: End, buttons: [ [ { text: Seen, callback_data: 'seen:${chat.seen}' } ] "
    "] } }\n"
    "  - { name: seen, tap: 'seen:.*', when: { source: a }, reply: { text: Seen } }\n"
    "  - { name: apart, tap: apart, reply: { text: Apart, buttons: [ home ] } }\n";

struct drawn {
    struct ruleset *ruleset;
    struct pattern_scratch *scratch;
    struct arena *arena;
    struct findings *findings;
    struct graph graph;
};

static void begin_with(struct drawn *drawn, const char *text)
{
    const struct ruleset_file file = { "r.yaml", text_of(text) };
    struct findings *checked = findings_new();
    struct graph_known known;

    drawn->findings = findings_new();
    drawn->ruleset = ruleset_build(&file, 1, NULL, 0, drawn->findings);
    if (!drawn->ruleset)
        fail_msg("%s", findings_get(drawn->findings, 0)->text);
    drawn->scratch = pattern_scratch_new();
    drawn->arena = arena_new(1 << 24);
    assert_true(graph_check(drawn->ruleset, drawn->arena, checked, &known));
    findings_free(checked);
    assert_true(graph_build(drawn->ruleset, &known, drawn->scratch, drawn->arena, &drawn->graph));
}

static void begin(struct drawn *drawn)
{
    begin_with(drawn, rules);
}

static void end(struct drawn *drawn)
{
    ruleset_free(drawn->ruleset);
    pattern_scratch_free(drawn->scratch);
    arena_free(drawn->arena);
    findings_free(drawn->findings);
}

static void test_edges(void **state)
{
    static const struct {
        size_t from, to;
        bool key;
    } wanted[] = { { 0, 1, false },
                   { 0, GRAPH_NOWHERE, false },
                   { 1, 1, false },
                   { 1, 2, false },
                   { 1, GRAPH_NOWHERE, false },
                   { 2, 0, true },
                   { 2, GRAPH_NOWHERE, true },
                   { 3, GRAPH_UNKNOWN, false } };
    struct drawn drawn;

    (void)state;
    begin(&drawn);
    assert_int_equal(drawn.graph.edges.count, sizeof(wanted) / sizeof(*wanted));
    for (size_t i = 0; i < drawn.graph.edges.count; i++) {
        const struct graph_edge *edge = &drawn.graph.edges.items[i];

        if (edge->from != wanted[i].from || edge->to != wanted[i].to || edge->key != wanted[i].key)
            fail_msg("edge %zu: from %zu to %zu", i, edge->from, edge->to);
    }
    assert_true(drawn.graph.nodes[0].reached && drawn.graph.nodes[1].reached && drawn.graph.nodes[2].reached);
    assert_false(drawn.graph.nodes[3].reached);
    assert_int_equal(drawn.graph.nodes[0].ports->count, 3);
    end(&drawn);
}

static void check_port(const struct drawn *drawn, size_t port, const char *label, unsigned blocks)
{
    const struct graph_port *got = &drawn->graph.nodes[0].ports->items[port];

    assert_true(text_is(got->label, label));
    assert_int_equal(got->blocks, blocks);
}

/* A button of a named row is one port wherever it is sent, so are `goto`s to one rule. */
static void test_ports(void **state)
{
    static const struct {
        size_t from, to, port;
    } wanted[] = {
        { 0, 2, 0 }, { 0, 1, 1 }, { 0, 3, 2 }, { 0, 0, 3 }, { 0, 1, 4 }, { 3, 4, 0 }, { 5, 1, 0 }
    };
    struct drawn drawn;

    (void)state;
    begin_with(&drawn, steps);
    assert_int_equal(drawn.graph.nodes[0].ports->count, 5);
    check_port(&drawn, 0, "More", 1 << RULE_STEPS);
    check_port(&drawn, 1, "Menu", 1 << RULE_STEPS | 1 << RULE_NOT_FOUND);
    check_port(&drawn, 2, "goto", 1 << RULE_STEPS | 1 << RULE_ON_ERROR);
    check_port(&drawn, 3, "Again", 1 << RULE_NOT_FOUND);
    check_port(&drawn, 4, "goto", 1 << RULE_ON_REFUSED);
    assert_int_equal(drawn.graph.edges.count, sizeof(wanted) / sizeof(*wanted));
    for (size_t i = 0; i < drawn.graph.edges.count; i++) {
        const struct graph_edge *edge = &drawn.graph.edges.items[i];

        if (edge->from != wanted[i].from || edge->to != wanted[i].to || edge->port != wanted[i].port)
            fail_msg("edge %zu: from %zu to %zu, port %zu", i, edge->from, edge->to, edge->port);
    }
    for (size_t i = 0; i < drawn.graph.count; i++)
        assert_int_equal(drawn.graph.nodes[i].reached, i != 5);
    assert_string_equal(drawn.graph.nodes[0].does[RULE_STEPS],
                        "asks order; sets seen, again; hands over, tags; quiet for 90m");
    assert_string_equal(drawn.graph.nodes[0].does[RULE_ON_ERROR], "notes");
    assert_string_equal(drawn.graph.nodes[0].does[RULE_NOT_FOUND], "");
    assert_string_equal(drawn.graph.nodes[1].does[RULE_STEPS], "ends quiet");
    end(&drawn);
}

/* Without the checker's help, as where it came to no end. */
static void test_examples_alone(void **state)
{
    struct drawn drawn;
    struct graph graph;

    (void)state;
    begin_with(&drawn, steps);
    assert_true(graph_build(drawn.ruleset, NULL, drawn.scratch, drawn.arena, &graph));
    assert_int_equal(graph.edges.count, drawn.graph.edges.count);
    assert_int_equal(graph.edges.items[graph.nodes[0].first_edge + graph.nodes[0].n_edges - 1].port, 0);
    assert_int_equal(graph.edges.items[graph.nodes[0].first_edge + graph.nodes[0].n_edges - 1].to,
                     GRAPH_UNKNOWN);
    assert_true(graph.nodes[3].reached && graph.nodes[1].reached);
    assert_false(graph.nodes[2].reached || graph.nodes[4].reached);
    end(&drawn);
}

static void test_marks(void **state)
{
    struct drawn drawn;
    struct place at;

    (void)state;
    begin(&drawn);
    at = node_get(drawn.graph.nodes[1].rule->node, "reply")->at;
    finding_add(drawn.findings, FINDING_WARNING, at, "something");
    graph_mark(&drawn.graph, drawn.findings);
    assert_true(drawn.graph.nodes[1].flawed);
    assert_false(drawn.graph.nodes[1].ports->items[0].flawed || drawn.graph.nodes[0].flawed ||
                 drawn.graph.nodes[2].flawed);
    end(&drawn);
}

/* What stands in a named row shows at each rule that sends it, and at the button. */
static void test_marks_of_names(void **state)
{
    struct findings *findings = findings_new();
    struct drawn drawn;

    (void)state;
    begin_with(&drawn, steps);
    finding_add(findings, FINDING_WARNING, drawn.graph.nodes[5].ports->items[0].node->items[1]->at, "x");
    graph_mark(&drawn.graph, findings);
    assert_true(drawn.graph.nodes[0].flawed && drawn.graph.nodes[5].flawed);
    assert_true(drawn.graph.nodes[0].ports->items[1].flawed && drawn.graph.nodes[5].ports->items[0].flawed);
    assert_false(drawn.graph.nodes[0].ports->items[0].flawed || drawn.graph.nodes[3].flawed);
    findings_free(findings);
    end(&drawn);
}

static void has(const struct buf *out, const char *part)
{
    if (!strstr(buf_get(out).p, part))
        fail_msg("'%s' is not in\n%s", part, out->data);
}

/* check has a finding for each of them: without a colour of their own they would be red like all others. */
static void test_unreached_are_grey(void **state)
{
    struct buf dot = BUF(1 << 20), mermaid = BUF(1 << 20), svg = BUF(1 << 20);
    struct drawn drawn;

    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    begin(&drawn);
    drawn.graph.nodes[3].flawed = true;
    graph_dot(&drawn.graph, &dot);
    has(&dot, "\"alone\" [label=\"alone\\ntap\", color=\"#c62828\", fontcolor=\"#808080\", "
              "fillcolor=\"#eeeeee\"];");
    graph_mermaid(&drawn.graph, &mermaid);
    has(&mermaid, "r3[\"alone<br><small>tap</small>\"]:::astray");
    has(&mermaid, "classDef astray fill:#eeeeee,stroke:#c62828");
    assert_true(graph_svg(&drawn.graph, drawn.arena, &svg));
    assert_null(strstr(svg.data, "#f9d6d3"));
    has(&svg, "fill=\"#e4e4e4\"");
    buf_free(&dot);
    buf_free(&mermaid);
    buf_free(&svg);
    end(&drawn);
}

static void test_forms(void **state)
{
    struct drawn drawn;
    struct buf dot = BUF(1 << 20), mermaid = BUF(1 << 20), svg = BUF(1 << 20);

    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    begin(&drawn);
    graph_dot(&drawn.graph, &dot);
    has(&dot, "\"go\" -> \"to-one\" [label=\"Next\"];");
    has(&dot, "\"start\" -> \" nowhere\" [label=\"Lost\"");
    graph_mermaid(&drawn.graph, &mermaid);
    has(&mermaid, "r1 -->|\"Next\"| r2");
    has(&mermaid, "r3[\"alone<br><small>tap</small>\"]:::unreached");
    assert_true(graph_svg(&drawn.graph, drawn.arena, &svg));
    has(&svg, "Again &lt;${n}&gt;");
    has(&svg, "to-one, no rule");
    has(&svg, "(nothing leads here)");
    has(&svg, "</svg>");
    end(&drawn);
    buf_free(&dot);
    buf_free(&mermaid);
    buf_free(&svg);
}

static void test_forms_of_steps(void **state)
{
    struct drawn drawn;
    struct buf dot = BUF(1 << 20), mermaid = BUF(1 << 20), svg = BUF(1 << 20);

    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    begin_with(&drawn, steps);
    graph_dot(&drawn.graph, &dot);
    has(&dot, "[label=\"order\\nentry, tap\\nasks order; sets seen, again; hands over, tags; quiet for 90m\\n"
              "not found\\non error: notes\\nrefused\"");
    has(&dot, "\"order\" -> \"menu\" [label=\"Menu\"];");
    has(&dot, "\"order\" -> \"order\" [label=\"Again (not found)\"];");
    has(&dot, "\"order\" -> \"end\" [label=\"goto\", style=dotted];");
    has(&dot, "\"order\" -> \"menu\" [label=\"goto (refused)\", style=dotted];");
    has(&dot, "[label=\"end\\nonly by goto\"");
    graph_mermaid(&drawn.graph, &mermaid);
    has(&mermaid,
        "r0[\"order<br><small>entry, tap<br>asks order; sets seen, again; hands over, tags; quiet for "
        "90m<br>not found<br>on error: notes<br>refused</small>\"]");
    has(&mermaid, "r0 ==>|\"goto\"| r3\n");
    has(&mermaid, "r0 -->|\"Again (not found)\"| r0\n");
    has(&mermaid, "r0 ==>|\"goto (refused)\"| r1\n");
    assert_true(graph_svg(&drawn.graph, drawn.arena, &svg));
    has(&svg, ">asks order; sets seen, again; hands over, tags; qui…</text>");
    has(&svg, ">not found: Menu, Again</text>");
    has(&svg, ">menu, ↻</text>");
    has(&svg, ">on error: notes; goto</text>");
    has(&svg, ">refused: goto</text>");
    has(&svg, "stroke-dasharray=\"1 4\"");
    end(&drawn);
    buf_free(&dot);
    buf_free(&mermaid);
    buf_free(&svg);
}

/* --- layout ----------------------------------------------------------------------------------------------------------- */

static void test_no_boxes_overlap(void **state)
{
    const double widths[] = { 100, 120, 140, 90 };
    struct drawn drawn;
    struct layout layout;

    (void)state;
    begin(&drawn);
    assert_true(layout_make(&drawn.graph, widths, drawn.arena, &layout));
    for (size_t i = 0; i < layout.count; i++) {
        const struct layout_box *a = &layout.boxes[i];

        assert_true(a->x >= 0 && a->y >= 0 && a->x + a->width <= layout.width &&
                    a->y + a->height <= layout.height);
        for (size_t k = 0; k < i; k++) {
            const struct layout_box *b = &layout.boxes[k];

            assert_true(a->x >= b->x + b->width || b->x >= a->x + a->width || a->y >= b->y + b->height ||
                        b->y >= a->y + a->height);
        }
    }
    end(&drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_effort),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_examples_alone),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_marks_of_names),
        cmocka_unit_test(test_unreached_are_grey),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_forms_of_steps),
        cmocka_unit_test(test_no_boxes_overlap),
    };

    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
