#include "app/answers.h"

#include "core/doc.h"
#include "core/lookup.h"

#include <stdlib.h>
#include <string.h>

#define ANSWERS_MAX 10000

static const char *const words_of[] = {
    [ANSWER_SAMPLE] = "sample", [ANSWER_NOT_FOUND] = "not_found", [ANSWER_ERROR] = "error"
};
#define KINDS (sizeof(words_of) / sizeof(*words_of))

const char *answers_word(const struct given *answer)
{
    return answer->kind == ANSWER_JSON ? answer->json : words_of[answer->kind];
}

void answers_clear(struct answers *answers)
{
    for (size_t i = 0; i < answers->count; i++)
        free(answers->items[i].json);
    free(answers->items);
    *answers = (struct answers){ NULL, 0 };
}

/* --- reading --------------------------------------------------------------------------------------------------------- */

/* By what the daemon asks of an answer, so that nobody tries with what no customer would see. As the daemon takes it: large
   numbers keep their digits. */
static char *read_json(const struct lookup *lookup, struct text json, struct fault *fault)
{
    struct pattern_scratch *scratch = pattern_scratch_new();
    struct buf out = BUF(2 * LOOKUP_ANSWER_MAX);
    struct json_object *value = NULL;
    char *taken = NULL;

    fault_set(fault, "out of memory");
    if (scratch && lookup_read(lookup, 200, true, json, scratch, &value, fault) == LOOKUP_FOUND) {
        doc_print(value, &out);
        taken = buf_take(&out);
    }
    json_object_put(value);
    pattern_scratch_free(scratch);
    return taken;
}

static bool read_what(const struct lookup *lookup, struct text what, struct given *out, struct fault *fault)
{
    static const char *const plain[] = { "sample", "not_found", "error", NULL };
    const char *near;

    for (size_t i = 0; i < KINDS; i++)
        if (words_of[i] && text_is(what, words_of[i])) {
            out->kind = (enum answer_kind)i;
            return true;
        }
    out->kind = ANSWER_JSON;
    out->json = read_json(lookup, what, fault);
    if (out->json)
        return true;
    near = what.n < 20 ? text_closest(what, plain) : NULL;
    if (near)
        fault_set(fault, "neither JSON nor not_found, error, sample; did you mean %s?", near);
    return fault_wrap(fault, "lookup %s", lookup_name(lookup));
}

static const struct lookup *find(const struct ruleset *ruleset, struct text name, struct fault *fault)
{
    const char *near;
    const struct lookup *lookup = ruleset_lookup(ruleset, name, &near);
    char shown[101];

    text_printable(name, shown, 100);
    if (!lookup)
        fault_set(fault, "no rule asks a lookup '%s'%s%s%s", shown, near ? "; did you mean '" : "",
                  near ? near : "", near ? "'?" : "");
    return lookup;
}

/* --- keeping --------------------------------------------------------------------------------------------------------- */

static bool add(struct answers *answers, const struct given *answer)
{
    struct given *items =
        answers->count < ANSWERS_MAX ? realloc(answers->items, (answers->count + 1) * sizeof(*items)) : NULL;

    if (!items)
        return false;
    answers->items = items;
    items[answers->count++] = *answer;
    return true;
}

static void drop(struct answers *answers, size_t i)
{
    free(answers->items[i].json);
    memmove(&answers->items[i], &answers->items[i + 1], (--answers->count - i) * sizeof(*answers->items));
}

/* Of two that begin together the last word counts. */
static void drop_overruled(struct answers *answers)
{
    for (size_t i = answers->count; i-- > 0;)
        for (size_t k = i + 1; k < answers->count; k++)
            if (answers->items[k].from == answers->items[i].from &&
                strcmp(answers->items[k].name, answers->items[i].name) == 0) {
                drop(answers, i);
                break;
            }
}

bool answers_set(struct answers *answers, const struct ruleset *ruleset, struct text words, size_t from,
                 struct fault *fault)
{
    struct text name, what;
    const struct lookup *lookup;
    struct given answer = { .from = from };

    if (!text_cut(words, '=', &name, &what))
        return fault_set(fault, "write NAME=JSON, NAME=not_found, NAME=error or NAME=sample");
    lookup = find(ruleset, text_trim(name), fault);
    if (!lookup || !read_what(lookup, text_trim(what), &answer, fault))
        return false;
    answer.name = lookup_name(lookup);
    if (!add(answers, &answer)) {
        free(answer.json);
        return fault_set(fault, "out of memory");
    }
    drop_overruled(answers);
    return true;
}

const struct given *answers_find(const struct answers *answers, const char *name, size_t at)
{
    for (size_t i = answers->count; i-- > 0;)
        if (answers->items[i].from <= at && strcmp(answers->items[i].name, name) == 0)
            return &answers->items[i];
    return NULL;
}

bool answers_begin(const struct answers *answers, size_t at)
{
    for (size_t i = 0; i < answers->count; i++)
        if (answers->items[i].from == at)
            return true;
    return false;
}

void answers_back(struct answers *answers, size_t at)
{
    for (size_t i = 0; i < answers->count; i++)
        if (answers->items[i].from > at)
            answers->items[i].from = at;
    drop_overruled(answers);
}

bool answers_fails(const struct given *answer)
{
    return answer && answer->kind == ANSWER_ERROR;
}

enum sandbox_by answers_give(const struct given *answer, struct result_mail *result)
{
    static const int status[] = { [ANSWER_JSON] = 200, [ANSWER_NOT_FOUND] = 404, [ANSWER_ERROR] = 500 };

    if (!answer || answer->kind == ANSWER_SAMPLE)
        return SANDBOX_SAMPLE;
    result->status = status[answer->kind];
    result->body = text_dup(text_of(answer->json ? answer->json : ""));
    result->body_size = result->body ? strlen(result->body) : 0;
    return SANDBOX_GIVEN;
}
