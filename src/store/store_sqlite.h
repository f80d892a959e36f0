#pragma once

#include "store/store.h"

/* For tests: runs the SQL on a store opened from "sqlite:", past all that store.h promises. */
bool store_sqlite_exec(struct store *store, const char *sql, struct fault *fault) CHECKED;
