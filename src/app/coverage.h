#pragma once

/* Which rules, buttons and branches of a ruleset test cases have reached. Buttons that open an address do not count; branches are
   those of `choose`, the way past it when none holds among them, and the blocks not_found, on_error and on_refused. */

#include "app/sandbox.h"
#include "core/shown.h"

struct coverage;

/* coverage_new: the ruleset must live as long. NULL when memory is out. */
struct coverage *coverage_new(const struct ruleset *ruleset) CHECKED;
void coverage_free(struct coverage *coverage);
/* coverage_rule: it took an entry. */
void coverage_rule(struct coverage *coverage, struct text rule);
/* coverage_step: a run went from one step of the rule to another. */
void coverage_step(struct coverage *coverage, const struct rule *rule, size_t step, size_t next);
/* coverage_press: this button or key of what was sent was pressed. */
void coverage_press(struct coverage *coverage, const struct sandbox_sent *from,
                    const struct shown_button *pressed);
/* coverage_print: as lines that begin with "# ". */
void coverage_print(const struct coverage *coverage, struct buf *out);
