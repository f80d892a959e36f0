#pragma once

/* Test cases of a flow, as `callbackd test` reads them: what a customer does, and what is expected. */

#include "base/arena.h"
#include "core/finding.h"
#include "core/ruleset.h"

enum deed { DEED_NONE, DEED_TAP, DEED_TEXT, DEED_PRESS };

const char *deed_name(enum deed deed); /* "tap", "text", "press" */

struct test_expect {
    const struct node *rule;    /* NULL: not said; the text "none": no rule */
    const struct node *replies; /* NULL: not said; a list of maps */
    const struct node *buttons; /* NULL: not said; a list of labels */
};

struct test_step {
    struct place at;
    enum deed deed;
    struct text what; /* data, text, label */
    int64_t after_ms; /* -1: not said */
    struct test_expect expect;
};

struct test_case {
    struct place at;
    struct text name;
    int64_t start_at;    /* Unix ms */
    struct text contact; /* JSON object; p == NULL: none */
    struct test_step *steps;
    size_t count;
};

struct test_cases {
    struct test_case *items;
    size_t count;
};

extern const struct schema testcases_schema; /* a whole file */

/* testcase_read: a file of cases; `.json` is read as JSON. False after adding errors. All of it lives in the arena. Rules that a
   case names must be in the ruleset. */
bool testcase_read(struct arena *arena, const char *path, struct text source, const struct ruleset *ruleset,
                   struct test_cases *out, struct findings *findings) CHECKED;
