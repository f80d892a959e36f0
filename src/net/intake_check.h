#pragma once

/* What a request may look like, checked on the raw bytes before evhttp reads them. evhttp takes much that another reader (a proxy
   in front) may frame differently; here one strict reading of RFC 9112 is let through and the rest refused. Pure, byte by byte,
   each byte once; knows where the request ends. */

#include "base/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intake_bounds {
    size_t body, headers; /* bytes */
};

/* How many header lines a request may have. */
#define INTAKE_CHECK_LINES 100
/* Keeps the words that matter: methods, the names and values that frame a request. */
#define INTAKE_CHECK_WORD 32

struct intake_check {
    uint8_t state, kind;
    bool long_word, http10, bodiless, has_length, has_coding, has_host, has_expect;
    uint8_t word_n;
    char word[INTAKE_CHECK_WORD];
    uint16_t lines;
    size_t size;   /* bytes of the head so far */
    uint64_t left; /* bytes of the body that are to come */
};

/* intake_check_start: for the first byte of the next request. */
void intake_check_start(struct intake_check *check);
/* intake_check_feed: the next bytes; stops at the request's end. 0: fine so far, else the status to refuse it with: 400, 411, 413,
   417, 431, 501, 505. After a refusal the check is of no more use. */
int intake_check_feed(struct intake_check *check, const struct intake_bounds *bounds, const char *p,
                      size_t n) CHECKED;
/* intake_check_body: n bytes more came and all that is missing is body: true, counted, no need to feed them. */
bool intake_check_body(struct intake_check *check, size_t n) CHECKED;
/* intake_check_done: the request has come to its end. */
bool intake_check_done(const struct intake_check *check) CHECKED;
