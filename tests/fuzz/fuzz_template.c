/* Templates: a line with the template (its first byte says what it is for: 't' text, 'u' an address, 'l' an address that is asked),
   then the scope as JSON. */

#include "kit_file.h"

#include "core/doc.h"
#include "core/limits.h"
#include "core/template.h"

#include <string.h>

#define RENDERED_MAX 4096

static bool is_plain(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7F)
            return false;
    return true;
}

static size_t count(struct text text, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == c;
    return n;
}

/* What stands before the first name stands there still: scheme and host are the template's own. Values bring in nothing
   that ends an address or divides it. */
static void check_address(struct text source, struct text out)
{
    const char *dollar = memchr(source.p, '$', source.n);
    size_t n = dollar ? (size_t)(dollar - source.p) : source.n;

    HOLDS(out.n >= n && memcmp(out.p, source.p, n) == 0);
    HOLDS(!is_plain(source) || is_plain(out));
    for (const char *c = "/?#@\\:&=[]"; *c; c++)
        HOLDS(count(out, *c) <= count(source, *c));
}

static void render(const struct template *template, struct text source, enum template_leaf leaf,
                   struct text json, struct arena *arena)
{
    struct fault fault = { "" };
    struct json_object *scope = doc_parse(json, &fault);
    struct text out;

    if (!json_object_is_type(scope, json_type_object)) {
        json_object_put(scope);
        scope = fuzz_must(json_object_new_object());
    }
    if (!template_render(template, scope, RENDERED_MAX, arena, &out, &fault)) {
        HOLDS(fault.text[0] && fuzz_is_line(text_of(fault.text)));
    } else {
        HOLDS(out.n <= RENDERED_MAX && text_utf8_count(out) >= 0);
        if (leaf != LEAF_TEXT)
            check_address(source, out);
        HOLDS(!template_lacks(template, scope));
    }
    json_object_put(scope);
}

static void check_parts(const struct template *template)
{
    struct template_part part;
    struct text text;

    for (size_t i = 0; i < template_count(template); i++)
        HOLDS(template_part(template, i, &part) && text_utf8_count(part.text) >= 0);
    HOLDS(!template_part(template, template_count(template), &part));
    if (template_static(template, &text))
        HOLDS(text.n <= (size_t)1 << 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct settings settings;
    struct text json = fuzz_text(data, size), line = fuzz_line(&json);
    struct arena *arena = fuzz_must(arena_new((size_t)64 << 20));
    struct findings *findings = fuzz_must(findings_new());
    struct maker maker = { .arena = arena, .findings = findings, .settings = &settings };
    struct text source = line.n ? arena_text(arena, text_make(line.p + 1, line.n - 1)) : text_of("");
    enum template_leaf leaf = line.n && *line.p == 'u'   ? LEAF_URL
                              : line.n && *line.p == 'l' ? LEAF_LOOKUP
                                                         : LEAF_TEXT;
    struct document document = { .path = "fuzz.yaml", .source = source };
    struct node node = { .kind = NODE_SCALAR, .at = { &document, 1, 1, 1 }, .text = source, .plain = true };
    struct template *template = text_utf8_count(source) >= 0 ? template_compile(&maker, &node, leaf) : NULL;

    if (template) {
        check_parts(template);
        render(template, source, leaf, json, arena);
    }
    kit_findings(findings, source, template || findings_count(findings, FINDING_ERROR) == 0);
    arena_free(arena);
    return 0;
}
