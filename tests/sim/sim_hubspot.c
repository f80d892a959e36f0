#include "sim_http.h"
#include "sim_shelf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The Conversations API, hubspot.md 4. What is read must have been put there by the control interface, else 404; what is
   written is taken for any thread, checked for its shape and shown when read again. */

static void refuse(struct sim_call *call, int status, const char *category, const char *message)
{
    char id[40];
    struct json_object *body = json_object_new_object();

    snprintf(id, sizeof(id), "00000000-0000-4000-8000-%012" PRIx64,
             (uint64_t)shelf_new_id(call->sim) & 0xffffffffffff);
    json_object_object_add(body, "status", json_object_new_string("error"));
    json_object_object_add(body, "message", json_object_new_string(message));
    json_object_object_add(body, "correlationId", json_object_new_string(id));
    json_object_object_add(body, "category", json_object_new_string(category));
    http_reply(call, status, body);
}

static void missing(struct sim_call *call, int status)
{
    refuse(call, status, status == 405 ? "METHOD_NOT_ALLOWED" : "OBJECT_NOT_FOUND", "resource not found");
}

static bool allow(struct sim_call *call)
{
    if (http_bearer(call, call->sim->options.hubspot_token))
        return true;
    refuse(call, 401, "INVALID_AUTHENTICATION",
           "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can "
           "find more "
           "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview");
    return false;
}

/* ---- messages */

static struct json_object *default_senders(void)
{
    return shelf_parse("[{\"actorId\":\"V-3892221\",\"name\":\"Dana Example\",\"deliveryIdentifier\":"
                       "{\"type\":\"CHANNEL_SPECIFIC_OPAQUE_ID\",\"value\":\"700000001\"}}]");
}

/* Every member that hubspot.md 4.3 calls required, where the test gave none. */
static void fill_message(struct json_object *message, struct text thread, struct text id)
{
    struct json_object *text = json_object_object_get(message, "text");
    struct buf rich = BUF(1 << 20);

    buf_printf(&rich, "<p>%s</p>", text ? json_object_get_string(text) : "");
    shelf_default(message, "id", shelf_text(id));
    shelf_default(message, "type", json_object_new_string("MESSAGE"));
    shelf_default(message, "conversationsThreadId", shelf_text(thread));
    shelf_default(message, "createdAt", json_object_new_string("2026-07-14T06:58:20.480Z"));
    shelf_default(message, "createdBy", json_object_new_string("V-3892221"));
    shelf_default(message, "client",
                  shelf_parse("{\"clientType\":\"INTEGRATION\",\"integrationAppId\":1234567}"));
    shelf_default(message, "senders", default_senders());
    shelf_default(message, "recipients",
                  shelf_parse("[{\"deliveryIdentifier\":{\"type\":\"CHANNEL_SPECIFIC_OPAQUE_ID\",\"value\":"
                              "\"example_bot\"}}]"));
    shelf_default(message, "archived", json_object_new_boolean(0));
    shelf_default(message, "text", json_object_new_string(""));
    shelf_default(message, "richText", shelf_text(buf_get(&rich)));
    shelf_default(message, "attachments", json_object_new_array());
    shelf_default(message, "truncationStatus", json_object_new_string("NOT_TRUNCATED"));
    shelf_default(message, "status", shelf_parse("{\"statusType\":\"RECEIVED\"}"));
    shelf_default(message, "direction", json_object_new_string("INCOMING"));
    shelf_default(message, "channelId", json_object_new_string("1007"));
    shelf_default(message, "channelAccountId", json_object_new_string("242711"));
    buf_free(&rich);
}

static void get_message(struct sim_call *call)
{
    struct json_object *message = shelf_copy(call->sim, "hubspot/messages", call->star[2], call->star[3]);

    if (!message) {
        refuse(call, 404, "OBJECT_NOT_FOUND", "message does not exist");
        return;
    }
    fill_message(message, call->star[2], call->star[3]);
    http_reply(call, 200, message);
}

static void get_original(struct sim_call *call)
{
    struct json_object *original = shelf_copy(call->sim, "hubspot/originals", call->star[2], call->star[3]);
    struct json_object *message, *text;

    if (!original) {
        message = shelf_find(call->sim, "hubspot/messages", call->star[2], call->star[3]);
        if (!message) {
            refuse(call, 404, "OBJECT_NOT_FOUND", "message does not exist");
            return;
        }
        original = json_object_new_object();
        text = json_object_object_get(message, "text");
        json_object_object_add(original, "text", json_object_get(text));
    }
    shelf_default(original, "text", json_object_new_string(""));
    shelf_default(original, "richText", json_object_new_string(""));
    http_reply(call, 200, original);
}

/* The member is a string and not empty. */
static CHECKED bool has_text(struct sim_call *call, const char *name)
{
    char message[128];
    struct json_object *value = json_object_object_get(call->json, name);

    if (json_object_is_type(value, json_type_string) && json_object_get_string_len(value))
        return true;
    snprintf(message, sizeof(message), "Invalid input JSON: %s must be a string that is not empty", name);
    refuse(call, 400, "VALIDATION_ERROR", message);
    return false;
}

static CHECKED bool is_json(struct sim_call *call)
{
    if (http_is_json(call))
        return true;
    refuse(call, 400, "VALIDATION_ERROR", "Invalid input JSON");
    return false;
}

/* hubspot.md 4.4 */
static CHECKED bool check_post(struct sim_call *call)
{
    static const char *const of_message[] = { "senderActorId", "channelId", "channelAccountId" };
    const char *type;

    if (!is_json(call) || !has_text(call, "type") || !has_text(call, "text"))
        return false;
    type = json_object_get_string(json_object_object_get(call->json, "type"));
    if (!json_object_is_type(json_object_object_get(call->json, "attachments"), json_type_array)) {
        refuse(call, 400, "VALIDATION_ERROR", "Some required fields were not set: [attachments]");
        return false;
    }
    if (!strcmp(type, "COMMENT"))
        return true;
    if (strcmp(type, "MESSAGE")) {
        refuse(call, 400, "VALIDATION_ERROR", "type must be one of: [MESSAGE, COMMENT]");
        return false;
    }
    for (size_t i = 0; i < 3; i++)
        if (!has_text(call, of_message[i]))
            return false;
    if (json_object_is_type(json_object_object_get(call->json, "recipients"), json_type_array))
        return true;
    refuse(call, 400, "VALIDATION_ERROR", "Some required fields were not set: [recipients]");
    return false;
}

static void post_message(struct sim_call *call)
{
    struct json_object *message = NULL;
    char id[40];

    if (!check_post(call))
        return;
    snprintf(id, sizeof(id), "%032" PRIx64, (uint64_t)shelf_new_id(call->sim));
    if (json_object_deep_copy(call->json, &message, NULL) < 0) {
        refuse(call, 500, "INTERNAL_ERROR", "no memory");
        return;
    }
    shelf_default(message, "createdAt", shelf_now());
    shelf_default(message, "createdBy", json_object_new_string("I-1234567"));
    shelf_default(message, "direction", json_object_new_string("OUTGOING"));
    fill_message(message, call->star[2], text_of(id));
    shelf_put(call->sim, "hubspot/messages", call->star[2], text_of(id), json_object_get(message));
    http_reply(call, 201, message);
}

/* ---- threads */

static void fill_thread(struct json_object *thread, struct text id)
{
    shelf_default(thread, "id", shelf_text(id));
    shelf_default(thread, "createdAt", json_object_new_string("2026-07-14T06:58:20.120Z"));
    shelf_default(thread, "status", json_object_new_string("OPEN"));
    shelf_default(thread, "originalChannelId", json_object_new_string("1007"));
    shelf_default(thread, "originalChannelAccountId", json_object_new_string("242711"));
    shelf_default(thread, "latestMessageTimestamp", json_object_new_string("2026-07-14T06:58:20.480Z"));
    shelf_default(thread, "inboxId", json_object_new_string("55001"));
    shelf_default(thread, "associatedContactId", json_object_new_string("3892221"));
    shelf_default(thread, "spam", json_object_new_boolean(0));
    shelf_default(thread, "archived", json_object_new_boolean(0));
}

static bool has_messages(const struct sim *sim, struct text thread)
{
    struct buf prefix = BUF(512);
    bool found = false;

    buf_printf(&prefix, "hubspot/messages/%.*s/", TEXT_ARG(thread));
    json_object_object_foreach(sim->shelf, key, value)
    {
        (void)value;
        found = found || (!prefix.failed && text_starts(text_of(key), prefix.data));
    }
    buf_free(&prefix);
    return found;
}

static void get_thread(struct sim_call *call)
{
    struct json_object *thread = shelf_copy(call->sim, "hubspot/threads", call->star[2], TEXT_NONE);

    if (!thread && has_messages(call->sim, call->star[2]))
        thread = json_object_new_object();
    if (!thread) {
        refuse(call, 404, "OBJECT_NOT_FOUND", "thread does not exist");
        return;
    }
    fill_thread(thread, call->star[2]);
    http_reply(call, 200, thread);
}

/* Sets a member of the thread, which comes to be if there was none, and answers with it. */
static void change_thread(struct sim_call *call, const char *name, struct json_object *value)
{
    struct json_object *thread = shelf_copy(call->sim, "hubspot/threads", call->star[2], TEXT_NONE);

    if (!thread)
        thread = json_object_new_object();
    json_object_object_add(thread, name, value);
    fill_thread(thread, call->star[2]);
    shelf_put(call->sim, "hubspot/threads", call->star[2], TEXT_NONE, json_object_get(thread));
    http_reply(call, 200, thread);
}

static void patch_thread(struct sim_call *call)
{
    struct json_object *status = json_object_object_get(call->json, "status");
    struct json_object *archived = json_object_object_get(call->json, "archived");
    const char *word = json_object_is_type(status, json_type_string) ? json_object_get_string(status) : "";

    if (!is_json(call))
        return;
    if (!strcmp(word, "OPEN") || !strcmp(word, "CLOSED"))
        change_thread(call, "status", json_object_get(status));
    else if (!status && json_object_is_type(archived, json_type_boolean))
        change_thread(call, "archived", json_object_get(archived));
    else
        refuse(call, 400, "VALIDATION_ERROR", "status must be one of: [OPEN, CLOSED]");
}

static void put_assignee(struct sim_call *call)
{
    if (is_json(call) && has_text(call, "actorId"))
        change_thread(call, "assignedTo", json_object_get(json_object_object_get(call->json, "actorId")));
}

static void delete_assignee(struct sim_call *call)
{
    change_thread(call, "assignedTo", NULL);
    http_reply(call, 204, NULL);
}

/* ---- contacts */

static bool asked_for(struct text wanted, const char *name)
{
    struct text one, rest = wanted;

    while (text_cut(rest, ',', &one, &rest))
        if (text_is(text_trim(one), name))
            return true;
    return text_is(text_trim(rest), name);
}

/* HubSpot shows no property that was not asked for, save a few. */
static struct json_object *shown_properties(struct json_object *all, struct text wanted, struct text id)
{
    static const char *const always = "createdate,hs_object_id,lastmodifieddate,email,firstname,lastname";
    struct json_object *shown = json_object_new_object();

    json_object_object_add(shown, "createdate", json_object_new_string("2026-07-01T10:00:00.000Z"));
    json_object_object_add(shown, "hs_object_id", shelf_text(id));
    json_object_object_add(shown, "lastmodifieddate", json_object_new_string("2026-07-14T06:58:20.480Z"));
    if (!json_object_is_type(all, json_type_object))
        return shown;
    json_object_object_foreach(all, name, value)
    {
        if (asked_for(wanted.n ? wanted : text_of(always), name))
            json_object_object_add(shown, name, json_object_get(value));
    }
    return shown;
}

static void get_contact(struct sim_call *call)
{
    struct text id = call->star[1];
    struct json_object *contact = shelf_copy(call->sim, "hubspot/contacts", id, TEXT_NONE);
    char *wanted = http_query(call, "properties");
    struct json_object *all;

    if (!contact) {
        refuse(call, 404, "OBJECT_NOT_FOUND", "resource not found");
        free(wanted);
        return;
    }
    all = json_object_get(json_object_object_get(contact, "properties"));
    json_object_object_add(contact, "properties", shown_properties(all, text_of(wanted), id));
    shelf_default(contact, "id", shelf_text(id));
    shelf_default(contact, "createdAt", json_object_new_string("2026-07-01T10:00:00.000Z"));
    shelf_default(contact, "updatedAt", json_object_new_string("2026-07-14T06:58:20.480Z"));
    shelf_default(contact, "archived", json_object_new_boolean(0));
    json_object_put(all);
    free(wanted);
    http_reply(call, 200, contact);
}

static const char *const prefixes[] = { "/conversations/v", "/conversations/conversations/", "/crm/", NULL };

/* The first two stars are version and name in one order or the other: /conversations/v3/conversations/threads and
   /conversations/conversations/2026-09/threads; of contacts the first is the version. */
#define THREAD "/conversations/*/*/threads/*"
#define MESSAGE THREAD "/messages/*"

static const struct sim_route routes[] = {
    { "GET", MESSAGE, get_message },
    { "GET", MESSAGE "/original-content", get_original },
    { "POST", THREAD "/messages", post_message },
    { "GET", THREAD, get_thread },
    { "PATCH", THREAD, patch_thread },
    { "PUT", THREAD "/assignee", put_assignee },
    { "POST", THREAD "/assignee", put_assignee },
    { "DELETE", THREAD "/assignee", delete_assignee },
    { "GET", "/crm/*/objects/contacts/*", get_contact },
};

const struct sim_service sim_hubspot = { prefixes, routes, sizeof(routes) / sizeof(*routes), allow, missing };
