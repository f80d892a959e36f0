/* T5, `unknown_send: poll`: of a send that is unknown, but whose answer gave an id, Octopods is asked what became of the message.

   It stays `unknown` meanwhile, with the time of the next request in due_at, and its run stays the head of its chat. That a request is
   under way is stored nowhere: after a crash, on another node, or where the store lost the answer, whoever has the chat next asks
   again. */

#include "app/stage_run.h"

#include "base/log.h"
#include "core/address.h"
#include "core/filter.h"

#include <stdlib.h>

#define STATUS_PATH "/api/v1/telegram/messages/"
#define FIRST_MS 2000
/* What is not known is to be asked again after 10 to 30 s, say Octopods' pages. */
#define LEAST_MS 10000
#define MOST_MS 30000
#define LONGEST_MS 300000 /* since it was sent */

bool poll_begin(const struct engine *engine, struct send_row *row)
{
    row->due_at = row->status_url.p || row->reply_id.p ? engine->now + FIRST_MS : 0;
    return row->due_at;
}

bool poll_waits(const struct send_row *send)
{
    return send->state == SEND_UNKNOWN && send->due_at && (send->status_url.p || send->reply_id.p);
}

static void hold(struct engine *engine, const struct run_row *run, struct send_row *send, struct text reason)
{
    send->due_at = 0;
    if (store_amend_send(engine->store, send))
        engine_set_run(engine, run, RUN_HELD, reason);
}

/* --- asking ------------------------------------------------------------------------------------------------------------ */

/* Where the answer says, or where Octopods has the status of each message. NULL when memory is out. */
static char *status_url(const struct config_channel *channel, const struct send_row *send)
{
    struct buf url = BUF(4096);

    if (send->status_url.p) {
        buf_text(&url, send->status_url);
    } else {
        buf_printf(&url, "%s%s", channel->url, STATUS_PATH);
        filter_encode(send->reply_id, &url);
    }
    return buf_take(&url);
}

static struct request_mail *make_request(struct engine *engine, const struct config_channel *channel,
                                         const struct run_row *run, const struct send_row *send)
{
    struct job job = run_job(run, JOB_POLL, send, send->channel);
    struct request_mail *request;

    job.attempt = send->attempt;
    request = engine_request(engine, &job);
    if (!request)
        return NULL;
    request->method = "GET";
    request->url = status_url(channel, send);
    if (send_prepare(engine, channel, request))
        return request;
    mail_free(&request->mail);
    return NULL;
}

/* The key goes where the configuration says, and nowhere else. */
static bool leads_elsewhere(const struct config_channel *channel, const struct send_row *send)
{
    return send->status_url.p && !address_same_server(send->status_url, text_of(channel->url));
}

enum go poll_ask(struct going *going, struct send_row *send)
{
    struct engine *engine = going->engine;
    const struct config_channel *channel = config_channel(engine->generation->config, send->channel);
    const struct channel_state *state = engine_channel(engine, send->channel);
    struct request_mail *request;
    int64_t at;

    if (engine->stopping)
        return run_stop_here(going);
    if (!channel || !state) {
        hold(engine, going->run, send,
             REASON("a request left, and its channel is not in the configuration any more: " UNKNOWN_HELD));
        return GO_ENDED;
    }
    if (state->paused[0]) /* one message at a time finds out whether it works again, and no question */
        return run_wait(going, engine->now + LEAST_MS);
    if (leads_elsewhere(channel, send)) {
        hold(engine, going->run, send,
             REASON(
                 "a request left, and its status URL is not on the server of the channel's url, which alone "
                 "gets the key: " UNKNOWN_HELD));
        return GO_ENDED;
    }
    at = send_ready_at(engine, state);
    if (send->due_at > at)
        at = send->due_at;
    request = at <= engine->now ? make_request(engine, channel, going->run, send) : NULL;
    if (!request)
        return send_wait(going, state, send, at);
    send_leave(engine, channel, state, request);
    return GO_RELEASED;
}

/* --- the answer -------------------------------------------------------------------------------------------------------- */

static void log_poll(const struct result_mail *result, const struct verdict *verdict)
{
    log_info("poll", log_num("run", result->job.run), log_num("chat", result->job.chat),
             log_num("attempt", result->job.attempt), log_str("channel", result->job.owner),
             log_str("outcome", outcome_name(verdict->outcome)), log_num("status", result->status),
             log_num("ms", result->took_ms), log_text("reason", verdict->reason));
}

static bool find_send(struct engine *engine, const struct job *job, struct send_row *out)
{
    struct send_row *sends;
    size_t n = store_step_sends(engine->store, job->run, job->step, engine->arena, &sends);

    for (size_t i = 0; i < n; i++)
        if (sends[i].n == job->n && sends[i].attempt == job->attempt) {
            *out = sends[i];
            return true;
        }
    return false;
}

static int64_t next_at(const struct engine *engine, const struct verdict *verdict)
{
    int64_t wait = LEAST_MS + arc4random_uniform(MOST_MS - LEAST_MS);

    return engine->now + (wait < verdict->retry_after_ms ? verdict->retry_after_ms : wait);
}

/* It is known now: the run goes on, or comes to an end. */
static void conclude(struct engine *engine, struct run_row *run, struct send_row *send,
                     const struct verdict *verdict)
{
    send->state = verdict->outcome == OUTCOME_OK         ? SEND_OK
                  : verdict->outcome == OUTCOME_REJECTED ? SEND_REJECTED
                                                         : SEND_FAILED;
    send->due_at = 0;
    if (!store_amend_send(engine->store, send))
        return;
    if (verdict->outcome == OUTCOME_OK)
        engine_tally_seconds(engine, METRIC_REPLY_SECONDS, (double)(engine->now - run->stored_at) / 1e3);
    if (run->ended_at == 0) /* it may have, meanwhile */
        settle_end(engine, run, verdict->outcome, verdict->reason);
}

static void apply(struct engine *engine, struct run_row *run, struct send_row *send,
                  const struct verdict *verdict)
{
    send->reason = verdict->reason;
    if (verdict->outcome != OUTCOME_RETRY) {
        conclude(engine, run, send, verdict);
    } else if (engine->now - send->sent_at >= LONGEST_MS) {
        hold(engine, run, send,
             REASON("a request left, and Octopods does not say what became of it: " UNKNOWN_HELD));
    } else {
        send->due_at = next_at(engine, verdict);
        (void)!store_amend_send(engine->store, send);
    }
}

void poll_settle(struct engine *engine, const struct result_mail *result)
{
    const struct answer answer = settle_answer(result);
    struct verdict verdict;
    struct send_row send;
    struct run_row run;

    outcome_of_status(&answer, engine->arena, &verdict);
    log_poll(result, &verdict);
    engine_tally(engine, METRIC_POLLS, result->job.owner, outcome_name(verdict.outcome));
    settle_channel(engine, result, &verdict);
    if (find_send(engine, &result->job, &send) &&
        store_get_run(engine->store, result->job.run, engine->arena, &run))
        apply(engine, &run, &send, &verdict);
    settle_go_on(engine, result->job.chat);
}
