#pragma once

/* What stands at the top of rule files and holds for all rules: zone, hours, languages. */

#include "core/hours.h"

#include <json-c/json.h>

struct settings {
    const struct zone *zone; /* NULL: UTC */
    const struct hours *hours;
    size_t n_hours;
    const char *const *hours_names; /* NULL-terminated */
    const char *const *languages;   /* NULL-terminated, the default first; NULL: none are given */
    int64_t session_ms;             /* how long variables are kept after the chat's last entry */
};

#define SETTINGS_SESSION_MS ((int64_t)30 * 60 * 1000)

/* settings_fill: sets `hours` ({ "shop": "open" }) and `lang` in a scope, for this time. The language is chat.lang, else
   contact.language up to '-', each if it is one of `languages` in letters of either case, else the first of them. False when memory
   is out. */
bool settings_fill(const struct settings *settings, struct json_object *scope, int64_t now_ms) CHECKED;
