#pragma once

/* The configuration file and the paths in it, which are seen from its folder. */

#include "core/config.h"
#include "core/finding.h"

/* configfile_read: NULL after adding errors; for config_free. */
struct config *configfile_read(const char *path, struct findings *findings) CHECKED;
/* configfile_path: a path of the configuration as seen from the working directory; for free(3). */
char *configfile_path(const struct config *config, const char *path) CHECKED;
/* configfile_store: the store's URL, its path as seen from the working directory, which may hold a password: for
   configfile_free_store. NULL with a fault, which does not. */
char *configfile_store(const struct config *config, struct fault *fault) CHECKED;
void configfile_free_store(char *url);
