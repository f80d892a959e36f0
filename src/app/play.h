#pragma once

/* Plays a test case. */

#include "app/coverage.h"
#include "app/generation.h"
#include "core/testcase.h"

/* play_case: does all that is expected happen? What does not is added to `why`, a line each, without "# "; the case ends at the
   first step that fails. `coverage` may be NULL. */
bool play_case(struct generation *generation, const struct test_case *test, struct coverage *coverage,
               struct buf *why) CHECKED;
