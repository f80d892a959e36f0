#pragma once

/* Settings from the nodes of rule files. */

#include "core/maker.h"
#include "core/named.h"
#include "core/schema.h"

extern const struct schema settings_zone, settings_hours, settings_languages, settings_session;
extern const struct schema settings_hours_item; /* one of the hours */

/* settings_once: the one node of several files, NULL if there is none; a second one is an error. */
const struct node *settings_once(const struct node *const *nodes, size_t n, const char *what,
                                 struct findings *findings);
/* settings_build: hours from those of the list that are good, languages from a checked list (NULL: none). The zone is set by
   the caller. False after adding errors. */
bool settings_build(struct maker *maker, const struct named_list *hours, const struct node *languages,
                    struct settings *out) CHECKED;
