#pragma once

/* What the subcommands share: options, printing findings, opening the store beside a running daemon. */

#include "core/config.h"
#include "core/finding.h"
#include "store/store.h"

#include <stdbool.h>

#define CMDLINE_CONFIG "/etc/callbackd/callbackd.yaml"

#define CMDLINE_VALUES 64

/* What an option was given that may stand several times. */
struct cmdline_values {
    const char *items[CMDLINE_VALUES];
    size_t count;
};

struct cmdline_option {
    const char *name;   /* without "--"; "c" is -c */
    const char **value; /* takes a value, once */
    bool *flag;         /* takes none */
    struct cmdline_values *values;
};

/* cmdline_parse: options may stand anywhere; what is none is moved to argv[1..], its number in *n. False after saying on standard
   error what is wrong. At most 64 options. */
bool cmdline_parse(int argc, char **argv, const struct cmdline_option *options, int *n) CHECKED;
/* cmdline_no_words: are there no words beside the options? Else says so. */
bool cmdline_no_words(char **argv, int n) CHECKED;
/* cmdline_findings: prints them. */
void cmdline_findings(struct findings *findings, bool to_stdout);
/* cmdline_store: the store of a configuration file; only reads that file. NULL after saying why; *code is the exit code then. */
struct store *cmdline_store(const char *config_path, struct config **config, int *code) CHECKED;
/* cmdline_again: another program was in the way of a transaction, and it is worth another try. Counts them. */
bool cmdline_again(enum store_status status, int *tries) CHECKED;
/* cmdline_age: "12s", "3m", "5h", "2d" since then. */
void cmdline_age(int64_t since_ms, char *out, size_t size);
