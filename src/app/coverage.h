#pragma once

/* Which rules and buttons of a ruleset test cases have reached. Buttons that open an address do not count. */

#include "base/buf.h"
#include "core/ruleset.h"

struct coverage;

/* coverage_new: the ruleset must live as long. NULL when memory is out. */
struct coverage *coverage_new(const struct ruleset *ruleset) CHECKED;
void coverage_free(struct coverage *coverage);
/* coverage_rule: it took an entry. */
void coverage_rule(struct coverage *coverage, struct text rule);
/* coverage_press: the button or key at this place of message n of the rule's step was pressed. */
void coverage_press(struct coverage *coverage, struct text rule, int step, int n, size_t row, size_t column);
/* coverage_print: as lines that begin with "# ". */
void coverage_print(const struct coverage *coverage, struct buf *out);
