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

int cmd_check(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG, *format = "text";
    bool strict = false;
    bool schema = false;
    const struct cmdline_option options[] = { { "c", &path, NULL },
                                              { "format", &format, NULL },
                                              { "strict", NULL, &strict },
                                              { "schema", NULL, &schema },
                                              { NULL, NULL, NULL } };
    struct findings *findings;
    struct generation *generation;
    int n, code = EXIT_FINE;

    if (!cmdline_parse(argc, argv, options, &n) || n != 0 ||
        (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)) {
        fprintf(stderr, "usage: callbackd check -c FILE [--format text|json] [--strict]\n"
                        "       callbackd check --schema\n");
        return EXIT_USAGE;
    }
    if (schema)
        return print_schema();
    findings = findings_new();
    if (!findings)
        return EXIT_TROUBLE;
    generation = generation_load(path, SECRETS_NONE, findings);
    if (generation)
        flow_check(generation->ruleset, findings);
    if (strcmp(format, "json") == 0) {
        print_json(findings);
    } else {
        cmdline_findings(findings, true);
        print_sum(generation, findings);
    }
    if (!generation)
        code = EXIT_CONFIG;
    else if (findings_count(findings, FINDING_ERROR) || (strict && findings_count(findings, FINDING_WARNING)))
        code = EXIT_FINDINGS;
    generation_unref(generation);
    findings_free(findings);
    return code;
}
