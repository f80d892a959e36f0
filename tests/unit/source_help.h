#pragma once

/* What the tests of sources share. */

#include "core/source.h"

#include <stdint.h>

#define STORED_AT INT64_C(1784016000000)
#define PUBLIC_URL "https://hooks.example.com"

struct fixture {
    struct arena *arena;
    struct source *source;
    struct pattern_scratch *scratch;
};

/* A source out of YAML; the test fails if it does not load. */
void fixture_open(struct fixture *f, const char *yaml, const char *public_url);
void fixture_close(struct fixture *f);
/* What is printed about YAML that does not load; "" if it does. For free(3). */
char *fixture_findings(const char *yaml, const char *public_url);

/* The way of a notification up to its entries, as one line each: "kind conversation/message user=... data=..."; every entry goes
   through the store once. Without entries "- reason". In the arena. */
const char *fixture_read(struct fixture *f, const char *body);
/* The only entry of a notification, as it comes back from the store. */
struct entry fixture_entry(struct fixture *f, const char *body);
/* What `read` makes of a notification to the source; the test fails if that is something else. */
void fixture_expect(const char *yaml, const char *(*read)(struct fixture *f, const char *body),
                    const char *body, const char *expected);
/* A finished entry as such a line. */
const char *fixture_line(struct fixture *f, const struct entry *entry);
/* The entry as it comes back from the store. */
struct entry fixture_stored(struct fixture *f, const struct entry *entry);
/* source_verify with one header or two, "Name: value" each (NULL: none); the fault, "" if it fits. */
const char *fixture_verify(struct fixture *f, const char *secret, const char *target, const char *body,
                           const char *const *headers, int64_t now_ms);

/* A file of tests/unit/payloads; for free(3). */
char *payload(const char *name);
