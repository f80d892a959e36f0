#pragma once

/* Values by path: "order.items.0.title" in a JSON object, the scope, in which everything that a rule sees has its name at the
   top: captures and other names beside the reserved words (contact, conversation, lang, ...). */

#include "base/arena.h"

#include <json-c/json.h>

#define PATH_WORDS_MAX 8

struct path {
    struct text text; /* as written */
    const char *const *words;
    size_t count;
};

/* Room for a value that stands nowhere: the number of a list's elements. */
struct path_room {
    char text[24];
};

/* path_read: false if it is no path, or (out->text.p == NULL) memory is out. A number alone is a path, too: that of a group. */
bool path_read(struct text text, struct arena *arena, struct path *out) CHECKED;
/* path_first: does the path begin with this word? */
bool path_first(const struct path *path, const char *word);
/* path_find: what the path leads to, NULL if nothing or null. contact.NAME is the contact's own field, else its custom
   attribute (Intercom) or property (HubSpot). Lends. */
struct json_object *path_find(struct json_object *scope, const struct path *path);
/* path_text: the text of a string, number, true or false, or of the `.count` of a list; p == NULL: missing. Numbers keep
   their digits. Lends from the scope or the room. */
struct text path_text(struct json_object *scope, const struct path *path, struct path_room *room);
