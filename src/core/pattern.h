#pragma once

/* PCRE2 patterns, compiled once: UTF, the whole string, DOTALL, DOLLAR_ENDONLY, NO_AUTO_POSSESS, NEVER_UCP,
   NEVER_BACKSLASH_C, newline LF; JIT where there is one. The effort of a match is bounded. */

#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_SUBJECT_MAX 16384 /* bytes; longer subjects do not match */

struct pattern; /* immutable after pattern_compile; may be used from several threads */
/* Match data and the JIT stack (1 MiB): one per thread. */
struct pattern_scratch;

enum pattern_use {
    PATTERN_WHOLE,  /* anchored at both ends: rules */
    PATTERN_SEARCH, /* anywhere: callback_data patterns of sources */
};

/* pattern_compile: NULL with a fault; *offset is the byte of the pattern where it is wrong. Refused beside PCRE2's own errors:
   (*...) at the start, (?J), {,n}, { n}, over 16 kB. */
struct pattern *pattern_compile(struct text source, enum pattern_use use, size_t *offset,
                                struct fault *fault) CHECKED;
void pattern_free(struct pattern *pattern);
struct text pattern_source(const struct pattern *pattern);
/* pattern_names: number of named groups; pattern_name: the i-th, its group number in *group. */
size_t pattern_names(const struct pattern *pattern);
const char *pattern_name(const struct pattern *pattern, size_t i, int *group);
/* pattern_groups: number of capturing groups. */
int pattern_groups(const struct pattern *pattern);

/* pattern_takes_empty: does it match the empty text? */
bool pattern_takes_empty(const struct pattern *pattern);

struct pattern_scratch *pattern_scratch_new(void) CHECKED;
void pattern_scratch_free(struct pattern_scratch *scratch);

enum pattern_result {
    PATTERN_NO,
    PATTERN_YES,
    PATTERN_LIMIT, /* the bound on effort was reached, or the subject is too long or not UTF-8: counts as no match */
};

/* pattern_match: on YES the captures can be read from the scratch until its next match. */
enum pattern_result pattern_match(const struct pattern *pattern, struct pattern_scratch *scratch,
                                  struct text subject) CHECKED;
/* pattern_group: what group n took; p == NULL if it took no part. Lends from the subject. */
struct text pattern_group(const struct pattern_scratch *scratch, int group);
/* pattern_prefix: the literal that every match begins with, "" if none is certain; a NUL follows. Lends. */
struct text pattern_prefix(const struct pattern *pattern);

/* pattern_scan: every match of `source` (no anchors added) in a subject of any size, of valid UTF-8, one behind the other, until
   `take` gives false or a match is empty. False if the source does not compile, a match failed, or `take` gave false. For
   asking what a single item of a pattern matches. */
bool pattern_scan(struct text source, struct text subject, bool (*take)(void *arg, struct text match),
                  void *arg) CHECKED;
