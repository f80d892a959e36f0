/* What the stages share: channels, sources, rules of runs, and what they tell of them. */

#include "app/engine_state.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void engine_keep_time(struct engine *engine)
{
    int64_t clock = store_clock(engine->store);

    if (!clock)
        return;
    schedule_follow(&engine->schedule, clock);
    engine->now = schedule_now(&engine->schedule);
}

const struct channel_state *engine_channel(const struct engine *engine, struct text name)
{
    for (size_t i = 0; i < engine->n_channels; i++)
        if (text_is(name, engine->channels[i].name))
            return &engine->channels[i];
    return NULL;
}

struct channel_state *engine_change_channel(struct engine *engine, const struct channel_state *channel)
{
    const size_t place = (size_t)(channel - engine->channels);
    struct channel_state *own = &engine->channels[place];

    if (!own->saved) {
        engine->saved_channels[engine->n_saved_channels++] = (struct saved_channel){ place, *own };
        own->saved = true;
    }
    return own;
}

void engine_save_channels(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_saved_channels; i++)
        engine->channels[engine->saved_channels[i].place].saved = false;
    engine->n_saved_channels = 0;
}

void engine_restore_channels(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_saved_channels; i++)
        engine->channels[engine->saved_channels[i].place] = engine->saved_channels[i].state;
    engine->n_saved_channels = 0;
}

struct source_state *engine_source(struct engine *engine, struct text name)
{
    for (size_t i = 0; i < engine->n_sources; i++)
        if (text_is(name, engine->sources[i].name))
            return &engine->sources[i];
    return NULL;
}

struct text engine_chat_channel(const struct engine *engine, const struct source *source)
{
    return text_of(engine->setup.channel ? engine->setup.channel : source_channel(source));
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

const struct ruleset *engine_ruleset(struct engine *engine, const struct run_row *run)
{
    const struct ruleset *ruleset = engine->generation->ruleset;

    return text_eq(ruleset_hash(ruleset), run->ruleset) ? ruleset : old_ruleset(engine, run->ruleset);
}

const struct rule *engine_rule(struct engine *engine, const struct run_row *run)
{
    const struct ruleset *ruleset = engine_ruleset(engine, run);

    return ruleset ? ruleset_find(ruleset, run->rule) : NULL;
}

/* For one more request, and its result. */
static bool make_room(struct engine *engine)
{
    const size_t needed = engine->n_results + engine->n_under_way + 1;
    struct result_mail **results;
    struct job *under_way;

    if (needed <= engine->room_results)
        return true;
    results = realloc(engine->results, 2 * needed * sizeof(*results));
    if (results)
        engine->results = results;
    under_way = realloc(engine->under_way, 2 * needed * sizeof(*under_way));
    if (under_way)
        engine->under_way = under_way;
    if (results && under_way)
        engine->room_results = 2 * needed;
    else
        memory_failed();
    return results && under_way;
}

struct request_mail *engine_request(struct engine *engine, const struct job *job)
{
    struct request_mail *request;

    if (!make_room(engine))
        return NULL;
    request = mail_request(job);
    if (request)
        request->result->asked_with = generation_ref(engine->generation);
    return request;
}

void engine_post(struct engine *engine, struct mail *mail)
{
    if (mail->kind == MAIL_REQUEST) {
        struct request_mail *request = (struct request_mail *)mail;

        engine->under_way[engine->n_under_way++] = request->job;
        request->start_before_ms = node_start_before(engine);
    }
    mail->next = NULL;
    *engine->outbox.tail = mail;
    engine->outbox.tail = &mail->next;
}

/* A question about a send has its attempt, too. */
static bool is_same(const struct job *a, const struct job *b)
{
    return a->kind == b->kind && a->run == b->run && a->step == b->step && a->n == b->n &&
           a->attempt == b->attempt && a->entry == b->entry && a->fetch == b->fetch;
}

bool engine_forget(struct engine *engine, const struct job *job)
{
    for (size_t i = engine->n_under_way; i-- > 0;)
        if (is_same(&engine->under_way[i], job)) {
            engine->under_way[i] = engine->under_way[--engine->n_under_way];
            return true;
        }
    return false;
}

const struct job *engine_awaited(const struct engine *engine, const struct send_row *send)
{
    const struct job *latest = NULL;

    for (size_t i = 0; i < engine->n_under_way; i++) {
        const struct job *job = &engine->under_way[i];

        if (job->kind != JOB_FETCH && job->kind != JOB_POLL && job->run == send->run &&
            job->step == send->step && job->n == send->n && (!latest || job->attempt > latest->attempt))
            latest = job;
    }
    return latest;
}

bool engine_awaits_chat(const struct engine *engine, int64_t chat)
{
    for (size_t i = 0; i < engine->n_under_way; i++)
        if (engine->under_way[i].kind != JOB_FETCH && engine->under_way[i].chat == chat)
            return true;
    return false;
}

static void add_tally(struct engine *engine, const struct tally *one)
{
    struct tally *tally = arena_alloc(engine->arena, sizeof(*tally));

    if (!tally)
        return; /* the transaction fails */
    *tally = *one;
    tally->next = engine->tallies;
    engine->tallies = tally;
}

void engine_tally(struct engine *engine, enum metric metric, const char *a, const char *b)
{
    add_tally(engine, &(struct tally){ NULL, metric, a, b, -1 });
}

void engine_tally_seconds(struct engine *engine, enum metric metric, double seconds)
{
    add_tally(engine, &(struct tally){ NULL, metric, NULL, NULL, seconds > 0 ? seconds : 0 });
}

void engine_tally_end(struct engine *engine, bool committed)
{
    for (const struct tally *tally = engine->tallies; tally && committed; tally = tally->next)
        if (tally->seconds < 0)
            metrics_add(engine->setup.metrics, tally->metric, tally->a, tally->b, 1);
        else
            metrics_observe(engine->setup.metrics, tally->metric, tally->seconds);
    engine->tallies = NULL;
}

bool engine_is_asked(const struct engine *engine)
{
    return engine->answered > 0.5;
}

void engine_work_on(struct engine *engine, enum work_kind kind, int64_t id)
{
    if (!store_failed(engine->store))
        engine->work = (struct work){ kind, id };
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

void engine_show_breakers(struct engine *engine)
{
    struct buf line = BUF(2000);

    for (size_t i = 0; i < engine->n_channels; i++) {
        const struct channel_state *channel = &engine->channels[i];
        const bool closed = channel->breaker.state == BREAKER_CLOSED;

        metrics_set(engine->setup.metrics, METRIC_BREAKER, channel->name, NULL, !closed);
        if (!closed)
            buf_printf(&line, "%schannel %s does not answer, one request at a time asks it: %s",
                       line.len ? "; " : "", channel->name, channel->broken);
    }
    health_set(engine->setup.health, HEALTH_BREAKER, line.len ? line.data : NULL);
    buf_free(&line);
}

/* The channel may have been removed and have come back. */
void engine_count_send(struct engine *engine, struct text name, int by)
{
    const struct channel_state *channel = engine_channel(engine, name);

    engine->sends_in_flight += by;
    if (channel && channel->in_flight + by >= 0)
        engine_change_channel(engine, channel)->in_flight += by;
}

void engine_pause(struct engine *engine, struct channel_state *channel, struct text reason)
{
    channel->probe_at = engine->now + 60000;
    engine_wake(engine, channel->probe_at);
    if (channel->paused[0])
        return;
    text_printable(reason, channel->paused, sizeof(channel->paused) - 1);
    channel->new_pause = true;
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
    channel->new_pause = true;
    engine->more = true;
    log_warn("channel works again", log_str("channel", channel->name));
    engine_show_paused(engine);
}
