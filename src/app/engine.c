#include "app/engine.h"

#include "app/engine_state.h"
#include "base/log.h"
#include "base/now.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_ITEMS 512
#define BATCH_BYTES (8u << 20)
#define ARENA_MAX (256u << 20)
#define AT_ONCE_MAX 16     /* accepts that are stored, matched and claimed in one transaction */
#define LOOK_MS 250        /* how often the command line's changes are looked for */
#define SPIN_MS 20         /* due work that cannot be claimed just now is looked at again after this */
#define BACKGROUND_US 5000 /* waiting work in a cycle without new notifications */
#define STORE_RETRY_MS 1000

/* --- state that the stages use --------------------------------------------------------------------------------- */

struct channel_state *engine_channel(struct engine *engine, struct text name)
{
    for (size_t i = 0; i < engine->n_channels; i++)
        if (text_is(name, engine->channels[i].name))
            return &engine->channels[i];
    return NULL;
}

struct source_state *engine_source(struct engine *engine, struct text name)
{
    for (size_t i = 0; i < engine->n_sources; i++)
        if (text_is(name, engine->sources[i].name))
            return &engine->sources[i];
    return NULL;
}

static struct ruleset *load_ruleset(struct engine *engine, struct text hash)
{
    struct ruleset *ruleset = NULL;
    struct fault fault;
    struct text source;

    if (store_get_ruleset(engine->store, hash, engine->arena, &source))
        ruleset = ruleset_read(source, &fault);
    else
        fault_set(&fault, "the store does not have it");
    if (!ruleset)
        log_error("a run's rules cannot be loaded", log_str("cause", fault.text));
    return ruleset;
}

static const struct ruleset *old_ruleset(struct engine *engine, struct text hash)
{
    struct old_ruleset *oldest = &engine->old[0];

    for (int i = 0; i < OLD_RULESETS; i++) {
        struct old_ruleset *old = &engine->old[i];

        if (old->ruleset && text_eq(ruleset_hash(old->ruleset), hash)) {
            old->used_at = engine->now;
            return old->ruleset;
        }
        if (!old->ruleset || old->used_at < oldest->used_at)
            oldest = old;
    }
    ruleset_free(oldest->ruleset);
    *oldest = (struct old_ruleset){ load_ruleset(engine, hash), engine->now };
    return oldest->ruleset;
}

const struct rule *engine_rule(struct engine *engine, const struct run_row *run)
{
    const struct ruleset *ruleset = engine->generation->ruleset;

    if (!text_eq(ruleset_hash(ruleset), run->ruleset))
        ruleset = old_ruleset(engine, run->ruleset);
    return ruleset ? ruleset_find(ruleset, run->rule) : NULL;
}

void engine_post(struct engine *engine, struct mail *mail)
{
    mail->next = NULL;
    *engine->outbox.tail = mail;
    engine->outbox.tail = &mail->next;
}

void engine_wake(struct engine *engine, int64_t at)
{
    if (engine->wake_at == 0 || at < engine->wake_at)
        engine->wake_at = at;
}

void engine_set_run(struct engine *engine, const struct run_row *run, enum run_state state,
                    struct text reason)
{
    if (!store_set_run(engine->store, run->id, state, reason, engine->now))
        return;
    engine->delta.runs[run->state]--;
    engine->delta.runs[state]++;
    log_info("run", log_num("run", run->id), log_num("chat", run->chat), log_text("rule", run->rule),
             log_str("state", run_state_name(state)), log_text("reason", reason));
}

void engine_show_paused(struct engine *engine)
{
    struct buf line = BUF(2000);

    for (size_t i = 0; i < engine->n_channels; i++) {
        const struct channel_state *channel = &engine->channels[i];

        metrics_set(engine->setup.metrics, METRIC_PAUSED, channel->name, NULL, channel->paused[0] != '\0');
        if (channel->paused[0])
            buf_printf(&line, "%schannel %s: %s", line.len ? "; " : "", channel->name, channel->paused);
    }
    for (size_t i = 0; i < engine->n_sources; i++) {
        const struct source_state *source = &engine->sources[i];

        metrics_set(engine->setup.metrics, METRIC_SOURCE_PAUSED, source->name, NULL,
                    source->paused[0] != '\0');
        if (source->paused[0])
            buf_printf(&line, "%ssource %s: %s", line.len ? "; " : "", source->name, source->paused);
    }
    health_set(engine->setup.health, HEALTH_PAUSED, line.len ? line.data : NULL);
    buf_free(&line);
}

void engine_pause(struct engine *engine, struct channel_state *channel, struct text reason)
{
    channel->probe_at = engine->now + 60000;
    engine_wake(engine, channel->probe_at);
    if (channel->paused[0])
        return;
    text_printable(reason, channel->paused, sizeof(channel->paused) - 1);
    channel->dirty = true;
    log_error(
        "CHANNEL PAUSED: its follow-ups wait, nothing is lost; mend the cause, then reload (SIGHUP) or run "
        "'callbackd queue release --channel NAME'",
        log_str("channel", channel->name), log_text("reason", reason));
    engine_show_paused(engine);
}

void engine_open(struct engine *engine, struct channel_state *channel)
{
    channel->n_forbidden = 0;
    if (!channel->paused[0])
        return;
    channel->paused[0] = '\0';
    channel->dirty = true;
    engine->more = true;
    log_warn("channel works again", log_str("channel", channel->name));
    engine_show_paused(engine);
}

/* --- one transaction ------------------------------------------------------------------------------------------- */

static void write_channels(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_channels; i++) {
        const struct channel_state *channel = &engine->channels[i];

        if (channel->dirty)
            store_put_channel(engine->store, &(struct channel_row){
                                                 text_of(channel->name), channel->not_before,
                                                 channel->paused[0] ? text_of(channel->paused) : TEXT_NONE });
    }
}

/* What waits gets a fifth of a cycle at least, and more when nothing new has come. */
static int64_t background_until(const struct engine *engine, const struct batch *batch, int64_t begun_us)
{
    int64_t now = now_mono_us(), share = (now - begun_us) / 4;

    (void)engine;
    return now + (batch->n_accepts == 0 && share < BACKGROUND_US ? BACKGROUND_US : share);
}

static void run_stages(struct engine *engine, const struct batch *batch)
{
    int64_t begun = now_mono_us();

    stage_settle(engine, batch);
    stage_accept(engine, batch);
    if (batch->background) {
        stage_extract(engine, background_until(engine, batch, begun));
        stage_upkeep(engine);
    }
    if (!engine->stopping) {
        stage_fetch(engine);
        stage_send(engine);
    }
    write_channels(engine);
}

static int64_t next_due(struct engine *engine)
{
    struct text skip[64];
    size_t n = 0;

    for (size_t i = 0; i < engine->n_channels && n < 64; i++)
        if (engine->channels[i].paused[0])
            skip[n++] = text_of(engine->channels[i].name);
    return store_next_due(engine->store, skip, n);
}

static void undo(struct engine *engine)
{
    struct mail *mail = engine->outbox.head;

    for (; mail; mail = mail->next) {
        const struct job *job = &((struct request_mail *)mail)->job;

        if (mail->kind != MAIL_REQUEST)
            continue;
        if (job->kind == JOB_SEND)
            engine->sends_in_flight--;
        else if (engine_source(engine, text_of(job->owner)))
            engine_source(engine, text_of(job->owner))->in_flight--;
    }
    mail_free_all(engine->outbox.head);
    engine->outbox = (struct outbox){ NULL, &engine->outbox.head };
}

/* The counts may have changed by more than this transaction: they were read from the store at start, or after the command line. */
static void show_counts(struct engine *engine)
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
    show_counts(engine);
}

static void committed(struct engine *engine)
{
    struct mail *mail = engine->outbox.head;

    engine->outbox = (struct outbox){ NULL, &engine->outbox.head };
    while (mail) {
        struct mail *next = mail->next;

        mailbox_post_reserved(engine->setup.out, mail);
        mail = next;
    }
    for (size_t i = 0; i < engine->n_channels; i++)
        engine->channels[i].dirty = false;
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

static enum store_status transaction(struct engine *engine, const struct batch *batch, struct fault *fault)
{
    enum store_status status = store_begin(engine->store, fault);
    int64_t due = 0;

    engine->delta = (struct store_counts){ 0 };
    engine->working_on = 0;
    engine->storing_hash = NULL;
    if (status == STORE_OK) {
        run_stages(engine, batch);
        if (!engine->more)
            due = next_due(engine);
        status = commit(engine, fault);
    }
    if (status == STORE_OK)
        committed(engine);
    else
        undo(engine);
    if (status == STORE_OK && due)
        engine_wake(engine, due > engine->now ? due : engine->now + SPIN_MS);
    return status;
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

static void store_works(struct engine *engine)
{
    if (!engine->store_down)
        return;
    engine->store_down = false;
    engine->look_for_new = engine->look_for_fetches = engine->recount = true;
    log_warn("the store works again", log_num("results_kept", (int64_t)engine->n_results));
    health_set(engine->setup.health, HEALTH_STORE, NULL);
}

static void store_fails(struct engine *engine, const struct fault *fault)
{
    metrics_add(engine->setup.metrics, METRIC_STORE_FAILURES, NULL, NULL, 1);
    health_set(engine->setup.health, HEALTH_STORE, fault->text);
    log_error("the store failed; webhooks are answered 503 until it works, results are kept",
              log_str("cause", fault->text), log_num("refused", (int64_t)engine->n_accepts));
    engine->store_down = true;
    engine_wake(engine, engine->now + STORE_RETRY_MS);
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

static enum store_status replay_results(struct engine *engine, struct fault *fault)
{
    for (size_t i = 0; i < engine->n_results; i++) {
        struct batch one = { .results = &engine->results[i], .n_results = 1 };
        enum store_status status = transaction(engine, &one, fault);

        if (status == STORE_BAD_DATA)
            log_error(
                "a result cannot be stored; its send stays as it is and becomes unknown at the next start",
                log_num("run", engine->results[i]->job.run), log_str("cause", fault->text));
        else if (status != STORE_OK)
            return status;
    }
    return STORE_OK;
}

/* Which waiting notification it was is known; it becomes stuck, and the others go on. */
static enum store_status set_aside(struct engine *engine, int64_t notification, struct fault *cause)
{
    enum store_status status;
    struct fault fault;

    if (!notification)
        return STORE_TEMPFAIL;
    status = store_begin(engine->store, &fault);
    if (status != STORE_OK)
        return status;
    store_end_notification(engine->store, notification, NOTIFICATION_STUCK, text_of(cause->text));
    log_error("a notification cannot be worked on and is set aside", log_num("notification", notification),
              log_str("cause", cause->text));
    return store_commit(engine->store, &fault);
}

static enum store_status replay(struct engine *engine, struct fault *fault)
{
    int64_t culprit = engine->working_on;
    struct fault cause = *fault;
    enum store_status status = replay_results(engine, fault);

    if (status == STORE_OK)
        forget_results(engine);
    if (status == STORE_OK)
        status = replay_accepts(engine, fault);
    if (status == STORE_OK && culprit)
        status = set_aside(engine, culprit, &cause);
    return status;
}

/* --- the cycle ------------------------------------------------------------------------------------------------------ */

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

static void run_batch(struct engine *engine)
{
    struct batch all = { .accepts = engine->accepts,
                         .n_accepts = engine->n_accepts,
                         .results = engine->results,
                         .n_results = engine->n_results,
                         .at_once = engine->n_accepts <= AT_ONCE_MAX && engine->counts.notifications_new == 0,
                         .background = true };
    struct fault fault = { "" };
    enum store_status status;

    status = stage_extract_recover(engine, &fault);
    if (status == STORE_OK)
        status = transaction(engine, &all, &fault);
    if (status == STORE_OK) {
        answer(engine, engine->accepts, engine->n_accepts, true);
        forget_results(engine);
    } else if (status == STORE_BAD_DATA) {
        status = replay(engine, &fault);
        engine->n_accepts = unanswered(engine);
    }
    if (status == STORE_OK) {
        store_works(engine);
    } else {
        answer(engine, engine->accepts, engine->n_accepts, false);
        store_fails(engine, &fault);
    }
    forget_accepts(engine);
}

static bool keep_result(struct engine *engine, struct result_mail *result)
{
    if (engine->n_results == engine->room_results) {
        size_t room = engine->room_results ? 2 * engine->room_results : 64;
        struct result_mail **results = realloc(engine->results, room * sizeof(struct result_mail *));

        if (!results)
            return false;
        engine->results = results;
        engine->room_results = room;
    }
    engine->results[engine->n_results++] = result;
    return true;
}

static void note_result(struct engine *engine, struct result_mail *result)
{
    struct source_state *source = engine_source(engine, text_of(result->job.owner));

    if (result->job.kind == JOB_SEND)
        engine->sends_in_flight--;
    else if (source)
        source->in_flight--;
    if (!keep_result(engine, result)) {
        log_error("out of memory: a result is lost; its send becomes unknown at the next start",
                  log_num("run", result->job.run));
        mail_free(&result->mail);
    }
}

static void tell_reloaded(struct engine *engine)
{
    struct mail *mail = mail_new(MAIL_RELOADED, sizeof(*mail));

    if (mail)
        mailbox_post_reserved(engine->setup.out, mail);
}

static void sort_mail(struct engine *engine, struct mail *mail)
{
    switch ((enum mail_kind)mail->kind) {
    case MAIL_ACCEPT:
        engine->accepts[engine->n_accepts++] = (struct accept_mail *)mail;
        return;
    case MAIL_RESULT:
        note_result(engine, (struct result_mail *)mail);
        return;
    case MAIL_RELOAD:
        engine_reload(engine);
        tell_reloaded(engine);
        break;
    case MAIL_STOP:
        engine->stopping = true;
        break;
    case MAIL_ACKS:
    case MAIL_REQUEST:
    case MAIL_GENERATION:
    case MAIL_RELOADED:
    case MAIL_ENDED:
        break;
    }
    mail_free(mail);
}

static int64_t sleep_ms(const struct engine *engine)
{
    int64_t ms =
        engine->wake_at ? engine->wake_at - schedule_now((struct schedule *)&engine->schedule) : LOOK_MS;

    if (engine->more && !engine->store_down)
        return 0;
    return ms < 0 ? 0 : ms > LOOK_MS ? LOOK_MS : ms;
}

static bool all_quiet(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_sources; i++)
        if (engine->sources[i].in_flight > 0)
            return false;
    return engine->sends_in_flight == 0 && mailbox_waiting(engine->setup.in) == 0;
}

static void cycle(struct engine *engine)
{
    struct mail *mail = mailbox_take(engine->setup.in, BATCH_ITEMS, BATCH_BYTES, sleep_ms(engine));

    engine->now = schedule_now(&engine->schedule);
    while (mail) {
        struct mail *next = mail->next;

        sort_mail(engine, mail);
        mail = next;
    }
    engine->wake_at = 0;
    engine->more = false;
    run_batch(engine);
    arena_reset(engine->arena);
    engine->ended = engine->stopping && all_quiet(engine);
}

/* --- the thread ------------------------------------------------------------------------------------------------------ */

/* Nothing may be claimed before what a crash left is settled; a store that fails is tried again until told to stop. */
static bool take_over(struct engine *engine)
{
    struct fault fault = { "" };

    while (stage_take_over(engine, &fault) != STORE_OK) {
        struct mail *mail;

        store_fails(engine, &fault);
        mail = mailbox_take(engine->setup.in, BATCH_ITEMS, BATCH_BYTES, STORE_RETRY_MS);
        while (mail) {
            struct mail *next = mail->next;

            sort_mail(engine, mail);
            mail = next;
        }
        answer(engine, engine->accepts, engine->n_accepts, false);
        forget_accepts(engine);
        arena_reset(engine->arena);
        if (engine->stopping)
            return false;
    }
    arena_reset(engine->arena);
    store_works(engine);
    show_counts(engine);
    health_set(engine->setup.health, HEALTH_START, NULL);
    return true;
}

static void *engine_main(void *arg)
{
    struct engine *engine = arg;
    struct ended_mail *ended = mail_new(MAIL_ENDED, sizeof(*ended));

    if (take_over(engine))
        while (!engine->ended)
            cycle(engine);
    if (ended) {
        ended->stored = !engine->store_down && engine->n_results == 0;
        mailbox_post_reserved(engine->setup.out, &ended->mail);
    }
    return NULL;
}

static bool open_store(struct engine *engine, struct fault *fault)
{
    enum store_status status;
    int64_t newest_id, newest_at;

    engine->store = store_open(engine->setup.store_url, STORE_SERVE, &status, fault);
    if (!engine->store)
        return false;
    store_newest(engine->store, &newest_id, &newest_at);
    schedule_start(&engine->schedule, newest_at, newest_id);
    engine->now = schedule_now(&engine->schedule);
    engine->first_id = engine->owner = schedule_id(&engine->schedule, engine->now);
    return true;
}

struct engine *engine_new(const struct engine_setup *setup, struct fault *fault)
{
    struct engine *engine = calloc(1, sizeof(*engine));

    fault_set(fault, "out of memory");
    if (!engine)
        return NULL;
    engine->setup = *setup;
    engine->outbox.tail = &engine->outbox.head;
    engine->look_for_new = engine->look_for_fetches = true;
    memset(engine->shown, -1, sizeof(engine->shown));
    engine->arena = arena_new(ARENA_MAX);
    engine->scratch = pattern_scratch_new();
    engine->contacts = contacts_new();
    engine->accepts = calloc(BATCH_ITEMS, sizeof(struct accept_mail *));
    if (!engine->arena || !engine->scratch || !engine->contacts || !engine->accepts ||
        !open_store(engine, fault) || !engine_adopt(engine, generation_ref(setup->generation))) {
        engine_free(engine);
        return NULL;
    }
    health_set(setup->health, HEALTH_START, "taking over what waits in the store");
    return engine;
}

bool engine_start(struct engine *engine, struct fault *fault)
{
    int rc = pthread_create(&engine->thread, NULL, engine_main, engine);

    if (rc != 0)
        return fault_set(fault, "the engine's thread cannot be started: %s", strerror(rc));
    engine->started = true;
    return true;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    if (engine->started)
        pthread_join(engine->thread, NULL);
    mail_free_all(engine->outbox.head);
    forget_accepts(engine);
    forget_results(engine);
    for (int i = 0; i < OLD_RULESETS; i++)
        ruleset_free(engine->old[i].ruleset);
    store_close(engine->store);
    contacts_free(engine->contacts);
    pattern_scratch_free(engine->scratch);
    arena_free(engine->arena);
    generation_unref(engine->generation);
    free(engine->accepts);
    free(engine->results);
    free(engine->channels);
    free(engine->sources);
    free(engine);
}
