#pragma once

/* What is wrong with a file, all of it at once, each with its place and the way out. */

#include "base/buf.h"
#include "core/node.h"

enum finding_level { FINDING_ERROR, FINDING_WARNING, FINDING_NOTE };

struct finding {
    enum finding_level level;
    struct place at; /* document NULL: no place */
    const char *text;
    const char *hint; /* the way out, printed behind "= "; NULL: none */
    const char *mark; /* printed behind the caret; NULL: none */
};

struct findings;

/* findings_new: holds at most 1,000 findings; further ones are only counted, or take the place of one that matters less. NULL
   when memory is out. */
struct findings *findings_new(void) CHECKED;
void findings_free(struct findings *findings);
/* finding_add: one line of text. Findings keep the order of place (path, line, column) when printed. */
void finding_add(struct findings *findings, enum finding_level level, struct place at, const char *format,
                 ...) PRINTF(4, 5);
#define finding_error(findings, at, ...) finding_add((findings), FINDING_ERROR, (at), __VA_ARGS__)
/* finding_hint, finding_mark: for the finding added last. */
void finding_hint(struct findings *findings, const char *format, ...) PRINTF(2, 3);
void finding_mark(struct findings *findings, const char *format, ...) PRINTF(2, 3);
/* findings_conceal: what stands at this place may be a secret: lines are printed with '*' there, whichever finding shows
   them. */
void findings_conceal(struct findings *findings, struct place at);
size_t findings_count(const struct findings *findings, enum finding_level level);
/* findings_get: the i-th, in printing order; NULL past the end. */
const struct finding *findings_get(struct findings *findings, size_t i);
/* findings_print: as rule-language shows them: "path:line:col: error: text", the line, a caret, "= hint". Long lines are
   cut around the caret. */
void findings_print(struct findings *findings, struct buf *out);
/* findings_json: [{ "level", "path", "line", "column", "text", "hint" }, ...]. */
void findings_json(struct findings *findings, struct buf *out);
