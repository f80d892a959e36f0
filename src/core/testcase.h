#pragma once

/* Test cases of a flow, as `callbackd test` reads them: what a customer does, and what is expected. */

#include "base/arena.h"
#include "core/finding.h"
#include "core/ruleset.h"

#define TESTCASE_AFTER_MAX ((int64_t)400 * 86400 * 1000) /* ms between two steps */

enum deed { DEED_NONE, DEED_TAP, DEED_TEXT, DEED_PRESS, DEED_ATTACHMENT };

const char *deed_name(enum deed deed); /* "tap", "text", "press", "attachment" */

struct test_expect {
    const struct node *rule;    /* NULL: not said; the text "none": no rule */
    const struct node *replies; /* NULL: not said; a list of maps */
    const struct node *buttons; /* NULL: not said; a list of labels */
    const struct node *inbox;   /* NULL: not said; a map of actions, all that were done */
    const struct node *chat;    /* NULL: not said; a map of variables; null: there is none of the name */
    const struct node *refused; /* NULL: not said */
};

/* What a lookup is answered in a case. */
struct test_lookup {
    struct text name;
    int status;       /* 200, 404, 500; 0: its sample */
    struct text body; /* JSON */
};

struct test_lookups {
    const struct test_lookup *items;
    size_t count;
};

struct test_step {
    struct place at;
    enum deed deed;
    struct text what;             /* data, text, label */
    struct attachment attachment; /* DEED_ATTACHMENT */
    struct test_lookups lookups;  /* before those of the case */
    int64_t after_ms;             /* -1: not said */
    struct test_expect expect;
};

struct test_case {
    struct place at;
    struct text name;
    int64_t start_at;    /* Unix ms */
    struct text contact; /* JSON object; p == NULL: none */
    struct test_lookups lookups;
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
