#include "sim_http.h"
#include "sim_shelf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A small shop, whose data is asked for by lookups and whose returns are booked once per Idempotency-Key. Customer 77 has
   three orders, 78 has none; more by the control interface. */

static const struct {
    const char *kind, *name, *json;
} sample[] = {
    { "shop/customers", "77",
      "{\"list\":[{\"id\":\"ORD-1001\",\"total\":4990},{\"id\":\"ORD-1002\",\"total\":1200},{\"id\":\"ORD-"
      "1003\",\"total\":5}]}" },
    { "shop/customers", "78", "{\"list\":[]}" },
    { "shop/orders", "ORD-1001",
      "{\"id\":\"ORD-1001\",\"status\":\"shipped\",\"eta\":\"2026-12-01\",\"track_url\":\"https://www.dhl.de/"
      "t/123\","
      "\"total\":4990,\"items\":[{\"title\":\"Wool hat\",\"qty\":1},{\"title\":\"Socks\",\"qty\":2}]}" },
    { "shop/orders", "ORD-1002",
      "{\"id\":\"ORD-1002\",\"status\":\"packed\",\"eta\":\"2026-12-03\",\"track_url\":null,\"total\":1200,"
      "\"items\":[{\"title\":\"Teapot\",\"qty\":1}]}" },
    { "shop/orders", "ORD-1003",
      "{\"id\":\"ORD-1003\",\"status\":\"delivered\",\"eta\":null,\"track_url\":null,\"total\":5,"
      "\"items\":[{\"title\":\"Sticker\",\"qty\":1}]}" },
};

static void refuse(struct sim_call *call, int status, const char *error)
{
    struct json_object *body = json_object_new_object();

    json_object_object_add(body, "error", json_object_new_string(error));
    http_reply(call, status, body);
}

static void missing(struct sim_call *call, int status)
{
    refuse(call, status, status == 405 ? "method not allowed" : "not found");
}

static bool allow(struct sim_call *call)
{
    const char *token = call->sim->options.shop_token;

    if (!token || http_bearer(call, token))
        return true;
    refuse(call, 401, "unauthorized");
    return false;
}

/* What was put there, else the sample. The caller puts it. */
static struct json_object *document(const struct sim *sim, const char *kind, struct text name)
{
    struct json_object *found = shelf_find(sim, kind, name, TEXT_NONE);

    if (found)
        return json_object_get(found);
    for (size_t i = 0; i < sizeof(sample) / sizeof(*sample); i++)
        if (!strcmp(sample[i].kind, kind) && text_is(name, sample[i].name))
            return shelf_parse(sample[i].json);
    return NULL;
}

static void show(struct sim_call *call, const char *kind, struct text name)
{
    struct json_object *found = document(call->sim, kind, name);

    if (found)
        http_reply(call, 200, found);
    else
        refuse(call, 404, "not found");
}

static void get_orders(struct sim_call *call)
{
    show(call, "shop/customers", call->star[0]);
}

static void get_order(struct sim_call *call)
{
    show(call, "shop/orders", call->star[0]);
}

static bool has_order(struct json_object *customer, struct text id)
{
    struct json_object *list = json_object_object_get(customer, "list");
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *one = json_object_object_get(json_object_array_get_idx(list, i), "id");

        if (one && text_is(id, json_object_get_string(one)))
            return true;
    }
    return false;
}

static void get_customer_order(struct sim_call *call)
{
    struct json_object *customer = document(call->sim, "shop/customers", call->star[0]);

    if (has_order(customer, call->star[1]))
        show(call, "shop/orders", call->star[1]);
    else
        refuse(call, 404, "not found");
    json_object_put(customer);
}

/* ---- returns */

/* Was this key answered before? Then the same answer again, or 422 if it came with another body. */
static bool replay(struct sim_call *call, const char *key)
{
    struct json_object *before = shelf_find(call->sim, "shop/keys", text_of(key), TEXT_NONE);

    if (!before)
        return false;
    if (!json_object_equal(json_object_object_get(before, "request"), call->json)) {
        refuse(call, 422, "this Idempotency-Key came with another body before");
        return true;
    }
    http_answer_header(call, "Idempotency-Replayed", "true");
    http_reply(call, 200, json_object_get(json_object_object_get(before, "answer")));
    return true;
}

static void remember(struct sim_call *call, const char *key, struct json_object *answer)
{
    struct json_object *entry = json_object_new_object();

    json_object_object_add(entry, "request", json_object_get(call->json));
    json_object_object_add(entry, "answer", json_object_get(answer));
    shelf_put(call->sim, "shop/keys", text_of(key), TEXT_NONE, entry);
}

static void post_return(struct sim_call *call)
{
    struct json_object *order = json_object_object_get(call->json, "order"), *answer;
    const char *key = http_header(call, "Idempotency-Key");
    char number[32];

    if (!http_is_json(call) || !json_object_is_type(order, json_type_string)) {
        refuse(call, 400, "order must be a string in a JSON object");
        return;
    }
    if (key && replay(call, key))
        return;
    snprintf(number, sizeof(number), "RET-%" PRId64, shelf_new_id(call->sim));
    answer = json_object_new_object();
    json_object_object_add(answer, "number", json_object_new_string(number));
    json_object_object_add(answer, "order", json_object_get(order));
    shelf_put(call->sim, "shop/returns", text_of(number), TEXT_NONE, json_object_get(call->json));
    if (key)
        remember(call, key, answer);
    http_reply(call, 201, answer);
}

static const char *const prefixes[] = { "/shop/", NULL };

static const struct sim_route routes[] = {
    { "GET", "/shop/api/customers/*/orders", get_orders },
    { "GET", "/shop/api/customers/*/orders/*", get_customer_order },
    { "GET", "/shop/api/orders/*", get_order },
    { "POST", "/shop/api/returns", post_return },
};

const struct sim_service sim_shop = { prefixes, routes, sizeof(routes) / sizeof(*routes), allow, missing };
