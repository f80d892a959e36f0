#pragma once

/* What came in: one JSON line per request, kept in memory for the control interface and written to a file if asked; and
   counts per path, which live on when lines are dropped. */

#include "base/buf.h"
#include "sim.h"

struct sim_call;

/* record_new: at most `keep` lines stay in memory. `path` may be NULL. `quiet`: counts only. */
struct sim_record *record_new(const char *path, int64_t keep, bool quiet, struct fault *fault) CHECKED;
void record_free(struct sim_record *record);
/* record_add: notes the request with its answer's status; 0 for an answer that never comes. */
void record_add(struct sim_record *record, const struct sim_call *call, int status);
/* record_count: requests (or accepted messages only) to paths that begin so. */
int64_t record_count(const struct sim_record *record, const char *prefix, bool accepted);
/* record_list: appends a JSON array of the kept lines after `since` whose path begins so. */
void record_list(const struct sim_record *record, int64_t since, const char *prefix, struct buf *out);
/* record_clear: forgets lines and counts; sequence numbers go on. */
void record_clear(struct sim_record *record);
