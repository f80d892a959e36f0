#pragma once

/* The rules of one generation: loaded and checked as a whole, then only read. */

#include "base/arena.h"
#include "core/finding.h"
#include "core/message.h"
#include "core/pattern.h"
#include "core/rule.h"

#include <json-c/json.h>

struct ruleset; /* immutable after ruleset_build; may be read from both threads */

struct ruleset_file {
    const char *path;
    struct text text;
};

/* A channel as far as rules may name it. */
struct ruleset_channel {
    const char *name;
    enum dialect dialect;
};

/* ruleset_build: files in the order given. NULL after adding errors; all of them, of all files. Warnings and notes are added
   too. With no channels given, channel names and dialect limits are not checked (a ruleset out of the store). */
struct ruleset *ruleset_build(const struct ruleset_file *files, size_t n_files,
                              const struct ruleset_channel *channels, size_t n_channels,
                              struct findings *findings) CHECKED;
/* ruleset_build_zoned: the same, with a way to the IANA database: read_zone gives the file of a zone ("Europe/Berlin"), false:
   there is none. What it gives becomes part of the ruleset's source. Without it every zone but UTC is an error. */
struct ruleset *ruleset_build_zoned(const struct ruleset_file *files, size_t n_files,
                                    const struct ruleset_channel *channels, size_t n_channels,
                                    bool (*read_zone)(const char *name, struct buf *out),
                                    struct findings *findings) CHECKED;
void ruleset_free(struct ruleset *ruleset);

/* ruleset_source: the files as one text, from which ruleset_read makes the same ruleset again; lends. */
struct text ruleset_source(const struct ruleset *ruleset);
/* ruleset_hash: SHA-256 of the source, 32 bytes; lends. */
struct text ruleset_hash(const struct ruleset *ruleset);
/* ruleset_read: from a stored source. NULL with a fault. */
struct ruleset *ruleset_read(struct text source, struct fault *fault) CHECKED;

size_t ruleset_count(const struct ruleset *ruleset);
const struct rule *ruleset_rule(const struct ruleset *ruleset, size_t i);
const struct rule *ruleset_find(const struct ruleset *ruleset, struct text name);
/* ruleset_lookup: one use of the lookup of this name; NULL: no rule asks it. Then *near is the name that was perhaps meant, or
   NULL. */
const struct lookup *ruleset_lookup(const struct ruleset *ruleset, struct text name, const char **near);
/* ruleset_wants: what some rule uses (core/maker.h). */
const struct wants *ruleset_wants(const struct ruleset *ruleset);
/* ruleset_check_secrets: adds an error for each ${secret.NAME} that is none of the NULL-terminated names. */
void ruleset_check_secrets(const struct ruleset *ruleset, const char *const *names,
                           struct findings *findings);
/* ruleset_settings: zone, hours, languages; lends. */
const struct settings *ruleset_settings(const struct ruleset *ruleset);
/* ruleset_longest: the largest send_within, in ms. */
int64_t ruleset_longest(const struct ruleset *ruleset);
/* ruleset_window: the largest dedup, in ms. */
int64_t ruleset_window(const struct ruleset *ruleset);

struct ruleset_question {
    enum entry_kind kind;
    struct text data;    /* callback data or text; white space around a text is cut by the matcher */
    bool issued;         /* ENTRY_EITHER: the ledger knows the data */
    bool looks_like_tap; /* ENTRY_EITHER: the source's pattern says so */
    bool quiet;          /* a person has the chat: presses count only, no text rule and no default is tried */
    struct json_object
        *scope; /* what `when` looks at, but for the captures; bound to while it is matched. NULL: empty */
};

enum match_how { MATCH_NONE, MATCH_TAP, MATCH_TEXT, MATCH_DEFAULT };

struct match {
    enum match_how how;
    const struct rule *rule;
    struct json_object *captures; /* { "1": "...", "id": "..." }; the caller puts it */
    bool limited;                 /* some pattern reached its bound on the way */
};

/* ruleset_match: the first rule that takes it: whose pattern fits and whose `when` holds. Entries of unknown kind meet all tap
   patterns, then all text patterns, then the default if they count as a tap. False when memory is out. */
bool ruleset_match(const struct ruleset *ruleset, const struct ruleset_question *question,
                   struct pattern_scratch *scratch, struct match *match) CHECKED;
/* ruleset_match_next: behind a match of a rule with `continue`: the next rule that takes it in the same way, MATCH_NONE if
   there is none. */
bool ruleset_match_next(const struct ruleset *ruleset, const struct ruleset_question *question,
                        const struct match *before, struct pattern_scratch *scratch,
                        struct match *match) CHECKED;
/* ruleset_default: only the default rules are tried: for a press that the guards of a rule refuse. */
bool ruleset_default(const struct ruleset *ruleset, const struct ruleset_question *question,
                     struct pattern_scratch *scratch, struct match *match) CHECKED;
