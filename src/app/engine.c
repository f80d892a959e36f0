#include "app/engine.h"

#include "app/cache.h"
#include "app/engine_state.h"
#include "base/log.h"
#include "base/now.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_ITEMS 512
#define BATCH_BYTES (8u << 20)
#define CONTACT_MAX ((size_t)16 << 10)
#define CACHE_MAX ((size_t)16 << 20)
#define ARENA_MAX (256u << 20)
#define ANSWER_MAX ((size_t)64 << 10) /* of a lookup, to be kept */
#define GATHER_US 1000                /* in a burst: for what is on its way */
#define LAST_TRIES 20                 /* of a store that fails while stopping, ENGINE_LOOK_MS apart at most */

/* --- the cycle ------------------------------------------------------------------------------------------------------ */

/* Who is asked may repeat our key in what it says of an error: neither the log nor the store gets to see it. A reload may have put
   another one in its place meanwhile. */
static void conceal_secrets(const struct engine *engine, struct result_mail *result)
{
    const struct generation *known[] = { result->asked_with, engine->generation };

    for (size_t i = 0; i < 2; i++) {
        if (!known[i] || (i == 1 && known[i] == known[0]))
            continue;
        if (result->body)
            generation_conceal(known[i], result->body, result->body_size);
        if (result->error)
            generation_conceal(known[i], result->error, strlen(result->error));
    }
}

/* engine_request has made room for it. */
static void note_result(struct engine *engine, struct result_mail *result)
{
    struct source_state *source = engine_source(engine, text_of(result->job.owner));

    conceal_secrets(engine, result);
    if (result->job.kind == JOB_SEND || result->job.kind == JOB_POLL)
        engine_count_send(engine, text_of(result->job.owner), -1);
    else if (result->job.kind == JOB_LOOKUP)
        lookup_count(engine, &result->job, -1);
    else if (source && source->in_flight > 0) /* it may have been removed and come back */
        source->in_flight--;
    if (!engine_forget(engine, &result->job) || engine->n_results == engine->room_results) {
        log_error("a result that was not asked for is left out", log_num("run", result->job.run));
        mail_free(&result->mail);
        return;
    }
    engine->results[engine->n_results++] = result;
}

/* The mail itself goes back: an answer that no memory was left for would keep later reloads from beginning. */
static void tell_reloaded(struct engine *engine, struct reload_mail *mail)
{
    generation_unref(mail->generation);
    findings_free(mail->findings);
    mail->generation = NULL;
    mail->findings = NULL;
    mail->mail.kind = MAIL_RELOADED;
    mailbox_post_reserved(engine->setup.out, &mail->mail);
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
        engine_reload(engine, (struct reload_mail *)mail);
        tell_reloaded(engine, (struct reload_mail *)mail);
        return;
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
    int64_t ms = engine->wake_at ? engine->wake_at - schedule_now((struct schedule *)&engine->schedule)
                                 : ENGINE_LOOK_MS;

    if (engine->more && !engine->store_down)
        return 0;
    return ms < 0 ? 0 : ms > ENGINE_LOOK_MS ? ENGINE_LOOK_MS : ms;
}

static bool all_quiet(const struct engine *engine)
{
    return engine->n_under_way == 0 && mailbox_waiting(engine->setup.in) == 0;
}

/* A store that fails just now is no reason to forget what requests came to. */
static bool may_end(struct engine *engine)
{
    if (!engine->stopping || !all_quiet(engine))
        return false;
    return !engine->store_down || ++engine->last_tries >= LAST_TRIES;
}

static void take_mail(struct engine *engine, int64_t wait_ms)
{
    const int fd = wait_ms ? store_fd(engine->store) : -1;
    struct mail *mail;

    if (fd >= 0)
        mailbox_await(engine->setup.in, fd, wait_ms);
    mail = mailbox_take(engine->setup.in, BATCH_ITEMS, BATCH_BYTES, fd >= 0 ? 0 : wait_ms);

    engine->now = schedule_now(&engine->schedule);
    while (mail) {
        struct mail *next = mail->next;

        sort_mail(engine, mail);
        mail = next;
    }
}

static void cycle(struct engine *engine, int64_t wait_ms)
{
    if (engine->burst)
        mailbox_gather(engine->setup.in, ENGINE_BURST, GATHER_US);
    take_mail(engine, engine->burst ? 0 : wait_ms);
    engine->wake_at = 0;
    engine->more = false;
    engine_batch_run(engine);
    arena_reset(engine->arena);
    engine->ended = may_end(engine);
}

/* --- without a thread ----------------------------------------------------------------------------------------------- */

bool engine_take_over(struct engine *engine, struct fault *fault)
{
    bool ok = stage_take_over(engine, fault) == STORE_OK;

    arena_reset(engine->arena);
    return ok;
}

int64_t engine_enter(struct engine *engine, const struct source *source, struct entry *entry)
{
    engine->entered = (struct entered){ source, entry, schedule_id(&engine->schedule, engine_now(engine)) };
    return engine->entered.id;
}

void engine_step(struct engine *engine)
{
    cycle(engine, 0);
}

int64_t engine_due(const struct engine *engine)
{
    return engine->more ? engine->now : engine->wake_at;
}

int64_t engine_now(const struct engine *engine)
{
    return schedule_now((struct schedule *)&engine->schedule);
}

void engine_advance(struct engine *engine, int64_t ms)
{
    schedule_advance(&engine->schedule, ms);
}

/* --- the thread ------------------------------------------------------------------------------------------------------ */

/* Nothing may be claimed before what a crash left is settled; a store that fails is tried again until told to stop. */
static bool take_over(struct engine *engine)
{
    struct fault fault = { "" };

    while (stage_take_over(engine, &fault) != STORE_OK) {
        take_mail(engine, ENGINE_STORE_RETRY_MS);
        engine_batch_refuse(engine, &fault);
        arena_reset(engine->arena);
        if (engine->stopping)
            return false;
    }
    arena_reset(engine->arena);
    engine_batch_store_works(engine);
    engine_batch_show_counts(engine);
    health_set(engine->setup.health, HEALTH_START, NULL);
    return true;
}

static void *engine_main(void *arg)
{
    struct engine *engine = arg;
    struct ended_mail *ended = mail_new(MAIL_ENDED, sizeof(*ended));

    if (take_over(engine))
        while (!engine->ended)
            cycle(engine, sleep_ms(engine));
    node_leave(engine);
    if (ended) {
        ended->stored = !engine->store_down && engine->n_results == 0;
        mailbox_post_reserved(engine->setup.out, &ended->mail);
    }
    return NULL;
}

static bool read_store(struct engine *engine, int64_t *newest_id, int64_t *newest_at, struct fault *fault)
{
    if (store_begin(engine->store, fault) != STORE_OK)
        return false;
    store_newest(engine->store, newest_id, newest_at);
    engine->ordered_keys = store_orders_keys(engine->store);
    return store_commit(engine->store, fault) == STORE_OK;
}

static bool open_store(struct engine *engine, struct fault *fault)
{
    enum store_status status;
    int64_t newest_id, newest_at;

    engine->store = store_open(engine->setup.store_url, STORE_SERVE, &status, fault);
    if (!engine->store || !read_store(engine, &newest_id, &newest_at, fault))
        return false;
    if (engine->setup.start_at)
        schedule_start_at(&engine->schedule, engine->setup.start_at);
    else
        schedule_start(&engine->schedule, newest_at, newest_id);
    engine_keep_time(engine);
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
    engine->contacts = cache_new(CONTACT_MAX, CACHE_MAX);
    engine->answers = cache_new(ANSWER_MAX, CACHE_MAX);
    engine->accepts = calloc(BATCH_ITEMS, sizeof(struct accept_mail *));
    if (!engine->arena || !engine->scratch || !engine->contacts || !engine->answers || !engine->accepts ||
        !open_store(engine, fault) || !engine_adopt(engine, generation_ref(setup->generation))) {
        engine_free(engine);
        return NULL;
    }
    health_set(setup->health, HEALTH_START, "taking over what waits in the store");
    return engine;
}

bool engine_start(struct engine *engine, struct fault *fault)
{
    sigset_t all, before;
    int rc;

    /* Signals are the loop's; a write of the store is not interrupted by them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&engine->thread, NULL, engine_main, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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
    engine_batch_forget(engine);
    doubts_end(engine);
    for (int i = 0; i < OLD_RULESETS; i++)
        ruleset_free(engine->old[i].ruleset);
    store_close(engine->store);
    cache_free(engine->contacts);
    cache_free(engine->answers);
    pattern_scratch_free(engine->scratch);
    arena_free(engine->arena);
    generation_unref(engine->generation);
    free(engine->accepts);
    free(engine->results);
    free(engine->under_way);
    free(engine->channels);
    free(engine->saved_channels);
    free(engine->sources);
    free(engine);
}
