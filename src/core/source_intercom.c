/* Intercom: HMAC-SHA1 over the raw body; one conversation per notification, of which only the parts travel that made the
   event. Facts: Intercom's webhook pages and captures; they contradict each other, so each member's type is looked at
   before it is used. */

#include "core/doc.h"
#include "core/source_internal.h"

#include <string.h>

#define CREATED "conversation.user.created"
#define NOTED "conversation.admin.noted"
#define ANSWERED "conversation.admin.replied"
#define CLOSED "conversation.admin.closed"
#define CONTACTS_MAX 100 /* of a conversation that are looked at */

static const char *const topics[] = { CREATED, "conversation.user.replied", ANSWERED, CLOSED, NULL };
/* One person is lead here and user there; all four are customers. */
static const char *const authors[] = { "user", "lead", "contact", "visitor", NULL };
static const char *const user_ids[] = { "external_id", NULL };

static bool verify(const struct check *check, struct fault *fault)
{
    const char *header = request_header(check->request, "X-Hub-Signature");
    unsigned char given[SIGN_MAX], mac[SIGN_MAX];
    struct text value = text_trim(text_of(header));
    bool equal = false;

    if (!header)
        return fault_set(fault, "no X-Hub-Signature header");
    if (!text_starts(value, "sha1="))
        return fault_set(fault, "X-Hub-Signature does not begin with sha1=");
    if (!text_unhex(text_make(value.p + 5, value.n - 5), given, 20))
        return fault_set(fault, "X-Hub-Signature is not 40 hex digits");
    for (size_t i = 0; i < check->n_secrets; i++) {
        if (!sign_hmac(SIGN_SHA1, check->secrets[i], &check->request->body, 1, mac))
            return fault_set(fault, "the signature cannot be computed");
        equal |= sign_equal(mac, given, 20);
    }
    return equal || fault_set(fault, "X-Hub-Signature does not fit the body");
}

/* What is the same for all messages of a notification. */
struct notice {
    struct work *work;
    struct json_object *item, *contacts;
    struct entry base; /* its kind is of the topic */
    const char *why;   /* the first message was left out for this */
};

static void leave_out(struct notice *notice, const char *why)
{
    if (!notice->why)
        notice->why = why;
}

/* The list in `contacts`, which is an object with the list inside, or (older) the list itself. */
static struct json_object *list_in(struct json_object *value, const char *key)
{
    struct json_object *list = json_object_is_type(value, json_type_object) ? doc_key(value, key) : value;

    return json_object_is_type(list, json_type_array) ? list : NULL;
}

static struct json_object *first_of(struct json_object *list)
{
    return list && json_object_array_length(list) ? json_object_array_get_idx(list, 0) : NULL;
}

/* The contact who wrote: the one with the author's id, else the first; before webhook version 2.5 item.user. */
static struct json_object *contact_of(const struct notice *notice, struct json_object *author)
{
    struct text id = doc_str(author, "id");
    size_t n = notice->contacts ? json_object_array_length(notice->contacts) : 0;

    for (size_t i = 0; i < n && i < CONTACTS_MAX; i++) {
        struct json_object *contact = json_object_array_get_idx(notice->contacts, i);

        if (id.n && doc_str(contact, "id").p && text_eq(doc_str(contact, "id"), id))
            return contact;
    }
    return n ? first_of(notice->contacts) : doc_key(notice->item, "user");
}

/* Who wrote, as the payload has it. False when memory is out. */
static bool take_contact(const struct notice *notice, struct json_object *author, struct entry *entry)
{
    struct arena *arena = notice->work->arena;
    struct json_object *contact = contact_of(notice, author), *external = doc_key(contact, "external_id");
    struct text value;

    if (!value_id(doc_key(contact, "id"), arena, &entry->contact) &&
        !value_id(doc_key(author, "id"), arena, &entry->contact))
        entry->contact = TEXT_NONE;
    if (!external)
        external = doc_key(contact, "user_id");
    return !value_id(external, arena, &value) || values_add(entry, arena, "external_id", value);
}

static bool is_ours(const struct notice *notice, struct json_object *author)
{
    struct text id;

    return notice->work->source->admin_id && value_id(doc_key(author, "id"), notice->work->arena, &id) &&
           text_is(id, notice->work->source->admin_id);
}

/* Whoever closed it, it is closed; a teammate's message is an admin's. */
static bool may_write(const struct notice *notice, const char *author)
{
    if (entry_from_customer(notice->base.kind))
        return words_have(&notice->work->source->authors, author);
    return notice->base.kind == ENTRY_CLOSED || strcmp(author, "admin") == 0;
}

/* NULL: the message counts; else why it does not. */
static const char *refuse(const struct notice *notice, struct json_object *message, const char *author)
{
    struct text part_type = doc_str(message, "part_type");
    char shown[65];

    if (json_object_get_boolean(doc_key(message, "redacted")))
        return "redacted";
    if (!author)
        return "no author";
    if (is_ours(notice, doc_key(message, "author")))
        return "our own: by the teammate of admin_id";
    if (!may_write(notice, author))
        return source_reason(notice->work->arena, "author %s", source_shown(author, shown));
    /* Notes are the teammates' own, unless the configuration asks for their topic. */
    if (text_starts(part_type, "note") && !text_is(notice->base.topic, NOTED))
        return "a note";
    return NULL;
}

static void take_time(const struct notice *notice, struct json_object *message, struct entry *entry)
{
    struct json_object *created = doc_key(message, "created_at");

    if (!value_time(created, &entry->said_at) &&
        !value_time(doc_key(notice->work->root, "created_at"), &entry->said_at))
        entry->said_at = notice->work->stored_at;
}

/* Adds the message (a part, or the source) to the entries if it is a customer's. */
static void take_message(struct notice *notice, struct json_object *message)
{
    struct work *work = notice->work;
    const struct roots roots = { { notice->item, work->root, message } };
    struct json_object *author = doc_key(message, "author");
    struct entry entry = notice->base;
    const char *why = refuse(notice, message, json_object_get_string(doc_key(author, "type")));

    if (why) {
        leave_out(notice, why);
        return;
    }
    entry.body = value_text(doc_key(message, "body"), true, work->arena);
    entry.author = arena_text(work->arena, text_of(json_object_get_string(doc_key(author, "type"))));
    attachment_read(doc_key(message, "attachments"), work->arena, &entry.attachment);
    take_time(notice, message, &entry);
    if (!take_contact(notice, author, &entry) || !values_collect(work->source, &roots, work->arena, &entry))
        work->no_memory = true;
    else if (values_are_empty(work->source, &entry))
        leave_out(notice, "no text");
    else if (!value_id(doc_key(message, "id"), work->arena, &entry.message))
        leave_out(notice, "a message without a usable id");
    else
        work->out->entries[work->out->count++] = entry;
}

static void take_messages(struct notice *notice)
{
    struct work *work = notice->work;
    struct json_object *item = notice->item, *first = doc_key(item, "source");
    struct json_object *parts = list_in(doc_key(item, "conversation_parts"), "conversation_parts");
    struct json_object *ticket_part = doc_key(item, "ticket_part");
    size_t n = parts ? json_object_array_length(parts) : 0;

    work->out->entries = arena_array(work->arena, n + 2, sizeof(struct entry));
    if (!work->out->entries) {
        work->no_memory = true;
        return;
    }
    if (!first)
        first = doc_key(item, "conversation_message"); /* before webhook version 2.5 */
    /* In every other topic `source` is the old first message, whose rule would fire again. */
    if (text_is(notice->base.topic, CREATED) && first)
        take_message(notice, first);
    if (ticket_part) /* and not ticket.ticket_parts, the whole history */
        take_message(notice, ticket_part);
    for (size_t i = 0; i < n; i++)
        take_message(notice, json_object_array_get_idx(parts, i));
}

/* The conversation's id and the people in it. False with a reason. */
static bool take_conversation(struct notice *notice)
{
    struct json_object *item = notice->item, *ticket = doc_key(item, "ticket"), *holder = item;
    struct json_object *id;

    if (doc_key(item, "ticket_part") && ticket)
        holder = ticket;
    id = doc_key(holder, "id");
    if (!id)
        id = doc_key(item, "conversation_id");
    notice->contacts = list_in(doc_key(holder, "contacts"), "contacts");
    if (!value_id(id, notice->work->arena, &notice->base.conversation)) {
        leave_out(notice, "no usable conversation id");
        return false;
    }
    if (values_conversation(holder, doc_key(holder, "custom_attributes"), notice->work->arena, &notice->base))
        return true;
    notice->work->no_memory = true;
    return false;
}

/* Where the configuration takes admins for customers (Octopods may write a tap in a teammate's name), their messages are no
   teammates'. */
static enum entry_kind kind_of(const struct source *source, const char *topic)
{
    if (words_have(&source->authors, "admin"))
        return ENTRY_TEXT;
    if (strcmp(topic, CLOSED) == 0)
        return ENTRY_CLOSED;
    return strcmp(topic, ANSWERED) == 0 ? ENTRY_TEAMMATE : ENTRY_TEXT;
}

/* Ping, a topic or an app that is not asked for: the reason, else NULL. */
static const char *skip(struct work *work, const char *topic, struct text app)
{
    char shown[65];

    if (!topic)
        return "no topic";
    if (strcmp(topic, "ping") == 0)
        return "ping";
    if (!words_allow(&work->source->apps, app.p ? app.p : ""))
        return source_reason(work->arena, "app %s", source_shown(app.p, shown));
    if (!words_have(&work->source->topics, topic))
        return source_reason(work->arena, "topic %s", source_shown(topic, shown));
    if (kind_of(work->source, topic) == ENTRY_TEAMMATE && !work->source->takeover_ms)
        return "takeover is 0s: teammates' messages change nothing";
    return NULL;
}

static void extract(struct work *work)
{
    struct notice notice = { .work = work, .item = doc_at(work->root, "/data/item") };
    const char *topic = doc_str(work->root, "topic").p;
    struct text delivery = doc_str(work->root, "id");

    if (delivery.n)
        work->out->delivery = arena_text(work->arena, delivery);
    if (!value_id(doc_key(work->root, "app_id"), work->arena, &notice.base.account))
        notice.base.account = TEXT_NONE;
    work->out->reason = skip(work, topic, notice.base.account);
    if (work->out->reason)
        return;
    notice.base.topic = arena_text(work->arena, text_of(topic));
    notice.base.fetched = true;
    notice.base.kind = kind_of(work->source, topic);
    if (take_conversation(&notice))
        take_messages(&notice);
    work->out->reason = notice.why ? notice.why : "no message in it";
}

static void next_fetch(const struct source *source, const struct entry *entry, bool contact,
                       struct arena *arena, struct fetch *out)
{
    if (!contact || !entry->contact.n)
        return;
    out->kind = FETCH_CONTACT;
    out->url = source_url(arena, source->api, "/contacts/", entry->contact.p, NULL);
}

/* The contact's own values, its custom attributes, and these again by their bare names where no own one has it: a rule
   says ${contact.shop_id}. */
static struct json_object *contact(struct json_object *answer)
{
    struct json_object *out = json_object_new_object(), *custom = doc_key(answer, "custom_attributes");

    if (out && values_plain(answer, out) && values_plain(custom, out) &&
        (!custom || doc_add(out, "custom_attributes", json_object_get(custom))))
        return out;
    json_object_put(out);
    return NULL;
}

static enum fetch_verdict apply(const struct fetched *fetched, struct fault *fault)
{
    (void)fetched;
    fault_set(fault, "nothing was asked for");
    return FETCH_IGNORE;
}

const struct source_ops source_intercom = {
    .kind = "intercom",
    .api = "https://api.intercom.io",
    .api_header = "Intercom-Version: 2.15",
    .topics = topics,
    .authors = authors,
    .user_ids = user_ids,
    .verify = verify,
    .extract = extract,
    .next_fetch = next_fetch,
    .apply = apply,
    .contact = contact,
};
