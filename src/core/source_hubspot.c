/* HubSpot: an array of events without the text, which has to be fetched; signatures of three versions, of which only v3 is
   good by default. Facts: HubSpot's webhook and validation pages, its OpenAPI collection and SDKs. */

#include "core/doc.h"
#include "core/source_internal.h"

#include <string.h>

#define WINDOW_PAST_MS 300000
#define WINDOW_FUTURE_MS 60000
#define TARGET_MAX ((size_t)64 << 10)
#define MESSAGE "conversation.newMessage"
#define CHANGE "conversation.propertyChange"
#define THREADS "/conversations/v3/conversations/threads/"
#define CONTACTS "/crm/v3/objects/contacts/"

static const char *const user_ids[] = { "sender", NULL };

/* --- signatures --------------------------------------------------------------------------------------------------- */

/* The character that v3 decodes this percent-code to, 0 if it is not one of the twelve. */
static char decoded(const char *code)
{
    static const char table[] = ":/?@!$'()*,;";
    unsigned char byte;

    if (code[0] != '%' || !code[1] || !code[2] || !text_unhex(text_make(code + 1, 2), &byte, 1))
        return '\0';
    return byte && strchr(table, byte) ? (char)byte : '\0';
}

/* One pass: "%253A" stays. */
static void decode_uri(struct text uri, struct buf *out)
{
    for (size_t i = 0; i < uri.n; i++) {
        char c = i + 2 < uri.n ? decoded(uri.p + i) : '\0';

        buf_char(out, c ? c : uri.p[i]);
        i += c ? 2 : 0;
    }
}

static bool v3_fits(const struct check *check, struct text uri, const char *stamp, const unsigned char *given,
                    bool *equal)
{
    const struct text parts[] = { text_of(check->request->method), uri, check->request->body,
                                  text_of(stamp) };
    unsigned char mac[SIGN_MAX];

    for (size_t i = 0; i < check->n_secrets; i++) {
        if (!sign_hmac(SIGN_SHA256, check->secrets[i], parts, 4, mac))
            return false;
        *equal |= sign_equal(mac, given, 32);
    }
    return true;
}

/* HubSpot's page decodes the URI, none of its SDKs does: both readings are tried. */
static bool v3_equal(const struct check *check, const char *stamp, const unsigned char *given, bool *equal)
{
    struct buf raw = BUF(TARGET_MAX), plain = BUF(TARGET_MAX);
    bool ok;

    buf_str(&raw, check->source->public_url);
    buf_str(&raw, check->request->target);
    decode_uri(buf_get(&raw), &plain);
    ok = !raw.failed && !plain.failed && v3_fits(check, buf_get(&plain), stamp, given, equal) &&
         v3_fits(check, buf_get(&raw), stamp, given, equal);
    buf_free(&raw);
    buf_free(&plain);
    return ok;
}

/* Digits only: the text is signed verbatim, and what cannot be read cannot be too old. */
static bool in_window(const char *stamp, int64_t now_ms, struct fault *fault)
{
    int64_t at;

    if (!stamp)
        return fault_set(fault, "no X-HubSpot-Request-Timestamp header");
    if (stamp[0] < '0' || stamp[0] > '9' || !text_i64(text_of(stamp), &at))
        return fault_set(fault, "X-HubSpot-Request-Timestamp is no number of milliseconds");
    if (at < now_ms - WINDOW_PAST_MS)
        return fault_set(fault, "X-HubSpot-Request-Timestamp is older than five minutes");
    if (at > now_ms + WINDOW_FUTURE_MS)
        return fault_set(fault, "X-HubSpot-Request-Timestamp is in the future; is the clock right?");
    return true;
}

static bool verify_v3(const struct check *check, const char *signature, struct fault *fault)
{
    const char *stamp = request_header(check->request, "X-HubSpot-Request-Timestamp");
    unsigned char given[SIGN_MAX];
    bool equal = false;

    if (!in_window(stamp, check->now_ms, fault))
        return false;
    if (!sign_unbase64(text_of(signature), given, 32))
        return fault_set(fault, "X-HubSpot-Signature-v3 is not base64 of 32 bytes");
    if (!v3_equal(check, stamp, given, &equal))
        return fault_set(fault, "the signature cannot be computed");
    return equal ||
           fault_set(fault, "X-HubSpot-Signature-v3 does not fit; is public_url what HubSpot calls?");
}

/* v1: secret and body. v2: secret, method, URI and body. Plain hashes both. */
static bool verify_hash(const struct check *check, const char *signature, bool v2, struct fault *fault)
{
    const struct request *request = check->request;
    unsigned char given[SIGN_MAX], digest[SIGN_MAX];
    bool equal = false;

    if (!text_unhex(text_trim(text_of(signature)), given, 32))
        return fault_set(fault, "X-HubSpot-Signature is not 64 hex digits");
    for (size_t i = 0; i < check->n_secrets; i++) {
        const struct text parts[] = { check->secrets[i], v2 ? text_of(request->method) : TEXT_NONE,
                                      v2 ? text_of(check->source->public_url) : TEXT_NONE,
                                      v2 ? text_of(request->target) : TEXT_NONE, request->body };

        if (!sign_digest(SIGN_SHA256, parts, 5, digest))
            return fault_set(fault, "the signature cannot be computed");
        equal |= sign_equal(digest, given, 32);
    }
    return equal || fault_set(fault, "X-HubSpot-Signature does not fit");
}

/* v1 and v3 arrive together: where v3 is wanted and there, it alone decides. */
static bool verify(const struct check *check, struct fault *fault)
{
    unsigned allowed = check->source->signatures;
    const char *v3 = request_header(check->request, "X-HubSpot-Signature-v3");
    const char *other = request_header(check->request, "X-HubSpot-Signature");
    struct text version = text_of(request_header(check->request, "X-HubSpot-Signature-Version"));

    if (v3 && (allowed & HUBSPOT_V3))
        return verify_v3(check, v3, fault);
    if (other && (allowed & HUBSPOT_V2) && text_is(version, "v2"))
        return verify_hash(check, other, true, fault);
    if (other && (allowed & HUBSPOT_V1) && (text_is(version, "v1") || !version.n))
        return verify_hash(check, other, false, fault);
    return fault_set(fault, "no signature header of a version in `signatures`");
}

/* --- events ------------------------------------------------------------------------------------------------------- */

/* A thread that was closed. Only its contact says whose chat it is: without a place in the contact for the user id nothing can be
   done about it. */
static bool is_closing(const struct source *source, struct json_object *event, struct text type)
{
    const struct entry nobody = { .kind = ENTRY_CLOSED };
    struct text name = doc_str(event, "propertyName"), value = doc_str(event, "propertyValue");

    return text_is(type, CHANGE) && name.p && text_is(name, "status") && value.p &&
           text_is(value, "CLOSED") && values_want_contact(source, &nobody);
}

/* Why the event is none of ours; NULL: it is. */
static const char *skip(struct work *work, struct json_object *event, struct text portal, struct text app)
{
    const struct source *source = work->source;
    struct text type = doc_str(event, "subscriptionType"), message_type = doc_str(event, "messageType");
    char shown[65];

    if (!type.p)
        type = doc_str(event, "eventType");
    if (!type.p)
        return "an event without subscriptionType";
    if (!text_is(type, MESSAGE) && !is_closing(source, event, type))
        return source_reason(work->arena, "%s", source_shown(type.p, shown));
    if (!words_allow(&source->portals, portal.p ? portal.p : ""))
        return source_reason(work->arena, "portal %s", source_shown(portal.p, shown));
    if (!words_allow(&source->apps, app.p ? app.p : ""))
        return source_reason(work->arena, "app %s", source_shown(app.p, shown));
    if (message_type.p && !words_have(&source->message_types, message_type.p))
        return source_reason(work->arena, "message type %s", source_shown(message_type.p, shown));
    return NULL;
}

/* There is no message to fetch; the time tells one closing from the next. */
static void take_closing(struct work *work, struct entry *entry)
{
    const char *name = source_reason(work->arena, "closed-%lld", (long long)entry->said_at);

    entry->kind = ENTRY_CLOSED;
    entry->topic = text_of(CHANGE);
    entry->message = text_of(name);
    entry->body = text_of("");
    entry->fetched = true;
}

static const char *take_event(struct work *work, struct json_object *event)
{
    struct entry entry = { .kind = ENTRY_TEXT, .topic = text_of(MESSAGE) };
    struct text app;
    const char *why;

    if (!value_id(doc_key(event, "portalId"), work->arena, &entry.account))
        entry.account = TEXT_NONE;
    if (!value_id(doc_key(event, "appId"), work->arena, &app))
        app = TEXT_NONE;
    why = skip(work, event, entry.account, app);
    if (why)
        return why;
    if (!value_id(doc_key(event, "objectId"), work->arena, &entry.conversation))
        return "an event without a usable objectId";
    if (!value_time(doc_key(event, "occurredAt"), &entry.said_at))
        entry.said_at = work->stored_at;
    if (doc_key(event, "propertyName"))
        take_closing(work, &entry);
    else if (!value_id(doc_key(event, "messageId"), work->arena, &entry.message))
        return "an event without a usable messageId";
    work->out->entries[work->out->count++] = entry;
    return NULL;
}

static void extract(struct work *work)
{
    size_t n;

    /* Workflow actions and custom channels send single objects. */
    if (!json_object_is_type(work->root, json_type_array)) {
        work->out->reason = "not an array of events";
        return;
    }
    n = json_object_array_length(work->root);
    work->out->entries = arena_array(work->arena, n, sizeof(struct entry));
    if (n && !work->out->entries) {
        work->no_memory = true;
        return;
    }
    work->out->reason = n ? NULL : "no events";
    for (size_t i = 0; i < n; i++) {
        const char *why = take_event(work, json_object_array_get_idx(work->root, i));

        if (why && !work->out->reason)
            work->out->reason = why;
    }
}

/* --- fetching ----------------------------------------------------------------------------------------------------- */

static void next_fetch(const struct source *source, const struct entry *entry, bool contact,
                       struct arena *arena, struct fetch *out)
{
    const char *api = source->api, *thread = entry->conversation.p, *message = entry->message.p;

    if (!entry->fetched) {
        out->kind = FETCH_MESSAGE;
        out->url = source_url(arena, api, THREADS, thread, "/messages/", message, NULL);
    } else if (entry->truncated) {
        out->kind = FETCH_ORIGINAL;
        out->url = source_url(arena, api, THREADS, thread, "/messages/", message, "/original-content", NULL);
    } else if (contact && !entry->contact.n) {
        out->kind = FETCH_THREAD;
        out->url = source_url(arena, api, THREADS, thread, NULL);
    } else if (contact) {
        out->kind = FETCH_CONTACT;
        out->url = source_url(arena, api, CONTACTS, entry->contact.p, NULL);
        out->url =
            source_url_list(arena, out->url, "?properties=", &source->contact_properties, &source->user_ids);
    }
}

/* The customer's identifier: of the first sender who has one; of a teammate's message the first recipient. */
static struct json_object *customer_value(struct json_object *message, enum entry_kind kind)
{
    struct json_object *people = doc_key(message, kind == ENTRY_TEAMMATE ? "recipients" : "senders");
    size_t n = json_object_is_type(people, json_type_array) ? json_object_array_length(people) : 0;
    struct json_object *value = NULL;

    for (size_t i = 0; i < n && !value; i++) {
        struct json_object *person = json_object_array_get_idx(people, i);

        value = doc_at(person, "/deliveryIdentifier/value");
        if (!value)
            value = doc_at(person, "/deliveryIdentifiers/0/value");
    }
    return value;
}

/* A message to the customer that a person of the team wrote ("A-" is an agent). Where outgoing messages count as the customers',
   nobody's is a teammate's. */
static bool is_teammates(const struct source *source, struct json_object *message)
{
    struct text type = doc_str(message, "type"), direction = doc_str(message, "direction");
    struct text author = doc_str(message, "createdBy");

    return source->takeover_ms && !words_have(&source->directions, "OUTGOING") && type.p &&
           text_is(type, "MESSAGE") && direction.p && text_is(direction, "OUTGOING") &&
           text_starts(author, "A-");
}

/* Type and direction: a fault if the message is not one of ours. */
static bool wanted(const struct source *source, struct json_object *message, struct fault *fault)
{
    const char *type = doc_str(message, "type").p, *direction = doc_str(message, "direction").p;
    char shown[65];

    if (source->admin_id && doc_str(message, "createdBy").p &&
        text_is(doc_str(message, "createdBy"), source->admin_id))
        return fault_set(fault, "our own: by the actor of actor_id");
    if (is_teammates(source, message))
        return true;
    if (!type || !words_have(&source->message_types, type))
        return fault_set(fault, "message type %s", source_shown(type, shown));
    /* Comments have no direction. */
    if (direction ? !words_have(&source->directions, direction) : strcmp(type, "MESSAGE") == 0)
        return fault_set(fault, "direction %s", source_shown(direction, shown));
    return true;
}

static bool is_truncated(struct json_object *message)
{
    struct text status = doc_str(message, "truncationStatus");

    return text_is(status, "TRUNCATED") || text_is(status, "TRUNCATED_TO_MOST_RECENT_REPLY");
}

/* False when memory is out. */
static bool take_message(const struct fetched *fetched)
{
    struct json_object *message = fetched->answer;
    const struct roots roots = { { message, message, message } };
    struct entry *entry = fetched->entry;
    struct text value;
    int64_t at;

    entry->kind = is_teammates(fetched->source, message) ? ENTRY_TEAMMATE : ENTRY_TEXT;
    entry->body = value_text(doc_key(message, "text"), false, fetched->arena);
    attachment_read(doc_key(message, "attachments"), fetched->arena, &entry->attachment);
    if (value_id(doc_key(message, "createdBy"), fetched->arena, &value))
        entry->author = value;
    if (value_time(doc_key(message, "createdAt"), &at))
        entry->said_at = at;
    if (value_id(customer_value(message, entry->kind), fetched->arena, &value) &&
        !values_add(entry, fetched->arena, "sender", value))
        return false;
    if (!values_collect(fetched->source, &roots, fetched->arena, entry))
        return false;
    entry->truncated = is_truncated(message);
    entry->fetched = true;
    return true;
}

static enum fetch_verdict apply_message(const struct fetched *fetched, struct fault *fault)
{
    const struct entry *entry = fetched->entry;

    if (!wanted(fetched->source, fetched->answer, fault))
        return FETCH_IGNORE;
    if (!take_message(fetched)) {
        fault_set(fault, "memory is out");
        return FETCH_RETRY;
    }
    if (!entry->truncated && values_are_empty(fetched->source, entry)) {
        fault_set(fault, "no text");
        return FETCH_IGNORE;
    }
    return FETCH_GO_ON;
}

static enum fetch_verdict apply(const struct fetched *fetched, struct fault *fault)
{
    struct entry *entry = fetched->entry;
    struct text text;

    if (fetched->kind == FETCH_MESSAGE)
        return apply_message(fetched, fault);
    if (fetched->kind == FETCH_ORIGINAL) {
        text = value_text(doc_key(fetched->answer, "text"), false, fetched->arena);
        entry->body = text.n ? text : entry->body;
        entry->truncated = false;
        return FETCH_GO_ON;
    }
    if (!values_conversation(fetched->answer, NULL, fetched->arena, entry)) {
        fault_set(fault, "memory is out");
        return FETCH_RETRY;
    }
    if (!value_id(doc_key(fetched->answer, "associatedContactId"), fetched->arena, &entry->contact)) {
        entry->contact = TEXT_NONE;
        entry->contact_read = true; /* there is none */
    }
    return FETCH_GO_ON;
}

/* The contact's properties by their names, and its id. */
static struct json_object *contact(struct json_object *answer)
{
    struct json_object *properties = doc_key(answer, "properties"), *id = doc_key(answer, "id");
    struct json_object *out = json_object_is_type(properties, json_type_object) ? json_object_get(properties)
                                                                                : json_object_new_object();

    if (!out || !id || doc_key(out, "id") || json_object_object_add(out, "id", json_object_get(id)) == 0)
        return out;
    json_object_put(id);
    json_object_put(out);
    return NULL;
}

const struct source_ops source_hubspot = {
    .kind = "hubspot",
    .api = "https://api.hubapi.com",
    .user_ids = user_ids,
    .verify = verify,
    .extract = extract,
    .next_fetch = next_fetch,
    .apply = apply,
    .contact = contact,
};
