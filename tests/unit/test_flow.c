/* The flow checker's findings, letter by letter, and on generated flows with planted faults. */

#include "core/flow.h"

#include "case_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The findings of a flow, or of loading it. */
static struct findings *check(const char *path, struct text text)
{
    const struct ruleset_file file = { path, text };
    struct findings *findings = findings_new();
    struct ruleset *ruleset = ruleset_build(&file, 1, NULL, 0, findings);

    if (ruleset)
        flow_check(ruleset, findings);
    ruleset_free(ruleset);
    return findings;
}

static void print_rules(struct text file, struct buf *out)
{
    struct findings *findings = check("r.yaml", file);

    findings_print(findings, out);
    findings_free(findings);
}

static void test_findings(void **state)
{
    (void)state;
    cases_compare("tests/unit/flow_findings.txt", "FLOW_PRINT", print_rules);
}

static void print_described(struct text file, struct buf *out)
{
    struct findings *findings = check("rules/10.yaml", file);

    findings_print(findings, out);
    findings_free(findings);
}

/* The examples of the language's description; not all of these files load. */
static void test_printed(void **state)
{
    (void)state;
    cases_compare("tests/unit/flow_printed.txt", "FLOW_PRINT", print_described);
}

/* The example has no findings at all. The larger flows in rules/ need the zones of the machine: tests/functional. */
static void test_shipped(void **state)
{
    struct buf text = BUF(1000000);
    struct findings *findings;

    (void)state;
    source_file("contrib/examples/rules/shop.yaml", &text);
    findings = check("shop.yaml", buf_get(&text));
    if (findings_get(findings, 0))
        fail_msg("%s", findings_get(findings, 0)->text);
    findings_free(findings);
    buf_free(&text);
}

static bool said(struct findings *findings, const char *text)
{
    for (size_t i = 0; findings_get(findings, i); i++)
        if (strstr(findings_get(findings, i)->text, text))
            return true;
    return false;
}

/* Whatever the bound on memory is, the checker ends, and says so. */
static void test_memory(void **state)
{
    struct buf text = BUF(1000000);
    struct ruleset_file file = { "r.yaml", { NULL, 0 } };
    struct findings *findings = findings_new();
    struct ruleset *ruleset;
    bool whole = false, half = false;

    (void)state;
    source_file("contrib/examples/rules/shop.yaml", &text);
    file.text = buf_get(&text);
    ruleset = ruleset_build(&file, 1, NULL, 0, findings);
    assert_non_null(ruleset);
    for (size_t memory = 0; memory < ((size_t)64 << 20); memory += 100 + memory / 3) {
        struct flow_bounds bounds = { memory, FLOW_STEPS_MAX, 0 };
        struct findings *some = findings_new();

        flow_check_within(ruleset, &bounds, some);
        assert_int_equal(findings_count(some, FINDING_ERROR), 0);
        assert_int_equal(findings_count(some, FINDING_WARNING), 0);
        whole = findings_count(some, FINDING_NOTE) == 0;
        half |= said(some, "to be looked at as a whole") && said(some, "were not looked at");
        findings_free(some);
    }
    assert_true(whole && half);
    ruleset_free(ruleset);
    findings_free(findings);
    buf_free(&text);
}

/* --- random flows, against brute force --------------------------------------------------------------------------------- */

#define FLOWS 250

static uint64_t seed = 88172645463325252u;

static unsigned rnd(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

#define PICK(list) (list)[rnd((unsigned)(sizeof(list) / sizeof(*(list))))]

static long number_of(const char *name, long otherwise)
{
    return getenv(name) ? strtol(getenv(name), NULL, 10) : otherwise;
}

/* `*group`: the next capture's name; '\0': no captures. */
static void put_pattern(struct buf *out, int depth, char *group)
{
    static const char *const items[] = { "a", "b", ":", "a", "b", ".", "[ab]", "[^a]", "a:" };
    static const char *const counts[] = { "*", "+", "?", "*?", "+?", "??", "{1,2}", "{0,2}", "{2}" };

    do {
        for (unsigned n = 1 + rnd(3); n; n--) {
            if (depth == 0 || rnd(2)) {
                buf_str(out, PICK(items));
            } else if (*group && *group <= 'z' && rnd(3)) {
                buf_printf(out, "(?<%c>", (*group)++);
                put_pattern(out, depth - 1, group);
                buf_char(out, ')');
            } else {
                buf_str(out, "(?:");
                put_pattern(out, depth - 1, group);
                buf_char(out, ')');
            }
            if (!rnd(3))
                buf_str(out, PICK(counts));
        }
    } while (!rnd(4) && (buf_char(out, '|'), true));
}

static void put_flow(struct buf *out)
{
    char group = 'x', none = '\0', side = rnd(4) ? 'p' : 't';

    buf_str(out, "rules:\n  - { name: first, tap: 'a:?b', entry: true, final: true, reply: { text: a } }\n");
    buf_printf(out, "  - name: from\n    %s: '", side == 'p' ? "entry: true\n    tap" : "text");
    put_pattern(out, 3, &group);
    buf_str(out, "'\n    reply: { text: a, buttons: [ [ { text: B, callback_data: 'p");
    for (unsigned n = 1 + rnd(3); n; n--) {
        static const char *const defaults[] = { "", ":-", ":-a", ":-b:" };

        if (group > 'x')
            buf_printf(out, "${%c%s}", 'x' + (int)rnd((unsigned)(group - 'x')), PICK(defaults));
        buf_str(out, rnd(2) ? "" : ":");
    }
    buf_str(out, "' } ] ] }\n");
    for (int i = 0; i < 2; i++) {
        buf_printf(out, "  - { name: to-%d, entry: true, final: true, tap: 'p(?:", i);
        put_pattern(out, 2, &none);
        buf_str(out, ")', reply: { text: a } }\n");
    }
    buf_str(out, "  - { name: rest, default: true, final: true, reply: { text: a } }\n");
}

/* What all short inputs show. */
struct shown {
    bool lost, taken;
    bool wins[3];
};

static void try_input(const struct ruleset *ruleset, struct text input, enum entry_kind kind,
                      struct pattern_scratch *scratch, struct shown *out)
{
    static const char *const names[] = { "from", "to-0", "to-1" };
    struct ruleset_question question = { .kind = kind, .data = input };
    struct arena *arena;
    struct rendered rendered;
    struct match match;
    struct fault fault;

    assert_true(ruleset_match(ruleset, &question, scratch, &match));
    for (int i = 0; i < 3 && match.rule; i++)
        out->wins[i] |= strcmp(match.rule->name, names[i]) == 0;
    if (!match.rule || strcmp(match.rule->name, "from") != 0) {
        json_object_put(match.captures);
        return;
    }
    arena = arena_new(1 << 20);
    if (message_render(match.rule->steps[0].messages[0], match.captures, scratch, arena, &rendered, &fault)) {
        struct match next;

        question =
            (struct ruleset_question){ .kind = ENTRY_TAP, .data = rendered.rows[0].buttons[0].callback_data };
        assert_true(ruleset_match(ruleset, &question, scratch, &next));
        /* the rule itself may take everything, and then does not count */
        out->lost |= next.how != MATCH_TAP;
        out->taken |= next.how == MATCH_TAP && next.rule != match.rule;
        json_object_put(next.captures);
    }
    json_object_put(match.captures);
    arena_free(arena);
}

static void try_all(const struct ruleset *ruleset, struct pattern_scratch *scratch, struct shown *out)
{
    static const char letters[] = "ab:c";
    char input[4];

    *out = (struct shown){ 0 };
    for (size_t n = 1; n <= 4; n++) {
        size_t count = (size_t)1 << 2 * n;

        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < n; k++)
                input[k] = letters[i >> 2 * k & 3];
            try_input(ruleset, text_make(input, n), ENTRY_TAP, scratch, out);
            try_input(ruleset, text_make(input, n), ENTRY_TEXT, scratch, out);
        }
    }
}

static void compare(const char *flow, struct findings *findings, const struct shown *shown)
{
    static const char *const never[] = { "rule 'from' can never win", "rule 'to-0' can never win",
                                         "rule 'to-1' can never win" };
    bool undecided = findings_count(findings, FINDING_NOTE) > 0;

    if (shown->lost && !said(findings, "nowhere") && !undecided)
        fail_msg("a button that leads nowhere was missed:\n%s", flow);
    if (shown->taken && said(findings, "'B' leads nowhere"))
        fail_msg("the button leads somewhere:\n%s", flow);
    for (int i = 0; i < 3; i++)
        if (shown->wins[i] && said(findings, never[i]))
            fail_msg("%s, but it does:\n%s", never[i], flow);
}

static void test_brute_force(void **state)
{
    struct pattern_scratch *scratch = pattern_scratch_new();
    const long flows = number_of("FLOW_FLOWS", FLOWS);
    long lost = 0, never = 0, notes = 0;

    (void)state;
    seed ^= (uint64_t)number_of("FLOW_SEED", 0) * 0x9E3779B97F4A7C15u;
    for (long i = 0; i < flows; i++) {
        struct buf text = BUF(10000);
        struct ruleset_file file = { "r.yaml", { NULL, 0 } };
        struct findings *findings = findings_new();
        struct ruleset *ruleset;
        struct shown shown;

        put_flow(&text);
        file.text = buf_get(&text);
        ruleset = ruleset_build(&file, 1, NULL, 0, findings);
        if (ruleset) {
            flow_check(ruleset, findings);
            try_all(ruleset, scratch, &shown);
            compare(text.data, findings, &shown);
            lost += shown.lost;
            never += said(findings, "can never win");
            notes += findings_count(findings, FINDING_NOTE) > 0;
        }
        ruleset_free(ruleset);
        findings_free(findings);
        buf_free(&text);
    }
    print_message("%ld flows: %ld with lost data, %ld with dead rules, %ld undecided\n", flows, lost, never,
                  notes);
    assert_true(lost > flows / 10 && never > 0 && notes < flows / 4);
    pattern_scratch_free(scratch);
}

/* --- planted faults ---------------------------------------------------------------------------------------------------- */

enum plant {
    PLANT_NOTHING,
    PLANT_DANGLING,
    PLANT_SHADOWED,
    PLANT_LONG,
    PLANT_UNREACHED,
    PLANT_KEY,
    PLANT_END,
    PLANT_EFFORT,
    PLANT_BRANCH,
    PLANT_GOTO,
    PLANT_VARIABLE,
    PLANT_VALUE,
    PLANT_BLOCK,
    PLANT_SHARED_KEY,
    PLANTS
};

static const char *const planted_texts[PLANTS] = {
    [PLANT_DANGLING] = "' leads nowhere",
    [PLANT_SHADOWED] = "can never win",
    [PLANT_LONG] = "callback_data can be",
    [PLANT_UNREACHED] = "nothing leads to rule",
    [PLANT_KEY] = "key 'Nowhere' leads nowhere",
    [PLANT_END] = "is a dead end",
    [PLANT_EFFORT] = "exponentially many steps",
    [PLANT_BRANCH] = "button 'bad' can lead nowhere",
    [PLANT_GOTO] = "button 'carried' can lead nowhere",
    [PLANT_VARIABLE] = "no 'set' gives chat.v",
    [PLANT_VALUE] = "button 'value' leads nowhere",
    [PLANT_BLOCK] = "button 'block' can lead nowhere",
    [PLANT_SHARED_KEY] = "key 'Data' leads nowhere",
};

/* One branch sends what is taken, the other what is not. */
static void put_branch(struct buf *out, int i)
{
    buf_printf(out,
               "  - name: branch-%d\n    text: 'branch%d (?<w>on|off)'\n    choose:\n"
               "      - when: { w: 'on' }\n"
               "        reply: { text: a, buttons: [ [ { text: good, callback_data: 'b%d:${w}' } ] ] }\n"
               "      - reply: { text: a, buttons: [ [ { text: bad, callback_data: 'b%d:${w}' } ] ] }\n"
               "  - { name: on-%d, tap: 'b%d:on', final: true, reply: { text: a } }\n",
               i, i, i, i, i, i);
}

/* Gotos, variables, lookups, blocks, guards and keys with data, each with or without its fault. */
static void put_more(struct buf *out, int i, enum plant plant)
{
    buf_printf(
        out,
        "  - { name: from-%d, text: 'from%d (?<w>[0-9]{2})', set: { v%d: 'on' }, goto: to-%d }\n"
        "  - { name: other-%d, text: 'other%d (?<w>%s)', set: { v%d: '${w}' }, goto: to-%d }\n"
        "  - name: to-%d\n    choose:\n"
        "      - when: { chat.v%d: '%s' }\n"
        "        reply: { text: a, buttons: [ [ { text: carried, callback_data: 'to%d:${w}' } ] ] }\n"
        "      - goto: last-%d\n"
        "  - { name: last-%d, reply: { text: a, buttons: [ [ { text: on, callback_data: 'used%d:${w}' } ] ] "
        "} }\n"
        "  - { name: taken-%d, tap: 'to%d:[0-9]{2}', final: true, reply: { text: a } }\n"
        "  - { name: used-%d, tap: 'used%d:(?<w>.+)', single_use: true, final: true, reply: { text: a } }\n",
        i, i, i, i, i, i, plant == PLANT_GOTO ? "[0-9]{2}|x1" : "[0-9]2", i, i, i, i,
        plant == PLANT_VARIABLE ? "off" : "on|[0-9].", i, i, i, i, i, i, i, i);
    buf_printf(
        out,
        "  - name: ask-%d\n    text: 'ask%d(?<x>y)?'\n    lookup: shop\n    reply:\n      text: a\n"
        "      buttons:\n"
        "        - { repeat: shop.list, as: o, row: [ { text: value, callback_data: '%s%d:${o.id}' } ] }\n"
        "        - [ { text: on, callback_data: 'block%d:y' } ]\n"
        "    not_found: { reply: { text: a, buttons: [ [ { text: block, callback_data: 'block%d:${x:-%s}' } "
        "] ] } }\n"
        "    on_error: { reply: { text: a, keyboard: [ [ { text: Key, callback_data: 'block%d:y' }, '%s' ] ] "
        "} }\n"
        "  - { name: item-%d, tap: 'item%d:ORD-[0-9]{4,}', final: true, reply: { text: a } }\n"
        "  - { name: block-%d, tap: 'block%d:[a-y]', final: true, reply: { text: a } }\n",
        i, i, plant == PLANT_VALUE ? "itme" : "item", i, i, i, plant == PLANT_BLOCK ? "z" : "a", i,
        plant == PLANT_SHARED_KEY ? "Data" : "start", i, i, i, i);
}

static void put_rule(struct buf *out, int i, int n, enum plant plant)
{
    static const char *const values[] = { "[a-z]{1,20}", "[A-Z][0-9]{2,5}", "\\w+", "(?:de|en)-[0-9]+",
                                          "\\p{Lu}{1,3}" };
    const int to = (i + 1) % n;

    if (plant == PLANT_SHADOWED)
        buf_printf(out, "  - { name: dead-%d, tap: 'r%d:%s', final: true, reply: { text: a } }\n", i, i - 1,
                   values[(i - 1) % 5]);
    if (plant == PLANT_UNREACHED)
        buf_printf(out, "  - { name: alone-%d, tap: 'alone%d', final: true, reply: { text: a } }\n", i, i);
    if (plant == PLANT_KEY)
        buf_printf(
            out,
            "  - { name: key-%d, text: 'key %d', reply: { text: a, keyboard: [ [ 'key %d', Nowhere ] ] } }\n",
            i, i, i);
    if (plant == PLANT_EFFORT)
        buf_printf(out,
                   "  - { name: slow-%d, tap: 's%d:(x+)+y', entry: true, final: true, reply: { text: a } }\n",
                   i, i);
    if (plant == PLANT_BRANCH)
        put_branch(out, i);
    if (plant >= PLANT_GOTO || i % 10 == 0)
        put_more(out, i, plant);
    if (plant == PLANT_END)
        buf_printf(out, "  - { name: end-%d, text: 'end %d', reply: { text: a } }\n", i, i);
    buf_printf(
        out,
        "  - name: rule-%d\n    tap: 'r%d:(?<v>%s)'\n%s    reply:\n      text: 'a ${v}'\n      buttons:\n", i,
        i, values[i % 5], rnd(3) ? "" : "    entry: true\n");
    buf_printf(out, "        - [ { text: on, callback_data: 'r%d:%s' } ]\n", to,
               (const char *const[]){ "abc", "X123", "a_1", "de-7", "ÄÖ" }[to % 5]);
    buf_printf(out, "        - [ { text: again, callback_data: 'r%d:${v}' } ]\n", i);
    if (plant == PLANT_DANGLING)
        buf_printf(out, "        - [ { text: lost, callback_data: 'x%d:${v}' } ]\n", i);
    if (plant == PLANT_LONG)
        buf_printf(out, "        - [ { text: long, callback_data: 'r%d:%s${v}' } ]\n", i,
                   "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi");
}

static size_t count_of(struct findings *findings, const char *text)
{
    size_t count = 0;

    for (size_t i = 0; findings_get(findings, i); i++)
        count += strstr(findings_get(findings, i)->text, text) != NULL;
    return count;
}

static void test_planted(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        struct buf text = BUF(1000000);
        struct findings *findings;
        size_t planted[PLANTS] = { 0 }, all = 0;
        const int n = 200;

        buf_str(&text,
                "lookups:\n  shop:\n    url: 'https://shop.example.com/orders'\n"
                "    fields: { list.*.id: 'ORD-[0-9]{4,12}' }\n    sample: { list: [ { id: ORD-1001 } ] }\n");
        buf_str(&text, "rules:\n  - { name: start, text: start, reply: { text: a, buttons: [ [ { text: A, "
                       "callback_data: "
                       "'r0:abc' } ] ] } }\n");
        for (int i = 0; i < n; i++) {
            enum plant plant = round && i > 1 && !rnd(12) ? (enum plant)(1 + rnd(PLANTS - 1)) : PLANT_NOTHING;

            /* data of 64 bytes is found by the trace search; others have no letters to be that long */
            if (plant == PLANT_LONG && i % 5 != 0)
                plant = PLANT_DANGLING;
            planted[plant]++;
            put_rule(&text, i, n, plant);
        }
        buf_str(&text, "  - { name: rest, default: true, final: true, reply: { text: a } }\n");
        findings = check("r.yaml", buf_get(&text));
        for (int plant = 1; plant < PLANTS; plant++)
            all += planted[plant];
        all += planted[PLANT_VALUE]; /* has two: nothing leads to what it misses */
        planted[PLANT_DANGLING] += planted[PLANT_KEY] + planted[PLANT_VALUE] + planted[PLANT_SHARED_KEY];
        planted[PLANT_UNREACHED] += planted[PLANT_VALUE];
        if (findings_count(findings, FINDING_ERROR) + findings_count(findings, FINDING_WARNING) != all)
            fail_msg("%zu errors and %zu warnings instead of %zu", findings_count(findings, FINDING_ERROR),
                     findings_count(findings, FINDING_WARNING), all);
        for (int plant = 1; plant < PLANTS; plant++)
            if (count_of(findings, planted_texts[plant]) != planted[plant])
                fail_msg("%zu instead of %zu: %s", count_of(findings, planted_texts[plant]), planted[plant],
                         planted_texts[plant]);
        if (round == 0 && findings_get(findings, 0))
            fail_msg("%s", findings_get(findings, 0)->text);
        findings_free(findings);
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings), cmocka_unit_test(test_printed),     cmocka_unit_test(test_shipped),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_brute_force), cmocka_unit_test(test_planted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
