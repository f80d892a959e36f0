/* What durability is measured against: one thread that verifies a notification, parses it, matches one pattern and hands the
   follow-up on, and keeps nothing. It answers once the follow-up has a place in a bounded queue; while that is full the
   answer waits, so that the generator feels what the way out can carry. */

#include "hub.h"
#include "post.h"
#include "serve.h"

#include <json-c/json.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: relay BOUND-FILE URL\n"
                            "POSTs to URL; the environment has INTERCOM_SECRET and SHOP_KEY\n";

#define CONNECTIONS 64 /* callbackd's default too */
#define WAIT_OVER 1024 /* follow-ups in the queue, from which on answers wait */
#define HELD 1024      /* answers that may wait */

struct relay {
    struct hub *hub;
    struct post *post;
    struct json_tokener *tokener;
    pcre2_code *pattern;
    pcre2_match_data *match;
    struct evhttp_request *held[HELD];
    size_t first, n;
};

static void answer_held(void *arg)
{
    struct relay *relay = arg;

    if (!relay->n || post_waiting(relay->post) >= WAIT_OVER)
        return;
    serve_reply(relay->held[relay->first], 200);
    relay->first = (relay->first + 1) % HELD;
    relay->n--;
}

static void answer(struct relay *relay, struct evhttp_request *request)
{
    if (post_waiting(relay->post) < WAIT_OVER || relay->n == HELD)
        serve_reply(request, 200);
    else
        relay->held[(relay->first + relay->n++) % HELD] = request;
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;

    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, name, &found);
    return found;
}

static struct json_object *element(struct json_object *array, size_t i)
{
    bool there = json_object_is_type(array, json_type_array) && i < json_object_array_length(array);

    return there ? json_object_array_get_idx(array, i) : NULL;
}

/* The body of the last part, without the paragraph around it. */
static struct text words_of(struct json_object *item)
{
    struct json_object *parts = member(member(item, "conversation_parts"), "conversation_parts");
    size_t n = json_object_is_type(parts, json_type_array) ? json_object_array_length(parts) : 0;
    struct text words = text_of(json_object_get_string(member(n ? element(parts, n - 1) : NULL, "body")));

    if (text_starts(words, "<p>") && text_ends(words, "</p>"))
        words = text_make(words.p + 3, words.n - 7);
    return words;
}

static struct json_object *text_object(const char *before, struct text words, const char *after)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "%s%.*s%s", before, TEXT_ARG(words), after);

    return json_object_new_string_len(line, n);
}

static char *follow_up(const char *user_id, struct text words, struct text order)
{
    struct json_object *all = json_object_new_object(), *message = json_object_new_object();
    struct json_object *rows = json_object_new_array(), *row = json_object_new_array();
    struct json_object *button = json_object_new_object();
    char *body;

    json_object_object_add(button, "text", json_object_new_string("Refresh"));
    json_object_object_add(button, "callback_data", text_object("", words, ""));
    json_object_array_add(row, button);
    json_object_array_add(rows, row);
    json_object_object_add(message, "type", json_object_new_string("reply_buttons"));
    json_object_object_add(message, "text", text_object("Order ", order, " is on its way."));
    json_object_object_add(message, "buttons", rows);
    json_object_object_add(all, "destination_user_id", json_object_new_string(user_id));
    json_object_object_add(all, "telegram_interactive_message", message);
    body = strdup(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
    json_object_put(all);
    return body;
}

/* The follow-up of a notification, NULL if no rule takes it. */
static char *reply_to(struct relay *relay, struct json_object *notification)
{
    struct json_object *item = member(member(notification, "data"), "item");
    struct json_object *contacts = member(member(item, "contacts"), "contacts");
    const char *user_id = json_object_get_string(member(element(contacts, 0), "external_id"));
    struct text words = words_of(item);
    PCRE2_SIZE *at = pcre2_get_ovector_pointer(relay->match);

    if (!user_id || words.n > 64 ||
        pcre2_match(relay->pattern, (PCRE2_SPTR)words.p, words.n, 0, 0, relay->match, NULL) < 2)
        return NULL;
    return follow_up(user_id, words, text_make(words.p + at[2], at[3] - at[2]));
}

static int take(struct relay *relay, struct text body)
{
    struct json_object *notification;
    char *reply;

    json_tokener_reset(relay->tokener);
    notification = json_tokener_parse_ex(relay->tokener, body.p, (int)body.n);
    reply = notification ? reply_to(relay, notification) : NULL;
    json_object_put(notification);
    return !reply || post_add(relay->post, reply) ? 200 : 503;
}

static void handle(struct evhttp_request *request, void *arg)
{
    struct relay *relay = arg;
    struct text body = serve_body(request);
    int status;

    if (evhttp_request_get_command(request) != EVHTTP_REQ_POST)
        status = 405;
    else if (!hub_verify(relay->hub, body,
                         evhttp_find_header(evhttp_request_get_input_headers(request), "X-Hub-Signature")))
        status = 401;
    else
        status = take(relay, body);
    if (status == 200)
        answer(relay, request);
    else
        serve_reply(request, status);
}

static CHECKED bool relay_open(struct relay *relay, struct event_base *base, const char *url,
                               struct fault *fault)
{
    static const char pattern[] = "track:(?<id>ORD-[0-9]{4,12})";
    const char *key = getenv("SHOP_KEY");
    char key_header[256];
    PCRE2_SIZE offset;
    int error;

    snprintf(key_header, sizeof(key_header), "X-Octopods-Auth: %s", key ? key : "");
    relay->tokener = json_tokener_new_ex(64);
    relay->pattern = pcre2_compile((PCRE2_SPTR)pattern, sizeof(pattern) - 1,
                                   PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &offset, NULL);
    if (!relay->tokener || !relay->pattern ||
        !(relay->match = pcre2_match_data_create_from_pattern(relay->pattern, NULL)))
        return fault_set(fault, "no memory");
    json_tokener_set_flags(relay->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    pcre2_jit_compile(relay->pattern, PCRE2_JIT_COMPLETE);
    relay->hub = hub_new("INTERCOM_SECRET", fault);
    relay->post = relay->hub ? post_new(base, url, key_header, CONNECTIONS, answer_held, relay, fault) : NULL;
    return relay->post;
}

static void relay_close(struct relay *relay)
{
    post_free(relay->post);
    hub_free(relay->hub);
    pcre2_match_data_free(relay->match);
    pcre2_code_free(relay->pattern);
    if (relay->tokener)
        json_tokener_free(relay->tokener);
}

int main(int argc, char **argv)
{
    struct relay relay = { 0 };
    struct fault fault = { "" };
    struct event_base *base;
    struct evhttp *http;
    bool ok;

    if (argc != 3) {
        fputs(usage, stderr);
        return 2;
    }
    base = event_base_new();
    ok = base && relay_open(&relay, base, argv[2], &fault);
    http = ok ? serve_open(base, handle, &relay, &fault) : NULL;
    ok = http && serve_run(base, http, argv[1], &fault);
    relay_close(&relay);
    if (base)
        event_base_free(base);
    if (!ok)
        fprintf(stderr, "relay: %s\n", fault.text);
    return ok ? 0 : 4;
}
