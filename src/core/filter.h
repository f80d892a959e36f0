#pragma once

/* Filters of templates: ${total|cents(,)}. */

#include "base/arena.h"
#include "base/buf.h"
#include "core/zone.h"

enum filter_kind {
    FILTER_UPPER,
    FILTER_LOWER, /* both: ASCII letters only */
    FILTER_TRIM,
    FILTER_TRUNCATE, /* to n characters */
    FILTER_URL,      /* percent-encoded */
    FILTER_DATE,     /* RFC 3339, a date, or Unix seconds */
    FILTER_CENTS,    /* 4990 -> 49.90 */
    FILTER_MONEY,    /* 49.9 -> 49.90 */
};

struct filter {
    enum filter_kind kind;
    size_t n;           /* FILTER_TRUNCATE */
    char point;         /* FILTER_CENTS, FILTER_MONEY */
    struct text format; /* FILTER_DATE */
    const struct zone *zone;
};

/* filter_parse: "date(%d.%m.%Y)". Lends from the word. False with a fault that is a whole error; *near is the name that was
   meant, perhaps, or NULL. */
bool filter_parse(struct text word, const struct zone *zone, struct filter *out, const char **near,
                  struct fault *fault) CHECKED;
/* filter_apply: false with a fault ("'abc' is no number") if the value is none that the filter can take: it counts as
   missing then. */
bool filter_apply(const struct filter *filter, struct text value, struct buf *out,
                  struct fault *fault) CHECKED;
/* filter_encode: percent-encodes all but unreserved characters (RFC 3986). */
void filter_encode(struct text value, struct buf *out);
