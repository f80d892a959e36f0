#pragma once

/* References to secrets: "env:NAME", "file:PATH", "credential:NAME". Only the form; app/ reads them. */

#include "base/fault.h"
#include "base/text.h"

enum secret_kind { SECRET_ENV, SECRET_FILE, SECRET_CREDENTIAL };

/* secret_parse: false with a fault that says what it must look like (and, where the text looks like the secret itself,
   does not repeat it). */
bool secret_parse(struct text reference, enum secret_kind *kind, struct text *name,
                  struct fault *fault) CHECKED;
/* secret_conceal: puts '*' over the secret wherever it stands in the bytes, in place, also as JSON (\/, \u002f) or a URL (%2F) may
   write it. One of less than 8 bytes would hit what is none, and stays. */
void secret_conceal(struct text secret, char *bytes, size_t n);
/* secret_check: for schema tables. */
bool secret_check(struct text reference, struct fault *fault);
