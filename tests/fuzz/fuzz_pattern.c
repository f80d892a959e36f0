/* Patterns: a line with the pattern, the rest are texts, a line each. The checker's automaton must say what PCRE2 says; captures lie
   in the text, and every match begins with the pattern's prefix. */

#include "fuzz.h"

#include "core/flow_dfa.h"
#include "core/flow_regex.h"
#include "core/pattern.h"

#include <string.h>

#define SETS_MAX ((size_t)20 << 20) /* bytes; then they are made anew */

static struct flow_mem mem = { 0, (size_t)400 << 20, false, 0, 0 };
static struct flow_sets *sets; /* kept: it takes long to ask PCRE2 what a class matches */

struct automaton {
    struct arena *arena;
    struct flow_regex regex;
    struct flow_code code;
    struct flow_atoms *atoms;
    struct flow_dfa *dfa;
    int start;
};

/* False: outside the regular subset, or too large; it is to be freed all the same. */
static bool automaton_make(struct automaton *own, struct text source)
{
    *own = (struct automaton){ .code = { .mem = &mem } };
    mem.steps = 0;
    mem.stop = 3000000;
    own->arena = fuzz_must(arena_new((size_t)64 << 20));
    if (!sets)
        sets = fuzz_must(flow_sets_new(&mem));
    if (!flow_atoms_prepare(sets))
        return false;
    flow_regex_parse(source, sets, own->arena, &own->regex);
    if (own->regex.outside) {
        HOLDS(own->regex.offset <= source.n);
        return false;
    }
    own->start = flow_code_rule(&own->code, own->regex.top, 0);
    if (own->start < 0)
        return false;
    own->atoms = flow_atoms_build(&mem, sets, &own->code);
    own->dfa = own->atoms ? flow_dfa_new(&mem, &own->code, own->atoms) : NULL;
    if (!own->dfa)
        return false;
    flow_dfa_limit(own->dfa, 2000, (size_t)20 << 20);
    own->start = flow_dfa_start(own->dfa, &own->start, 1);
    return own->start != FLOW_LIMIT;
}

static void automaton_free(struct automaton *own)
{
    flow_dfa_free(own->dfa);
    flow_atoms_free(own->atoms);
    flow_drop(&mem, &own->code.ins, &own->code.cap, sizeof(struct flow_ins));
    arena_free(own->arena);
    if (mem.out || mem.used > SETS_MAX) {
        flow_sets_free(sets);
        sets = NULL;
        HOLDS(mem.used == 0);
    }
    mem.out = false;
}

static void check_captures(const struct pattern *pattern, const struct pattern_scratch *scratch,
                           struct text subject)
{
    struct text whole = pattern_group(scratch, 0), prefix = pattern_prefix(pattern);

    HOLDS(whole.p + whole.n == subject.p + subject.n); /* \K moves where it begins */
    HOLDS(whole.n <= subject.n);
    HOLDS(subject.n >= prefix.n && memcmp(subject.p, prefix.p, prefix.n) == 0);
    HOLDS(prefix.p[prefix.n] == '\0');
    for (int i = 1; i <= pattern_groups(pattern); i++) {
        struct text group = pattern_group(scratch, i);

        HOLDS(!group.p || (group.p >= subject.p && group.p + group.n <= subject.p + subject.n));
    }
}

static void try_text(const struct pattern *pattern, struct automaton *own, struct pattern_scratch *scratch,
                     struct text subject)
{
    enum pattern_result real = pattern_match(pattern, scratch, subject);
    const int *names;
    int state;

    if (text_utf8_count(subject) < 0) {
        HOLDS(real != PATTERN_YES);
        return;
    }
    if (real == PATTERN_YES)
        check_captures(pattern, scratch, subject);
    if (!own->dfa || real == PATTERN_LIMIT)
        return;
    state = flow_dfa_text(own->dfa, own->start, subject);
    if (state != FLOW_LIMIT)
        HOLDS((real == PATTERN_YES) == (flow_dfa_accepts(own->dfa, state, &names) > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pattern_scratch *scratch;
    struct text rest = fuzz_text(data, size), source = fuzz_line(&rest);
    struct fault fault = { "" };
    struct automaton own;
    struct pattern *pattern;
    size_t offset = 0;

    if (!scratch)
        scratch = fuzz_must(pattern_scratch_new());
    pattern = pattern_compile(source, PATTERN_WHOLE, &offset, &fault);
    if (!pattern) {
        HOLDS(offset <= source.n && fault.text[0] && fuzz_is_line(text_of(fault.text)));
        return 0;
    }
    if (!automaton_make(&own, source)) {
        flow_dfa_free(own.dfa);
        own.dfa = NULL;
    }
    try_text(pattern, &own, scratch, text_of(""));
    HOLDS(pattern_takes_empty(pattern) == (pattern_match(pattern, scratch, text_of("")) == PATTERN_YES));
    while (rest.n)
        try_text(pattern, &own, scratch, fuzz_line(&rest));
    automaton_free(&own);
    pattern_free(pattern);
    return 0;
}
