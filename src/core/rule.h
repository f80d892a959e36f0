#pragma once

/* A rule as data: patterns, conditions, steps. Filled by rule_build from a checked node, then only read. */

#include "base/arena.h"
#include "core/entry.h"
#include "core/finding.h"
#include "core/message.h"
#include "core/pattern.h"

enum unknown_send { UNKNOWN_DROP, UNKNOWN_POLL, UNKNOWN_RESEND };
enum rule_default { DEFAULT_NO, DEFAULT_TAP, DEFAULT_ANY };

/* A rule's steps as one list, whatever stood inside of what: a run's place in it is one number, which survives restarts. After
   a step follows the next one, but for STEP_CHOOSE and STEP_JUMP; behind the last one the run ends. Further kinds (lookup,
   set, inbox, goto) fit in. */
enum step_kind {
    STEP_REPLY,  /* sends the messages */
    STEP_CHOOSE, /* goes to the first branch that holds, to `to` if none does */
    STEP_JUMP,   /* goes to `to` */
};

struct step_branch {
    const struct condition *when; /* NULL: holds */
    size_t to;
};

struct step {
    enum step_kind kind;
    struct place at;
    const struct message **messages; /* STEP_REPLY */
    size_t count;
    struct step_branch *branches; /* STEP_CHOOSE */
    size_t n_branches;
    size_t to; /* always ahead */
};

struct rule {
    const char *name;
    struct place at;
    const struct node *node;      /* as written */
    struct pattern *tap, *text;   /* NULL: none */
    const struct condition *when; /* NULL: none */
    enum rule_default otherwise;
    const struct settings *settings; /* of the ruleset */
    const struct step *steps;
    size_t n_steps;
    int64_t dedup_ms, send_within_ms;
    enum unknown_send unknown_send;
    bool entry;   /* other systems send buttons for it */
    bool final;   /* meant to end the talk */
    bool further; /* `continue`: later rules are tried, too */
};

/* rule_next: where a run goes on that stands before a STEP_CHOOSE or STEP_JUMP. */
size_t rule_next(const struct step *step, struct json_object *scope, struct pattern_scratch *scratch);
