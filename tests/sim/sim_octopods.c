#include "sim_http.h"
#include "sim_payload.h"
#include "sim_shelf.h"

#include "base/now.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What Telegram says, through Octopods, of users that the control interface marked. */
static const struct {
    const char *state, *text;
} user_states[] = {
    { "blocked", "Forbidden: bot was blocked by the user" },
    { "unknown", "Bad Request: chat not found" },
    { "deactivated", "Forbidden: user is deactivated" },
};

#define ID_SIZE 40

static void id_text(struct sim *sim, const char *prefix, int64_t id, char *out)
{
    if (sim->options.number_ids)
        snprintf(out, ID_SIZE, "%" PRId64, id);
    else
        snprintf(out, ID_SIZE, "%s_%016" PRIx64, prefix, (uint64_t)id);
}

static struct json_object *id_of(struct sim *sim, const char *prefix, int64_t id)
{
    char text[ID_SIZE];

    if (sim->options.number_ids)
        return json_object_new_int64(id);
    id_text(sim, prefix, id, text);
    return json_object_new_string(text);
}

static void refuse(struct sim_call *call, int status, int code, const char *text)
{
    struct json_object *body = json_object_new_object();

    json_object_object_add(body, "request_id", id_of(call->sim, "req", shelf_new_id(call->sim)));
    json_object_object_add(body, "error_code", json_object_new_int(code));
    json_object_object_add(body, "error", json_object_new_string(text));
    http_reply(call, status, body);
}

static void missing(struct sim_call *call, int status)
{
    refuse(call, status, 0, status == 405 ? "Method Not Allowed" : "Not Found");
}

static const struct sim_key *key_find(struct sim_call *call, const char *given)
{
    const struct sim_options *options = &call->sim->options;

    for (size_t i = 0; i < options->n_keys; i++) {
        if (strcmp(options->keys[i].key, given))
            continue;
        call->key = (int)i;
        return &options->keys[i];
    }
    return NULL;
}

static bool allow(struct sim_call *call)
{
    const char *given = http_header(call, "X-Octopods-Auth");
    const struct sim_key *key = given ? key_find(call, given) : NULL;

    if (given)
        call->auth = key && key->dialect != SIM_DEPRECATED ? SIM_AUTH_OK : SIM_AUTH_BAD;
    if (!key) {
        refuse(call, 401, 0, "Unauthorized");
        return false;
    }
    if (key->dialect == SIM_DEPRECATED) {
        refuse(call, 400, PAYLOAD_KEY,
               "Deprecated API Key. Please go to your Octopods App, and get your new API Key");
        return false;
    }
    if (key->dialect == SIM_CLOSED) {
        refuse(call, 403, 0, "Telegram interactive messaging is not enabled on this account");
        return false;
    }
    return true;
}

static const char *user_trouble(struct sim_call *call)
{
    struct json_object *state = shelf_find(call->sim, "users", call->user, TEXT_NONE);
    const char *name = json_object_get_string(json_object_object_get(state, "state"));

    for (size_t i = 0; name && i < sizeof(user_states) / sizeof(*user_states); i++)
        if (!strcmp(name, user_states[i].state))
            return user_states[i].text;
    return NULL;
}

/* Written out by hand, because benchmarks come through here; the ids are digits and the like. */
static void accept_message(struct sim_call *call)
{
    const char *quote = call->sim->options.number_ids ? "" : "\"";
    int64_t id = shelf_new_id(call->sim);
    char request[ID_SIZE], message[ID_SIZE];

    id_text(call->sim, "req", id, request);
    id_text(call->sim, "msg", id, message);
    call->status = 200;
    call->type = "application/json";
    call->accepted = true;
    buf_printf(
        &call->answer,
        "{\"request_id\":%s%s%s,\"message_id\":%s%s%s,"
        "\"message_status_url\":\"http://%s/api/v1/telegram/messages/%s\",\"destination_user_id\":\"%.*s\"}",
        quote, request, quote, quote, message, quote, call->sim->address, message, TEXT_ARG(call->user));
}

static void send_interactive(struct sim_call *call)
{
    const struct sim_options *options = &call->sim->options;
    enum sim_dialect dialect = options->keys[call->key].dialect;
    const char *trouble;
    struct fault why;
    int code;

    if (!http_is_json(call)) {
        refuse(call, 400, PAYLOAD_TYPE,
               "The request must be a JSON object with Content-Type: application/json");
        return;
    }
    code = payload_check(call->json, dialect, options->markup_strict && dialect == SIM_MARKUP, &why);
    if (code) {
        refuse(call, 400, code, why.text);
        return;
    }
    trouble = user_trouble(call);
    if (trouble)
        refuse(call, 400, PAYLOAD_PROVIDER, trouble);
    else
        accept_message(call);
}

/* The number in "msg_00..." or in plain digits; -1 if it is none that this process gave. */
static int64_t message_id(struct sim_call *call)
{
    struct text name = call->star[0];
    unsigned char bytes[8];
    int64_t id = 0;

    if (call->sim->options.number_ids) {
        if (!text_i64(name, &id))
            return -1;
    } else {
        if (!text_starts(name, "msg_") || name.n != 20 || !text_unhex(text_make(name.p + 4, 16), bytes, 8))
            return -1;
        for (size_t i = 0; i < 8; i++)
            id = (int64_t)((uint64_t)id << 8 | bytes[i]);
    }
    return id >= call->sim->first_id && id < call->sim->next_id ? id : -1;
}

/* The next of those that the control interface put there: a name, or members of the answer. */
static struct json_object *next_status(struct sim_call *call)
{
    struct json_object *list =
        json_object_object_get(shelf_find(call->sim, "statuses", call->star[0], TEXT_NONE), "list");
    struct json_object *body = json_object_new_object(), *next = NULL;

    if (json_object_is_type(list, json_type_array))
        next = json_object_get(json_object_array_get_idx(list, 0));
    if (json_object_is_type(list, json_type_array) && json_object_array_length(list) > 1)
        json_object_array_del_idx(list, 0, 1);
    if (!json_object_is_type(next, json_type_object)) {
        json_object_object_add(body, "status", next ? next : json_object_new_string("DELIVERED"));
        return body;
    }
    json_object_put(body);
    return next;
}

static void message_status(struct sim_call *call)
{
    int64_t id = message_id(call);
    struct json_object *body;

    if (id < 0) {
        refuse(call, 400, PAYLOAD_NO_MESSAGE, "Message does not exist.");
        return;
    }
    body = next_status(call);
    shelf_default(body, "request_id", id_of(call->sim, "req", shelf_new_id(call->sim)));
    shelf_default(body, "message_id", id_of(call->sim, "msg", id));
    shelf_default(body, "status_message", json_object_new_string(""));
    shelf_default(body, "channel_message_id", json_object_new_string(""));
    shelf_default(body, "intercom_conversation_id", json_object_new_string(""));
    shelf_default(body, "intercom_conversation_part_id", json_object_new_string(""));
    shelf_default(body, "last_updated", shelf_now());
    http_reply(call, 200, body);
}

static const char *const prefixes[] = { "/api/v1/", NULL };

static const struct sim_route routes[] = {
    { "POST", "/api/v1/telegram/interactive", send_interactive },
    { "GET", "/api/v1/telegram/messages/*", message_status },
};

const struct sim_service sim_octopods = { prefixes, routes, sizeof(routes) / sizeof(*routes), allow,
                                          missing };
