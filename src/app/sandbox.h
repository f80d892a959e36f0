#pragma once

/* The daemon's engine on a store in memory, without a thread, network or disk: entries are handed in, requests are taken out and
   answered at once, and time only moves when it is told to. For `try`, `test` and `chat`. */

#include "app/engine.h"
#include "app/mail.h"
#include "core/entry.h"
#include "store/store.h"

struct sandbox;

/* Who answers a lookup. */
enum sandbox_by {
    SANDBOX_SAMPLE, /* its sample in the rules */
    SANDBOX_GIVEN,  /* whoever uses the sandbox says what */
    SANDBOX_LIVE,   /* the shop itself */
};

struct sandbox_setup {
    struct generation *generation; /* the sandbox takes a reference of its own */
    const char *source, *channel;  /* NULL: the first source, its channel */
    int64_t start_at;              /* Unix ms, not 0 */
    /* Says who answers, and fills in the result, unless it is the sample. NULL: always the sample. */
    enum sandbox_by (*lookup)(void *context, const struct request_mail *request, struct result_mail *result);
    /* Is it said that this lookup fails? NULL: none is. */
    bool (*lookup_fails)(void *context, const char *name);
    void *context;                    /* of both */
    const struct engine_watch *watch; /* NULL: nobody watches; must outlive the sandbox */
};

/* sandbox_new: NULL with a fault. */
struct sandbox *sandbox_new(const struct sandbox_setup *setup, struct fault *fault) CHECKED;
void sandbox_free(struct sandbox *sandbox);
int64_t sandbox_now(const struct sandbox *sandbox);
/* sandbox_advance: lets time pass, up to 2039, where ids end. */
void sandbox_advance(struct sandbox *sandbox, int64_t ms);
/* What is kept of a chat. */
struct sandbox_chat {
    const struct variable_row *variables; /* what rules set */
    size_t n_variables;
    int64_t quiet_until; /* until then presses only; 0: it is not quiet */
};

/* sandbox_look: at the chat of this user, now; lives as long as the sandbox. False with a fault. */
bool sandbox_look(struct sandbox *sandbox, struct text user_id, struct sandbox_chat *out,
                  struct fault *fault) CHECKED;
/* sandbox_forget_answers: lookups that may use an answer again ask anew: others would be answered now. */
void sandbox_forget_answers(struct sandbox *sandbox);

struct sandbox_entry {
    enum entry_kind kind;
    struct text data, user_id;
    struct text contact; /* a JSON object: what rules see as `contact`; p == NULL: none */
    struct attachment attachment;
};

/* One request to Octopods: message n of the rule's step. */
struct sandbox_sent {
    struct text rule, channel, body;
    int step, n;
};

/* Something that was done in the helpdesk. */
struct sandbox_action {
    struct text action, value; /* "note" and its words; value p == NULL: it has none */
};

/* A lookup that was asked. */
struct sandbox_asked {
    struct text name, url;
    struct text body; /* of a POST; p == NULL: none */
    enum sandbox_by by;
    int status; /* 0: there was no answer */
    int64_t took_ms;
    struct text error; /* why there was none */
};

struct sandbox_outcome {
    struct text rule, how;    /* the first that took it; p == NULL: none. how: "tap", "text", "default" */
    struct text captures;     /* JSON object; p == NULL: no run */
    enum run_state run_state; /* if there is a rule; of several runs the first that did not end well */
    struct text reason;       /* why there is no run, or why it did not end well; p == NULL: it did */
    const struct text *rules; /* all that took it, in their order */
    size_t n_rules;
    const struct sandbox_sent *sent;
    size_t n_sent;
    const struct sandbox_action *actions;
    size_t n_actions;
    const struct sandbox_asked *asked;
    size_t n_asked;
    struct text chat;    /* the chat's variables: a JSON object; p == NULL: none */
    struct text refused; /* "not_issued", "used", "expired"; p == NULL: it was not */
    struct text missed,
        failed; /* of the first run: why its not_found, its on_error ran; p == NULL: it did not */
};

/* sandbox_enter: an entry now, and all that follows from it. Time moves on as far as the rates want it. What `out` points to
   lives as long as the sandbox. False with a fault when memory is out or there is no end to it. */
bool sandbox_enter(struct sandbox *sandbox, const struct sandbox_entry *entry, struct sandbox_outcome *out,
                   struct fault *fault) CHECKED;
