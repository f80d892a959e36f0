/* JSON from outside, as a document, as an entry of the store, and as a message read back. */

#include "fuzz.h"

#include "core/doc.h"
#include "core/entry.h"
#include "core/shown.h"
#include "core/yaml.h"

static struct json_object *parse_again(struct text text)
{
    struct fault fault;

    return fuzz_must(doc_parse(text, &fault));
}

/* The reader of files is stricter than most, and knows nothing of json-c. It takes no NUL. */
static bool is_json(struct text text, struct arena *arena)
{
    struct findings *findings = fuzz_must(findings_new());
    bool good = json_read(arena, "printed.json", text, findings) != NULL;

    findings_free(findings);
    return good || fuzz_find(text, "\\u0000");
}

/* What is printed parses back, to the same. */
static void check_document(struct json_object *doc, struct arena *arena)
{
    struct buf once = BUF((size_t)16 << 20), twice = BUF((size_t)16 << 20);
    struct json_object *again;
    char id[256];

    doc_print(doc, &once);
    HOLDS(!once.failed && is_json(buf_get(&once), arena));
    again = parse_again(buf_get(&once));
    doc_print(again, &twice);
    HOLDS(text_eq(buf_get(&once), buf_get(&twice)));
    HOLDS(!doc_id(doc, id) || (id[0] && text_utf8_count(text_of(id)) >= 0));
    (void)doc_at(doc, "/a/0/b~1c~0/-");
    json_object_put(again);
    buf_free(&once);
    buf_free(&twice);
}

static void check_entry(struct text text, struct arena *arena)
{
    struct text doc, again;
    struct entry entry, back;
    struct fault fault = { "" };

    if (!entry_read(text, arena, &entry, &fault)) {
        HOLDS(fuzz_is_line(text_of(fault.text)));
        return;
    }
    HOLDS(entry_print(&entry, arena, &doc));
    HOLDS(entry_read(doc, arena, &back, &fault) && entry_print(&back, arena, &again));
    HOLDS(text_eq(doc, again));
}

static void check_shown(struct text text, struct arena *arena)
{
    struct fault fault = { "" };
    struct shown shown;
    struct fault why;

    if (shown_read(text, arena, &shown, &fault))
        json_object_put(fuzz_must(doc_parse(shown.doc, &why)));
    else
        HOLDS(fuzz_is_line(text_of(fault.text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = fuzz_text(data, size);
    struct arena *arena = fuzz_must(arena_new((size_t)64 << 20));
    struct fault fault = { "" };
    struct json_object *doc = doc_parse(text, &fault);

    HOLDS(doc || fuzz_is_line(text_of(fault.text)));
    if (doc)
        check_document(doc, arena);
    json_object_put(doc);
    check_entry(text, arena);
    check_shown(text, arena);
    arena_free(arena);
    return 0;
}
