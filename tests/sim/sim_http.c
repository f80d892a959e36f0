#include "sim_http.h"

#include "sim_fault.h"
#include "sim_record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define ANSWER_MAX (1024u << 20)
#define REQUEST_MAX (16 << 20)
#define HEADERS_MAX (64 << 10)

static const struct sim_service *const services[] = { &sim_octopods, &sim_hubspot, &sim_intercom, &sim_shop,
                                                      &sim_control };

static const struct {
    const char *name;
    enum evhttp_cmd_type type;
} methods[] = {
    { "GET", EVHTTP_REQ_GET },     { "POST", EVHTTP_REQ_POST },       { "HEAD", EVHTTP_REQ_HEAD },
    { "PUT", EVHTTP_REQ_PUT },     { "DELETE", EVHTTP_REQ_DELETE },   { "OPTIONS", EVHTTP_REQ_OPTIONS },
    { "TRACE", EVHTTP_REQ_TRACE }, { "CONNECT", EVHTTP_REQ_CONNECT }, { "PATCH", EVHTTP_REQ_PATCH },
};

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 409, "Conflict" },
        { 415, "Unsupported Media Type" },
        { 422, "Unprocessable Entity" },
        { 423, "Locked" },
        { 429, "Too Many Requests" },
        { 500, "Internal Server Error" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return status < 300 ? "Fine" : "Refused";
}

/* ---- what the services use */

const char *http_header(const struct sim_call *call, const char *name)
{
    return evhttp_find_header(evhttp_request_get_input_headers(call->http), name);
}

char *http_query(const struct sim_call *call, const char *name)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(call->http));
    struct buf joined = BUF(HEADERS_MAX);
    struct evkeyvalq pairs;
    struct evkeyval *pair;
    bool found = false;

    if (!query || evhttp_parse_query_str(query, &pairs) < 0)
        return NULL;
    TAILQ_FOREACH(pair, &pairs, next)
    {
        if (strcmp(pair->key, name))
            continue;
        if (found)
            buf_char(&joined, ',');
        buf_str(&joined, pair->value);
        found = true;
    }
    evhttp_clear_headers(&pairs);
    return found ? buf_take(&joined) : NULL;
}

void http_answer_header(struct sim_call *call, const char *name, const char *value)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(call->http);

    evhttp_remove_header(headers, name);
    evhttp_add_header(headers, name, value);
}

void http_reply(struct sim_call *call, int status, struct json_object *body)
{
    call->status = status;
    call->type = "application/json";
    buf_cut(&call->answer, 0);
    if (body)
        buf_str(&call->answer, json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN |
                                                                        JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(body);
}

bool http_bearer(struct sim_call *call, const char *token)
{
    const char *given = http_header(call, "Authorization");
    bool ok = given && text_starts(text_of(given), "Bearer ") && !strcmp(given + strlen("Bearer "), token);

    if (given)
        call->auth = ok ? SIM_AUTH_OK : SIM_AUTH_BAD;
    return ok;
}

bool http_is_json(const struct sim_call *call)
{
    const char *type = http_header(call, "Content-Type");
    struct text head = text_of(type), tail;

    if (text_cut(head, ';', &head, &tail))
        head = text_trim(head);
    return text_is_nocase(head, "application/json") && json_object_is_type(call->json, json_type_object);
}

void http_send(struct evhttp_request *http, int status, struct text body)
{
    struct evbuffer *out = evbuffer_new();

    if (out && body.n && evhttp_request_get_command(http) != EVHTTP_REQ_HEAD)
        evbuffer_add(out, body.p, body.n);
    evhttp_send_reply(http, status, http_reason(status), out);
    if (out)
        evbuffer_free(out);
}

/* ---- from request to route */

static const char *method_name(struct evhttp_request *http)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        if (methods[i].type == evhttp_request_get_command(http))
            return methods[i].name;
    return "?";
}

static struct json_object *parse_body(struct sim *sim, struct text body)
{
    struct json_object *json;
    size_t end;

    if (!body.n)
        return NULL;
    json_tokener_reset(sim->tokener);
    json = json_tokener_parse_ex(sim->tokener, body.p, (int)body.n);
    end = json_tokener_get_parse_end(sim->tokener);
    if (json && text_trim(text_make(body.p + end, body.n - end)).n) {
        json_object_put(json);
        return NULL;
    }
    return json;
}

static void split_path(struct sim_call *call)
{
    char *at = call->path;

    while (*at == '/' && call->segments < SIM_SEGMENTS) {
        size_t n = strcspn(at + 1, "/");

        call->segment[call->segments++] = text_make(at + 1, n);
        at += 1 + n;
    }
    if (*at)
        call->segments = 0; /* too deep: no route has that many */
}

static CHECKED bool call_open(struct sim_call *call, struct sim *sim, struct evhttp_request *http)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(http);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    size_t n = evbuffer_get_length(input);

    *call = (struct sim_call){ .sim = sim, .http = http, .key = -1, .answer = BUF(ANSWER_MAX) };
    call->method = method_name(http);
    call->uri = evhttp_request_get_uri(http);
    call->path = evhttp_uridecode(path && *path ? path : "/", 0, NULL);
    if (n)
        call->body = text_make((const char *)evbuffer_pullup(input, -1), n);
    if (!call->path || (n && !call->body.p))
        return false;
    split_path(call);
    call->json = parse_body(sim, call->body);
    return true;
}

static void call_close(struct sim_call *call)
{
    free(call->path);
    json_object_put(call->json);
    buf_free(&call->answer);
}

/* Does the path fit the pattern? Fills the stars. */
static bool fits(struct sim_call *call, const char *pattern)
{
    size_t i = 0, stars = 0;

    for (; *pattern == '/'; i++) {
        size_t n = strcspn(pattern + 1, "/");
        struct text want = text_make(pattern + 1, n);

        if (i >= call->segments)
            return false;
        if (text_is(want, "*") && call->segment[i].n && stars < SIM_STARS)
            call->star[stars++] = call->segment[i];
        else if (!text_eq(want, call->segment[i]))
            return false;
        pattern += 1 + n;
    }
    return i == call->segments;
}

static const struct sim_service *service_of(const struct sim_call *call)
{
    for (size_t i = 0; i < sizeof(services) / sizeof(*services); i++)
        for (const char *const *prefix = services[i]->prefixes; *prefix; prefix++)
            if (text_starts(text_of(call->path), *prefix))
                return services[i];
    return NULL;
}

static void serve(struct sim_call *call)
{
    bool path_known = false;

    if (!call->service) {
        http_reply(call, 404, json_tokener_parse("{\"error\":\"nothing is here\"}"));
        return;
    }
    if (!call->service->allow(call))
        return;
    for (size_t i = 0; i < call->service->n_routes; i++) {
        const struct sim_route *route = &call->service->routes[i];

        if (!fits(call, route->pattern))
            continue;
        path_known = true;
        if (!strcmp(route->method, call->method)) {
            route->serve(call);
            return;
        }
    }
    call->service->missing(call, path_known ? 405 : 404);
}

/* ---- the answer, or the fault in its place */

static void stock_body(struct sim_call *call, const struct sim_action *action)
{
    buf_cut(&call->answer, 0);
    call->type = action->html ? "text/html" : "application/json";
    if (action->body)
        buf_str(&call->answer, action->body);
    else if (action->html)
        buf_printf(&call->answer, "<html><body><h1>%d %s</h1></body></html>\n", action->status,
                   http_reason(action->status));
    else if (action->status >= 300)
        buf_printf(&call->answer, "{\"error\":\"%s\"}", http_reason(action->status));
    else
        buf_str(&call->answer, "{}");
}

static void deliver(struct sim_call *call, enum sim_end end, int64_t delay_ms)
{
    bool answered = end == END_REPLY || end == END_HALF;

    if (call->type)
        http_answer_header(call, "Content-Type", call->type);
    if (call->service != &sim_control)
        record_add(call->sim->record, call, answered ? call->status : 0);
    if (end == END_REPLY && !delay_ms)
        http_send(call->http, call->status, buf_get(&call->answer));
    else
        late_end(call->sim->late, call->http, end, delay_ms, call->status, buf_get(&call->answer));
}

static void answer_badly(struct sim_call *call, const struct sim_action *action)
{
    /* Without a status of its own a late or half answer is the true one. */
    bool true_answer = !action->status && (action->end == END_REPLY || action->end == END_HALF);
    bool served = action->after || true_answer;

    if (served)
        serve(call);
    if (action->after && call->status >= 300) {
        deliver(call, END_REPLY, 0);
        return;
    }
    call->fault = action->name;
    if (action->status) {
        call->status = action->status;
        if (!served || !action->keep_body)
            stock_body(call, action);
    }
    if (action->headers) {
        json_object_object_foreach(action->headers, name, value)
        {
            if (!strcasecmp(name, "Content-Type"))
                call->type = NULL;
            http_answer_header(call, name, json_object_get_string(value));
        }
    }
    deliver(call, action->end, action->delay_ms);
}

static void answer(struct sim_call *call)
{
    struct json_object *user = json_object_object_get(call->json, "destination_user_id");
    const struct sim_action *action;

    if (json_object_is_type(user, json_type_string))
        call->user = text_of(json_object_get_string(user));
    action = faults_take(call->sim->faults, call->method, text_of(call->path), call->user);
    if (action) {
        answer_badly(call, action);
        return;
    }
    serve(call);
    deliver(call, END_REPLY, 0);
}

static void on_request(struct evhttp_request *http, void *arg)
{
    struct sim_call call;

    if (!call_open(&call, arg, http)) {
        http_send(http, 400, TEXT_NONE);
        call_close(&call);
        return;
    }
    call.service = service_of(&call);
    if (call.service == &sim_control) {
        serve(&call);
        deliver(&call, END_REPLY, 0);
    } else {
        answer(&call);
    }
    call_close(&call);
}

/* ---- the listener */

static CHECKED bool bound_address(struct sim *sim, int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof(address);
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return false;
    if (address.ss_family == AF_INET)
        return inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host)) &&
               snprintf(sim->address, sizeof(sim->address), "%s:%u", host, ntohs(v4->sin_port)) > 0;
    return inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host)) &&
           snprintf(sim->address, sizeof(sim->address), "[%s]:%u", host, ntohs(v6->sin6_port)) > 0;
}

/* libevent's own parser takes no port 0. */
static CHECKED bool parse_address(const char *given, struct sockaddr_storage *address, int *size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    const char *colon = strrchr(given, ':');
    char host[INET6_ADDRSTRLEN + 2];
    int64_t port;

    if (!colon || (size_t)(colon - given) >= sizeof(host) || !text_i64(text_of(colon + 1), &port) ||
        port < 0 || port > 65535)
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - given), given);
    if (evutil_parse_sockaddr_port(host, (struct sockaddr *)address, size) < 0)
        return false;
    if (address->ss_family == AF_INET)
        v4->sin_port = htons((uint16_t)port);
    else
        v6->sin6_port = htons((uint16_t)port);
    return true;
}

static CHECKED bool listen_at(struct sim *sim, struct fault *fault)
{
    unsigned flags = LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
    struct sockaddr_storage address;
    int size = sizeof(address);
    struct evconnlistener *listener;

    if (!parse_address(sim->options.listen, &address, &size))
        return fault_set(fault, "--listen %s: not an address HOST:PORT", sim->options.listen);
    listener = evconnlistener_new_bind(sim->base, NULL, NULL, flags, 1024, (struct sockaddr *)&address, size);
    if (!listener)
        return fault_set(fault, "--listen %s: %s", sim->options.listen, strerror(errno));
    if (!bound_address(sim, (int)evconnlistener_get_fd(listener)) ||
        !evhttp_bind_listener(sim->http, listener)) {
        evconnlistener_free(listener);
        return fault_set(fault, "--listen %s: cannot listen", sim->options.listen);
    }
    return true;
}

bool http_start(struct sim *sim, struct fault *fault)
{
    ev_uint16_t allowed = 0;

    sim->http = evhttp_new(sim->base);
    if (!sim->http)
        return fault_set(fault, "no memory");
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        allowed |= (ev_uint16_t)methods[i].type;
    evhttp_set_allowed_methods(sim->http, allowed);
    evhttp_set_max_body_size(sim->http, REQUEST_MAX);
    evhttp_set_max_headers_size(sim->http, HEADERS_MAX);
    evhttp_set_timeout(sim->http, 3600);
    evhttp_set_default_content_type(sim->http, NULL);
    evhttp_set_gencb(sim->http, on_request, sim);
    return listen_at(sim, fault);
}

void http_stop(struct sim *sim)
{
    late_free(sim->late);
    sim->late = NULL;
    if (sim->http)
        evhttp_free(sim->http);
    sim->http = NULL;
}
