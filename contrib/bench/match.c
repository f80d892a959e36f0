/* bench match: what a match costs among 10 rules and among 10,000, in nanoseconds: medians of turns that take one another's place, so
   that all see the same machine. With many rules once the taps are for ten of them, as with few, and once for any of them: then most
   of what a match needs is not in the processor's caches. */

#include "base/now.h"
#include "core/ruleset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEW 10
#define MANY 10000
#define TURNS 200
#define MATCHES 500 /* in a turn */
#define FILE_MAX ((size_t)64 << 20)

struct series {
    const char *name;
    size_t rules, meant; /* how many there are; how many of them taps are for */
    struct ruleset *ruleset;
    double ns[TURNS]; /* per match */
};

static void fail(const char *why)
{
    fprintf(stderr, "match: %s\n", why);
    exit(1);
}

/* Rules as shops write them: a word of their own, then an order's number. */
static struct ruleset *build(size_t n)
{
    struct buf file = BUF(FILE_MAX);
    struct findings *findings = findings_new();
    struct ruleset_file one = { .path = "rules.yaml" };
    struct ruleset *ruleset;

    buf_str(&file, "rules:\n");
    for (size_t i = 0; i < n; i++)
        buf_printf(&file,
                   "  - { name: r%zu, tap: 'action-%zu:(?<id>ORD-[0-9]{4,12})', reply: { text: '${id}' } }\n",
                   i, i);
    buf_str(&file, "  - { name: other, default: true, reply: { text: Too old. } }\n");
    one.text = buf_get(&file);
    ruleset = file.failed || !findings ? NULL : ruleset_build(&one, 1, NULL, 0, findings);
    if (!ruleset)
        fail("the rules cannot be built");
    findings_free(findings);
    buf_free(&file);
    return ruleset;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Those that are meant lie far apart. */
static void match(const struct series *series, struct pattern_scratch *scratch, uint32_t *seed)
{
    const size_t wanted = next_random(seed) % series->meant * (series->rules / series->meant);
    char data[64];
    struct ruleset_question question = { .kind = ENTRY_TAP };
    struct match match;

    snprintf(data, sizeof(data), "action-%zu:ORD-%u", wanted, 1000 + next_random(seed) % 1000000);
    question.data = text_of(data);
    if (!ruleset_match(series->ruleset, &question, scratch, &match) ||
        match.rule != ruleset_rule(series->ruleset, wanted))
        fail("the wrong rule took it");
    json_object_put(match.captures);
}

static void take_turn(struct series *series, int turn, struct pattern_scratch *scratch, uint32_t *seed)
{
    int64_t begin;

    for (int i = 0; i < MATCHES / 10; i++) /* what the turn before left in the caches is of no use */
        match(series, scratch, seed);
    begin = now_mono_us();
    for (int i = 0; i < MATCHES; i++)
        match(series, scratch, seed);
    series->ns[turn] = (double)(now_mono_us() - begin) * 1000 / MATCHES;
}

static int compare(const void *a, const void *b)
{
    const double *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

int main(void)
{
    static struct series all[] = { { .name = "few", .rules = FEW, .meant = FEW },
                                   { .name = "many", .rules = MANY, .meant = FEW },
                                   { .name = "any", .rules = MANY, .meant = MANY } };
    const size_t n = sizeof(all) / sizeof(*all);
    struct pattern_scratch *scratch = pattern_scratch_new();
    uint32_t seed = 1;

    if (!scratch)
        fail("out of memory");
    for (size_t i = 0; i < n; i++)
        all[i].ruleset = build(all[i].rules);
    for (int turn = 0; turn < TURNS; turn++)
        for (size_t i = 0; i < n; i++)
            take_turn(&all[(i + (size_t)turn) % n], turn, scratch, &seed);
    for (size_t i = 0; i < n; i++) {
        qsort(all[i].ns, TURNS, sizeof(*all[i].ns), compare);
        printf("%s %.0f\n", all[i].name, all[i].ns[TURNS / 2]);
        ruleset_free(all[i].ruleset);
    }
    pattern_scratch_free(scratch);
    return 0;
}
