#include "case_help.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void source_file(const char *name, struct buf *out)
{
    const char *srcdir = getenv("srcdir");
    struct fault fault;
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", srcdir ? srcdir : ".", name);
    if (!file_read(path, out, &fault))
        fail_msg("%s", fault.text);
}

static bool next_case(struct text *rest, struct text *name, struct text *given, struct text *printed)
{
    static const char begin[] = "### ", arrow[] = "\n=>\n";
    const char *end, *middle, *line;

    if (!text_starts(*rest, begin))
        return false;
    line = memchr(rest->p, '\n', rest->n);
    middle = strstr(rest->p, arrow);
    assert_true(line && middle);
    *name = text_make(rest->p + strlen(begin), (size_t)(line - rest->p) - strlen(begin));
    *given = text_make(line + 1, (size_t)(middle - line));
    middle += strlen(arrow);
    end = strstr(middle, begin);
    if (!end)
        end = rest->p + rest->n;
    *printed = text_make(middle, (size_t)(end - middle));
    *rest = text_make(end, rest->n - (size_t)(end - rest->p));
    return true;
}

void cases_compare(const char *name, const char *variable, void (*print)(struct text given, struct buf *out))
{
    struct buf cases = BUF(1000000);
    struct text rest, title, given, printed;
    int bad = 0;

    source_file(name, &cases);
    rest = buf_get(&cases);
    assert_true(rest.n > 0);
    while (next_case(&rest, &title, &given, &printed)) {
        struct buf out = BUF(100000);

        print(given, &out);
        if (getenv(variable))
            printf("@@@### %.*s\n%.*s=>\n%.*s@@@", TEXT_ARG(title), TEXT_ARG(given), TEXT_ARG(buf_get(&out)));
        else if (!text_eq(buf_get(&out), printed) && ++bad)
            print_message("%.*s:\n%.*s\ninstead of\n%.*s", TEXT_ARG(title), TEXT_ARG(buf_get(&out)),
                          TEXT_ARG(printed));
        buf_free(&out);
    }
    assert_int_equal(bad, 0);
    assert_int_equal(rest.n, 0);
    buf_free(&cases);
}
