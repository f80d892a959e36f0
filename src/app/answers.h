#pragma once

/* What lookups are answered in `try` and `chat`, as people say it: NAME=JSON, NAME=not_found, NAME=error, NAME=sample. In a talk each holds
   from a turn on, until another of the same name. */

#include "app/sandbox.h"

enum answer_kind { ANSWER_SAMPLE, ANSWER_JSON, ANSWER_NOT_FOUND, ANSWER_ERROR };

struct given {
    const char *name;
    enum answer_kind kind;
    char *json; /* ANSWER_JSON: what the daemon takes it for */
    size_t from;
};

struct answers {
    struct given *items; /* in the order in which they begin to hold */
    size_t count;
};

void answers_clear(struct answers *answers);
/* answers_set: from turn `from` on, where no later one is. False with a fault: no rule asks such a lookup, it is no JSON, or none that
   the lookup takes. The name is lent from the ruleset. */
bool answers_set(struct answers *answers, const struct ruleset *ruleset, struct text words, size_t from,
                 struct fault *fault) CHECKED;
/* answers_find: what holds at turn `at`; NULL: nothing was said. */
const struct given *answers_find(const struct answers *answers, const char *name, size_t at);
/* answers_begin: does anything begin to hold at turn `at`? */
bool answers_begin(const struct answers *answers, size_t at);
/* answers_back: what begins to hold later begins at turn `at`. */
void answers_back(struct answers *answers, size_t at);
/* answers_give: for sandbox_setup.lookup: SANDBOX_SAMPLE if nothing was said, or that. */
enum sandbox_by answers_give(const struct given *answer, struct result_mail *result);
/* answers_fails: is it said to fail? NULL: nothing was said. */
bool answers_fails(const struct given *answer);
/* answers_word: "not_found", "error", "sample"; the JSON. */
const char *answers_word(const struct given *answer);
