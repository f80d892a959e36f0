#include "sim_fault.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FAULTS_MAX 4096

struct order {
    struct order *next;
    struct json_object *source;
    const char *path, *method, *user; /* NULL: any; lent by source */
    int64_t skip, times;              /* times -1: for ever */
    struct sim_action action;
};

struct sim_faults {
    struct order *first;
    size_t n;
};

struct sim_faults *faults_new(void)
{
    return calloc(1, sizeof(struct sim_faults));
}

static void order_free(struct order *order)
{
    json_object_put(order->source);
    free(order->action.body);
    free(order);
}

void faults_clear(struct sim_faults *faults)
{
    while (faults->first) {
        struct order *order = faults->first;

        faults->first = order->next;
        order_free(order);
    }
    faults->n = 0;
}

void faults_free(struct sim_faults *faults)
{
    if (!faults)
        return;
    faults_clear(faults);
    free(faults);
}

static CHECKED bool want(struct json_object *value, enum json_type type, const char *name,
                         struct fault *fault)
{
    if (json_object_is_type(value, type))
        return true;
    return fault_set(fault, "%s: must be of type %s", name, json_type_to_name(type));
}

/* ---- the action's members */

static bool set_status(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    action->status = json_object_get_int(value);
    if (!json_object_is_type(value, json_type_int) || action->status < 200 || action->status > 599)
        return fault_set(fault, "status: a number from 200 to 599");
    return true;
}

static bool set_delay(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    action->delay_ms = json_object_get_int64(value);
    if (!json_object_is_type(value, json_type_int) || action->delay_ms < 0)
        return fault_set(fault, "delay_ms: a number of milliseconds");
    return true;
}

static bool set_end(struct sim_action *action, const char *word, struct fault *fault)
{
    static const struct {
        const char *word;
        enum sim_end end;
    } ends[] = { { "before", END_CLOSE }, { "close", END_CLOSE }, { "drop", END_CLOSE },
                 { "mid", END_HALF },     { "reset", END_RESET }, { "hang", END_HANG } };

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        if (strcmp(word, ends[i].word))
            continue;
        action->end = ends[i].end;
        return true;
    }
    return fault_set(fault, "close: one of before, mid, reset");
}

static bool set_close(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    return want(value, json_type_string, "close", fault) &&
           set_end(action, json_object_get_string(value), fault);
}

static bool set_hang(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    if (json_object_get_boolean(value))
        action->end = END_HANG;
    return want(value, json_type_boolean, "hang", fault);
}

static bool set_hold(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    if (json_object_get_boolean(value))
        action->delay_ms = LATE_HELD;
    return want(value, json_type_boolean, "hold", fault);
}

static bool set_drop(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    if (json_object_get_boolean(value))
        action->end = END_CLOSE;
    return want(value, json_type_boolean, "drop", fault);
}

static bool set_html(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    action->html = json_object_get_boolean(value);
    return want(value, json_type_boolean, "html", fault);
}

static bool set_keep_body(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    action->keep_body = json_object_get_boolean(value);
    return want(value, json_type_boolean, "keep_body", fault);
}

static bool set_body(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    free(action->body);
    action->body = strdup(json_object_is_type(value, json_type_string)
                              ? json_object_get_string(value)
                              : json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
    return action->body || fault_set(fault, "no memory");
}

static bool set_headers(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    action->headers = value;
    return want(value, json_type_object, "headers", fault);
}

static const struct {
    const char *name;
    bool (*set)(struct sim_action *action, struct json_object *value, struct fault *fault);
} action_members[] = {
    { "status", set_status },       { "delay_ms", set_delay },  { "close", set_close },
    { "hang", set_hang },           { "drop", set_drop },       { "html", set_html },
    { "body", set_body },           { "headers", set_headers }, { "hold", set_hold },
    { "keep_body", set_keep_body },
};

static CHECKED bool set_action(struct sim_action *action, const char *name, struct json_object *value,
                               struct fault *fault)
{
    for (size_t i = 0; i < sizeof(action_members) / sizeof(*action_members); i++)
        if (!strcmp(name, action_members[i].name))
            return action_members[i].set(action, value, fault);
    return fault_set(fault, "unknown member %.64s", name);
}

/* accept_then: a word ("close", "hang"), or an object with the members of an action. */
static CHECKED bool set_after(struct sim_action *action, struct json_object *value, struct fault *fault)
{
    action->after = true;
    if (json_object_is_type(value, json_type_string))
        return set_end(action, json_object_get_string(value), fault);
    if (!want(value, json_type_object, "accept_then", fault))
        return false;
    json_object_object_foreach(value, name, member)
    {
        if (!set_action(action, name, member, fault))
            return fault_wrap(fault, "accept_then: ");
    }
    return true;
}

/* ---- the order's members */

static CHECKED bool set_word(const char **word, const char *name, struct json_object *value,
                             struct fault *fault)
{
    *word = json_object_get_string(value);
    return want(value, json_type_string, name, fault);
}

static CHECKED bool set_number(int64_t *number, const char *name, struct json_object *value,
                               struct fault *fault)
{
    *number = json_object_get_int64(value);
    return want(value, json_type_int, name, fault);
}

static CHECKED bool set_member(struct order *order, const char *name, struct json_object *value,
                               struct fault *fault)
{
    if (!strcmp(name, "path"))
        return set_word(&order->path, name, value, fault);
    if (!strcmp(name, "method"))
        return set_word(&order->method, name, value, fault);
    if (!strcmp(name, "user"))
        return set_word(&order->user, name, value, fault);
    if (!strcmp(name, "skip"))
        return set_number(&order->skip, name, value, fault);
    if (!strcmp(name, "times"))
        return set_number(&order->times, name, value, fault);
    if (!strcmp(name, "accept_then"))
        return set_after(&order->action, value, fault);
    return set_action(&order->action, name, value, fault);
}

static const char *name_of(const struct sim_action *action)
{
    static const char *const ends[] = { "status", "close", "reset", "half", "hang" };

    if (action->end == END_REPLY && !action->status)
        return "delay";
    return ends[action->end];
}

static struct order *order_parse(struct json_object *source, struct fault *fault)
{
    struct order *order = calloc(1, sizeof(*order));

    if (!order || !json_object_is_type(source, json_type_object)) {
        free(order);
        fault_set(fault, "a fault is an object");
        return NULL;
    }
    order->times = 1;
    order->source = json_object_get(source);
    json_object_object_foreach(source, name, value)
    {
        if (!set_member(order, name, value, fault)) {
            order_free(order);
            return NULL;
        }
    }
    if (!order->action.status && order->action.end == END_REPLY && (order->action.html || order->action.body))
        order->action.status = order->action.html ? 502 : 200;
    order->action.name = name_of(&order->action);
    return order;
}

static void append(struct sim_faults *faults, struct order *order)
{
    struct order **end = &faults->first;

    while (*end)
        end = &(*end)->next;
    *end = order;
    faults->n++;
}

bool faults_add(struct sim_faults *faults, struct json_object *order, struct fault *fault)
{
    bool list = json_object_is_type(order, json_type_array);
    size_t n = list ? json_object_array_length(order) : 1;
    struct sim_faults fresh = { NULL, 0 };

    if (n > FAULTS_MAX - faults->n)
        return fault_set(fault, "more than %d faults", FAULTS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct order *one = order_parse(list ? json_object_array_get_idx(order, i) : order, fault);

        if (!one) {
            faults_clear(&fresh);
            return false;
        }
        append(&fresh, one);
    }
    if (fresh.first)
        append(faults, fresh.first);
    faults->n += fresh.n ? fresh.n - 1 : 0;
    return true;
}

struct json_object *faults_list(const struct sim_faults *faults)
{
    struct json_object *list = json_object_new_array();

    for (const struct order *order = faults->first; order; order = order->next) {
        struct json_object *copy = NULL;

        if (json_object_deep_copy(order->source, &copy, NULL) < 0)
            continue;
        json_object_object_add(copy, "left", json_object_new_int64(order->times));
        json_object_array_add(list, copy);
    }
    return list;
}

const struct sim_action *faults_take(struct sim_faults *faults, const char *method, struct text path,
                                     struct text user)
{
    for (struct order *order = faults->first; order; order = order->next) {
        if (!order->times || (order->path && !text_starts(path, order->path)) ||
            (order->method && strcasecmp(order->method, method)) ||
            (order->user && !text_is(user, order->user)))
            continue;
        if (order->skip > 0) {
            order->skip--;
            continue;
        }
        if (order->times > 0)
            order->times--;
        return &order->action;
    }
    return NULL;
}
