/* What a shop answers to a lookup: a line with the status, then the body. What is taken becomes part of a scope, and goes out in
   messages; what is asked next is rendered from it, too. */

#include "kit_rules.h"

#include "core/doc.h"
#include "core/lookup.h"

#include <string.h>

static const char rules[] =
    "lookups:\n"
    "  order:\n"
    "    url: 'https://shop.example.com/orders/${id}?x=${contact.x:-}'\n"
    "    headers: { Authorization: 'Bearer ${secret.KEY}', X-Id: '${id}' }\n"
    "    hosts: [ shop.example ]\n"
    "    fields: { list.*.id: 'ORD-[0-9]+', status: '[a-z ]{1,20}' }\n"
    "    sample: { status: shipped, link: 'https://shop.example/', list: [ { id: ORD-1 } ] }\n"
    "  book:\n"
    "    method: POST\n"
    "    url: 'https://shop.example.com/book'\n"
    "    body: { id: '${id}', list: [ '${id}', 7 ] }\n"
    "    sample: { number: 1 }\n"
    "rules:\n"
    "  - name: a\n"
    "    tap: 'a:(?<id>.*)'\n"
    "    lookup: order\n"
    "    on_error: { reply: { text: bad } }\n"
    "    reply:\n"
    "      text: '${order.status} ${order.list.0.id:-none} ${order.list.count}'\n"
    "      buttons: [ [ { text: '${order.status}', callback_data: 'b:${order.list.0.id}' } ],\n"
    "        [ { text: Link, url: '${order.link}' } ] ]\n"
    "  - { name: b, tap: 'b:(?<id>.*)', lookup: book, single_use: true, reply: { text: '${book.number}' } "
    "}\n";

static struct ruleset *ruleset;
static struct pattern_scratch *scratch;

static struct text no_secret(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "KEY") == 0 ? text_of("s3cret") : TEXT_NONE;
}

static bool has_break(struct text text)
{
    return text.n &&
           (memchr(text.p, '\n', text.n) || memchr(text.p, '\r', text.n) || memchr(text.p, '\0', text.n));
}

/* Asked with a value from outside: no value leaves its place in the address or in a header. */
static void check_request(const struct lookup *lookup, struct json_object *scope, struct arena *arena)
{
    struct lookup_request request;
    struct fault fault = { "" };
    struct text *lines;
    size_t n;

    if (lookup_render(lookup, scope, arena, &request, &fault) != LOOKUP_FOUND)
        return;
    HOLDS(text_starts(request.url, "https://shop.example.com/"));
    HOLDS(fuzz_is_line(request.url) && !memchr(request.url.p, ' ', request.url.n));
    HOLDS(lookup_posts(lookup) == (request.body.p != NULL));
    if (request.body.p)
        json_object_put(fuzz_must(doc_parse(request.body, &fault)));
    if (!lookup_headers(lookup, scope, no_secret, NULL, arena, &lines, &n, &fault))
        HOLDS(!strstr(fault.text, "s3cret"));
    else
        for (size_t i = 0; i < n; i++)
            HOLDS(!has_break(lines[i]));
}

static void check_answer(const struct lookup *lookup, int status, struct text body, struct arena *arena)
{
    struct json_object *value = NULL, *none = NULL, *scope = fuzz_must(json_object_new_object());
    struct text id = text_make(body.p, body.n < 40 ? body.n : 40);
    struct fault fault = { "" };
    enum lookup_verdict verdict = lookup_read(lookup, status, true, body, scratch, &value, &fault);

    HOLDS((verdict == LOOKUP_FOUND) == (value != NULL));
    HOLDS(verdict != LOOKUP_FOUND || status / 100 == 2);
    HOLDS(verdict != LOOKUP_FAILED || (fault.text[0] && fuzz_is_line(text_of(fault.text))));
    HOLDS(!value || json_object_is_type(value, json_type_object) ||
          json_object_is_type(value, json_type_array));
    HOLDS(lookup_read(lookup, status, false, body, scratch, &none, &fault) != LOOKUP_FOUND);
    if (text_utf8_count(id) >= 0) /* as every capture is */
        (void)doc_add_text(scope, "id", id);
    if (value)
        HOLDS(doc_add(scope, lookup_as(lookup), value));
    kit_render(ruleset, scope, scratch);
    check_request(lookup, scope, arena);
    json_object_put(scope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text body = fuzz_text(data, size), line = fuzz_line(&body);
    struct arena *arena = fuzz_must(arena_new((size_t)64 << 20));
    const char *near;
    int64_t status;

    if (!ruleset) {
        ruleset = kit_rules(rules);
        scratch = fuzz_must(pattern_scratch_new());
    }
    if (!text_i64(line, &status) || status < 0 || status > 999)
        status = 200;
    check_answer(fuzz_must((void *)ruleset_lookup(ruleset, text_of("order"), &near)), (int)status, body,
                 arena);
    check_answer(fuzz_must((void *)ruleset_lookup(ruleset, text_of("book"), &near)), (int)status, body,
                 arena);
    arena_free(arena);
    return 0;
}
