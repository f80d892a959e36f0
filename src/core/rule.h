#pragma once

/* A rule as data: patterns, conditions, steps. Filled by rule_build from a checked node, then only read. */

#include "base/arena.h"
#include "core/entry.h"
#include "core/finding.h"
#include "core/inbox.h"
#include "core/message.h"
#include "core/pattern.h"

enum unknown_send { UNKNOWN_DROP, UNKNOWN_POLL, UNKNOWN_RESEND };
enum rule_default { DEFAULT_NO, DEFAULT_TAP, DEFAULT_ANY };

/* A rule's steps as one list, whatever stood inside of what: a run's place in it is one number, which survives restarts. After
   a step follows the next one, but for STEP_CHOOSE, STEP_JUMP and STEP_GOTO; at n_steps the run ends. Behind the rule's own
   steps stand its blocks, each with a STEP_JUMP to n_steps in front of it. */
enum step_kind {
    STEP_REPLY,  /* sends the messages */
    STEP_CHOOSE, /* goes to the first branch that holds, to `to` if none does */
    STEP_JUMP,   /* goes to `to` */
    STEP_LOOKUP, /* asks the shop */
    STEP_SET,    /* chat variables */
    STEP_INBOX,  /* a note, a tag, ... in the helpdesk */
    STEP_QUIET,  /* for quiet_ms no text rule and no default is tried in this chat */
    STEP_GOTO,   /* goes on with the steps of another rule */
};

#define RULE_NO_STEP SIZE_MAX

/* One variable of the chat. */
struct set_value {
    const char *name;
    const struct template *value; /* NULL: it is forgotten */
    int64_t keep_ms;              /* 0: as long as the session */
};

struct lookup;
struct rule;

struct step_branch {
    struct place at;
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
    size_t to;                    /* always ahead */
    const struct lookup *lookup;  /* STEP_LOOKUP */
    const struct set_value *sets; /* STEP_SET */
    size_t n_sets;
    const struct inbox_action *actions; /* STEP_INBOX */
    size_t n_actions;
    int64_t quiet_ms;          /* STEP_QUIET; 0: it ends */
    const struct rule *target; /* STEP_GOTO */
    const struct node *node;   /* STEP_GOTO: the target's name as written */
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
    const struct rule *
        *origins; /* rules that lead here by `goto`, near or far: their names are carried along */
    size_t n_origins;
    int64_t dedup_ms, send_within_ms;
    enum unknown_send unknown_send;
    bool entry;          /* other systems send buttons for it */
    bool final;          /* meant to end the talk */
    bool further;        /* `continue`: later rules are tried, too */
    bool require_issued; /* takes only what was sent to this chat; single_use and expires imply it */
    bool single_use;     /* one press spends the buttons of its message */
    int64_t expires_ms;  /* how long after they were sent; 0: for ever */
    size_t not_found, on_error, on_refused; /* the first step of the block; RULE_NO_STEP: there is none */
};

/* Where a step stands: among the rule's own, or in a block. */
enum rule_block { RULE_STEPS, RULE_NOT_FOUND, RULE_ON_ERROR, RULE_ON_REFUSED, RULE_BLOCKS };

/* rule_block_name: "" for RULE_STEPS, "not_found", ... */
const char *rule_block_name(enum rule_block block);
/* rule_block_begin: its first step; RULE_NO_STEP: the rule has none. rule_block_at: where it stands. */
size_t rule_block_begin(const struct rule *rule, enum rule_block block);
struct place rule_block_at(const struct rule *rule, enum rule_block block);
enum rule_block rule_block_of(const struct rule *rule, size_t step);

/* rule_next: where a run goes on that stands before a STEP_CHOOSE or STEP_JUMP. */
size_t rule_next(const struct step *step, struct json_object *scope, struct pattern_scratch *scratch);
