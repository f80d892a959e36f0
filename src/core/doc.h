#pragma once

/* JSON from outside, bounded. */

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/text.h"

#include <json-c/json.h>
#include <stdbool.h>

#define DOC_DEPTH 64

/* doc_parse: one whole JSON value: UTF-8 checked, at most DOC_DEPTH levels, nothing but white space behind it. NULL with
   a fault. The caller puts it (json_object_put). Numbers beyond int64 are kept so that doc_id refuses them. */
struct json_object *doc_parse(struct text text, struct fault *fault) CHECKED;
/* doc_at: by JSON Pointer (RFC 6901: "/data/item/0/id"; "" is the whole). Lends; NULL if there is nothing or null. */
struct json_object *doc_at(struct json_object *root, const char *pointer);
/* doc_key: a member of an object; NULL if it is no object, has none, or null. Lends. */
struct json_object *doc_key(struct json_object *object, const char *key);
/* doc_text: a string's bytes; p == NULL if it is no string. Lends. */
struct text doc_text(struct json_object *value);
/* doc_str: doc_text of a member. */
struct text doc_str(struct json_object *object, const char *key);
/* doc_id: an id of any scalar type as text, into out: a non-empty string of at most 255 bytes, or an integer. False for
   anything else, numbers beyond int64 (json-c saturates) and fractions included. */
bool doc_id(struct json_object *value, char out[256]) CHECKED;
/* doc_add: object[key] = value, which is taken in any case. False if there is no object or no value, or memory is out. */
bool doc_add(struct json_object *object, const char *key, struct json_object *value);
/* doc_add_text: object[key] = text, if text.p is set. False when memory is out. */
bool doc_add_text(struct json_object *object, const char *key, struct text text);
/* doc_print: compact, slashes unescaped. doc_printed: in the arena; p == NULL: it is longer than `most`, or memory is out. */
void doc_print(struct json_object *value, struct buf *out);
struct text doc_printed(struct json_object *value, size_t most, struct arena *arena);
/* doc_print_text: a string of JSON, with its quotes. */
void doc_print_text(struct text text, struct buf *out);
