#pragma once

/* Which rules and buttons of a ruleset test cases have reached. Buttons that open an address do not count. */

#include "app/sandbox.h"
#include "core/shown.h"

struct coverage;

/* coverage_new: the ruleset must live as long. NULL when memory is out. */
struct coverage *coverage_new(const struct ruleset *ruleset) CHECKED;
void coverage_free(struct coverage *coverage);
/* coverage_rule: it took an entry. */
void coverage_rule(struct coverage *coverage, struct text rule);
/* coverage_press: this button or key of what was sent was pressed. */
void coverage_press(struct coverage *coverage, const struct sandbox_sent *from,
                    const struct shown_button *pressed);
/* coverage_print: as lines that begin with "# ". */
void coverage_print(const struct coverage *coverage, struct buf *out);
