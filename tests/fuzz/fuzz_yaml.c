/* The readers of files, YAML and JSON, and the way back: a tree that is printed as JSON is read as the same tree. */

#include "kit_file.h"

#include "core/doc.h"
#include "core/node_json.h"
#include "core/yaml.h"

#include <string.h>

static void check_node(const struct node *node, size_t depth)
{
    HOLDS(depth <= 64 && node->at.document && node->at.line >= 1 && node->at.column >= 1);
    HOLDS(text_utf8_count(node->text) >= 0);
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == NODE_MAP)
            HOLDS(node->keys[i]->kind == NODE_SCALAR && node_get(node, node->keys[i]->text.p));
        check_node(node->items[i], depth + 1);
    }
}

/* JSON knows no NUL in keys. */
static bool same(const struct node *a, const struct node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!same(a->items[i], b->items[i]) ||
            (a->kind == NODE_MAP && strcmp(a->keys[i]->text.p, b->keys[i]->text.p) != 0))
            return false;
    return true;
}

static void check_back(const struct document *document, struct arena *arena)
{
    struct json_object *json = node_json(document->root);
    struct findings *findings = fuzz_must(findings_new());
    struct buf out = BUF((size_t)64 << 20);
    struct document *again;

    doc_print(json, &out);
    HOLDS(!out.failed);
    again = json_read(arena, "again.json", buf_get(&out), findings);
    HOLDS(again && again->root && same(document->root, again->root));
    findings_free(findings);
    buf_free(&out);
    json_object_put(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = fuzz_text(data, size);
    struct arena *arena = fuzz_must(arena_new((size_t)256 << 20));
    struct findings *findings = fuzz_must(findings_new());
    const char *path = kit_path(text);
    struct document *document = text_ends(text_of(path), ".json") ? json_read(arena, path, text, findings)
                                                                  : yaml_read(arena, path, text, findings);

    if (document && document->root) {
        check_node(document->root, 1);
        check_back(document, arena);
    }
    kit_findings(findings, text, document != NULL);
    arena_free(arena);
    return 0;
}
