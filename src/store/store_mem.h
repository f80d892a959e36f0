#pragma once

#include "store/store.h"

/* For tests, on a store opened from "memory:". The nth call of store.h from now fails with `status`, once; store_begin
   and store_commit count as calls, store_open, store_close, store_rollback and store_failed do not; a call that takes
   an array counts per item. nth 0: the commit of the next transaction. */
void store_mem_fail(struct store *store, int nth, enum store_status status);
/* store_mem_doubt: the nth commit from now says STORE_IN_DOUBT, once, whether it is kept or not; 0: none. */
void store_mem_doubt(struct store *store, int nth, bool kept);
