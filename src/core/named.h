#pragma once

/* What rules call by name (replies, rows), over all files. */

#include "base/arena.h"
#include "core/finding.h"
#include "core/node.h"

struct named {
    struct text name;
    const struct node *key, *value;
    bool good; /* its value was checked and may be built from */
    bool used;
};

struct named_list {
    const char *what; /* "reply" */
    struct named *items;
    size_t count;
    const char **words; /* the names, NULL-terminated */
};

/* named_collect: the entries of all maps, sorted; a name that stands twice is an error. False when memory is out. */
bool named_collect(struct named_list *list, const char *what, const struct node *const *maps, size_t n_maps,
                   struct arena *arena, struct findings *findings) CHECKED;
/* named_find: lends; NULL if there is none. */
struct named *named_find(const struct named_list *list, struct text name);
/* named_missing: adds the error "no reply is called '...'", with a suggestion if a name is near. True if there was one. */
bool named_missing(const struct named_list *list, const struct node *name, struct findings *findings);
/* named_warn_unused: a warning for each that nothing uses. */
void named_warn_unused(const struct named_list *list, struct findings *findings);
