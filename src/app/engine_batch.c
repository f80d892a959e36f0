/* One batch, one transaction; and what is done when that fails. */

#include "app/engine_state.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/now.h"

#include <stdlib.h>
#include <string.h>

#define ASKED_AT_ONCE 256  /* so many notifications are worked on as they come, where most are answered */
#define COMPLAIN_MS 10000  /* between two lines about a store that does not work */
#define SPIN_MS 20         /* due work that cannot be claimed just now is looked at again after this */
#define BACKGROUND_US 5000 /* waiting work in a cycle without new notifications */
#define ASKED_US 20000     /* the same in any cycle, where most are answered */

/* --- one transaction ------------------------------------------------------------------------------------------- */

static void write_channels(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_channels; i++) {
        const struct channel_state *channel = &engine->channels[i];

        if (channel->new_penalty)
            store_penalize_channel(engine->store, text_of(channel->name), channel->not_before);
        if (channel->new_pause)
            store_pause_channel(engine->store, text_of(channel->name),
                                channel->paused[0] ? text_of(channel->paused) : TEXT_NONE);
    }
}

/* What waits gets a fifth of the time at least, and more when nothing new has come. */
static int64_t background_until(const struct engine *engine, const struct batch *batch)
{
    int64_t now = now_mono_us(), share = (now - engine->worked_us) / 4;

    if (engine_is_asked(engine))
        return now + ASKED_US;
    return now + (batch->n_accepts == 0 || share > BACKGROUND_US ? BACKGROUND_US : share);
}

static void run_stages(struct engine *engine, const struct batch *batch)
{
    stage_node(engine);
    stage_doubts(engine);
    stage_settle(engine, batch);
    node_look_back(engine);
    stage_accept(engine, batch);
    if (engine->entered.source)
        extract_entered(engine);
    if (!engine->careful) {
        stage_extract(engine, background_until(engine, batch));
        engine->worked_us = now_mono_us();
        engine_work_on(engine, WORK_NONE, 0);
        stage_upkeep(engine);
    }
    if (!engine->careful && !engine->stopping && node_may_send(engine)) {
        stage_fetch(engine);
        stage_send(engine);
    }
    engine_work_on(engine, WORK_NONE, 0);
    write_channels(engine);
}

/* Chats of a channel that lets nothing through just now wake nobody: the channel does, or the next result. */
static int64_t next_due(struct engine *engine)
{
    struct text *ready = arena_array(engine->arena, engine->n_channels + 1, sizeof(*ready));
    size_t n = 0;

    for (size_t i = 0; ready && i < engine->n_channels; i++)
        if (stage_send_room(engine, &engine->channels[i]) > 0)
            ready[n++] = text_of(engine->channels[i].name);
    return store_next_due(engine->store, ready, n, NULL);
}

/* What the transaction learned of channels, and spent of their rates, it never did. */
static void undo_channels(struct engine *engine)
{
    engine_restore_channels(engine);
    engine_pace_channels(engine); /* the number of nodes stays */
    engine_show_paused(engine);
    engine_show_breakers(engine);
}

static void undo(struct engine *engine)
{
    struct mail *mail = engine->outbox.head;

    engine->recount = engine->recount || engine->recounted;
    if (engine->recounted)
        engine->node.count_at = 0;
    for (; mail; mail = mail->next) {
        const struct job *job = &((struct request_mail *)mail)->job;

        if (mail->kind != MAIL_REQUEST)
            continue;
        (void)!engine_forget(engine, job);
        if (job->kind == JOB_SEND || job->kind == JOB_POLL)
            engine->sends_in_flight--;
        else if (job->kind == JOB_LOOKUP)
            lookup_count(engine, job, -1);
        else if (engine_source(engine, text_of(job->owner)))
            engine_source(engine, text_of(job->owner))->in_flight--;
    }
    undo_channels(engine);
    mail_free_all(engine->outbox.head);
    engine->outbox = (struct outbox){ NULL, &engine->outbox.head };
}

/* The counts may have changed by more than this transaction: they were read from the store at start, or after the command line. */
void engine_batch_show_counts(struct engine *engine)
{
    const struct store_counts *c = &engine->counts;

    for (int i = 0; i < RUN_STATES; i++) {
        if (engine->shown[i] == c->runs[i])
            continue;
        engine->shown[i] = c->runs[i];
        metrics_set(engine->setup.metrics, METRIC_RUNS, run_state_name((enum run_state)i), NULL,
                    (double)c->runs[i]);
    }
    metrics_set(engine->setup.metrics, METRIC_WAITING, "notifications", NULL, (double)c->notifications_new);
    metrics_set(engine->setup.metrics, METRIC_WAITING, "fetches", NULL, (double)c->entries_fetch);
}

static void count(struct engine *engine)
{
    struct store_counts *c = &engine->counts;
    const struct store_counts *d = &engine->delta;

    c->notifications_new += d->notifications_new;
    c->notifications_stuck += d->notifications_stuck;
    c->entries_fetch += d->entries_fetch;
    c->entries_unaddressed += d->entries_unaddressed;
    c->entries_stuck += d->entries_stuck;
    for (int i = 0; i < RUN_STATES; i++)
        c->runs[i] += d->runs[i];
    engine_batch_show_counts(engine);
}

/* A retry is no further message. */
static void count_follow_ups(struct engine *engine)
{
    for (const struct mail *mail = engine->outbox.head; mail; mail = mail->next) {
        const struct job *job = &((const struct request_mail *)mail)->job;

        if (mail->kind == MAIL_REQUEST && job->kind == JOB_SEND && job->attempt == 1)
            loopguard_count(&engine->loopguard, job->chat, engine->now);
    }
}

static void committed(struct engine *engine)
{
    struct mail *mail = engine->outbox.head;

    count_follow_ups(engine);
    engine->outbox = (struct outbox){ NULL, &engine->outbox.head };
    while (mail) {
        struct mail *next = mail->next;

        mailbox_post_reserved(engine->setup.out, mail);
        mail = next;
    }
    for (size_t i = 0; i < engine->n_channels; i++)
        engine->channels[i].new_penalty = engine->channels[i].new_pause = false;
    doubts_end(engine);
    if (engine->storing_hash)
        engine->stored_hash = engine->storing_hash;
    count(engine);
}

static enum store_status commit(struct engine *engine, struct fault *fault)
{
    int64_t begun = now_mono_us();
    enum store_status status = store_commit(engine->store, fault);

    metrics_observe(engine->setup.metrics, METRIC_COMMIT_SECONDS, (double)(now_mono_us() - begun) / 1e6);
    return status;
}

static enum store_status try_transaction(struct engine *engine, const void *what, struct fault *fault)
{
    const struct batch *batch = what;
    const unsigned long memory = memory_failures();
    enum store_status status;
    int64_t due = 0;

    engine_save_channels(engine);
    status = node_begin(engine, fault);
    memory_keep_reserve();
    engine->delta = (struct store_counts){ 0 };
    engine->work = (struct work){ WORK_NONE };
    engine->storing_hash = NULL;
    engine->recounted = false;
    if (status == STORE_OK) {
        engine_keep_time(engine);
        run_stages(engine, batch);
        if (!engine->more)
            due = next_due(engine);
        node_call(engine, engine->more || (due && due <= engine->now));
        if (memory_failures() != memory)
            store_give_up(engine->store, "out of memory");
        status = commit(engine, fault);
    }
    engine_tally_end(engine, status == STORE_OK);
    node_ended(engine, status == STORE_OK);
    if (status == STORE_IN_DOUBT)
        doubts_keep(engine);
    if (status == STORE_OK)
        committed(engine);
    else
        undo(engine);
    if (status == STORE_OK && due)
        engine_wake(engine, due > engine->now ? due : engine->now + SPIN_MS);
    return status;
}

/* What the transaction did not come to is looked for once more. */
static void look_again(struct engine *engine)
{
    engine->look_for_new = engine->look_for_fetches = engine->look_for_strays = engine->recount = true;
}

static enum store_status transaction(struct engine *engine, const struct batch *batch, struct fault *fault)
{
    return node_insist(engine, try_transaction, batch, fault);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static void answer(struct engine *engine, struct accept_mail *const *accepts, size_t n, bool stored)
{
    struct acks_mail *acks = n ? mail_new(MAIL_ACKS, sizeof(*acks) + n * sizeof(struct ack)) : NULL;

    if (!acks)
        return; /* the loop answers 503 by itself after its time */
    acks->stored = stored;
    acks->count = n;
    for (size_t i = 0; i < n; i++) {
        acks->acks[i] = (struct ack){ accepts[i]->request, accepts[i]->received_us };
        metrics_add(engine->setup.metrics, METRIC_NOTIFICATIONS, accepts[i]->source,
                    stored ? "stored" : "unavailable", 1);
    }
    mailbox_post_reserved(engine->setup.out, &acks->mail);
}

static void forget_accepts(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_accepts; i++)
        mail_free(&engine->accepts[i]->mail);
    engine->n_accepts = 0;
}

static void forget_results(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_results; i++)
        mail_free(&engine->results[i]->mail);
    engine->n_results = 0;
}

void engine_batch_store_works(struct engine *engine)
{
    if (!engine->store_down)
        return;
    engine->store_down = false;
    look_again(engine);
    log_warn("the store works again", log_num("results_kept", (int64_t)engine->n_results));
    health_set(engine->setup.health, HEALTH_STORE, NULL);
}

static void store_fails(struct engine *engine, const struct fault *fault)
{
    metrics_add(engine->setup.metrics, METRIC_STORE_FAILURES, NULL, NULL, 1);
    health_set(engine->setup.health, HEALTH_STORE, fault->text);
    engine_wake(engine, engine->now + ENGINE_STORE_RETRY_MS);
    if (engine->store_down && engine->now < engine->complain_at)
        return;
    engine->store_down = true;
    engine->complain_at = engine->now + COMPLAIN_MS;
    log_error("the store failed; webhooks are answered 503 until it works, results are kept",
              log_str("cause", fault->text), log_num("refused", (int64_t)engine->n_accepts));
}

/* --- the batch that a data error was in, item by item ------------------------------------------------------------- */

static enum store_status replay_accepts(struct engine *engine, struct fault *fault)
{
    for (size_t i = 0; i < engine->n_accepts; i++) {
        struct batch one = { .accepts = &engine->accepts[i], .n_accepts = 1 };
        enum store_status status = transaction(engine, &one, fault);

        if (status == STORE_BAD_DATA)
            log_error("a notification cannot be stored", log_str("source", engine->accepts[i]->source),
                      log_str("cause", fault->text));
        else if (status != STORE_OK)
            return status;
        answer(engine, &engine->accepts[i], 1, status == STORE_OK);
        engine->accepts[i]->request = 0; /* answered */
    }
    return STORE_OK;
}

static void end_work(struct engine *engine, const struct work *work, struct text reason)
{
    struct entry_row entry;

    if (work->kind == WORK_NOTIFICATION) {
        store_end_notification(engine->store, work->id, NOTIFICATION_STUCK, reason);
    } else if (work->kind == WORK_RUN) {
        store_set_run(engine->store, work->id, RUN_HELD, reason, engine->now);
    } else if (store_get_entry(engine->store, work->id, engine->arena, &entry)) {
        entry.state = ENTRY_STUCK;
        entry.reason = reason;
        entry.due_at = 0;
        store_update_entry(engine->store, &entry);
    }
}

/* What the store refused, and why. */
struct refused {
    struct work work;
    char reason[REASON_BYTES];
};

static enum store_status end_refused(struct engine *engine, const void *what, struct fault *fault)
{
    const struct refused *refused = what;
    enum store_status status = node_begin(engine, fault);

    if (status != STORE_OK)
        return status;
    end_work(engine, &refused->work, text_of(refused->reason));
    return store_commit(engine->store, fault);
}

/* What it was that the store refused is known: it is put where a person sees it, and the others go on. */
static enum store_status set_aside(struct engine *engine, struct fault *fault)
{
    static const char *const names[] = { "-", "notification", "entry", "run" };
    struct refused refused = { .work = engine->work };

    text_printable(text_of(fault->text), refused.reason, sizeof(refused.reason) - 1);
    log_error("data that the store refuses are set aside: see 'callbackd queue list'",
              log_str("kind", names[refused.work.kind]), log_num("id", refused.work.id),
              log_str("cause", refused.reason));
    return node_insist(engine, end_refused, &refused, fault);
}

/* What the answer says cannot be stored; what its status means can. */
static enum store_status replay_without_body(struct engine *engine, const struct batch *one,
                                             struct fault *fault)
{
    struct result_mail *result = engine->results[one->first_result];

    log_error("the body of an answer cannot be stored and is left out", log_num("run", result->job.run),
              log_num("entry", result->job.entry), log_str("cause", fault->text));
    result->body_size = 0;
    return transaction(engine, one, fault);
}

static enum store_status replay_results(struct engine *engine, struct fault *fault)
{
    for (size_t i = 0; i < engine->n_results; i++) {
        struct batch one = { .first_result = i, .n_results = 1 };
        enum store_status status = transaction(engine, &one, fault);

        if (status == STORE_BAD_DATA && engine->work.kind != WORK_NONE)
            status = set_aside(engine, fault);
        else if (status == STORE_BAD_DATA)
            status = replay_without_body(engine, &one, fault);
        if (status == STORE_BAD_DATA)
            log_error(
                "a result cannot be stored; its send stays as it is and becomes unknown at the next start",
                log_num("run", engine->results[i]->job.run), log_str("cause", fault->text));
        else if (status != STORE_OK)
            return status;
    }
    return STORE_OK;
}

/* First what came, each for itself and without anything that may follow from it; then what waits, as always. */
static enum store_status replay(struct engine *engine, struct fault *fault)
{
    const struct batch nothing = { .n_accepts = 0 };
    enum store_status status;

    engine->careful = true;
    status = replay_results(engine, fault);
    if (status == STORE_OK)
        forget_results(engine);
    if (status == STORE_OK)
        status = replay_accepts(engine, fault);
    engine->careful = false;
    look_again(engine);
    if (status == STORE_OK)
        status = transaction(engine, &nothing, fault);
    if (status == STORE_BAD_DATA && engine->work.kind != WORK_NONE)
        status = set_aside(engine, fault);
    engine->look_for_new = engine->look_for_fetches = engine->more = true;
    return status;
}

/* --- a batch -------------------------------------------------------------------------------------------------- */

static size_t unanswered(struct engine *engine)
{
    size_t n = 0;

    for (size_t i = 0; i < engine->n_accepts; i++) {
        if (engine->accepts[i]->request)
            engine->accepts[n++] = engine->accepts[i];
        else
            mail_free(&engine->accepts[i]->mail);
    }
    return engine->n_accepts = n;
}

void engine_batch_refuse(struct engine *engine, const struct fault *fault)
{
    answer(engine, engine->accepts, engine->n_accepts, false);
    store_fails(engine, fault);
    forget_accepts(engine);
}

void engine_batch_forget(struct engine *engine)
{
    forget_accepts(engine);
    forget_results(engine);
}

/* In a burst notifications are only stored, so that senders are acknowledged soon; but not one of taps: what waits is written twice,
   and customers wait for the answers. Nothing overtakes what waits already. */
static bool may_work_at_once(const struct engine *engine)
{
    size_t most = engine_is_asked(engine) ? ASKED_AT_ONCE : ENGINE_BURST - 1;

    /* Of many nodes each counts what it stored itself: others work that off, too. */
    return engine->n_accepts <= most &&
           (engine->node.joined ? !engine->look_for_new : engine->counts.notifications_new == 0);
}

/* Somebody has a chat for longer than is waited for (a customer is forgotten, psql has a transaction open): what came is stored at least,
   which needs no chat. Results are kept. */
static enum store_status store_only(struct engine *engine, struct fault *fault)
{
    const struct batch accepts = { .accepts = engine->accepts, .n_accepts = engine->n_accepts };
    enum store_status status;

    engine->careful = true;
    status = transaction(engine, &accepts, fault);
    engine->careful = false;
    look_again(engine);
    engine_wake(engine, engine->now + SPIN_MS);
    if (status == STORE_OK)
        answer(engine, engine->accepts, engine->n_accepts, true);
    return status;
}

void engine_batch_run(struct engine *engine)
{
    struct batch all = { .accepts = engine->accepts,
                         .n_accepts = engine->n_accepts,
                         .n_results = engine->n_results,
                         .at_once = may_work_at_once(engine) };
    struct fault fault = { "" };
    enum store_status status;

    engine->burst = engine->n_accepts >= ENGINE_BURST && !all.at_once && !engine_is_asked(engine);
    status = stage_extract_recover(engine, &fault);
    if (status == STORE_OK)
        status = transaction(engine, &all, &fault);
    if (status == STORE_OK) {
        answer(engine, engine->accepts, engine->n_accepts, true);
        forget_results(engine);
    } else if (status == STORE_AGAIN) {
        status = store_only(engine, &fault);
    } else if (status == STORE_BAD_DATA) {
        status = replay(engine, &fault);
        engine->n_accepts = unanswered(engine);
    }
    if (status == STORE_OK) {
        engine_batch_store_works(engine);
        forget_accepts(engine);
    } else {
        engine_batch_refuse(engine, &fault);
    }
}
