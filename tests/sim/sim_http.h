#pragma once

/* The listener, and a request on its way to an answer. */

#include "base/buf.h"
#include "sim.h"

#define SIM_STARS 4
#define SIM_SEGMENTS 16

struct evhttp_request;

enum sim_auth { SIM_AUTH_NONE, SIM_AUTH_OK, SIM_AUTH_BAD };

struct sim_call {
    struct sim *sim;
    struct evhttp_request *http;
    const struct sim_service *service;
    const char *method, *uri; /* as received */
    char *path;               /* percent-decoded, without the query; the segments point into it */
    struct text segment[SIM_SEGMENTS];
    size_t segments;
    struct text star[SIM_STARS];
    struct text body;         /* as received */
    struct json_object *json; /* the body parsed, NULL if it is no JSON */
    struct text user;         /* destination_user_id, or empty */
    enum sim_auth auth;
    int key; /* index of the Octopods key, -1 if none */
    /* The answer. */
    int status;
    struct buf answer;
    const char *type;
    bool accepted;     /* an Octopods message was taken */
    const char *fault; /* name of the fault that was applied, or NULL */
};

/* http_start: listens and begins to answer; fills sim->address. */
bool http_start(struct sim *sim, struct fault *fault) CHECKED;
/* http_stop: ends every connection and what was still to be answered. */
void http_stop(struct sim *sim);

const char *http_header(const struct sim_call *call, const char *name);
/* http_query: the parameter's values, joined by commas, for free(3); NULL if it is absent. */
char *http_query(const struct sim_call *call, const char *name) CHECKED;
void http_answer_header(struct sim_call *call, const char *name, const char *value);
/* http_reply: sets status and JSON body; takes the object. NULL: no body. */
void http_reply(struct sim_call *call, int status, struct json_object *body);
/* http_bearer: does Authorization carry this token? Notes the finding in call->auth. */
bool http_bearer(struct sim_call *call, const char *token) CHECKED;
/* http_is_json: does Content-Type say JSON and is the body a JSON object? */
bool http_is_json(const struct sim_call *call) CHECKED;
/* http_send: puts the answer that stands in the call on the wire. */
void http_send(struct evhttp_request *http, int status, struct text body);
const char *http_reason(int status);
