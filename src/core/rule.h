#pragma once

/* A rule as data: patterns, conditions, steps. Filled by rule_build from a checked node, then only read. */

#include "base/arena.h"
#include "core/entry.h"
#include "core/finding.h"
#include "core/message.h"
#include "core/pattern.h"

enum unknown_send { UNKNOWN_DROP, UNKNOWN_POLL, UNKNOWN_RESEND };
enum rule_default { DEFAULT_NO, DEFAULT_TAP, DEFAULT_ANY };

/* Steps are data, so that further kinds (lookup, set, inbox, choose, goto) fit in. */
enum step_kind { STEP_REPLY };

struct step {
    enum step_kind kind;
    const struct message **messages; /* STEP_REPLY */
    size_t count;
};

struct rule {
    const char *name;
    struct place at;
    const struct node *node;    /* as written */
    struct pattern *tap, *text; /* NULL: none */
    enum rule_default otherwise;
    const struct step *steps;
    size_t n_steps;
    int64_t dedup_ms, send_within_ms;
    enum unknown_send unknown_send;
    bool entry; /* other systems send buttons for it */
    bool final; /* meant to end the talk */
};
