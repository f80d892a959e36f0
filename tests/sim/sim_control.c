#include "sim_fault.h"
#include "sim_http.h"
#include "sim_record.h"
#include "sim_shelf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The control interface, for tests. Not recorded, and no fault reaches it.

   PUT GET DELETE /-/hubspot/messages/THREAD/ID     a message; members that are missing get sensible values
                  /-/hubspot/originals/THREAD/ID    { text, richText }
                  /-/hubspot/threads/ID
                  /-/hubspot/contacts/ID            { properties: { ... } }
                  /-/intercom/contacts/ID
                  /-/intercom/conversations/ID
                  /-/shop/customers/ID              { list: [ { id, total } ] }  (.../orders is the same)
                  /-/shop/orders/ID
                  /-/users/ID                       { state: blocked | unknown | deactivated | ok }
                  /-/statuses/MESSAGE               { list: [ QUEUED, { status: FAILED, failure_reason: ... } ] }: what is
                                                    answered to the first, the second, ... and from the last on; DELIVERED
       A name of `*` stands for every one that has none of its own.
   GET /-/shop/returns                              what was booked
   GET /-/requests[?since=SEQ][&path=PREFIX]        recorded requests, oldest first; `waiting`: how many had no answer then
   GET /-/count[?path=PREFIX][&accepted=1]          their number; `accepted`: of Octopods messages that were taken
   DELETE /-/requests                               forgets them
   POST /-/faults                                   one fault, or an array of them, the first that fits is applied:
       which requests     path (prefix), method, user (destination_user_id), skip (let so many pass), times (1; -1 ever)
       what happens       status, headers, body (text or JSON), html: true      this answer; the request is not taken
                          delay_ms           the answer comes late; the request is taken now, unless status is given
                          hold: true         the same, but the answer comes when /-/release is asked for
                          close: before      the connection ends without a byte (drop: true is the same)
                          close: reset       the same, by RST
                          close: mid         status line, headers, half of the true body, end; the request is taken
                          hang: true         no answer, ever
                          accept_then: { any of these } or "close", "reset", "mid", "hang"
                                             the request is taken first; if it is refused nothing else happens
                          keep_body: true    behind accept_then: the true body, with this status
   GET DELETE /-/faults
   POST /-/release                                  answers what is held; their number
   DELETE /-/all                                    as freshly started, recorded file and message numbers apart
   GET /-/address                                   HOST:PORT, as a JSON string */

static void refuse(struct sim_call *call, int status, const char *error)
{
    struct json_object *body = json_object_new_object();

    json_object_object_add(body, "error", json_object_new_string(error));
    http_reply(call, status, body);
}

static void missing(struct sim_call *call, int status)
{
    refuse(call, status, status == 405 ? "method not allowed" : "nothing is here");
}

static bool allow(struct sim_call *call)
{
    (void)call;
    return true;
}

static void done(struct sim_call *call)
{
    http_reply(call, 204, NULL);
}

/* ---- documents: the shelf's key is the path behind "/-/" */

static const char *key_of(const struct sim_call *call)
{
    return call->path + strlen("/-/");
}

static void put_document(struct sim_call *call)
{
    if (!json_object_is_type(call->json, json_type_object)) {
        refuse(call, 400, "the body must be a JSON object");
        return;
    }
    if (json_object_object_add(call->sim->shelf, key_of(call), json_object_get(call->json)) < 0)
        json_object_put(call->json);
    done(call);
}

static void get_document(struct sim_call *call)
{
    struct json_object *found = json_object_object_get(call->sim->shelf, key_of(call));

    if (found)
        http_reply(call, 200, json_object_get(found));
    else
        refuse(call, 404, "no such document");
}

static void delete_document(struct sim_call *call)
{
    json_object_object_del(call->sim->shelf, key_of(call));
    done(call);
}

/* /-/shop/customers/ID/orders: the name that the shop itself gives it. */
static void put_customer_orders(struct sim_call *call)
{
    if (!json_object_is_type(call->json, json_type_object)) {
        refuse(call, 400, "the body must be a JSON object");
        return;
    }
    shelf_put(call->sim, "shop/customers", call->star[0], TEXT_NONE, json_object_get(call->json));
    done(call);
}

static void get_returns(struct sim_call *call)
{
    static const char prefix[] = "shop/returns/";
    struct json_object *list = json_object_new_object();

    json_object_object_foreach(call->sim->shelf, key, value)
    {
        if (!strncmp(key, prefix, sizeof(prefix) - 1))
            json_object_object_add(list, key + sizeof(prefix) - 1, json_object_get(value));
    }
    http_reply(call, 200, list);
}

/* ---- requests */

static int64_t number_query(const struct sim_call *call, const char *name)
{
    char *value = http_query(call, name);
    int64_t number = 0;

    if (value && !text_i64(text_of(value), &number))
        number = 0;
    free(value);
    return number;
}

static void get_requests(struct sim_call *call)
{
    char *prefix = http_query(call, "path");

    http_reply(call, 200, NULL);
    record_list(call->sim->record, number_query(call, "since"), prefix ? prefix : "", &call->answer);
    free(prefix);
}

static void delete_requests(struct sim_call *call)
{
    record_clear(call->sim->record);
    done(call);
}

static void get_count(struct sim_call *call)
{
    char *prefix = http_query(call, "path");
    bool accepted = number_query(call, "accepted") != 0;

    http_reply(call, 200,
               json_object_new_int64(record_count(call->sim->record, prefix ? prefix : "", accepted)));
    free(prefix);
}

/* ---- faults */

static void post_faults(struct sim_call *call)
{
    struct fault why = { "" };

    if (faults_add(call->sim->faults, call->json, &why))
        done(call);
    else
        refuse(call, 400, why.text);
}

static void get_faults(struct sim_call *call)
{
    http_reply(call, 200, faults_list(call->sim->faults));
}

static void delete_faults(struct sim_call *call)
{
    faults_clear(call->sim->faults);
    done(call);
}

static void post_release(struct sim_call *call)
{
    http_reply(call, 200, json_object_new_int64(late_release(call->sim->late)));
}

static void delete_all(struct sim_call *call)
{
    struct json_object *empty = json_object_new_object();

    if (empty) {
        json_object_put(call->sim->shelf);
        call->sim->shelf = empty;
    }
    faults_clear(call->sim->faults);
    record_clear(call->sim->record);
    done(call);
}

static void get_address(struct sim_call *call)
{
    http_reply(call, 200, json_object_new_string(call->sim->address));
}

static const char *const prefixes[] = { "/-/", NULL };

#define DOCUMENT(pattern)                                               \
    { "PUT", pattern, put_document }, { "GET", pattern, get_document }, \
    {                                                                   \
        "DELETE", pattern, delete_document                              \
    }

static const struct sim_route routes[] = {
    DOCUMENT("/-/hubspot/messages/*/*"),
    DOCUMENT("/-/hubspot/originals/*/*"),
    DOCUMENT("/-/hubspot/threads/*"),
    DOCUMENT("/-/hubspot/contacts/*"),
    DOCUMENT("/-/intercom/contacts/*"),
    DOCUMENT("/-/intercom/conversations/*"),
    DOCUMENT("/-/shop/customers/*"),
    DOCUMENT("/-/shop/orders/*"),
    DOCUMENT("/-/users/*"),
    DOCUMENT("/-/statuses/*"),
    { "PUT", "/-/shop/customers/*/orders", put_customer_orders },
    { "GET", "/-/shop/returns", get_returns },
    { "GET", "/-/requests", get_requests },
    { "DELETE", "/-/requests", delete_requests },
    { "GET", "/-/count", get_count },
    { "POST", "/-/faults", post_faults },
    { "GET", "/-/faults", get_faults },
    { "DELETE", "/-/faults", delete_faults },
    { "POST", "/-/release", post_release },
    { "DELETE", "/-/all", delete_all },
    { "GET", "/-/address", get_address },
};

const struct sim_service sim_control = { prefixes, routes, sizeof(routes) / sizeof(*routes), allow, missing };
