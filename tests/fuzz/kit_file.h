#pragma once

/* What the targets of files share. */

#include "fuzz.h"

#include "core/finding.h"

/* kit_path: a file is read as JSON if it begins with '{' or '['. */
const char *kit_path(struct text text);
/* kit_findings: checks what is to be said of a file with this text, and frees it: whether it loaded, and only that, depends on errors. */
void kit_findings(struct findings *findings, struct text source, bool loaded);
