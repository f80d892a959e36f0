#pragma once

#include "base/buf.h"
#include "base/fault.h"

#include <stdbool.h>

/* file_read: the whole file into out, whose maximum holds. The fault names the path and the cause. */
bool file_read(const char *path, struct buf *out, struct fault *fault) CHECKED;
/* file_write: replaces the file's content at once (temporary file, rename). What is no plain file (a device, a pipe, a link) stays
   that and is written to. */
bool file_write(const char *path, struct text content, struct fault *fault) CHECKED;
/* file_beside: `path` as seen from the folder of `file`; absolute paths stay. For free(3); NULL when memory is out. */
char *file_beside(const char *file, const char *path) CHECKED;
