#pragma once

/* Borrowed bytes, and what is done with text everywhere. A struct text owns nothing and need not end in NUL. */

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    const char *p;
    size_t n;
};

#define TEXT_NONE ((struct text){ NULL, 0 })
/* For printf's "%.*s". */
#define TEXT_ARG(t) (int)(t).n, (t).p ? (t).p : ""

/* text_of: a NUL-terminated string as text; NULL gives an empty text. */
struct text text_of(const char *string);
struct text text_make(const char *p, size_t n);
bool text_eq(struct text a, struct text b);
/* text_order: byte by byte, what is a beginning first: < 0, 0, > 0. */
int text_order(struct text a, struct text b);
bool text_is(struct text a, const char *string);
bool text_is_nocase(struct text a, const char *string);
bool text_starts(struct text a, const char *prefix);
bool text_ends(struct text a, const char *suffix);
/* text_find_nocase: is `needle` (lower case ASCII) somewhere in `hay`, ignoring ASCII case? */
bool text_find_nocase(struct text hay, const char *needle);
/* text_trim: without ASCII white space at both ends. */
struct text text_trim(struct text a);
/* text_dup: a NUL-terminated copy for free(3); NULL when memory is out. */
char *text_dup(struct text a) CHECKED;
/* text_cut: splits at the first `sep`; head gets what is before, tail what is behind. False if there is none. */
bool text_cut(struct text a, char sep, struct text *head, struct text *tail);

/* text_utf8_count: code points in valid UTF-8 (no surrogates, no overlong forms, up to U+10FFFF); -1 if invalid. */
int64_t text_utf8_count(struct text a);
/* text_utf16_count: UTF-16 code units of the same; -1 if invalid. */
int64_t text_utf16_count(struct text a);
/* text_printable: a NUL-terminated, valid UTF-8 copy without control characters, at most `max` bytes, into out
   (size max + 1). What does not fit or is not text becomes '?'. For logs and error texts. */
void text_printable(struct text a, char *out, size_t max);

/* text_i64: the whole text is a decimal number that fits. */
bool text_i64(struct text a, int64_t *out) CHECKED;
/* text_duration: "250ms", "2s", "15m", "12h", "7d" to milliseconds. */
bool text_duration(struct text a, int64_t *ms) CHECKED;
/* text_size: "512", "64KiB", "1MiB", "1GiB" to bytes. */
bool text_size(struct text a, size_t *bytes) CHECKED;

/* text_hex: lower-case hex of n bytes, NUL-terminated, into out (size 2n + 1). */
void text_hex(const void *bytes, size_t n, char *out);
/* text_unhex: exactly n bytes from 2n hex digits of either case. */
bool text_unhex(struct text hex, void *out, size_t n) CHECKED;

/* text_closest: the word of the NULL-terminated list nearest to `a` by edit distance, NULL if none is near. For
   "did you mean". */
const char *text_closest(struct text a, const char *const *words);
