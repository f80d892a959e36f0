#pragma once

/* Texts that a pattern takes, for looking at a flow: a guess from the pattern's form, proved by the pattern itself. */

#include "base/buf.h"
#include "core/pattern.h"

#define EXAMPLE_VARIANTS 16

/* example_make: variant 0 to EXAMPLE_VARIANTS - 1 of an example, into the emptied `out`: they take different branches, and
   leave optional parts out or not. False if the guess is not taken. */
bool example_make(const struct pattern *pattern, int variant, struct pattern_scratch *scratch,
                  struct buf *out) CHECKED;
