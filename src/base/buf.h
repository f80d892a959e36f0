#pragma once

/* A growing byte buffer that knows its maximum. A failed addition sticks: check once, at the end. The content is
   always followed by a NUL that does not count. */

#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data;
    size_t len, cap, max;
    bool failed; /* the maximum was reached or memory was out: the content is not whole */
};

#define BUF(maximum) ((struct buf){ .max = (maximum) })

void buf_free(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t n);
void buf_text(struct buf *buf, struct text text);
void buf_str(struct buf *buf, const char *string);
void buf_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);
/* buf_cut: shortens to len bytes. */
void buf_cut(struct buf *buf, size_t len);
/* buf_get: lends the content; never NULL inside. */
struct text buf_get(const struct buf *buf);
/* buf_take: moves the NUL-terminated content to the caller, for free(3), and empties the buffer. NULL if an addition
   failed (the buffer is freed then) or memory is out. */
char *buf_take(struct buf *buf) CHECKED;
