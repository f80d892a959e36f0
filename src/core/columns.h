#pragma once

/* How wide text is on a terminal: wide characters, marks, joined emoji. A control character counts as one column. Widths of single characters come from wcwidth(3), so
   the locale's LC_CTYPE must be UTF-8. */

#include "base/text.h"

/* columns_cluster: the bytes of the first piece that is shown as one; *columns: its width. 0 at the end. */
size_t columns_cluster(struct text text, int *columns);
int columns_of(struct text text);
/* columns_take: the longest head that fits into `most` columns; one piece at least. */
struct text columns_take(struct text text, int most);
