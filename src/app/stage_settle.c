/* T5: how requests ended. Guarded by attempt and state, so that a result counts once whatever happens. */

#include "app/stage_run.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_BASE_MS 1000
#define RETRY_MAX_MS 300000
#define FORBIDDEN_CHATS 3
#define PENALTY_BASE_MS 1000
#define PENALTY_MAX_MS 60000

/* 403 pauses the channel after three distinct chats without a success between. */
static void note_forbidden(struct engine *engine, struct channel_state *channel, int64_t chat,
                           struct text reason)
{
    for (int i = 0; i < channel->n_forbidden; i++)
        if (channel->forbidden[i] == chat)
            return;
    if (channel->n_forbidden < FORBIDDEN_CHATS)
        channel->forbidden[channel->n_forbidden++] = chat;
    if (channel->n_forbidden == FORBIDDEN_CHATS)
        engine_pause(engine, channel, reason);
}

static void note_failure(struct engine *engine, struct channel_state *channel, int64_t took_ms,
                         struct text reason)
{
    if (!breaker_failed(&channel->breaker, engine->now, took_ms))
        return;
    text_printable(reason, channel->broken, sizeof(channel->broken) - 1);
    log_warn("BREAKER OPEN: the channel does not answer; one request at a time asks it until it does",
             log_str("channel", channel->name), log_str("reason", channel->broken));
    engine_show_breakers(engine);
}

static void note_answer(struct engine *engine, struct channel_state *channel, int64_t took_ms)
{
    if (!breaker_worked(&channel->breaker, engine->now, took_ms))
        return;
    log_warn("breaker closed: the channel answers again", log_str("channel", channel->name));
    engine_show_breakers(engine);
}

/* A 429 is of the whole channel. Without a time each further one doubles the last; of those that were under way together one counts.
   Behind it stands no burst, which would only bring the next. */
static void penalize(struct engine *engine, struct channel_state *channel, int64_t told_ms, int64_t took_ms)
{
    int64_t at;

    if (told_ms < 0 && (!channel->penalty_ms || engine->now - took_ms > channel->penalized_at)) {
        channel->penalty_ms = channel->penalty_ms ? 2 * channel->penalty_ms : PENALTY_BASE_MS;
        if (channel->penalty_ms > PENALTY_MAX_MS)
            channel->penalty_ms = PENALTY_MAX_MS;
        channel->penalized_at = engine->now;
    }
    at = told_ms < 0 ? channel->penalized_at + channel->penalty_ms : engine->now + told_ms;
    if (at <= channel->not_before)
        return;
    channel->not_before = at;
    channel->new_penalty = true;
    pace_empty(&channel->pace, at);
}

/* Nobody was there who works, or nobody knows. */
static bool is_failure(const struct result_mail *result, const struct verdict *verdict)
{
    return verdict->outcome == OUTCOME_UNKNOWN ||
           (verdict->outcome == OUTCOME_RETRY && verdict->retry_after_ms < 0 &&
            (result->status == 0 || result->status >= 500));
}

void settle_channel(struct engine *engine, const struct result_mail *result, const struct verdict *verdict)
{
    const struct channel_state *known = engine_channel(engine, text_of(result->job.owner));
    struct channel_state *channel;
    const bool sends =
        result->job.kind == JOB_SEND; /* that a message's status can be read says nothing of sending */

    if (!known)
        return;
    channel = engine_change_channel(engine, known);
    if (is_failure(result, verdict))
        note_failure(engine, channel, result->took_ms, verdict->reason);
    else if (sends || channel->breaker.state != BREAKER_CLOSED)
        note_answer(engine, channel, result->took_ms);
    if (sends && (verdict->outcome == OUTCOME_OK || verdict->outcome == OUTCOME_REJECTED)) {
        channel->penalty_ms = 0;
        engine_open(engine, channel);
    } else if (verdict->outcome == OUTCOME_PAUSED) {
        engine_pause(engine, channel, verdict->reason);
    } else if (verdict->outcome == OUTCOME_FORBIDDEN) {
        note_forbidden(engine, channel, result->job.chat, verdict->reason);
    } else if (verdict->outcome == OUTCOME_RETRY && (verdict->retry_after_ms >= 0 || result->status == 429)) {
        penalize(engine, channel, verdict->retry_after_ms, result->took_ms);
    }
}

static void log_attempt(const struct result_mail *result, const struct verdict *verdict)
{
    enum log_level level = verdict->outcome == OUTCOME_OK ? LOG_INFO : LOG_WARN;

    log_write(level, "send",
              (struct log_field[]){ log_num("run", result->job.run),
                                    log_num("chat", result->job.chat),
                                    log_num("attempt", result->job.attempt),
                                    log_str("channel", result->job.owner),
                                    log_str("outcome", outcome_name(verdict->outcome)),
                                    log_num("status", result->status),
                                    log_num("ms", result->took_ms),
                                    log_text("request_id", verdict->request_id),
                                    log_text("reason", verdict->reason),
                                    { NULL } });
}

static struct send_row make_row(struct engine *engine, const struct result_mail *result,
                                const struct verdict *verdict)
{
    static const enum send_state states[OUTCOMES] = {
        [OUTCOME_OK] = SEND_OK,
        [OUTCOME_RETRY] = SEND_READY,
        [OUTCOME_REJECTED] = SEND_REJECTED,
        [OUTCOME_FAILED] = SEND_FAILED,
        [OUTCOME_UNKNOWN] = SEND_UNKNOWN,
        [OUTCOME_PAUSED] = SEND_READY,
        [OUTCOME_FORBIDDEN] = SEND_READY,
    };
    struct send_row row = run_send_of(&result->job);

    row.state = states[verdict->outcome];
    row.reply_id = verdict->reply_id;
    row.status_url = verdict->status_url;
    row.reason = verdict->reason;
    if (verdict->outcome == OUTCOME_RETRY || verdict->outcome == OUTCOME_FORBIDDEN)
        row.due_at = engine->now + retry_delay(result->job.attempt, RETRY_BASE_MS, RETRY_MAX_MS,
                                               verdict->retry_after_ms, arc4random());
    return row;
}

void settle_unknown(struct engine *engine, const struct run_row *run, struct send_row *row)
{
    const struct rule *rule = engine_rule(engine, run);
    enum unknown_send policy = rule ? rule->unknown_send : UNKNOWN_DROP;
    bool is_asked;

    if (row->kind != SEND_MESSAGE) /* the customer sees nothing of it: it is done again */
        policy = UNKNOWN_RESEND;

    row->state = policy == UNKNOWN_RESEND ? SEND_READY : SEND_UNKNOWN;
    row->due_at = 0;
    if (policy == UNKNOWN_RESEND)
        row->due_at = engine->now + retry_delay(row->attempt, RETRY_BASE_MS, RETRY_MAX_MS, -1, arc4random());
    is_asked = policy == UNKNOWN_POLL && poll_begin(engine, row);
    if (!store_settle_send(engine->store, row))
        return;
    if (policy == UNKNOWN_RESEND && row->kind == SEND_MESSAGE)
        engine_tally(engine, METRIC_RESENDS, arena_str(engine->arena, row->channel), NULL);
    if (policy == UNKNOWN_POLL && !is_asked)
        engine_set_run(engine, run, RUN_HELD,
                       REASON("a request left, no answer came, and no id to ask for: " UNKNOWN_HELD));
}

void settle_end(struct engine *engine, struct run_row *run, enum outcome outcome, struct text reason)
{
    if (outcome == OUTCOME_REJECTED)
        engine_set_run(engine, run, RUN_REJECTED, reason);
    else if (outcome == OUTCOME_FAILED)
        (void)!run_failed(engine, run, reason);
}

static void late(struct engine *engine, const struct result_mail *result, const struct verdict *verdict,
                 const struct send_row *row)
{
    bool noted = verdict->outcome == OUTCOME_OK && store_amend_send(engine->store, row);

    log_warn("a late answer", log_num("run", result->job.run), log_num("attempt", result->job.attempt),
             log_str("outcome", outcome_name(verdict->outcome)), log_str("noted", noted ? "yes" : "no"));
}

/* The others leave the run as it is. */
static bool needs_run(enum outcome outcome)
{
    return outcome == OUTCOME_UNKNOWN || outcome == OUTCOME_REJECTED || outcome == OUTCOME_FAILED;
}

struct answer settle_answer(const struct result_mail *result)
{
    return (struct answer){ .left = result->left,
                            .status = result->status,
                            .whole = result->whole,
                            .retry_after_ms = result->retry_after_ms,
                            .body = text_make(result->body, result->body_size),
                            .error = result->error };
}

static void settle_send(struct engine *engine, const struct result_mail *result)
{
    const struct answer answer = settle_answer(result);
    struct verdict verdict;
    struct send_row row;
    struct run_row run;

    outcome_classify(&answer, engine->arena, &verdict);
    row = make_row(engine, result, &verdict);
    log_attempt(result, &verdict);
    engine_tally(engine, METRIC_SENDS, result->job.owner, outcome_name(verdict.outcome));
    settle_channel(engine, result, &verdict);
    if (needs_run(verdict.outcome) && !store_get_run(engine->store, result->job.run, engine->arena, &run)) {
        settle_go_on(engine, result->job.chat); /* the store lost the run, and the chat may be ours still */
        return;
    }
    if (verdict.outcome == OUTCOME_UNKNOWN) {
        row.channel = text_of(result->job.owner);
        settle_unknown(engine, &run, &row);
    } else if (!store_settle_send(engine->store, &row)) {
        late(engine, result, &verdict, &row);
        settle_go_on(engine, result->job.chat); /* whoever ended the send may have left the chat to us */
        return;
    }
    if (verdict.outcome == OUTCOME_OK)
        engine_tally_seconds(engine, METRIC_REPLY_SECONDS,
                             (double)(engine->now - result->job.stored_at) / 1e3);
    if (needs_run(verdict.outcome))
        settle_end(engine, &run, verdict.outcome, verdict.reason);
    settle_go_on(engine, result->job.chat);
}

void settle_go_on(struct engine *engine, int64_t id)
{
    struct chat_row chat;

    if (!store_get_chat(engine->store, id, engine->arena, &chat) || chat.owner != engine->owner)
        return;
    if (engine->careful)
        store_release_chat(engine->store, chat.id, engine->now, chat.not_before);
    else
        run_work(engine, &chat);
}

static void prefetch(struct engine *engine, const struct batch *batch)
{
    int64_t *chats = arena_array(engine->arena, batch->n_results + 1, sizeof(*chats));
    size_t n = 0;

    for (size_t i = 0; chats && i < batch->n_results; i++) {
        const struct job *job = &engine->results[batch->first_result + i]->job;

        if (job->kind != JOB_FETCH)
            chats[n++] = job->chat;
    }
    if (n)
        store_prefetch_chats(engine->store, chats, n);
}

void stage_settle(struct engine *engine, const struct batch *batch)
{
    prefetch(engine, batch);
    for (size_t i = 0; i < batch->n_results && !store_failed(engine->store); i++) {
        const struct result_mail *result = engine->results[batch->first_result + i];

        engine_work_on(engine, WORK_NONE, 0);
        if (result->job.kind == JOB_SEND)
            settle_send(engine, result);
        else if (result->job.kind == JOB_POLL)
            poll_settle(engine, result);
        else if (result->job.kind == JOB_INBOX)
            inbox_settle(engine, result);
        else if (result->job.kind == JOB_LOOKUP)
            lookup_settle(engine, result);
    }
    if (!store_failed(engine->store))
        fetch_settle(engine, batch);
    engine_work_on(engine, WORK_NONE, 0);
}
