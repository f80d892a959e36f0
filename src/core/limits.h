#pragma once

/* What Telegram takes. Sources: Bot API 10.1 (documented limits), TDLib (how text is counted), libraries' observations (8
   buttons in a row, 100 in all; the server itself cuts at 12 and 300 without a word). Each says in the fault what is wrong
   as the end of a sentence that begins with the field: "is 68 bytes; ...". */

#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>

#define LIMIT_ROW 8
#define LIMIT_BUTTONS 100
#define LIMIT_OCTOPODS_BUTTONS 6 /* that some of Octopods' articles give for inline buttons in all */

/* limits_text: 1 to 4096 characters after Telegram's cleaning: control characters become spaces, some marks go, white space
   at the ends is cut. */
bool limits_text(struct text text, struct fault *fault) CHECKED;
/* limits_label: a button's or key's label: something visible. */
bool limits_label(struct text label, struct fault *fault) CHECKED;
/* limits_data: 1 to 64 bytes. */
bool limits_data(struct text data, struct fault *fault) CHECKED;
/* limits_token_data: of a button with a token, which goes out in its place: 1 to 1024 bytes. */
bool limits_token_data(struct text data, struct fault *fault) CHECKED;
/* limits_url: http, https with a dotted host, or tg. */
bool limits_url(struct text url, struct fault *fault) CHECKED;
/* limits_placeholder: 1 to 64 characters. */
bool limits_placeholder(struct text placeholder, struct fault *fault) CHECKED;
