#pragma once

/* Tests whose expectations stand in files of cases: "### NAME", what is given, "=>", what is printed about it letter by letter. */

#include "base/buf.h"

/* source_file: a file of the source tree; the test fails if it cannot be read. */
void source_file(const char *name, struct buf *out);
/* cases_compare: each case of the file; the test fails at the end if `print` printed something else about one. With the environment
   variable set it only prints all of them, each between "@@@", to make the file anew. */
void cases_compare(const char *name, const char *variable, void (*print)(struct text given, struct buf *out));
