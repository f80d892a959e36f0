#pragma once

/* Hashes and signatures. Comparisons take the same time wherever the difference is. */

#include "base/buf.h"
#include "base/text.h"

#include <stdbool.h>

enum sign_hash { SIGN_SHA1, SIGN_SHA256 };
#define SIGN_MAX 32

/* sign_hash_size: 20 or 32. */
size_t sign_hash_size(enum sign_hash hash);
/* sign_hmac: the MAC of the parts, one after the other, into out (SIGN_MAX bytes). False if the library fails. */
bool sign_hmac(enum sign_hash hash, struct text key, const struct text *parts, size_t n,
               unsigned char *out) CHECKED;
/* sign_digest: the plain hash of the parts. */
bool sign_digest(enum sign_hash hash, const struct text *parts, size_t n, unsigned char *out) CHECKED;
bool sign_equal(const void *a, const void *b, size_t n) CHECKED;
/* sign_equal_text: constant time for equal lengths; a difference in length shows. */
bool sign_equal_text(struct text a, struct text b) CHECKED;
/* sign_base64: standard alphabet with padding into out (at least 45 bytes for 32). */
void sign_base64(const unsigned char *bytes, size_t n, char *out, size_t size);
/* sign_unbase64: exactly n bytes; a space counts as '+' (seen behind proxies that decode forms). */
bool sign_unbase64(struct text base64, unsigned char *out, size_t n) CHECKED;
