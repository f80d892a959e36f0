#include "kit_source.h"

#include "base/memory.h"
#include "core/doc.h"
#include "core/schema.h"
#include "core/yaml.h"

#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 20

/* What stays between inputs: immutable, or reset with each. */
static struct {
    struct source *source;
    struct arena *own, *arena;
    struct pattern_scratch *scratch;
} kit;

static void set_up(const char *yaml)
{
    struct findings *findings = fuzz_must(findings_new());
    struct document *document;

    kit.own = fuzz_must(arena_new((size_t)16 << 20));
    kit.arena = fuzz_must(arena_new((size_t)256 << 20));
    kit.scratch = fuzz_must(pattern_scratch_new());
    document = fuzz_must(yaml_read(kit.own, "source.yaml", text_of(yaml), findings));
    HOLDS(schema_check(&source_schema, document->root, findings));
    kit.source = fuzz_must(source_build(document->root, KIT_URL, kit.own, findings));
    findings_free(findings);
}

/* --- headers and signatures ------------------------------------------------------------------------------------------ */

static struct text head_of(struct text *body)
{
    const char *end;
    struct text head = text_make(body->p, 0);

    if (!body->n || *body->p == '{' || *body->p == '[')
        return head;
    end = fuzz_find(*body, "\n\n");
    if (!end)
        return head;
    head.n = (size_t)(end - body->p);
    *body = text_make(end + 2, body->n - head.n - 2);
    return head;
}

/* As C strings, as the front door has them. */
static void read_headers(struct text head, struct request_header *headers, struct request *request)
{
    while (head.n && request->n_headers < HEADERS_MAX) {
        struct text line = fuzz_line(&head), name, value;

        if (!text_cut(line, ':', &name, &value))
            continue;
        headers[request->n_headers++] = (struct request_header){
            fuzz_must((void *)arena_str(kit.arena, name)),
            fuzz_must((void *)arena_str(kit.arena, text_trim(value))),
        };
    }
}

static bool verify(struct text head, struct text body)
{
    static const struct text secrets[] = { { "another", 7 }, { KIT_SECRET, sizeof(KIT_SECRET) - 1 } };
    struct request_header headers[HEADERS_MAX];
    struct request request = { "POST", KIT_TARGET, headers, 0, body };
    struct fault fault = { "" };
    struct buf kept = BUF((size_t)1 << 20);
    bool good;

    read_headers(head, headers, &request);
    good = source_verify(kit.source, &request, secrets, 2, KIT_NOW, &fault);
    HOLDS(good || (fault.text[0] && fuzz_is_line(text_of(fault.text)) && !strstr(fault.text, KIT_SECRET)));
    source_keep_headers(kit.source, &request, &kept);
    HOLDS(!kept.failed);
    buf_free(&kept);
    return good;
}

/* A right signature holds for this body only. */
static void check_signature(void (*sign)(struct text body, struct buf *out), struct text body)
{
    struct buf head = BUF(2000), other = BUF((size_t)2 << 20);

    sign(body, &head);
    HOLDS(!head.failed && verify(buf_get(&head), body));
    buf_text(&other, body);
    buf_char(&other, ' ');
    HOLDS(!verify(buf_get(&head), buf_get(&other)));
    buf_free(&head);
    buf_free(&other);
}

/* --- entries --------------------------------------------------------------------------------------------------------- */

/* As it comes back from the store. */
static struct entry stored(const struct entry *entry)
{
    struct text doc, again;
    struct fault fault;
    struct entry back;

    HOLDS(entry_print(entry, kit.arena, &doc));
    HOLDS(entry_read(doc, kit.arena, &back, &fault));
    HOLDS(entry_print(&back, kit.arena, &again));
    HOLDS(text_eq(doc, again));
    HOLDS(back.kind == entry->kind && back.said_at == entry->said_at &&
          text_eq(back.message, entry->message));
    HOLDS(back.fetched == entry->fetched && back.truncated == entry->truncated &&
          back.contact_read == entry->contact_read);
    return back;
}

static void check_entry(const struct entry *entry)
{
    HOLDS(entry->message.n > 0 && entry->message.n <= 255 && entry->said_at > 0);
    HOLDS(text_utf8_count(entry->body) >= 0 && text_utf8_count(entry->data) >= 0);
    HOLDS(!entry->body.n || !memchr(entry->body.p, '\0', entry->body.n));
    HOLDS(entry->kind != ENTRY_TAP || (entry->data.n > 0 && entry->data.n <= 64));
    HOLDS(entry->user_id.n <= 20);
    for (size_t i = 0; i < entry->user_id.n; i++)
        HOLDS((entry->user_id.p[i] >= '0' && entry->user_id.p[i] <= '9') ||
              (!i && entry->user_id.p[i] == '-'));
    (void)stored(entry);
}

/* The address begins as the configuration says, and has nothing that would be another request. */
static void check_url(const char *url)
{
    HOLDS(url && text_starts(text_of(url), source_api(kit.source)));
    for (; *url; url++)
        HOLDS(*url > ' ' && *url < 0x7F);
}

static void walk(const struct entry *from, struct text answers)
{
    struct entry entry = stored(from);
    struct fault fault = { "" };
    struct fetch fetch;

    for (int i = 0; i < 6; i++) {
        struct text answer = fuzz_section(&answers), line = fuzz_line(&answer);
        enum fetch_verdict verdict;
        int64_t status;

        source_next_fetch(kit.source, &entry, i % 2 == 0, kit.arena, &fetch);
        if (fetch.kind == FETCH_NONE)
            break;
        check_url(fetch.url);
        if (!text_i64(line, &status) || status < -1 || status > 999)
            status = 200;
        HOLDS(source_retry_after(kit.source, (int)status, answer) >= 0);
        verdict = source_apply_fetch(kit.source, &entry, fetch.kind, (int)status, answer, i * 20000,
                                     kit.arena, &fault);
        HOLDS(verdict == FETCH_GO_ON || fuzz_is_line(text_of(fault.text)));
        if (verdict == FETCH_IGNORE)
            return;
        entry = stored(&entry);
    }
    source_finish(kit.source, &entry, kit.scratch, kit.arena);
    check_entry(&entry);
}

void kit_source(const char *yaml, void (*sign)(struct text body, struct buf *out), const uint8_t *data,
                size_t size)
{
    struct text answers = fuzz_text(data, size), body, head;
    struct extraction out;

    if (!kit.source)
        set_up(yaml);
    body = fuzz_section(&answers);
    head = head_of(&body);
    (void)verify(head, body);
    check_signature(sign, body);
    source_extract(kit.source, body, KIT_NOW, kit.scratch, kit.arena, &out);
    HOLDS((out.reason != NULL) == (out.count == 0));
    HOLDS(!out.reason || fuzz_is_line(text_of(out.reason)));
    for (size_t i = 0; i < out.count; i++) {
        struct buf key = BUF(5000);

        source_message_key(kit.source, &out.entries[i], &key);
        HOLDS(!key.failed && key.len > 0);
        buf_free(&key);
        walk(&out.entries[i], answers);
    }
    arena_reset(kit.arena);
}
