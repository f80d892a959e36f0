#pragma once

/* Reads what secret references point to. */

#include "base/fault.h"
#include "base/text.h"

/* secrets_read: the value of "env:NAME", "file:PATH" (seen from the folder of config_path) or "credential:NAME" (a file in
   $CREDENTIALS_DIRECTORY), without the line break at its end; for secrets_free. p == NULL with a fault that names the reference
   if it is missing or empty; never a value. */
struct text secrets_read(const char *reference, const char *config_path, struct fault *fault) CHECKED;
/* secrets_free: wipes and frees. */
void secrets_free(struct text *secret);
