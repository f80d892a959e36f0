#pragma once

/* callbackd-sim plays the services that callbackd talks to, on one listener: Octopods, HubSpot, Intercom, a small shop;
   and /-/, by which a test fills it, asks what came in, and orders faults. One thread, one event loop. */

#include "base/text.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_KEYS 16

enum sim_dialect { SIM_FLAT, SIM_MARKUP, SIM_DEPRECATED, SIM_CLOSED };

struct sim_key {
    const char *key;
    enum sim_dialect dialect;
};

struct sim_options {
    const char *listen, *bound_file, *record;
    const char *hubspot_token, *intercom_token, *shop_token; /* shop_token NULL: the shop asks for none */
    struct sim_key keys[SIM_KEYS];
    size_t n_keys;
    int64_t keep;
    bool quiet, markup_strict, number_ids;
};

struct sim {
    struct sim_options options;
    struct event_base *base;
    struct evhttp *http;
    struct sim_late_list *late;
    struct sim_faults *faults;
    struct sim_record *record;
    struct json_object *shelf; /* "hubspot/messages/1/2": what the control interface put there */
    struct json_tokener *tokener;
    char address[128]; /* HOST:PORT as bound */
    int64_t first_id,
        next_id; /* of messages and of whatever else needs a number; unlike those of an earlier process */
};

struct sim_call;

/* A route's pattern is a path in which a segment `*` stands for any one, lent in call->star. */
struct sim_route {
    const char *method, *pattern;
    void (*serve)(struct sim_call *call);
};

/* A service answers everything under its prefixes. `allow` answers and returns false if the caller may not; `missing`
   answers for a path (404) or method (405) that it has not. */
struct sim_service {
    const char *const *prefixes;
    const struct sim_route *routes;
    size_t n_routes;
    bool (*allow)(struct sim_call *call);
    void (*missing)(struct sim_call *call, int status);
};

extern const struct sim_service sim_octopods, sim_hubspot, sim_intercom, sim_shop, sim_control;
