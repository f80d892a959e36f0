/* Inbox actions: notes, tags, ... in the helpdesk that the entry came from. Each request is a row of `send`, stored before it leaves;
   it can be repeated without harm, so that nothing of it is ever unknown. */

#include "app/stage_run.h"

#include "base/log.h"
#include "core/doc.h"

#include <stdlib.h>

#define RETRY_BASE_MS 1000
#define RETRY_MAX_MS 60000
#define BODY_MAX (64u << 10)
#define LATER_MS 250

/* --- one request ------------------------------------------------------------------------------------------------------- */

/* The row's body: what is asked, without the token, and for people what it is for. */
static bool print_request(struct engine *engine, const struct inbox_action *action,
                          const struct inbox_request *request, struct text *out)
{
    struct json_object *doc = json_object_new_object();
    bool ok = doc && doc_add_text(doc, "action", text_of(inbox_kind_name(action->kind))) &&
              doc_add_text(doc, "value", request->value) &&
              doc_add_text(doc, "method", text_of(request->method)) &&
              doc_add_text(doc, "url", request->url) && doc_add_text(doc, "body", request->body);

    *out = ok ? doc_printed(doc, BODY_MAX, engine->arena) : TEXT_NONE;
    json_object_put(doc);
    return out->p;
}

/* The methods of core/inbox.c. */
static const char *method_of(struct json_object *doc)
{
    static const char *const methods[] = { "POST", "PUT", "PATCH" };

    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
        if (text_is(doc_str(doc, "method"), methods[i]))
            return methods[i];
    return "POST";
}

static struct request_mail *make_request(const struct going *going, const struct source *source,
                                         const struct send_row *send)
{
    struct job job = run_job(going->run, JOB_INBOX, send, text_of(source_name(source)));
    struct fault fault;
    struct json_object *doc = doc_parse(send->body, &fault);
    struct request_mail *request;

    request = doc ? engine_request(going->engine, &job) : NULL;
    if (request) {
        request->method = method_of(doc);
        request->url = text_dup(doc_str(doc, "url"));
        request->body = text_dup(doc_str(doc, "body"));
    }
    json_object_put(doc);
    if (request && request->body && fetch_prepare(going->engine, source, request))
        return request;
    if (request)
        mail_free(&request->mail);
    return NULL;
}

static enum go start(struct going *going, const struct source *source, const struct send_row *send)
{
    struct engine *engine = going->engine;
    struct source_state *state = engine_source(engine, text_of(source_name(source)));
    struct request_mail *request;

    if (engine->stopping)
        return run_stop_here(going);
    if (send->due_at > engine->now)
        return run_wait(going, send->due_at);
    if (!state || state->not_before > engine->now)
        return run_wait(going, state ? state->not_before : engine->now + LATER_MS);
    if (state->in_flight >= engine->generation->config->limits.fetches)
        return run_wait(going, engine->now + LATER_MS);
    request = make_request(going, source, send);
    if (!request)
        return run_wait(going, engine->now + LATER_MS);
    store_start_send(engine->store, send->run, send->step, send->n, send->attempt + 1, engine->owner,
                     engine->now);
    state->in_flight++;
    engine_post(engine, &request->mail);
    return GO_RELEASED;
}

/* --- a step -------------------------------------------------------------------------------------------------------------- */

/* The step's n-th request: of which action it is the i-th. NULL: there are no more. What the source cannot do is passed over. */
static const struct inbox_action *nth(const struct source *source, const struct step *step, size_t n,
                                      size_t *i)
{
    for (size_t k = 0; k < step->n_actions; k++) {
        size_t count = inbox_requests(source, &step->actions[k]);

        if (n < count) {
            *i = n;
            return &step->actions[k];
        }
        n -= count;
    }
    return NULL;
}

static void log_left_out(const struct going *going, const struct source *source, const struct step *step)
{
    for (size_t k = 0; k < step->n_actions; k++)
        if (inbox_requests(source, &step->actions[k]) == 0)
            log_warn("inbox action left out: this kind of source has none", log_num("run", going->run->id),
                     log_str("source", source_name(source)),
                     log_str("action", inbox_kind_name(step->actions[k].kind)));
}

static bool add_request(struct going *going, const struct source *source, const struct inbox_action *action,
                        size_t i, struct text before, struct send_row *row, struct fault *fault)
{
    struct engine *engine = going->engine;
    struct inbox_request request;

    if (!run_open(going, fault) ||
        !inbox_request(source, action, i, going->scope, before, engine->now, engine->arena, &request, fault))
        return false;
    row->channel = text_of(source_name(source));
    row->kind = SEND_INBOX;
    row->state = SEND_READY;
    if (!print_request(engine, action, &request, &row->body))
        return fault_set(fault, "out of memory");
    store_add_sends(engine->store, row, 1);
    return true;
}

static enum go next_request(struct going *going, const struct source *source, const struct step *step,
                            const struct send_row *sends, size_t n)
{
    struct send_row row = { .run = going->run->id, .step = going->run->step, .n = (int)n };
    struct text before = n ? sends[n - 1].reply_id : TEXT_NONE;
    const struct inbox_action *action;
    struct fault fault;
    size_t i = 0;

    if (n == 0)
        log_left_out(going, source, step);
    action = nth(source, step, n, &i);
    if (!action) {
        going->run->step++;
        return GO_ON;
    }
    if (!add_request(going, source, action, i, before, &row, &fault))
        return run_fault(going, &fault);
    return start(going, source, &row);
}

enum go inbox_step(struct going *going, const struct step *step)
{
    struct engine *engine = going->engine;
    struct fault fault = { "its source is not in the configuration any more" };
    const struct source *source = NULL;
    struct send_row *sends;
    size_t n;

    if (run_open(going, &fault))
        source = config_source(engine->generation->config, doc_str(going->scope, "source"));
    if (!source)
        return run_fault(going, &fault);
    n = store_step_sends(engine->store, going->run->id, going->run->step, engine->arena, &sends);
    for (size_t i = 0; i < n; i++)
        if (sends[i].state == SEND_SENDING)
            return GO_RELEASED;
        else if (sends[i].state < SEND_OK)
            return start(going, source, &sends[i]);
    return next_request(going, source, step, sends, n);
}

/* --- how it ended -------------------------------------------------------------------------------------------------------- */

static void log_result(const struct result_mail *result, enum outcome outcome, struct text reason)
{
    log_info("inbox", log_num("run", result->job.run), log_num("step", result->job.step),
             log_num("n", result->job.n), log_num("attempt", result->job.attempt),
             log_str("source", result->job.owner), log_str("outcome", outcome_name(outcome)),
             log_num("status", result->status), log_num("ms", result->took_ms), log_text("reason", reason));
}

/* When it is tried again; a refused token makes the whole source wait. */
static int64_t retry_at(struct engine *engine, struct source_state *state, const struct result_mail *result,
                        enum outcome outcome)
{
    if (outcome == OUTCOME_PAUSED && state) {
        fetch_refused(engine, state, result->status);
        return engine->now;
    }
    return engine->now + retry_delay(result->job.attempt, RETRY_BASE_MS, RETRY_MAX_MS, result->retry_after_ms,
                                     arc4random());
}

void inbox_settle(struct engine *engine, const struct result_mail *result)
{
    struct source_state *state = engine_source(engine, text_of(result->job.owner));
    struct text reason, id;
    enum outcome outcome =
        inbox_classify(result->whole ? result->status : 0, text_make(result->body, result->body_size),
                       engine->arena, &id, &reason);
    struct send_row row = run_send_of(&result->job);
    struct run_row run;

    log_result(result, outcome, reason);
    row.reply_id = id;
    row.reason = reason;
    row.state = outcome == OUTCOME_OK ? SEND_OK : outcome == OUTCOME_FAILED ? SEND_FAILED : SEND_READY;
    if (row.state == SEND_READY)
        row.due_at = retry_at(engine, state, result, outcome);
    else if (state)
        fetch_works(engine, state);
    if (!store_settle_send(engine->store, &row)) {
        settle_go_on(engine, result->job.chat);
        return;
    }
    if (outcome == OUTCOME_FAILED && store_get_run(engine->store, row.run, engine->arena, &run))
        (void)!run_failed(engine, &run, reason);
    settle_go_on(engine, result->job.chat);
}
