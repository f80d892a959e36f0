#pragma once

/* References to secrets: "env:NAME", "file:PATH", "credential:NAME". Only the form; app/ reads them. */

#include "base/fault.h"
#include "base/text.h"

enum secret_kind { SECRET_ENV, SECRET_FILE, SECRET_CREDENTIAL };

/* secret_parse: false with a fault that says what it must look like (and, where the text looks like the secret itself,
   does not repeat it). */
bool secret_parse(struct text reference, enum secret_kind *kind, struct text *name,
                  struct fault *fault) CHECKED;
/* secret_check: for schema tables. */
bool secret_check(struct text reference, struct fault *fault);
