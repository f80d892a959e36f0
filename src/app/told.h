#pragma once

/* What became of an entry, for a person to read. For `try` and `chat`. */

#include "app/sandbox.h"

#include <stdio.h>

/* told_print: the rule that took it and why, its captures, what was asked and answered, what was done in the helpdesk. Nothing of the
   messages. */
void told_print(const struct sandbox_outcome *outcome, FILE *out);
/* told_end: why nothing is sent, or the run did not end well; else nothing. */
void told_end(const struct sandbox_outcome *outcome, FILE *out);
/* told_text: without what would disturb a terminal. */
void told_text(struct text text, FILE *out);
