#include "core/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARENA ((size_t)256 << 20)

typedef struct document *reading(struct arena *, const char *, struct text, struct findings *);

/* What is printed about a file; "" if it is fine. For free(3). */
static char *printed(reading *read, const char *path, const char *source)
{
    struct arena *arena = arena_new(ARENA);
    struct findings *findings = findings_new();
    struct buf out = BUF(100000);
    struct document *document = read(arena, path, text_of(source), findings);

    assert_true((document != NULL) == (findings_count(findings, FINDING_ERROR) == 0));
    /* findings must outlive the file */
    arena_free(arena);
    findings_print(findings, &out);
    findings_free(findings);
    return buf_take(&out);
}

static void test_golden(void **state)
{
    static const char lines[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
    char source[300], *text;

    (void)state;
    snprintf(source, sizeof(source), "%sr:\n    - [ { text: Refresh, callback_data: track:${id} } ]\n",
             lines + 1);
    text = printed(yaml_read, "rules/10.yaml", source);
    assert_string_equal(text,
                        "rules/10.yaml:22:48: error: a text with ${...} inside { } or [ ] needs quotes\n"
                        "  22 |     - [ { text: Refresh, callback_data: track:${id} } ]\n"
                        "     |                                                ^ YAML starts a map here\n"
                        "     = write: callback_data: 'track:${id}'\n");
    free(text);
    snprintf(source, sizeof(source), "%sr:\n      text: Your order #${id} is on its way\n", lines + 14);
    text = printed(yaml_read, "rules/10.yaml", source);
    assert_string_equal(
        text, "rules/10.yaml:9:24: error: the text ends before '#'; YAML takes the rest for a comment\n"
              "   9 |       text: Your order #${id} is on its way\n"
              "     |                        ^\n"
              "     = write: text: 'Your order #${id} is on its way'\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
