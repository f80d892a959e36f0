/* `callbackd test`: plays cases and conversations against the rules; prints TAP. */

#include "app/cmd_test.h"

#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/coverage.h"
#include "app/play.h"
#include "app/rulefiles.h"
#include "base/file.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX ((size_t)1 << 20)
#define OUT_MAX ((size_t)256 << 20)
#define ARENA_MAX ((size_t)1 << 30)
#define NAME_MAX_BYTES 400

static const char usage[] = "usage: callbackd test -c FILE CASES... [--junit FILE] [--mutate]\n";

struct tests {
    struct generation *generation;
    struct test_files files;
    struct coverage *coverage;
    struct buf junit;
    size_t number, failed;
};

/* --- reading ---------------------------------------------------------------------------------------------------------- */

static bool read_cases(struct tests *tests, const struct ruleset_file *from, struct findings *findings)
{
    struct test_files *all = &tests->files;
    struct test_file *files = realloc(all->files, (all->count + 1) * sizeof(*files)), *file;

    if (files)
        all->files = files;
    file = files ? &files[all->count] : NULL;
    if (file) {
        *file = (struct test_file){ .path = arena_str(all->arena, text_of(from->path)) };
        all->count++;
    }
    if (!file || !file->path) {
        finding_error(findings, (struct place){ NULL }, "out of memory");
        return false;
    }
    return testcase_read(all->arena, file->path, from->text, tests->generation->ruleset, &file->cases,
                         findings);
}

static bool read_path(struct tests *tests, const char *path, struct findings *findings)
{
    struct rulefiles files;
    bool ok = rulefiles_read_cases(path, &files, findings);

    for (size_t i = 0; i < files.count; i++)
        ok = read_cases(tests, &files.files[i], findings) && ok;
    rulefiles_free(&files);
    return ok;
}

static bool read_all(struct tests *tests, char **paths, size_t n, struct findings *findings)
{
    bool ok = true;

    tests->files.arena = arena_new(ARENA_MAX);
    tests->coverage = coverage_new(tests->generation->ruleset);
    if (!tests->files.arena || !tests->coverage) {
        finding_error(findings, (struct place){ NULL }, "out of memory");
        return false;
    }
    for (size_t i = 0; i < n; i++)
        ok = read_path(tests, paths[i], findings) && ok;
    return ok;
}

static size_t count_cases(const struct test_files *files)
{
    size_t n = 0;

    for (size_t i = 0; i < files->count; i++)
        n += files->files[i].cases.count;
    return n;
}

/* --- JUnit ------------------------------------------------------------------------------------------------------------ */

static void add_xml(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '&' || *text == '"')
            buf_str(out, *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : "&quot;");
        else
            buf_char(out, *text);
    }
}

static void add_junit(struct tests *tests, const char *path, const char *name, bool ok, const struct buf *why)
{
    struct buf *out = &tests->junit;

    buf_str(out, "  <testcase classname=\"");
    add_xml(out, path);
    buf_str(out, "\" name=\"");
    add_xml(out, name);
    if (ok) {
        buf_str(out, "\"/>\n");
        return;
    }
    buf_str(out, "\"><failure message=\"not as expected\">");
    add_xml(out, buf_get(why).p);
    buf_str(out, "</failure></testcase>\n");
}

static bool write_junit(const struct tests *tests, const char *path)
{
    struct buf out = BUF(OUT_MAX);
    struct fault fault;
    bool ok;

    buf_printf(&out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"callbackd\" tests=\"%zu\" "
               "failures=\"%zu\">\n",
               tests->number, tests->failed);
    buf_text(&out, buf_get(&tests->junit));
    buf_str(&out, "</testsuite>\n");
    ok = !out.failed && file_write(path, buf_get(&out), &fault);
    if (!ok)
        fprintf(stderr, "callbackd: %s\n", out.failed ? "out of memory" : fault.text);
    buf_free(&out);
    return ok;
}

/* --- TAP -------------------------------------------------------------------------------------------------------------- */

/* A '#' would begin a directive. */
static void print_name(const char *name)
{
    for (; *name; name++) {
        if (*name == '#' || *name == '\\')
            putchar('\\');
        putchar(*name);
    }
    putchar('\n');
}

static void print_comment(struct text lines)
{
    struct text line, rest = lines;

    while (text_cut(rest, '\n', &line, &rest))
        printf("# %.*s\n", TEXT_ARG(line));
}

static void run_case(struct tests *tests, const struct test_file *file, const struct test_case *test)
{
    struct buf why = BUF(WHY_MAX);
    char name[NAME_MAX_BYTES + 1];
    bool ok = play_case(tests->generation, test, tests->coverage, &why);

    text_printable(test->name, name, NAME_MAX_BYTES);
    tests->failed += !ok;
    printf("%s %zu - ", ok ? "ok" : "not ok", ++tests->number);
    print_name(name);
    print_comment(buf_get(&why));
    add_junit(tests, file->path, name, ok, &why);
    buf_free(&why);
}

static void print_coverage(const struct tests *tests)
{
    struct buf out = BUF(OUT_MAX);

    coverage_print(tests->coverage, &out);
    fputs(buf_get(&out).p, stdout);
    buf_free(&out);
}

static int run_mutants(struct tests *tests)
{
    if (tests->failed)
        printf("# mutants: none made while a case fails\n");
    else if (!cmd_test_mutate(tests->generation, &tests->files))
        return EXIT_TROUBLE;
    return EXIT_FINE;
}

static int run_all(struct tests *tests, const char *junit, bool mutate)
{
    printf("1..%zu\n", count_cases(&tests->files));
    for (size_t i = 0; i < tests->files.count; i++)
        for (size_t k = 0; k < tests->files.files[i].cases.count; k++)
            run_case(tests, &tests->files.files[i], &tests->files.files[i].cases.items[k]);
    print_coverage(tests);
    if (junit && !write_junit(tests, junit))
        return EXIT_TROUBLE;
    if (mutate && run_mutants(tests) != EXIT_FINE)
        return EXIT_TROUBLE;
    return tests->failed ? EXIT_FINDINGS : EXIT_FINE;
}

int cmd_test(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG, *junit = NULL;
    bool mutate = false;
    const struct cmdline_option options[] = {
        { "c", &path, NULL }, { "junit", &junit, NULL }, { "mutate", NULL, &mutate }, { NULL, NULL, NULL }
    };
    struct tests tests = { .junit = BUF(OUT_MAX) };
    struct findings *findings;
    int n, code = EXIT_CONFIG;

    if (!cmdline_parse(argc, argv, options, &n) || n == 0) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    log_setup(LOG_ERROR, false);
    findings = findings_new();
    tests.generation = findings ? generation_load(path, SECRETS_NONE, findings) : NULL;
    if (tests.generation && read_all(&tests, argv + 1, (size_t)n, findings))
        code = run_all(&tests, junit, mutate);
    else if (findings)
        cmdline_findings(findings, false);
    findings_free(findings);
    coverage_free(tests.coverage);
    generation_unref(tests.generation);
    arena_free(tests.files.arena);
    free(tests.files.files);
    buf_free(&tests.junit);
    return code;
}
