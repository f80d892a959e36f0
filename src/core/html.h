#pragma once

/* Intercom's message bodies: HTML fragments up to webhook version 2.14, plain text from 2.15 on, and nothing in the
   payload says which. So it is detected. */

#include "base/buf.h"

#include <stdbool.h>

/* html_detect: does the text, after white space, begin with a tag that Intercom's bodies begin with (p, div, h1-h6, ul, ol,
   pre, blockquote, img, a, b, i, br)? */
bool html_detect(struct text text) CHECKED;
/* html_reduce: tags are dropped, <br> and the ends of blocks become LF, then entities (amp, lt, gt, quot, apos, nbsp and numbers)
   are decoded, once. What looks like a tag and is none ("a < b", "a<b" without an end) stays. Not trimmed. */
void html_reduce(struct text html, struct buf *out);
