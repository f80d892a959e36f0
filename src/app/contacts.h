#pragma once

/* Contacts fetched from the inbox, kept for a while: the most recent ones, bounded in number and bytes. */

#include "base/text.h"

#include <stdint.h>

struct contacts;

struct contacts *contacts_new(void) CHECKED;
void contacts_free(struct contacts *contacts);
/* contacts_get: the answer's body if it was put less than ten minutes ago; p == NULL: not known. Lends until the next put. */
struct text contacts_get(struct contacts *contacts, const char *source, struct text id, int64_t now);
void contacts_put(struct contacts *contacts, const char *source, struct text id, struct text body,
                  int64_t now);
