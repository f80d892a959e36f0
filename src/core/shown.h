#pragma once

/* A message as the customer sees it, read back from a request body of either dialect. */

#include "base/arena.h"
#include "base/buf.h"
#include "base/fault.h"
#include "core/node.h"

#include <json-c/json.h>

struct shown_button {
    struct text label, url, data; /* url, data: p == NULL: not there; a key has neither */
};

struct shown_row {
    struct shown_button *buttons;
    size_t count;
};

struct shown {
    struct text type, text;
    struct shown_row *rows;
    size_t n_rows;
    bool keyboard; /* the rows are keys of a keyboard */
    bool resize_keyboard, one_time_keyboard, is_persistent;
    struct text doc; /* the message as one flat JSON object, as rules write it: shown_fits compares with it */
};

/* shown_read: all of it in the arena. False with a fault if it is no message or there is no room. */
bool shown_read(struct text body, struct arena *arena, struct shown *out, struct fault *fault) CHECKED;
/* shown_fits: is all that `wanted` (a map of a test case) says true of the message? Labels may stand for buttons. If not, the
   fault says what is not. */
bool shown_fits(const struct shown *shown, const struct node *wanted, struct fault *fault) CHECKED;
