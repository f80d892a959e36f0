#include "app/against.h"
#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/generation.h"
#include "core/flow.h"
#include "core/rule_build.h"

#include <stdio.h>
#include <string.h>

static size_t buttons_of(const struct rule *rule)
{
    size_t n = 0;

    for (size_t i = 0; i < rule->n_steps; i++)
        for (size_t j = 0; j < rule->steps[i].count; j++)
            for (size_t k = 0; k < rule->steps[i].messages[j]->n_rows; k++)
                n += rule->steps[i].messages[j]->rows[k].count;
    return n;
}

static void count_findings(struct findings *findings, struct buf *out)
{
    static const struct {
        enum finding_level level;
        const char *one, *many;
    } levels[] = { { FINDING_ERROR, "error", "errors" },
                   { FINDING_WARNING, "warning", "warnings" },
                   { FINDING_NOTE, "note", "notes" } };
    size_t sum = 0;

    for (size_t i = 0; i < 3; i++) {
        size_t n = findings_count(findings, levels[i].level);

        if (n)
            buf_printf(out, "%s%zu %s", sum ? ", " : "", n, n == 1 ? levels[i].one : levels[i].many);
        sum += n;
    }
    if (!sum)
        buf_str(out, "no findings");
}

static void print_sum(const struct generation *generation, struct findings *findings)
{
    struct buf out = BUF(1024);
    size_t rules = 0, buttons = 0, entries = 0;

    if (generation) {
        rules = ruleset_count(generation->ruleset);
        for (size_t i = 0; i < rules; i++) {
            const struct rule *rule = ruleset_rule(generation->ruleset, i);

            buttons += buttons_of(rule);
            entries += rule->entry;
        }
        buf_printf(&out, "%zu rule%s, %zu button%s, %zu %s: ", rules, rules == 1 ? "" : "s", buttons,
                   buttons == 1 ? "" : "s", entries, entries == 1 ? "entry" : "entries");
    }
    count_findings(findings, &out);
    printf("%s\n", buf_get(&out).p);
    buf_free(&out);
}

static void print_json(struct findings *findings)
{
    struct buf out = BUF(64u << 20);

    findings_json(findings, &out);
    printf("%s\n", buf_get(&out).p);
    buf_free(&out);
}

/* Of rule files, for editors; made from the loader's own tables. */
static int print_schema(void)
{
    struct buf out = BUF(16u << 20);
    bool ok = schema_json(&rules_schema, &out);

    if (ok)
        printf("%s\n", buf_get(&out).p);
    buf_free(&out);
    return ok ? EXIT_FINE : EXIT_TROUBLE;
}

struct wanted {
    const char *config, *format, *old;
    bool strict, schema;
};

/* False: wrong usage, which was said. */
static bool parse(int argc, char **argv, struct wanted *out)
{
    const struct cmdline_option options[] = {
        { "c", &out->config, NULL },      { "format", &out->format, NULL }, { "against", &out->old, NULL },
        { "strict", NULL, &out->strict }, { "schema", NULL, &out->schema }, { NULL, NULL, NULL }
    };
    int n;

    if (cmdline_parse(argc, argv, options, &n) && cmdline_no_words(argv, n)) {
        if (strcmp(out->format, "text") == 0 || strcmp(out->format, "json") == 0)
            return true;
        fprintf(stderr, "callbackd: there is no format '%s'\n", out->format);
    }
    fprintf(stderr, "usage: callbackd check -c FILE [--format text|json] [--strict] [--against OLD]\n"
                    "       callbackd check --schema\n");
    return false;
}

static void print(const struct wanted *wanted, const struct generation *generation, struct findings *findings)
{
    if (strcmp(wanted->format, "json") == 0) {
        print_json(findings);
        return;
    }
    cmdline_findings(findings, true);
    print_sum(generation, findings);
}

/* What is wrong with the old rules themselves is said only if they do not load. */
static struct against *load_old(const char *old, struct findings *findings)
{
    struct findings *theirs = findings_new();
    struct against *against = theirs ? against_load(old, theirs) : NULL;

    if (!against) {
        if (theirs)
            cmdline_findings(theirs, false);
        finding_error(findings, (struct place){ 0 }, "%s: the old rules do not load", old);
    }
    findings_free(theirs);
    return against;
}

static int check(const struct wanted *wanted, struct findings *findings)
{
    struct generation *generation = generation_load(wanted->config, SECRETS_NONE, findings);
    struct against *against = wanted->old ? load_old(wanted->old, findings) : NULL;
    int code = EXIT_FINE;

    if (generation)
        flow_check(generation->ruleset, findings);
    if (generation && against)
        against_check(against, generation, findings);
    print(wanted, generation, findings);
    if (!generation || (wanted->old && !against))
        code = EXIT_CONFIG;
    else if (findings_count(findings, FINDING_ERROR) ||
             (wanted->strict && findings_count(findings, FINDING_WARNING)))
        code = EXIT_FINDINGS;
    against_free(against);
    generation_unref(generation);
    return code;
}

int cmd_check(int argc, char **argv)
{
    struct wanted wanted = { .config = CMDLINE_CONFIG, .format = "text" };
    struct findings *findings;
    int code;

    if (!parse(argc, argv, &wanted))
        return EXIT_USAGE;
    if (wanted.schema)
        return print_schema();
    findings = findings_new();
    if (!findings)
        return EXIT_TROUBLE;
    code = check(&wanted, findings);
    findings_free(findings);
    return code;
}
