#pragma once

/* Draws messages with box characters, as the customer would see them. Widths need a locale with UTF-8, see columns.h. */

#include "core/shown.h"

/* What stands before a button's label: the number to choose it by, 0: none. */
struct draw_numbers {
    size_t (*number)(const void *arg, const struct shown_button *button);
    const void *arg;
};

/* draw_message: lines of at most 60 columns. `numbers` may be NULL. False when memory is out. */
bool draw_message(const struct shown *shown, const struct draw_numbers *numbers, struct arena *arena,
                  struct buf *out) CHECKED;
