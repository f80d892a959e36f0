#pragma once

/* What the targets of the kinds of sources share: an input is headers ("Name: value", a line each, up to an empty line; none if it
   begins with '{' or '['), then a body; behind a line "--" the answers follow that the entries' fetches get, a line with the
   status first. */

#include "fuzz.h"

#include "core/source.h"

/* kit_source: runs the input through a source made of this YAML. `sign` writes the header lines that a right signature of the body
   takes; the source must accept it, and no longer if the body is another. */
void kit_source(const char *yaml, void (*sign)(struct text body, struct buf *out), const uint8_t *data,
                size_t size);

#define KIT_SECRET "a-secret-of-the-test"
#define KIT_TARGET "/in?x=%26"
#define KIT_URL "https://hooks.example.com"
#define KIT_NOW INT64_C(1784016000000)
