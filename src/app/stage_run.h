#pragma once

/* A run on its way through the steps of its rule. Private to app/stage_*.c and app/sandbox.c.

   What a run keeps is its document: { user, data, how, scope, captures }, and once it needs them: gotos (where each `goto` led:
   [ { rule, base } ]), failed and failed_at (why on_error runs, from which step on), missed and missed_at (not_found), refused
   (why on_refused runs). Its step counts on over the rules that it goes through: `base` is that of the first step of the rule
   where it is, so that no two of its sends have the same place. */

#include "app/engine_state.h"

enum go {
    GO_ON,       /* the run's next step */
    GO_ENDED,    /* the chat's next run */
    GO_RELEASED, /* nothing more for now */
};

struct going {
    struct engine *engine;
    struct chat_row *chat;
    struct run_row *run;
    const struct rule *rule; /* whose steps it goes through now */
    int base;
    size_t gotos; /* that led there; of a run that is tried again the document may know more */
    struct json_object *doc, *scope; /* NULL: not read yet */
    bool changed;                    /* the document is to be stored */
    bool made;                       /* made in this transaction: nothing was sent yet */
};

/* run_open: reads the document, and makes the scope: what the run has kept, its captures, the chat's variables, and what
   changes with time. False with a fault. */
bool run_open(struct going *going, struct fault *fault) CHECKED;
/* run_fail: a step came to nothing: on_error runs, once; else the run ends. run_fault: for the reason that the fault says. */
enum go run_fail(struct going *going, struct text reason);
enum go run_fault(struct going *going, const struct fault *fault);
/* run_not_found: a lookup found nothing: not_found runs, once; else as run_fail. run_knows_not_found: it would run. */
enum go run_not_found(struct going *going, struct text reason);
bool run_knows_not_found(struct going *going);
/* run_keep_answer: what a lookup found, under the name that the rule gives it; takes the value. False: there is too much of it. */
bool run_keep_answer(struct going *going, const char *as, struct json_object *value) CHECKED;
/* run_resume: where a stored run is. False: its rules cannot be had. run_store: its place and document, and the end. */
bool run_resume(struct going *going, struct engine *engine, struct run_row *run) CHECKED;
void run_store(struct going *going);
void run_close(struct going *going);
/* run_hold: a person has to look. */
enum go run_hold(struct going *going, const char *reason);
/* run_release: the chat is looked at again at due_at; 0: when something comes. run_wait: the run's, and nothing more for now. */
void run_release(struct engine *engine, const struct chat_row *chat, int64_t due_at);
enum go run_wait(const struct going *going, int64_t due_at);
/* run_stop_here: while stopping a run may end, but no request begins. */
enum go run_stop_here(const struct going *going);

/* run_job: the next attempt at a send of the run, for a channel, a source or a lookup of that name. run_send_of: the row that a
   result settles, but for how it ended. */
struct job run_job(const struct run_row *run, enum job_kind kind, const struct send_row *send,
                   struct text owner);
struct send_row run_send_of(const struct job *job);

/* The kinds of steps that ask somebody outside; each gives GO_ON when all of it is done. */
enum go send_step(struct going *going, const struct step *step);
/* send_prepare: headers, times and bounds of a request to the channel. False when memory is out (or there is no url). */
bool send_prepare(const struct engine *engine, const struct config_channel *channel,
                  struct request_mail *request) CHECKED;
/* send_ready_at: when the channel lets a request through: now, or later. send_wait: for that, or for when the send is due.
   send_leave: the request leaves. */
int64_t send_ready_at(const struct engine *engine, const struct channel_state *state);
enum go send_wait(const struct going *going, const struct channel_state *state, const struct send_row *send,
                  int64_t at);
void send_leave(struct engine *engine, const struct config_channel *channel,
                const struct channel_state *known, struct request_mail *request);
/* stage_poll.c: what became of a send that is unknown, though its answer gave an id. poll_begin: from now on, or in a moment, Octopods is
   asked, which row->due_at says then; false: there is no id to ask for. poll_waits: is that so of the send? poll_ask: asks when it is due. */
bool poll_begin(const struct engine *engine, struct send_row *row);
bool poll_waits(const struct send_row *send);
enum go poll_ask(struct going *going, struct send_row *send);
enum go lookup_step(struct going *going, const struct step *step);
enum go inbox_step(struct going *going, const struct step *step);
