#pragma once

/* Documents that the control interface put there, by path: "hubspot/contacts/7". */

#include "sim.h"

/* shelf_find: the document of this kind ("hubspot/messages") and names; `b` may be empty. Where there is none, the one
   stored under `*` in place of the names. NULL if there is none either. Lends. */
struct json_object *shelf_find(const struct sim *sim, const char *kind, struct text a, struct text b);
/* shelf_put: stores the document, taking it. */
void shelf_put(struct sim *sim, const char *kind, struct text a, struct text b, struct json_object *value);
/* shelf_copy: a deep copy of the found document, or NULL; the caller puts it. */
struct json_object *shelf_copy(const struct sim *sim, const char *kind, struct text a, struct text b) CHECKED;
/* shelf_default: adds the member if the object has none of that name; takes the value. */
void shelf_default(struct json_object *object, const char *name, struct json_object *value);
/* shelf_text: a JSON string of the text. */
struct json_object *shelf_text(struct text text) CHECKED;
/* shelf_parse: a JSON document written in the source; NULL only when memory is out. */
struct json_object *shelf_parse(const char *json) CHECKED;
/* shelf_new_id: a number that was not given before. */
int64_t shelf_new_id(struct sim *sim);
/* shelf_now: the time in HubSpot's form, as a JSON string. */
struct json_object *shelf_now(void) CHECKED;
