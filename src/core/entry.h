#pragma once

/* An entry: one customer-authored inbox message. */

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

enum entry_kind {
    ENTRY_TAP,    /* carries callback data */
    ENTRY_TEXT,   /* certainly typed */
    ENTRY_EITHER, /* the whole text was taken: tried as a tap first, as text second */
};

const char *entry_kind_name(enum entry_kind kind); /* "tap", "text", "either" */

/* All texts live in the arena of whoever made the entry; p == NULL: not there. */
struct entry {
    enum entry_kind kind;
    struct text conversation, message; /* the inbox's ids */
    struct text account;               /* app_id, portalId */
    struct text topic;
    struct text author;  /* user, lead, ... */
    struct text contact; /* the inbox's id of the contact */
    struct text user_id; /* Telegram's, digits with an optional leading minus */
    struct text body;    /* the normalised text */
    struct text data;    /* the callback data, else the text to match */
    int64_t said_at;     /* ms */
    bool fetched;        /* HubSpot: the message was read */
    bool truncated;      /* HubSpot: original-content must be read */
    struct json_object
        *place; /* what user id and callback data are looked up in; lent during extraction only */
    struct text contact_doc; /* the fetched contact as JSON */
};

/* entry_print: as a JSON document for the store, entry_read: back from it. `place` and data that can be derived again are kept
   as far as needed to go on after a restart. */
bool entry_print(const struct entry *entry, struct arena *arena, struct text *doc) CHECKED;
bool entry_read(struct text doc, struct arena *arena, struct entry *entry, struct fault *fault) CHECKED;
