#pragma once

/* An entry: one customer-authored inbox message; or what a teammate did that matters to the customer's chat. */

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum entry_kind {
    ENTRY_TAP,    /* carries callback data */
    ENTRY_TEXT,   /* certainly typed */
    ENTRY_EITHER, /* the whole text was taken: tried as a tap first, as text second */
    /* No customer's, and for no rule: */
    ENTRY_TEAMMATE, /* a teammate wrote to the customer */
    ENTRY_CLOSED,   /* the conversation was closed */
};

const char *entry_kind_name(enum entry_kind kind); /* "tap", "text", "either", "teammate", "closed" */
/* entry_from_customer: is it for the rules? */
bool entry_from_customer(enum entry_kind kind);

/* A file that came with the message. */
struct attachment {
    struct text type;      /* a media type such as image/png; p == NULL: there is no attachment */
    struct text url, name; /* p == NULL: not said */
};

/* What a place of the configuration found in a payload that is gone by now. */
struct entry_value {
    struct text at, value; /* `at`: the place as the configuration has it */
};

/* All texts live in the arena of whoever made the entry; p == NULL: not there. */
struct entry {
    enum entry_kind kind;
    struct text conversation, message; /* the inbox's ids */
    struct text account;               /* app_id, portalId */
    struct text topic;
    struct text author;               /* user, lead, ... */
    struct text contact;              /* the inbox's id of the contact */
    struct text user_id;              /* Telegram's, digits with an optional leading minus */
    struct text body;                 /* the normalised text */
    struct text data;                 /* the callback data, else the text to match */
    struct attachment attachment;     /* the first one */
    struct text conversation_doc;     /* the conversation's plain values as a JSON object */
    int64_t said_at;                  /* ms */
    bool fetched;                     /* HubSpot: the message was read */
    bool truncated;                   /* HubSpot: original-content must be read */
    bool contact_read;                /* the contact was fetched, or there is none to fetch */
    struct text contact_doc;          /* the fetched contact as a JSON object: what rules see as `contact` */
    const struct entry_value *values; /* what user_id and callback_data places found in the payload */
    size_t n_values;
};

/* entry_print: as a JSON document for the store, entry_read: back from it, with everything that source_next_fetch and
   source_finish need after a restart. entry_print fails when memory is out. */
bool entry_print(const struct entry *entry, struct arena *arena, struct text *doc) CHECKED;
bool entry_read(struct text doc, struct arena *arena, struct entry *entry, struct fault *fault) CHECKED;
