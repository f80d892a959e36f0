#include "source_help.h"

#include "base/file.h"
#include "core/schema.h"
#include "core/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct source *load(struct arena *arena, const char *yaml, const char *public_url,
                           struct findings *findings)
{
    struct document *document = yaml_read(arena, "callbackd.yaml", text_of(yaml), findings);

    if (!document || !schema_check(&source_schema, document->root, findings))
        return NULL;
    return source_build(document->root, public_url, arena, findings);
}

void fixture_open(struct fixture *f, const char *yaml, const char *public_url)
{
    struct findings *findings = findings_new();
    struct buf out = BUF(10000);

    f->arena = arena_new((size_t)256 << 20);
    f->scratch = pattern_scratch_new();
    f->source = load(f->arena, yaml, public_url, findings);
    if (!f->source) {
        findings_print(findings, &out);
        fail_msg("%s", buf_get(&out).p);
    }
    findings_free(findings);
}

void fixture_close(struct fixture *f)
{
    source_free(f->source);
    pattern_scratch_free(f->scratch);
    arena_free(f->arena);
}

char *fixture_findings(const char *yaml, const char *public_url)
{
    struct arena *arena = arena_new((size_t)16 << 20);
    struct findings *findings = findings_new();
    struct buf out = BUF(10000);
    struct source *source = load(arena, yaml, public_url, findings);

    findings_print(findings, &out);
    assert_true((source == NULL) == (findings_count(findings, FINDING_ERROR) > 0));
    source_free(source);
    findings_free(findings);
    arena_free(arena);
    return buf_take(&out);
}

const char *fixture_line(struct fixture *f, const struct entry *e)
{
    char line[2000];

    snprintf(line, sizeof(line), "%s %.*s/%.*s user=%.*s data=%.*s", entry_kind_name(e->kind),
             TEXT_ARG(e->conversation), TEXT_ARG(e->message), TEXT_ARG(e->user_id), TEXT_ARG(e->data));
    return arena_str(f->arena, text_of(line));
}

struct entry fixture_stored(struct fixture *f, const struct entry *entry)
{
    struct text doc, again;
    struct fault fault;
    struct entry back;

    assert_true(entry_print(entry, f->arena, &doc));
    assert_true(entry_read(doc, f->arena, &back, &fault));
    assert_true(entry_print(&back, f->arena, &again));
    assert_true(text_eq(doc, again));
    return back;
}

const char *fixture_read(struct fixture *f, const char *body)
{
    struct extraction out;
    struct buf lines = BUF(100000);
    const char *kept;

    source_extract(f->source, text_of(body), STORED_AT, f->scratch, f->arena, &out);
    assert_true((out.reason != NULL) == (out.count == 0));
    if (out.reason)
        buf_printf(&lines, "- %s", out.reason);
    for (size_t i = 0; i < out.count; i++) {
        struct entry entry = fixture_stored(f, &out.entries[i]);

        source_finish(f->source, &entry, f->scratch, f->arena);
        buf_printf(&lines, "%s%s", i ? "\n" : "", fixture_line(f, &entry));
    }
    kept = arena_str(f->arena, buf_get(&lines));
    buf_free(&lines);
    return kept;
}

struct entry fixture_entry(struct fixture *f, const char *body)
{
    struct extraction out;

    source_extract(f->source, text_of(body), STORED_AT, f->scratch, f->arena, &out);
    assert_int_equal(out.count, 1);
    return fixture_stored(f, &out.entries[0]);
}

void fixture_expect(const char *yaml, const char *(*read)(struct fixture *f, const char *body),
                    const char *body, const char *expected)
{
    struct fixture f;
    const char *got;

    fixture_open(&f, yaml, PUBLIC_URL);
    got = read(&f, body);
    if (strcmp(got, expected) != 0)
        fail_msg("\n got: %s\nwant: %s\nbody: %s", got, expected, body);
    fixture_close(&f);
}

const char *fixture_verify(struct fixture *f, const char *secret, const char *target, const char *body,
                           const char *const *headers, int64_t now_ms)
{
    const struct text secrets[] = { text_of("another secret"), text_of(secret) };
    struct request_header pairs[4];
    struct request request = { "POST", target, pairs, 0, text_of(body) };
    struct fault fault = { "" };

    for (; *headers; headers++) {
        struct text name, value;

        assert_true(text_cut(text_of(*headers), ':', &name, &value));
        pairs[request.n_headers++] =
            (struct request_header){ arena_str(f->arena, name),
                                     arena_str(f->arena, text_make(value.p + 1, value.n - 1)) };
    }
    if (source_verify(f->source, &request, secrets, 2, now_ms, &fault))
        return "";
    assert_true(fault.text[0]);
    assert_null(strstr(fault.text, secret));
    return arena_str(f->arena, text_of(fault.text));
}

char *payload(const char *name)
{
    const char *srcdir = getenv("srcdir");
    struct buf out = BUF(100000);
    struct fault fault;
    char path[500];

    snprintf(path, sizeof(path), "%s/tests/unit/payloads/%s.json", srcdir ? srcdir : "..", name);
    if (!file_read(path, &out, &fault))
        fail_msg("%s", fault.text);
    return buf_take(&out);
}
