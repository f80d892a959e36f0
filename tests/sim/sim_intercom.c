#include "sim_http.h"
#include "sim_shelf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Intercom's REST API, intercom.md 6. Contacts and conversations that are read must have been put there, else 404;
   replies, parts and tags are taken for any conversation and checked for their shape. */

#define PARTS_SHOWN 50

static void refuse(struct sim_call *call, int status, const char *code, const char *message)
{
    struct json_object *body = json_object_new_object(), *list = json_object_new_array();
    struct json_object *one = json_object_new_object();
    char id[40];

    snprintf(id, sizeof(id), "00000000-0000-4000-8000-%012" PRIx64,
             (uint64_t)shelf_new_id(call->sim) & 0xffffffffffff);
    json_object_object_add(one, "code", json_object_new_string(code));
    json_object_object_add(one, "message", json_object_new_string(message));
    json_object_object_add(one, "field", NULL);
    json_object_array_add(list, one);
    json_object_object_add(body, "type", json_object_new_string("error.list"));
    json_object_object_add(body, "request_id", json_object_new_string(id));
    json_object_object_add(body, "errors", list);
    http_reply(call, status, body);
}

static void missing(struct sim_call *call, int status)
{
    if (status == 405)
        refuse(call, 405, "method_not_allowed", "Method Not Allowed");
    else
        refuse(call, 404, "not_found", "Resource Not Found");
}

static bool allow(struct sim_call *call)
{
    if (http_bearer(call, call->sim->options.intercom_token))
        return true;
    refuse(call, 401, "unauthorized", "Access Token Invalid");
    return false;
}

static const char *string_at(const struct sim_call *call, const char *name)
{
    struct json_object *value = json_object_object_get(call->json, name);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
}

/* An id: a string of digits, or a number. */
static bool id_at(const struct sim_call *call, const char *name)
{
    struct json_object *value = json_object_object_get(call->json, name);
    int64_t number;

    return json_object_is_type(value, json_type_int) || text_i64(text_of(string_at(call, name)), &number);
}

static CHECKED bool require(struct sim_call *call, bool fine, const char *name)
{
    char message[128];

    if (fine)
        return true;
    snprintf(message, sizeof(message), "%s is missing or invalid", name);
    refuse(call, 400,
           json_object_object_get_ex(call->json, name, NULL) ? "parameter_invalid" : "parameter_not_found",
           message);
    return false;
}

static CHECKED bool is_json(struct sim_call *call)
{
    if (http_is_json(call))
        return true;
    refuse(call, 400, "bad_request", "bad 'Content-Type' header or no JSON object");
    return false;
}

static bool one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(word, *words))
            return true;
    return false;
}

/* ---- reading */

static void get_contact(struct sim_call *call)
{
    struct json_object *contact = shelf_copy(call->sim, "intercom/contacts", call->star[0], TEXT_NONE);

    if (!contact) {
        refuse(call, 404, "not_found", "User Not Found");
        return;
    }
    shelf_default(contact, "type", json_object_new_string("contact"));
    shelf_default(contact, "id", shelf_text(call->star[0]));
    shelf_default(contact, "workspace_id", json_object_new_string("abcd1234"));
    shelf_default(contact, "external_id", NULL);
    shelf_default(contact, "role", json_object_new_string("lead"));
    shelf_default(contact, "email", NULL);
    shelf_default(contact, "phone", NULL);
    shelf_default(contact, "name", json_object_new_string("Dana Example"));
    shelf_default(contact, "custom_attributes", json_object_new_object());
    http_reply(call, 200, contact);
}

static void fill_conversation(struct json_object *conversation, struct text id)
{
    shelf_default(conversation, "type", json_object_new_string("conversation"));
    shelf_default(conversation, "id", shelf_text(id));
    shelf_default(conversation, "created_at", json_object_new_int64(1784012300));
    shelf_default(conversation, "updated_at", json_object_new_int64(1784012301));
    shelf_default(conversation, "open", json_object_new_boolean(1));
    shelf_default(conversation, "state", json_object_new_string("open"));
    shelf_default(conversation, "admin_assignee_id", NULL);
    shelf_default(conversation, "team_assignee_id", NULL);
    shelf_default(conversation, "custom_attributes", json_object_new_object());
    shelf_default(conversation, "tags", shelf_parse("{\"type\":\"tag.list\",\"tags\":[]}"));
    shelf_default(
        conversation, "conversation_parts",
        shelf_parse("{\"type\":\"conversation_part.list\",\"conversation_parts\":[],\"total_count\":0}"));
}

static void get_conversation(struct sim_call *call)
{
    struct json_object *conversation =
        shelf_copy(call->sim, "intercom/conversations", call->star[0], TEXT_NONE);

    if (!conversation) {
        refuse(call, 404, "conversation_not_found", "Resource Not Found");
        return;
    }
    fill_conversation(conversation, call->star[0]);
    http_reply(call, 200, conversation);
}

/* ---- writing */

/* The conversation for a change, which comes to be if there was none; the caller puts it. */
static struct json_object *open_conversation(struct sim_call *call)
{
    struct json_object *conversation =
        shelf_copy(call->sim, "intercom/conversations", call->star[0], TEXT_NONE);

    if (!conversation)
        conversation = json_object_new_object();
    fill_conversation(conversation, call->star[0]);
    return conversation;
}

static void close_conversation(struct sim_call *call, struct json_object *conversation)
{
    shelf_put(call->sim, "intercom/conversations", call->star[0], TEXT_NONE, json_object_get(conversation));
    http_reply(call, 200, conversation);
}

static struct json_object *new_part(struct sim_call *call, const char *part_type)
{
    struct json_object *part = json_object_new_object(), *author = json_object_new_object();
    int64_t id = shelf_new_id(call->sim);
    char name[32];

    snprintf(name, sizeof(name), "%" PRId64, id);
    json_object_object_add(author, "type", json_object_new_string(string_at(call, "type")));
    json_object_object_add(author, "id", json_object_get(json_object_object_get(call->json, "admin_id")));
    json_object_object_add(part, "type", json_object_new_string("conversation_part"));
    json_object_object_add(part, "id", json_object_new_string(name));
    json_object_object_add(part, "part_type", json_object_new_string(part_type));
    json_object_object_add(part, "body", json_object_get(json_object_object_get(call->json, "body")));
    json_object_object_add(part, "author", author);
    return part;
}

static void add_part(struct sim_call *call, struct json_object *conversation)
{
    struct json_object *holder = json_object_object_get(conversation, "conversation_parts");
    struct json_object *parts = json_object_object_get(holder, "conversation_parts");

    if (!json_object_is_type(parts, json_type_array))
        return;
    if (json_object_array_length(parts) >= PARTS_SHOWN)
        json_object_array_del_idx(parts, 0, 1);
    json_object_array_add(parts, new_part(call, string_at(call, "message_type")));
    json_object_object_add(holder, "total_count",
                           json_object_new_int64((int64_t)json_object_array_length(parts)));
}

static void post_reply(struct sim_call *call)
{
    static const char *const messages[] = { "comment", "note", "quick_reply", NULL };
    static const char *const types[] = { "admin", "user", NULL };
    bool quick = !strcmp(string_at(call, "message_type"), "quick_reply");
    bool admin = !strcmp(string_at(call, "type"), "admin");
    struct json_object *conversation;

    if (!is_json(call) || !require(call, one_of(string_at(call, "message_type"), messages), "message_type") ||
        !require(call, one_of(string_at(call, "type"), types), "type") ||
        !require(call, !admin || id_at(call, "admin_id"), "admin_id") ||
        !require(call, quick || *string_at(call, "body"), "body"))
        return;
    conversation = open_conversation(call);
    add_part(call, conversation);
    close_conversation(call, conversation);
}

static void set_state(struct json_object *conversation, const char *state)
{
    json_object_object_add(conversation, "state", json_object_new_string(state));
    json_object_object_add(conversation, "open", json_object_new_boolean(strcmp(state, "closed") != 0));
}

static void post_part(struct sim_call *call)
{
    static const char *const messages[] = { "close", "snoozed", "open", "assignment", NULL };
    static const char *const types[] = { "admin", "team", NULL };
    const char *what = string_at(call, "message_type");
    bool assignment = !strcmp(what, "assignment"), snoozed = !strcmp(what, "snoozed");
    bool typed = assignment || !strcmp(what, "close");
    struct json_object *conversation;

    if (!is_json(call) || !require(call, one_of(what, messages), "message_type") ||
        !require(call, id_at(call, "admin_id"), "admin_id") ||
        !require(call, !typed || one_of(string_at(call, "type"), types), "type") ||
        !require(call, !assignment || id_at(call, "assignee_id"), "assignee_id") ||
        !require(call,
                 !snoozed ||
                     json_object_is_type(json_object_object_get(call->json, "snoozed_until"), json_type_int),
                 "snoozed_until"))
        return;
    conversation = open_conversation(call);
    add_part(call, conversation);
    if (assignment)
        json_object_object_add(
            conversation, !strcmp(string_at(call, "type"), "team") ? "team_assignee_id" : "admin_assignee_id",
            json_object_get(json_object_object_get(call->json, "assignee_id")));
    else
        set_state(conversation, !strcmp(what, "close") ? "closed" : what);
    close_conversation(call, conversation);
}

/* ---- tags */

static struct json_object *tag_of(struct json_object *id, struct json_object *name)
{
    struct json_object *tag = json_object_new_object();

    json_object_object_add(tag, "type", json_object_new_string("tag"));
    json_object_object_add(tag, "id", json_object_new_string(json_object_get_string(id)));
    json_object_object_add(tag, "name", json_object_get(name));
    return tag;
}

static void post_conversation_tag(struct sim_call *call)
{
    struct json_object *id = json_object_object_get(call->json, "id");
    struct json_object *conversation, *tags;

    if (!is_json(call) || !require(call, id_at(call, "admin_id"), "admin_id"))
        return;
    if (!id_at(call, "id")) {
        refuse(call, 404, "tag_not_found", "Resource Not Found");
        return;
    }
    conversation = open_conversation(call);
    tags = json_object_object_get(json_object_object_get(conversation, "tags"), "tags");
    if (json_object_is_type(tags, json_type_array) && json_object_array_length(tags) < PARTS_SHOWN)
        json_object_array_add(tags, tag_of(id, NULL));
    shelf_put(call->sim, "intercom/conversations", call->star[0], TEXT_NONE, conversation);
    http_reply(call, 200, tag_of(id, NULL));
}

static void delete_conversation_tag(struct sim_call *call)
{
    struct json_object *id = shelf_text(call->star[1]);

    if (is_json(call) && require(call, id_at(call, "admin_id"), "admin_id"))
        http_reply(call, 200, tag_of(id, NULL));
    json_object_put(id);
}

/* Makes a tag, or finds the one of that name. */
static void post_tag(struct sim_call *call)
{
    struct json_object *name = json_object_object_get(call->json, "name"), *id;
    char number[32];

    if (!is_json(call) || !require(call, *string_at(call, "name") != '\0', "name"))
        return;
    id = json_object_get(shelf_find(call->sim, "intercom/tags", text_of(string_at(call, "name")), TEXT_NONE));
    if (!id) {
        snprintf(number, sizeof(number), "%" PRId64, shelf_new_id(call->sim));
        id = json_object_new_string(number);
        shelf_put(call->sim, "intercom/tags", text_of(string_at(call, "name")), TEXT_NONE,
                  json_object_get(id));
    }
    http_reply(call, 200, tag_of(id, name));
    json_object_put(id);
}

static void get_tags(struct sim_call *call)
{
    static const char prefix[] = "intercom/tags/";
    struct json_object *body = json_object_new_object(), *list = json_object_new_array();

    json_object_object_foreach(call->sim->shelf, key, id)
    {
        struct json_object *name;

        if (strncmp(key, prefix, sizeof(prefix) - 1))
            continue;
        name = json_object_new_string(key + sizeof(prefix) - 1);
        json_object_array_add(list, tag_of(id, name));
        json_object_put(name);
    }
    json_object_object_add(body, "type", json_object_new_string("list"));
    json_object_object_add(body, "data", list);
    http_reply(call, 200, body);
}

static const char *const prefixes[] = { "/contacts/", "/conversations/", "/tags", NULL };

static const struct sim_route routes[] = {
    { "GET", "/contacts/*", get_contact },
    { "GET", "/conversations/*", get_conversation },
    { "POST", "/conversations/*/reply", post_reply },
    { "POST", "/conversations/*/parts", post_part },
    { "POST", "/conversations/*/tags", post_conversation_tag },
    { "DELETE", "/conversations/*/tags/*", delete_conversation_tag },
    { "POST", "/tags", post_tag },
    { "GET", "/tags", get_tags },
};

const struct sim_service sim_intercom = { prefixes, routes, sizeof(routes) / sizeof(*routes), allow,
                                          missing };
