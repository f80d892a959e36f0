/* Any other desk: where things are and how requests are signed is configuration. */

#include "core/doc.h"
#include "core/source_internal.h"

#include <string.h>

static const char *const user_ids[] = { "/user_id", NULL };

/* A token is compared by its hash, so that not even its length shows. */
static bool token_fits(const struct check *check, struct text given, bool *equal)
{
    unsigned char a[SIGN_MAX], b[SIGN_MAX];

    if (!sign_digest(SIGN_SHA256, &given, 1, a))
        return false;
    for (size_t i = 0; i < check->n_secrets; i++) {
        if (!sign_digest(SIGN_SHA256, &check->secrets[i], 1, b))
            return false;
        *equal |= sign_equal(a, b, 32);
    }
    return true;
}

static bool signature_fits(const struct check *check, const unsigned char *given, bool *equal)
{
    enum sign_hash hash = check->source->scheme.hash;
    unsigned char mac[SIGN_MAX];

    for (size_t i = 0; i < check->n_secrets; i++) {
        if (!sign_hmac(hash, check->secrets[i], &check->request->body, 1, mac))
            return false;
        *equal |= sign_equal(mac, given, sign_hash_size(hash));
    }
    return true;
}

static bool verify(const struct check *check, struct fault *fault)
{
    const struct generic_scheme *scheme = &check->source->scheme;
    const char *header = request_header(check->request, scheme->header);
    size_t size = sign_hash_size(scheme->hash), prefix = strlen(scheme->prefix);
    struct text value = text_trim(text_of(header));
    unsigned char given[SIGN_MAX];
    bool equal = false;

    if (!header)
        return fault_set(fault, "no %s header", scheme->header);
    if (!text_starts(value, scheme->prefix))
        return fault_set(fault, "%s does not begin with the prefix", scheme->header);
    value = text_make(value.p + prefix, value.n - prefix);
    if (!scheme->token &&
        !(scheme->base64 ? sign_unbase64(value, given, size) : text_unhex(value, given, size)))
        return fault_set(fault, "%s is not %s of %zu bytes", scheme->header,
                         scheme->base64 ? "base64" : "hex", size);
    if (!(scheme->token ? token_fits(check, value, &equal) : signature_fits(check, given, &equal)))
        return fault_set(fault, "the signature cannot be computed");
    return equal || fault_set(fault, "%s does not fit", scheme->header);
}

static const char *take_entry(struct work *work, struct json_object *item)
{
    const struct generic_pointers *pointers = &work->source->pointers;
    const struct roots roots = { { item, work->root, item } };
    struct entry entry = { .kind = ENTRY_TEXT, .topic = text_of(""), .fetched = true };

    if (!value_id(value_spot(&pointers->id, &roots), work->arena, &entry.message))
        return "an entry without a usable id";
    if (!value_id(value_spot(&pointers->conversation, &roots), work->arena, &entry.conversation))
        entry.conversation = text_of("");
    if (!value_time(value_spot(&pointers->said_at, &roots), &entry.said_at))
        entry.said_at = work->stored_at;
    entry.body = value_text(value_spot(&pointers->text, &roots), false, work->arena);
    attachment_read(value_spot(&pointers->attachment, &roots), work->arena, &entry.attachment);
    if (!values_collect(work->source, &roots, work->arena, &entry)) {
        work->no_memory = true;
        return NULL;
    }
    if (values_are_empty(work->source, &entry))
        return "no text";
    work->out->entries[work->out->count++] = entry;
    return NULL;
}

static void extract(struct work *work)
{
    const struct generic_pointers *pointers = &work->source->pointers;
    const struct roots roots = { { NULL, work->root, NULL } };
    struct json_object *items = value_spot(&pointers->entries, &roots);
    bool list = json_object_is_type(items, json_type_array);
    size_t n = list ? json_object_array_length(items) : items ? 1 : 0;

    if (!value_id(value_spot(&pointers->delivery, &roots), work->arena, &work->out->delivery))
        work->out->delivery = text_of("");
    work->out->entries = arena_array(work->arena, n, sizeof(struct entry));
    if (n && !work->out->entries) {
        work->no_memory = true;
        return;
    }
    work->out->reason = n ? NULL : "no entries";
    for (size_t i = 0; i < n; i++) {
        const char *why = take_entry(work, list ? json_object_array_get_idx(items, i) : items);

        if (why && !work->out->reason)
            work->out->reason = why;
    }
}

const struct source_ops source_generic = {
    .kind = "generic",
    .user_ids = user_ids,
    .verify = verify,
    .extract = extract,
};
