#pragma once

/* The strict readers of files. Both give the same tree and report all they can find. */

#include "core/finding.h"
#include "core/node.h"

/* yaml_read: one YAML document. Refused, with place and hint: tabs, tags, merge keys, duplicate keys, keys that are no
   scalars, bad UTF-8, several documents, aliases that blow up (more than 10,000 nodes, 64 levels), a `#` glued behind an
   unquoted word ("the text ends before '#'"), an unquoted ${...} inside { } or [ ]. NULL if there was an error. The
   document and its nodes live in the arena; `path` and `source` are copied there. */
struct document *yaml_read(struct arena *arena, const char *path, struct text source,
                           struct findings *findings) CHECKED;
/* json_read: the same for a `.json` file, read as JSON. */
struct document *json_read(struct arena *arena, const char *path, struct text source,
                           struct findings *findings) CHECKED;
