#pragma once

/* Shows what is in the store, for `queue` and `explain`. */

#include "store/store.h"

/* show_items: a table, or a JSON object per line. */
void show_items(const struct store_item *items, size_t n, bool json);
/* show_run, show_entry, show_notification: all that is known of it and of what came from it, indented. */
void show_run(struct store *store, struct arena *arena, const struct run_row *run, int indent);
void show_entry(struct store *store, struct arena *arena, const struct entry_row *entry, int indent);
void show_notification(struct store *store, struct arena *arena, const struct notification_row *notification);
/* show_field: "name  value", made printable; nothing if the text has no p. */
void show_field(int indent, const char *name, struct text value);
