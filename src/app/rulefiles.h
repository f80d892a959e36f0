#pragma once

/* Finds and reads the rule files of a configuration. */

#include "core/config.h"
#include "core/ruleset.h"

struct rulefiles {
    struct ruleset_file *files;
    size_t count;
};

/* rulefiles_read: every *.yaml, *.yml and *.json of the folders (not *.test.*: those are test cases), in byte order of their
   names, and the files named. False after adding errors. */
bool rulefiles_read(const struct config *config, struct rulefiles *out, struct findings *findings) CHECKED;
/* rulefiles_read_path: those of one folder, or one file. */
bool rulefiles_read_path(const char *path, struct rulefiles *out, struct findings *findings) CHECKED;
/* rulefiles_read_cases: the test cases of one folder, its *.test.yaml, *.test.yml and *.test.json, or one file of them. */
bool rulefiles_read_cases(const char *path, struct rulefiles *out, struct findings *findings) CHECKED;
void rulefiles_free(struct rulefiles *files);
/* rulefiles_zone: the file of a time zone out of the IANA database of this machine ($TZDIR, else /usr/share/zoneinfo). */
bool rulefiles_zone(const char *name, struct buf *out);
