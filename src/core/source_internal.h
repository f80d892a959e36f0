#pragma once

/* What the kinds of sources share; included by source*.c only. */

#include "core/node.h"
#include "core/sign.h"
#include "core/source.h"

#define SOURCE_DATA_MAX 64     /* bytes of callback_data, Telegram's limit */
#define SOURCE_USER_MAX 20     /* bytes of a Telegram id with its sign */
#define SOURCE_SETTLE_MS 30000 /* a message may not be readable at once: until then a 404 is tried again */

/* A place to look for a user id or for callback data. */
enum spot_kind {
    SPOT_POINTER,     /* a JSON pointer into a part of the payload */
    SPOT_CONTACT,     /* a value of the fetched contact */
    SPOT_SENDER,      /* hubspot: senders[].deliveryIdentifier.value */
    SPOT_EXTERNAL_ID, /* intercom: external_id of the contact as the payload has it */
    SPOT_JSON,        /* the text has a JSON object with a string `callback_data` */
    SPOT_PATTERN,     /* the group `data` of a pattern in the text */
    SPOT_TEXT,        /* the whole text, which may be callback data or not */
};

enum spot_root { ROOT_MAIN, ROOT_BODY, ROOT_PART, ROOTS };

struct spot {
    enum spot_kind kind;
    enum spot_root root;
    const char *at;      /* as written; the name of what was found in an entry's values */
    const char *pointer; /* SPOT_POINTER: the JSON pointer, SPOT_CONTACT: the path behind "contact." */
    struct pattern *pattern;
    int group;
};

struct spots {
    struct spot *items;
    size_t count;
};

struct words {
    const char **items;
    size_t count;
};

/* Where to look in a payload: what the documents call the payload, the whole body, and the single message. */
struct roots {
    struct json_object *at[ROOTS];
};

enum { HUBSPOT_V1 = 1, HUBSPOT_V2 = 2, HUBSPOT_V3 = 4 };

struct generic_scheme {
    const char *header; /* of the signature or the token */
    const char *prefix; /* that the value must have; "" */
    bool token;         /* the header carries one of the secrets itself */
    bool base64;
    enum sign_hash hash;
};

struct generic_pointers {
    struct spot entries, delivery; /* into the whole body */
    struct spot id, conversation, text, said_at, attachment;
};

struct source {
    const struct source_ops *ops;
    const char *name, *path, *channel, *api, *token_ref;
    const char *admin_id;   /* whose messages are ours; NULL: nobody's */
    int64_t takeover_ms;    /* 0: what teammates do does not matter */
    int64_t retention_ms;   /* 0: as everything */
    const char *public_url; /* without a slash at the end; NULL: not said */
    struct words secret_refs;
    struct words topics, authors, apps, portals, message_types, directions, contact_properties;
    struct spots user_ids, data;
    struct pattern *looks_like_tap;
    unsigned signatures; /* HUBSPOT_V1 ... */
    struct generic_scheme scheme;
    struct generic_pointers pointers;
};

/* A verification under way: what the kinds' verify functions are given. */
struct check {
    const struct source *source;
    const struct request *request;
    const struct text *secrets;
    size_t n_secrets;
    int64_t now_ms;
};

/* An extraction under way. */
struct work {
    const struct source *source;
    struct arena *arena;
    struct json_object *root;
    int64_t stored_at;
    struct extraction *out;
    bool no_memory; /* what was found is not all */
};

/* An answer to apply. */
struct fetched {
    const struct source *source;
    struct entry *entry;
    enum fetch_kind kind;
    struct json_object *answer;
    struct arena *arena;
};

/* A kind of source. */
struct source_ops {
    const char *kind;
    const char *api;                            /* default; NULL: none */
    const char *api_header;                     /* that its API wants; NULL: none */
    const char *const *topics, *const *authors; /* defaults, up to NULL; NULL: none */
    const char *const *user_ids;                /* default places */
    bool (*verify)(const struct check *check, struct fault *fault) CHECKED;
    void (*extract)(struct work *work);
    /* NULL: entries are complete as extracted. */
    void (*next_fetch)(const struct source *source, const struct entry *entry, bool contact,
                       struct arena *arena, struct fetch *out);
    enum fetch_verdict (*apply)(const struct fetched *fetched, struct fault *fault) CHECKED;
    /* The fetched contact as the object that rules see; the caller puts it. NULL when memory is out. */
    struct json_object *(*contact)(struct json_object *answer)CHECKED;
};

extern const struct source_ops source_intercom, source_hubspot, source_generic;

/* --- source.c --- */

bool words_have(const struct words *words, const char *word);
/* words_allow: is it in the list, or is there no list? */
bool words_allow(const struct words *words, const char *word);
/* source_reason: one line in the arena; customer's bytes belong into source_shown first. */
const char *source_reason(struct arena *arena, const char *format, ...) PRINTF(2, 3);
/* source_shown: a value of the payload made printable and short, into out. */
const char *source_shown(const char *value, char out[65]);
/* source_url: base + the parts; every second part is percent-encoded: "/contacts/", id, "/x", id2. NULL-terminated. NULL
   when memory is out. */
char *source_url(struct arena *arena, const char *base, ...) __attribute__((sentinel)) CHECKED;
/* source_url_list: url + lead + "a,b,c", percent-encoded: the words and the contact's places; url alone if there are none. */
char *source_url_list(struct arena *arena, char *url, const char *lead, const struct words *names,
                      const struct spots *spots) CHECKED;

/* --- source_value.c --- */

/* value_id: an id as text in the arena; false if it is none (see doc_id), has a NUL, or memory is out. */
bool value_id(struct json_object *value, struct arena *arena, struct text *out) CHECKED;
/* value_time: a time in seconds, in milliseconds (from 10^11 on) or as RFC 3339. */
bool value_time(struct json_object *value, int64_t *ms) CHECKED;
/* value_text: as value_normal, of a string; empty if it is none. */
struct text value_text(struct json_object *value, bool html, struct arena *arena);
/* value_normal: reduced if it is HTML and `html`; NBSP becomes a space, CRLF and CR become LF, a NUL and what is not UTF-8 become
   U+FFFD; trimmed. Empty when memory is out. */
struct text value_normal(struct text raw, bool html, struct arena *arena);
/* value_spot: what a SPOT_POINTER points to; NULL if there is nothing. */
struct json_object *value_spot(const struct spot *spot, const struct roots *roots);
/* values_collect: what the pointers of the source's user_id and callback_data find, into the entry's values, so that it
   is there after the payload is gone. False when memory is out. */
bool values_collect(const struct source *source, const struct roots *roots, struct arena *arena,
                    struct entry *entry) CHECKED;
/* values_add: replaces or adds a value. */
bool values_add(struct entry *entry, struct arena *arena, const char *at, struct text value) CHECKED;
/* values_get: p == NULL if it is not there. */
struct text values_get(const struct entry *entry, const char *at);
/* values_are_empty: is it a customer's message with no text, no data and no attachment? */
bool values_are_empty(const struct source *source, const struct entry *entry);
/* values_have_data: did a pointer of callback_data find some? */
bool values_have_data(const struct source *source, const struct entry *entry);
/* values_want_contact: does the user id depend on the contact? What only a pattern can decide counts as open. */
bool values_want_contact(const struct source *source, const struct entry *entry);
/* values_plain: copies what is neither list nor map and not there yet. False when memory is out. */
bool values_plain(struct json_object *from, struct json_object *to) CHECKED;
/* values_conversation: the plain values of `from`, then of `custom`, as the entry's conversation_doc; none if they are too
   large. False when memory is out. */
bool values_conversation(struct json_object *from, struct json_object *custom, struct arena *arena,
                         struct entry *entry) CHECKED;
/* values_finish: what source_finish says. */
void values_finish(const struct source *source, struct entry *entry, struct pattern_scratch *scratch,
                   struct arena *arena);

/* --- source_attachment.c --- */

/* attachment_read: the first attachment in what the inbox has for it (a list, an object or a URL), none if there is none. */
void attachment_read(struct json_object *value, struct arena *arena, struct attachment *out);

/* --- source_schema.c --- */

/* source_pointer: "/a/b" into what the kind calls the payload, "body:/a/b" into the whole body, "part:/a/b" into the
   message; the pointer lends from the text. False if it is none. */
bool source_pointer(struct text text, enum spot_root *root, struct text *pointer) CHECKED;
