#pragma once

/* A source: where webhooks come from, how they are verified, and how entries are read out of them. Kinds: intercom
   (source_intercom.c), hubspot (source_hubspot.c), generic (source_generic.c), each a struct of functions behind this header.
   Pure: bytes and times in, verdicts and entries out. */

#include "base/arena.h"
#include "core/entry.h"
#include "core/finding.h"
#include "core/pattern.h"

#include <json-c/json.h>

struct source; /* immutable after source_build; may be read from both threads */

/* --- configuration ---------------------------------------------------------------------------------------------- */

/* source_schema: the table of one element of `sources:` (the union of all kinds; source_build refuses keys of another
   kind by name and place). */
extern const struct schema source_schema;

/* source_build: from a checked node. Strings live in the arena; compiled patterns are freed by source_free. NULL after
   adding errors. Secrets and the token are only references here (see core/secret.h). */
struct source *source_build(const struct node *node, const char *public_url, struct arena *arena,
                            struct findings *findings) CHECKED;
void source_free(struct source *source);

const char *source_name(const struct source *source);
const char *source_kind(const struct source *source); /* "intercom", "hubspot", "generic" */
const char *source_path(const struct source *source);
const char *source_channel(const struct source *source);
const char *source_api(const struct source *source); /* base URL of the REST API; NULL: none */
/* source_api_header: a whole header line that every request to the API carries (Intercom-Version); NULL: none. */
const char *source_api_header(const struct source *source);
/* source_takeover_ms: how long no text is answered after a teammate wrote; 0: teammates change nothing. */
int64_t source_takeover_ms(const struct source *source);
/* source_retention_ms: how long what came from here is kept once it is done; 0: as long as everything. */
int64_t source_retention_ms(const struct source *source);
/* source_admin_id: the teammate in whose name things are done in the inbox (admin_id, actor_id); NULL: none. */
const char *source_admin_id(const struct source *source);
/* source_secret_refs: references of the secrets; source_token_ref: of the API token, NULL: none. */
size_t source_secret_refs(const struct source *source, const char *const **refs);
const char *source_token_ref(const struct source *source);

/* --- at the front door (loop thread) ---------------------------------------------------------------------------- */

struct request_header {
    const char *name, *value;
};

struct request {
    const char *method;
    const char *target; /* path and query as received */
    const struct request_header *headers;
    size_t n_headers;
    struct text body;
};

/* request_header: the value of the first header of this name (any case), NULL if there is none. */
const char *request_header(const struct request *request, const char *name);

/* source_verify: on the raw bytes, in constant time, against each of the secrets. False with a fault that says why, fit for
   a log, without anything secret. */
bool source_verify(const struct source *source, const struct request *request, const struct text *secrets,
                   size_t n_secrets, int64_t now_ms, struct fault *fault) CHECKED;
/* source_keep_headers: the headers that matter later, as a small JSON object. */
void source_keep_headers(const struct source *source, const struct request *request, struct buf *out);

/* --- in the engine ---------------------------------------------------------------------------------------------- */

struct extraction {
    struct text delivery; /* the delivery's own id, empty: none. Dedup key with the source's name */
    const char *
        reason; /* why there are no entries ("ping", "topic conversation.read", "not JSON", ...); NULL: there are */
    struct entry *entries; /* in the arena */
    size_t count;
};

/* source_extract: reads a verified body. Never fails: what cannot be read is a reason; where memory is out there are no entries at
   all, and the reason says so. The kind, the data and the user id of an entry are found by source_finish. */
void source_extract(const struct source *source, struct text body, int64_t stored_at,
                    struct pattern_scratch *scratch, struct arena *arena, struct extraction *out);

/* source_message_key: what makes one message one: source, (app or portal), conversation, message; for sign_digest. */
void source_message_key(const struct source *source, const struct entry *entry, struct buf *out);

enum fetch_kind {
    FETCH_NONE,
    FETCH_MESSAGE,
    FETCH_ORIGINAL,
    FETCH_CONTACT,
    FETCH_THREAD, /* hubspot: names the contact */
};

/* A GET that an entry still needs. */
struct fetch {
    enum fetch_kind kind;
    char *url; /* in the arena; NULL when memory is out */
};

enum fetch_verdict {
    FETCH_GO_ON,   /* the entry was completed by this answer: ask source_next_fetch again */
    FETCH_RETRY,   /* not now: 429, 5xx, or 404 soon after the webhook */
    FETCH_IGNORE,  /* not an entry: wrong direction, type, ... (reason in the fault) */
    FETCH_REFUSED, /* 401, 403: the source is paused */
};

/* source_next_fetch: which GET the entry needs next. `want_contact`: a rule uses contact values. FETCH_NONE: it is as complete
   as it will be; then source_finish. */
void source_next_fetch(const struct source *source, const struct entry *entry, bool want_contact,
                       struct arena *arena, struct fetch *out);
/* source_apply_fetch: an answer (status 0: no connection). `age_ms`: since the entry was stored. The fault says why, for every
   verdict but FETCH_GO_ON. A contact that cannot be had holds up nothing. */
enum fetch_verdict source_apply_fetch(const struct source *source, struct entry *entry, enum fetch_kind kind,
                                      int status, struct text body, int64_t age_ms, struct arena *arena,
                                      struct fault *fault) CHECKED;
/* source_retry_after: how long the answer itself asks to wait (HubSpot's 423 and the policy of its 429), in ms; 0: it does not
   say. Retry-After is the transport's. */
int64_t source_retry_after(const struct source *source, int status, struct text body);
/* source_finish: finds the callback data, the kind and the user id in a completed entry. Without a user id (user_id.p == NULL)
   the entry cannot be answered. */
void source_finish(const struct source *source, struct entry *entry, struct pattern_scratch *scratch,
                   struct arena *arena);
/* source_looks_like_tap: for an ENTRY_EITHER: does its data look like callback data (`looks_like_tap`)? */
bool source_looks_like_tap(const struct source *source, struct text data, struct pattern_scratch *scratch);
