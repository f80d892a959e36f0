#include "core/source.h"

#include "core/doc.h"
#include "core/source_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KEPT_HEADER_MAX 256
#define URL_MAX ((size_t)16 << 10)

const char *source_name(const struct source *source)
{
    return source->name;
}

const char *source_kind(const struct source *source)
{
    return source->ops->kind;
}

const char *source_path(const struct source *source)
{
    return source->path;
}

const char *source_channel(const struct source *source)
{
    return source->channel;
}

const char *source_api(const struct source *source)
{
    return source->api;
}

const char *source_api_header(const struct source *source)
{
    return source->ops->api_header;
}

int64_t source_retention_ms(const struct source *source)
{
    return source->retention_ms;
}

int64_t source_takeover_ms(const struct source *source)
{
    return source->takeover_ms;
}

const char *source_admin_id(const struct source *source)
{
    return source->admin_id;
}

size_t source_secret_refs(const struct source *source, const char *const **refs)
{
    *refs = source->secret_refs.items;
    return source->secret_refs.count;
}

const char *source_token_ref(const struct source *source)
{
    return source->token_ref;
}

/* --- helpers of the kinds ----------------------------------------------------------------------------------------- */

bool words_have(const struct words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->items[i], word) == 0)
            return true;
    return false;
}

bool words_allow(const struct words *words, const char *word)
{
    return words->count == 0 || words_have(words, word);
}

const char *source_reason(struct arena *arena, const char *format, ...)
{
    char line[256];
    const char *copy;
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    copy = arena_str(arena, text_of(line));
    return copy ? copy : "memory is out";
}

const char *source_shown(const char *value, char out[65])
{
    text_printable(text_of(value), out, 64);
    return out;
}

static void add_encoded(struct buf *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text; text++)
        if (strchr(plain, *text))
            buf_char(out, *text);
        else
            buf_printf(out, "%%%02X", (unsigned char)*text);
}

static char *url_keep(struct buf *url, struct arena *arena)
{
    struct text copy = url->failed ? TEXT_NONE : arena_text(arena, buf_get(url));

    buf_free(url);
    return (char *)copy.p;
}

char *source_url(struct arena *arena, const char *base, ...)
{
    struct buf url = BUF(URL_MAX);
    const char *part;
    va_list args;

    buf_str(&url, base);
    va_start(args, base);
    for (bool id = false; (part = va_arg(args, const char *)); id = !id) {
        /* An id must stay one segment of the path, and "." and ".." would not be one. */
        if (id && (strcmp(part, ".") == 0 || strcmp(part, "..") == 0))
            part = "-";
        if (id)
            add_encoded(&url, part);
        else
            buf_str(&url, part);
    }
    va_end(args);
    return url_keep(&url, arena);
}

char *source_url_list(struct arena *arena, char *base, const char *lead, const struct words *names,
                      const struct spots *spots)
{
    struct buf url = BUF(URL_MAX);

    buf_str(&url, base);
    url.failed = url.failed || !base;
    for (size_t i = 0; i < names->count; i++, lead = ",") {
        buf_str(&url, lead);
        add_encoded(&url, names->items[i]);
    }
    for (size_t i = 0; i < spots->count; i++) {
        if (spots->items[i].kind != SPOT_CONTACT)
            continue;
        buf_str(&url, lead);
        add_encoded(&url, spots->items[i].pointer);
        lead = ",";
    }
    return url_keep(&url, arena);
}

/* --- at the front door -------------------------------------------------------------------------------------------- */

const char *request_header(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (text_is_nocase(text_of(request->headers[i].name), name))
            return request->headers[i].value;
    return NULL;
}

bool source_verify(const struct source *source, const struct request *request, const struct text *secrets,
                   size_t n_secrets, int64_t now_ms, struct fault *fault)
{
    const struct check check = { source, request, secrets, n_secrets, now_ms };

    /* An empty key would let everybody sign. */
    for (size_t i = 0; i < n_secrets; i++)
        if (!secrets[i].n)
            return fault_set(fault, "a secret of the source is empty");
    if (!n_secrets)
        return fault_set(fault, "the source has no secret");
    return source->ops->verify(&check, fault);
}

void source_keep_headers(const struct source *source, const struct request *request, struct buf *out)
{
    static const char *const kept[] = { "content-type", "user-agent", "x-hubspot-request-timestamp",
                                        "x-hubspot-signature-version" };
    struct json_object *object = json_object_new_object();
    char value[KEPT_HEADER_MAX + 1];
    bool ok = object != NULL;

    (void)source;
    for (size_t i = 0; ok && i < sizeof(kept) / sizeof(kept[0]); i++) {
        const char *found = request_header(request, kept[i]);

        if (!found)
            continue;
        text_printable(text_of(found), value, KEPT_HEADER_MAX);
        ok = doc_add_text(object, kept[i], text_of(value));
    }
    if (ok)
        doc_print(object, out);
    else
        out->failed = true;
    json_object_put(object);
}

/* --- in the engine ------------------------------------------------------------------------------------------------ */

static const char *why_not_json(const struct fault *fault)
{
    static const char lead[] = "no JSON: ";

    return strncmp(fault->text, lead, strlen(lead)) == 0 ? fault->text + strlen(lead) : fault->text;
}

void source_extract(const struct source *source, struct text body, int64_t stored_at,
                    struct pattern_scratch *scratch, struct arena *arena, struct extraction *out)
{
    struct fault fault;
    struct work work = { source, arena, doc_parse(body, &fault), stored_at, out, false };

    (void)scratch;
    *out = (struct extraction){ .delivery = text_of("") };
    if (!work.root) {
        out->reason = source_reason(arena, "not JSON: %.200s", why_not_json(&fault));
        return;
    }
    source->ops->extract(&work);
    json_object_put(work.root);
    if (work.no_memory)
        *out = (struct extraction){ .delivery = out->delivery, .reason = "memory is out" };
    else if (out->count)
        out->reason = NULL;
    else if (!out->reason)
        out->reason = "nothing in it";
}

/* Parts are written with their length, so that no two lists of parts give the same key. */
static void key_part(struct buf *out, struct text part)
{
    buf_printf(out, "%zu:", part.n);
    buf_text(out, part);
}

void source_message_key(const struct source *source, const struct entry *entry, struct buf *out)
{
    key_part(out, text_of(source->name));
    key_part(out, entry->account);
    key_part(out, entry->conversation);
    key_part(out, entry->message);
}

void source_next_fetch(const struct source *source, const struct entry *entry, bool want_contact,
                       struct arena *arena, struct fetch *out)
{
    bool contact =
        !entry->contact_read && source->token_ref && (want_contact || values_want_contact(source, entry));

    *out = (struct fetch){ FETCH_NONE, NULL };
    if (source->ops->next_fetch)
        source->ops->next_fetch(source, entry, contact, arena, out);
}

/* The answer will not come: what follows for the entry. */
static enum fetch_verdict give_up(struct entry *entry, enum fetch_kind kind, int status, struct fault *fault)
{
    switch (kind) {
    case FETCH_ORIGINAL: /* the shortened text is better than none */
        entry->truncated = false;
        return FETCH_GO_ON;
    case FETCH_CONTACT:
    case FETCH_THREAD:
        entry->contact_read = true;
        return FETCH_GO_ON;
    default:
        if (status == 404)
            fault_set(fault, "message not found");
        else
            fault_set(fault, "message not readable: status %d", status);
        return FETCH_IGNORE;
    }
}

static enum fetch_verdict apply_contact(const struct fetched *fetched, struct fault *fault)
{
    struct json_object *contact = fetched->source->ops->contact(fetched->answer);
    struct buf text = BUF(URL_MAX * 64);

    doc_print(contact, &text);
    if (contact && !text.failed)
        fetched->entry->contact_doc = arena_text(fetched->arena, buf_get(&text));
    json_object_put(contact);
    buf_free(&text);
    if (!fetched->entry->contact_doc.p) {
        fault_set(fault, "memory is out");
        return FETCH_RETRY;
    }
    fetched->entry->contact_read = true;
    return FETCH_GO_ON;
}

static enum fetch_verdict apply_answer(struct fetched *fetched, struct text body, int64_t age_ms,
                                       struct fault *fault)
{
    enum fetch_verdict verdict;

    fetched->answer = doc_parse(body, fault);
    if (!json_object_is_type(fetched->answer, json_type_object)) {
        json_object_put(fetched->answer);
        if (age_ms >= SOURCE_SETTLE_MS)
            return give_up(fetched->entry, fetched->kind, 200, fault);
        fault_set(fault, "the answer is no JSON object");
        return FETCH_RETRY;
    }
    if (fetched->kind == FETCH_CONTACT)
        verdict = apply_contact(fetched, fault);
    else
        verdict = fetched->source->ops->apply(fetched, fault);
    json_object_put(fetched->answer);
    return verdict;
}

/* 423 locked and 477 account migration are HubSpot's "not now". */
static bool is_passing(int status)
{
    return status == 0 || status == 408 || status == 423 || status == 429 || status == 477 || status >= 500;
}

enum fetch_verdict source_apply_fetch(const struct source *source, struct entry *entry, enum fetch_kind kind,
                                      int status, struct text body, int64_t age_ms, struct arena *arena,
                                      struct fault *fault)
{
    struct fetched fetched = { source, entry, kind, NULL, arena };
    bool message = kind == FETCH_MESSAGE || kind == FETCH_ORIGINAL;

    if (is_passing(status) || (status == 404 && message && age_ms < SOURCE_SETTLE_MS)) {
        if (status)
            fault_set(fault, "status %d", status);
        else
            fault_set(fault, "no connection");
        return FETCH_RETRY;
    }
    /* A redirect is not followed, the token would go along: the address in `api` is wrong. */
    if (status == 401 || status == 403 || (status >= 300 && status < 400)) {
        fault_set(fault, "status %d from %s", status, source->api);
        return FETCH_REFUSED;
    }
    if (status >= 200 && status < 300)
        return apply_answer(&fetched, body, age_ms, fault);
    return give_up(entry, kind, status, fault);
}

int64_t source_retry_after(const struct source *source, int status, struct text body)
{
    struct fault fault;
    struct json_object *answer;
    struct text policy;
    int64_t ms = 0;

    if (source->ops != &source_hubspot)
        return 0;
    if (status != 429)
        return status == 423 ? 2000 : 0;
    answer = doc_parse(body, &fault);
    policy = doc_str(answer, "policyName");
    if (text_is(policy, "SECONDLY"))
        ms = 1000;
    else if (text_is(policy, "TEN_SECONDLY_ROLLING"))
        ms = 10000;
    else if (text_is(policy, "DAILY"))
        ms = 600000;
    json_object_put(answer);
    return ms;
}

void source_finish(const struct source *source, struct entry *entry, struct pattern_scratch *scratch,
                   struct arena *arena)
{
    values_finish(source, entry, scratch, arena);
}

bool source_looks_like_tap(const struct source *source, struct text data, struct pattern_scratch *scratch)
{
    return pattern_match(source->looks_like_tap, scratch, data) == PATTERN_YES;
}
