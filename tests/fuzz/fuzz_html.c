/* HTML to text. */

#include "fuzz.h"

#include "core/html.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text html = fuzz_text(data, size), text;
    struct buf out = BUF(size + 1);
    bool marks = memchr(html.p, '<', html.n) || memchr(html.p, '&', html.n);

    HOLDS(!html_detect(html) || memchr(html.p, '<', html.n));
    html_reduce(html, &out);
    HOLDS(!out.failed);
    text = buf_get(&out);
    HOLDS(text.n <= html.n);
    HOLDS(text_utf8_count(html) < 0 || text_utf8_count(text) >= 0);
    HOLDS(marks || text_eq(html, text));
    buf_free(&out);
    return 0;
}
