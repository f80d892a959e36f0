#pragma once

#include "store/store.h"

/* For tests, on a store opened from "postgresql:". */

/* store_pgsql_be_impatient: no answer may take longer. */
void store_pgsql_be_impatient(struct store *store, int64_t ms);
/* store_pgsql_trips: how often it has waited for an answer of the server since it was opened. */
unsigned long store_pgsql_trips(const struct store *store);
