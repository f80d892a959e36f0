#pragma once

/* What the parts of `callbackd test` share. */

#include "app/generation.h"
#include "core/testcase.h"

struct test_file {
    const char *path;
    struct test_cases cases;
};

struct test_files {
    struct arena *arena;
    struct test_file *files;
    size_t count;
};

/* cmd_test_mutate: changes the rules in small ways, one at a time, and prints as TAP comments which changes no case notices. False
   when memory is out. */
bool cmd_test_mutate(struct generation *generation, const struct test_files *files) CHECKED;
