#include "app/engine_state.h"

#include "base/log.h"
#include "base/now.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_SHOWN 20

/* Where nodes share a channel, each has its part of the rate: what one does not get done in time, another one claims. */
static struct pace pace_of(const struct engine *engine, const struct config_channel *channel)
{
    const int nodes = engine->node.count > 1 ? engine->node.count : 1;

    return pace_make(channel->rate.per_second / nodes, channel->rate.burst / nodes);
}

void engine_pace_channels(struct engine *engine)
{
    const struct config *config = engine->generation->config;

    for (size_t i = 0; i < config->n_channels; i++) {
        struct pace *pace = &engine->channels[i].pace;
        double full_at_ms = pace->full_at_ms;

        *pace = pace_of(engine, &config->channels[i]);
        pace->full_at_ms = full_at_ms;
    }
}

static struct channel_state *build_channels(struct engine *engine, const struct config *config)
{
    struct channel_state *states = calloc(config->n_channels + 1, sizeof(*states));

    for (size_t i = 0; states && i < config->n_channels; i++) {
        const struct config_channel *channel = &config->channels[i];
        const struct channel_state *old = engine_channel(engine, text_of(channel->name));

        snprintf(states[i].name, NAME_BYTES, "%s", channel->name);
        states[i].pace = pace_of(engine, channel);
        states[i].crowded = true; /* nobody has looked yet */
        if (old) {
            states[i].pace.full_at_ms = old->pace.full_at_ms;
            states[i].not_before = old->not_before;
            states[i].new_penalty = old->new_penalty;
            states[i].in_flight = old->in_flight;
        }
        states[i].new_pause = old && old->paused[0]; /* a reload opens what was paused */
    }
    return states;
}

static struct source_state *build_sources(struct engine *engine, const struct config *config)
{
    struct source_state *states = calloc(config->n_sources + 1, sizeof(*states));

    for (size_t i = 0; states && i < config->n_sources; i++) {
        const char *name = source_name(config->sources[i]);
        const struct source_state *old = engine_source(engine, text_of(name));

        snprintf(states[i].name, NAME_BYTES, "%s", name);
        states[i].in_flight = old ? old->in_flight : 0;
    }
    return states;
}

bool engine_adopt(struct engine *engine, struct generation *generation)
{
    struct channel_state *channels = build_channels(engine, generation->config);
    struct saved_channel *saved = calloc(generation->config->n_channels + 1, sizeof(*saved));
    struct source_state *sources = build_sources(engine, generation->config);

    if (!channels || !saved || !sources) {
        free(channels);
        free(saved);
        free(sources);
        return false;
    }
    free(engine->channels);
    free(engine->saved_channels);
    free(engine->sources);
    engine->channels = channels;
    engine->saved_channels = saved;
    engine->n_channels = generation->config->n_channels;
    engine->n_saved_channels = 0;
    engine->sources = sources;
    engine->n_sources = generation->config->n_sources;
    generation_unref(engine->generation);
    engine->generation = generation;
    engine->stored_hash = NULL; /* the new one may stand where an older one stood */
    engine->look_for_fetches = engine->look_for_strays = true;
    metrics_set(engine->setup.metrics, METRIC_RULES_LOADED, NULL, NULL,
                (double)ruleset_count(generation->ruleset));
    engine_show_paused(engine);
    engine_show_breakers(engine);
    return true;
}

static void take_pause(struct engine *engine, const struct channel_state *known, struct text paused)
{
    struct channel_state *channel;

    if (!paused.p == !known->paused[0])
        return;
    channel = engine_change_channel(engine, known);
    if (paused.p) {
        text_printable(paused, channel->paused, sizeof(channel->paused) - 1);
        /* The node that found it out asks first. */
        channel->probe_at = engine->now + (engine->node.count > 1 ? ENGINE_PROBE_MS : 0);
    } else {
        engine_open(engine, channel);
        channel->new_pause = false;
    }
}

void engine_load_channels(struct engine *engine)
{
    struct channel_row *rows;
    size_t n = store_channels(engine->store, engine->arena, &rows);

    for (size_t i = 0; i < n; i++) {
        const struct channel_state *channel = engine_channel(engine, rows[i].name);

        if (!channel)
            continue;
        if (!channel->new_penalty && channel->not_before != rows[i].not_before)
            engine_change_channel(engine, channel)->not_before = rows[i].not_before;
        if (!channel->new_pause)
            take_pause(engine, channel, rows[i].paused);
    }
    engine_show_paused(engine);
}

/* --- reload -------------------------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* What is bound or opened at start cannot change under way. */
static bool can_follow(const struct config *now, const struct config *next, struct findings *findings)
{
    const struct {
        const char *key, *now, *next;
    } fixed[] = { { "listen", now->listen, next->listen },
                  { "admin", now->admin, next->admin },
                  { "store", now->store, next->store },
                  { "user", now->user, next->user } };
    bool ok = true;

    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
        if (same(fixed[i].now, fixed[i].next))
            continue;
        ok = false;
        finding_error(findings, (struct place){ 0 }, "%s: '%s' cannot change while callbackd runs",
                      next->path, fixed[i].key);
        finding_hint(findings, "restart callbackd, or put '%s' back", fixed[i].key);
    }
    return ok;
}

static void refuse(struct engine *engine, struct findings *findings)
{
    const struct finding *finding;
    size_t shown = 0;
    char line[512];

    metrics_add(engine->setup.metrics, METRIC_RELOAD_FAILURES, NULL, NULL, 1);
    for (size_t i = 0; (finding = findings_get(findings, i)) && shown < FINDINGS_SHOWN; i++) {
        if (finding->level != FINDING_ERROR)
            continue;
        if (shown++ == 0) {
            snprintf(line, sizeof(line), "the old generation works on; errors: %zu, the first: %s",
                     findings_count(findings, FINDING_ERROR), finding->text);
            health_set(engine->setup.health, HEALTH_RELOAD, line);
        }
        generation_log_finding(LOG_ERROR, "reload refused", finding);
    }
    if (shown == 0) {
        health_set(engine->setup.health, HEALTH_RELOAD, "the old generation works on: out of memory");
        log_error("reload refused", log_str("error", "out of memory"));
    }
}

static bool adopt_everywhere(struct engine *engine, struct generation *generation)
{
    struct generation_mail *mail = mail_new(MAIL_GENERATION, sizeof(*mail));

    if (!mail || !engine_adopt(engine, generation)) {
        free(mail);
        return false;
    }
    mail->generation = generation_ref(generation);
    mailbox_post_reserved(engine->setup.out, &mail->mail);
    return true;
}

/* What `check` would warn of. */
static void log_warnings(struct findings *findings)
{
    const struct finding *finding;
    size_t shown = 0;

    for (size_t i = 0; (finding = findings_get(findings, i)) && shown < FINDINGS_SHOWN; i++)
        if (finding->level == FINDING_WARNING) {
            generation_log_finding(LOG_WARN, "rules", finding);
            shown++;
        }
}

void engine_reload(struct engine *engine, struct reload_mail *mail)
{
    struct generation *generation = mail->generation;

    if (!generation || !can_follow(engine->generation->config, generation->config, mail->findings) ||
        !adopt_everywhere(engine, generation)) {
        refuse(engine, mail->findings);
        return;
    }
    mail->generation = NULL; /* the engine's now */
    log_warnings(mail->findings);
    health_set(engine->setup.health, HEALTH_RELOAD, NULL);
    metrics_add(engine->setup.metrics, METRIC_RELOADS, NULL, NULL, 1);
    log_info("reloaded", log_num("rules", (int64_t)ruleset_count(generation->ruleset)));
}
