/* The flow checker's findings, letter by letter, and on generated flows with planted faults. */

#include "base/file.h"
#include "core/flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void read_source_file(const char *name, struct buf *out)
{
    const char *srcdir = getenv("srcdir");
    struct fault fault;
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", srcdir ? srcdir : ".", name);
    if (!file_read(path, out, &fault))
        fail_msg("%s", fault.text);
}

/* The findings of a flow that loads. */
static struct findings *check(const char *path, struct text text)
{
    const struct ruleset_file file = { path, text };
    struct findings *findings = findings_new();
    struct ruleset *ruleset = ruleset_build(&file, 1, NULL, 0, findings);

    if (!ruleset)
        fail_msg("%s: %s", path, findings_get(findings, 0)->text);
    flow_check(ruleset, findings);
    ruleset_free(ruleset);
    return findings;
}

/* The cases of flow_findings.txt: "### NAME", the file, "=>", the findings. */
static bool next_case(struct text *rest, struct text *name, struct text *file, struct text *printed)
{
    static const char begin[] = "### ", arrow[] = "\n=>\n";
    const char *end, *middle, *line;

    if (!text_starts(*rest, begin))
        return false;
    line = memchr(rest->p, '\n', rest->n);
    middle = strstr(rest->p, arrow);
    assert_true(line && middle);
    *name = text_make(rest->p + strlen(begin), (size_t)(line - rest->p) - strlen(begin));
    *file = text_make(line + 1, (size_t)(middle - line));
    middle += strlen(arrow);
    end = strstr(middle, begin);
    if (!end)
        end = rest->p + rest->n;
    *printed = text_make(middle, (size_t)(end - middle));
    *rest = text_make(end, rest->n - (size_t)(end - rest->p));
    return true;
}

static void test_findings(void **state)
{
    struct buf cases = BUF(1000000);
    struct text rest, name, file, printed;
    int bad = 0;

    (void)state;
    read_source_file("tests/unit/flow_findings.txt", &cases);
    rest = buf_get(&cases);
    assert_true(rest.n > 0);
    while (next_case(&rest, &name, &file, &printed)) {
        struct findings *findings = check("r.yaml", file);
        struct buf out = BUF(100000);

        findings_print(findings, &out);
        if (getenv("FLOW_PRINT"))
            printf("@@@### %.*s\n%.*s=>\n%.*s@@@", TEXT_ARG(name), TEXT_ARG(file), TEXT_ARG(buf_get(&out)));
        else if (!text_eq(buf_get(&out), printed) && ++bad)
            print_message("%.*s:\n%.*s\ninstead of\n%.*s", TEXT_ARG(name), TEXT_ARG(buf_get(&out)),
                          TEXT_ARG(printed));
        buf_free(&out);
        findings_free(findings);
    }
    assert_int_equal(bad, 0);
    assert_int_equal(rest.n, 0);
    buf_free(&cases);
}

/* The flows that come with callbackd have no findings at all. */
static void test_shipped(void **state)
{
    static const char *const files[] = { "rules/10-orders.yaml", "contrib/examples/rules/shop.yaml" };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        struct buf text = BUF(1000000);
        struct findings *findings;

        read_source_file(files[i], &text);
        findings = check(files[i], buf_get(&text));
        if (findings_get(findings, 0))
            fail_msg("%s: %s", files[i], findings_get(findings, 0)->text);
        findings_free(findings);
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_shipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
