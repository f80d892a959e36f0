#pragma once

/* What the fuzzing targets share. A target is one file with LLVMFuzzerTestOneInput, linked with libFuzzer (`make fuzz`) or with
   replay.c, which gives it the files of its corpus (`make check`). */

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LLVMFuzzerTestOneInput: one input; what is wrong ends the program. Keeps nothing between inputs that changes what they do. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* HOLDS: a property of what came out; ends the program, and says so, if it does not hold. */
#define HOLDS(property) ((property) ? (void)0 : fuzz_broken(#property, __FILE__, __LINE__))
_Noreturn void fuzz_broken(const char *property, const char *file, int line);

/* fuzz_must: for what is set up once: a pointer that is not NULL. */
void *fuzz_must(void *made);

struct text fuzz_text(const uint8_t *data, size_t size);
/* fuzz_find: where the string stands first; NULL: nowhere. */
const char *fuzz_find(struct text text, const char *string);
/* fuzz_line: the first line of `rest`, which loses it; all of it if there is no line end. */
struct text fuzz_line(struct text *rest);
/* fuzz_section: the same up to a line "--". */
struct text fuzz_section(struct text *rest);

/* fuzz_is_line: UTF-8 without control characters: fit for a log. */
bool fuzz_is_line(struct text text);
