#pragma once

/* What message_build is made of. Private to core/message_*.c. */

#include "core/message_build.h"
#include "core/names.h"

struct builder {
    struct message_context *context;
    struct maker *maker;
    struct message *message;
    bool good;
    bool again; /* only what has to do with the names is new */
};

#define wrong(builder, at, ...)                                       \
    do {                                                              \
        finding_error((builder)->maker->findings, (at), __VA_ARGS__); \
        (builder)->good = false;                                      \
    } while (0)
#define hint(builder, ...) finding_hint((builder)->maker->findings, __VA_ARGS__)

typedef bool limit_check(struct text text, struct fault *fault);

/* Names as they are inside of a `repeat` or under a `when`. Must live until message_leave. */
struct inside {
    const struct names *before;
    struct names names;
    struct names_inner inner;
    struct names_guard guard;
};

struct place message_key_place(const struct node *map, const char *key);
/* message_leaf: one leaf; what is static is checked against its limit now, the rest when it is rendered. NULL: no node, or
   builder->good is false. */
struct template *message_leaf(struct builder *builder, const struct node *node, enum template_leaf leaf,
                              const char *what, limit_check *limit);
/* message_repeat: `repeat`, `as` and `max` of a map; NULL if it has none. */
const struct message_repeat *message_repeat(struct builder *builder, const struct node *map);
/* message_when: `when` of a map, NULL: it has none. */
const struct condition *message_when(struct builder *builder, const struct node *map);
/* message_enter_repeat, message_enter_when: NULL changes nothing. */
void message_enter_repeat(struct builder *builder, const struct message_repeat *repeat,
                          struct inside *inside);
void message_enter_when(struct builder *builder, const struct condition *when, struct inside *inside);
void message_leave(struct builder *builder, const struct inside *inside);
/* message_lines, message_rows: into builder->message. */
void message_lines(struct builder *builder, const struct node *node);
void message_rows(struct builder *builder, const struct node *list, bool keyboard);
