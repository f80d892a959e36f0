#pragma once

/* Lookups: what a rule asks the shop, and what it takes for an answer. */

#include "base/arena.h"
#include "core/pattern.h"

#include <json-c/json.h>

struct lookup; /* one use of a lookup in a rule; lives as long as the ruleset */

#define LOOKUP_ANSWER_MAX ((size_t)128 << 10) /* bytes of an answer */
#define LOOKUP_HASH 32

const char *lookup_name(const struct lookup *lookup);
/* lookup_as: the name that the answer gets in the run's scope. */
const char *lookup_as(const struct lookup *lookup);
bool lookup_posts(const struct lookup *lookup);
int64_t lookup_timeout_ms(const struct lookup *lookup);
/* lookup_cache_ms: how long an answer may be used again; 0: not at all, as always for POST. */
int64_t lookup_cache_ms(const struct lookup *lookup);
size_t lookup_answer_max(const struct lookup *lookup);

enum lookup_verdict {
    LOOKUP_FOUND,
    LOOKUP_NOT_FOUND,
    LOOKUP_FAILED, /* with a fault */
};

/* The request without its headers: what may be stored. */
struct lookup_request {
    struct text url;
    struct text body; /* JSON; p == NULL: GET */
};

/* lookup_render: into the arena. LOOKUP_NOT_FOUND: a value of the URL is missing. */
enum lookup_verdict lookup_render(const struct lookup *lookup, struct json_object *scope, struct arena *arena,
                                  struct lookup_request *out, struct fault *fault) CHECKED;
/* lookup_headers: "Name: value" lines at the moment of the request; they hold secrets and are never stored or logged. `secret`
   lends a value, p == NULL: there is none. Accept and, of POST, Content-Type are among them. The Idempotency-Key is the
   caller's. The fault shows no value. */
bool lookup_headers(const struct lookup *lookup, struct json_object *scope,
                    struct text (*secret)(void *context, const char *name), void *context,
                    struct arena *arena, struct text **lines, size_t *n, struct fault *fault) CHECKED;
/* lookup_read: an answer. FOUND: an object or list that keeps `fields`, in *value, which the caller puts. 404: NOT_FOUND. All
   else is FAILED; the fault shows nothing of the answer. `whole` false: more came than lookup_answer_max, or it ended early. */
enum lookup_verdict lookup_read(const struct lookup *lookup, int status, bool whole, struct text body,
                                struct pattern_scratch *scratch, struct json_object **value,
                                struct fault *fault) CHECKED;
/* lookup_sample: the answer that the rules give as an example; the caller puts it. NULL: memory is out. */
struct json_object *lookup_sample(const struct lookup *lookup) CHECKED;
/* lookup_field: the language of a value by `fields`: its path inside the answer, "list.0.id" or "list.*.id". NULL: none. */
const struct pattern *lookup_field(const struct lookup *lookup, struct text path);
/* lookup_hash: for a cache: of the name, the URL and the header lines. False if the library fails. */
bool lookup_hash(const struct lookup *lookup, struct text url, const struct text *lines, size_t n,
                 unsigned char out[LOOKUP_HASH]) CHECKED;
