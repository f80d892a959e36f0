#include "sim_shelf.h"

#include "base/buf.h"
#include "base/now.h"

static struct json_object *get(const struct sim *sim, const char *kind, struct text a, struct text b)
{
    struct buf key = BUF(4096);
    struct json_object *found = NULL;

    buf_printf(&key, "%s/%.*s", kind, TEXT_ARG(a));
    if (b.n)
        buf_printf(&key, "/%.*s", TEXT_ARG(b));
    if (!key.failed)
        found = json_object_object_get(sim->shelf, key.data);
    buf_free(&key);
    return found;
}

struct json_object *shelf_find(const struct sim *sim, const char *kind, struct text a, struct text b)
{
    struct json_object *found = get(sim, kind, a, b);

    if (!found && b.n)
        found = get(sim, kind, a, text_of("*"));
    if (!found)
        found = get(sim, kind, text_of("*"), b.n ? text_of("*") : b);
    return found;
}

void shelf_put(struct sim *sim, const char *kind, struct text a, struct text b, struct json_object *value)
{
    struct buf key = BUF(4096);

    buf_printf(&key, "%s/%.*s", kind, TEXT_ARG(a));
    if (b.n)
        buf_printf(&key, "/%.*s", TEXT_ARG(b));
    if (key.failed || json_object_object_add(sim->shelf, key.data, value) < 0)
        json_object_put(value);
    buf_free(&key);
}

struct json_object *shelf_copy(const struct sim *sim, const char *kind, struct text a, struct text b)
{
    struct json_object *copy = NULL, *found = shelf_find(sim, kind, a, b);

    if (found && json_object_deep_copy(found, &copy, NULL) < 0)
        return NULL;
    return copy;
}

void shelf_default(struct json_object *object, const char *name, struct json_object *value)
{
    if (json_object_object_get_ex(object, name, NULL) || json_object_object_add(object, name, value) < 0)
        json_object_put(value);
}

struct json_object *shelf_text(struct text text)
{
    return json_object_new_string_len(text.n ? text.p : "", (int)text.n);
}

struct json_object *shelf_parse(const char *json)
{
    return json_tokener_parse(json);
}

int64_t shelf_new_id(struct sim *sim)
{
    return sim->next_id++;
}

struct json_object *shelf_now(void)
{
    char text[32];

    now_format(now_wall_ms(), text, sizeof(text));
    return json_object_new_string(text);
}
