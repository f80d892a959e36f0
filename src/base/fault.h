#pragma once

/* A fault is the text of why something failed: one line, no trailing newline, fit for a user to read. */

#include <stddef.h>

#define CHECKED __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

struct fault {
    char text[1024];
};

/* fault_set: writes the text, cut to fit. Returns false, so that `return fault_set(...)` ends a bool function. */
_Bool fault_set(struct fault *fault, const char *format, ...) PRINTF(2, 3);

/* fault_wrap: puts "prefix: " in front of the text that is there. Returns false, as fault_set. */
_Bool fault_wrap(struct fault *fault, const char *format, ...) PRINTF(2, 3);
