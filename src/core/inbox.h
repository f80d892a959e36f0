#pragma once

/* What a rule does in the helpdesk, and the requests that this takes. Facts: Intercom's REST reference ("Manage a
   conversation", "Tags"), HubSpot's conversations API. */

#include "base/arena.h"
#include "core/condition.h"
#include "core/outcome.h"
#include "core/source.h"
#include "core/template.h"

enum inbox_kind {
    INBOX_NOTE,            /* that only teammates see */
    INBOX_ASSIGN_TEAM,     /* Intercom only */
    INBOX_ASSIGN_TEAMMATE, /* Intercom: an admin's id; HubSpot: an actor's, A-... */
    INBOX_TAG,             /* Intercom only; by name, made if there is none */
    INBOX_SNOOZE,          /* Intercom only */
    INBOX_CLOSE,
    INBOX_KINDS
};

const char *inbox_kind_name(enum inbox_kind kind); /* "note", "assign_team", ... */

struct inbox_action {
    enum inbox_kind kind;
    struct place at;
    const struct template *text; /* the note, the tag, the id */
    int64_t snooze_ms;
};

extern const struct schema inbox_schema; /* { note, assign_team, ... } */

/* inbox_build: the actions of a map that inbox_schema took, in the order of the kinds. False after adding errors. */
bool inbox_build(struct maker *maker, const struct node *map, const struct inbox_action **actions,
                 size_t *n) CHECKED;

struct inbox_request {
    const char *method;
    struct text url, body; /* in the arena */
    struct text value;     /* the note, the tag, the id; p == NULL: the action has none */
};

/* inbox_requests: how many requests the action takes; 0: this kind of source has no such thing. */
size_t inbox_requests(const struct source *source, const struct inbox_action *action);
/* inbox_request: the i-th. `before` is the id that the one before was answered with (a tag's). False with a fault: a value
   is missing, or the source lacks what it needs (an id to act as). */
bool inbox_request(const struct source *source, const struct inbox_action *action, size_t i,
                   struct json_object *scope, struct text before, int64_t now_ms, struct arena *arena,
                   struct inbox_request *out, struct fault *fault) CHECKED;
/* inbox_classify: how it ended. *id: what the answer is about, p == NULL if it does not say. OUTCOME_PAUSED: the token is
   refused. All actions may be repeated, so that nothing is unknown: no answer is OUTCOME_RETRY. */
enum outcome inbox_classify(int status, struct text body, struct arena *arena, struct text *id,
                            struct text *reason);
