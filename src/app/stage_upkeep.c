/* T6 and T7: taking over at start, expiring, pruning, and noticing what the command line changed. */

#include "app/stage_run.h"

#include "base/log.h"

#include <string.h>

#define PAGE 256
#define EXPIRE_MS 1000
#define RECOUNT_MS 5000
#define PRUNE_MS 1000
#define STEP_MS 20 /* small steps, one after the other */
#define SWEEP_MS (3600LL * 1000)
#define SWEEP_PAGE 256
#define PRUNE_RULES_MS 3600000LL
#define SEEN_MS (7LL * 86400 * 1000)

/* --- T6 ---------------------------------------------------------------------------------------------------------------- */

/* Its chat; 0: there is none, or somebody else was faster. */
static int64_t settle_left(struct engine *engine, struct send_row *send, const char *why)
{
    struct run_row run = { .chat = 0 };

    send->reply_id = send->status_url = TEXT_NONE; /* of an earlier attempt */
    send->reason = REASON(why);
    if (store_get_run(engine->store, send->run, engine->arena, &run)) {
        settle_unknown(engine, &run, send);
    } else {
        send->state = SEND_UNKNOWN;
        if (!store_settle_send(engine->store, send))
            return 0;
    }
    log_warn("send left over", log_num("run", send->run), log_num("attempt", send->attempt),
             log_str("state", send_state_name(send->state)));
    return run.chat;
}

int64_t upkeep_settle_left(struct engine *engine, int64_t owner)
{
    struct send_row *sends;
    int64_t settled = 0;
    size_t n;

    while ((n = store_next_sending(engine->store, owner, PAGE, engine->arena, &sends)) > 0) {
        for (size_t i = 0; i < n; i++)
            (void)settle_left(engine, &sends[i], "the program ended while the request was under way");
        settled += (int64_t)n;
    }
    return settled;
}

/* Chats that nothing is under way for; locked. */
static size_t find_lost_chats(struct engine *engine, const struct chat_row *chats, size_t n, int64_t *lost)
{
    size_t n_lost = 0;

    for (size_t i = 0; i < n; i++)
        if (!engine_awaits_chat(engine, chats[i].id))
            lost[n_lost++] = chats[i].id;
    if (n_lost)
        store_prefetch_chats(engine->store, lost, n_lost);
    return n_lost;
}

/* The store knows an earlier attempt than the one that is under way, whose result is to find it. */
static void catch_up(struct engine *engine, struct send_row *send, int attempt)
{
    send->state = SEND_READY;
    send->due_at = engine->now;
    send->reply_id = send->status_url = send->reason = TEXT_NONE;
    if (store_settle_send(engine->store, send))
        store_start_send(engine->store, send->run, send->step, send->n, attempt, engine->owner, engine->now);
}

static void settle_lost_sends(struct engine *engine, struct send_row *sends, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct job *job = engine_awaited(engine, &sends[i]);

        if (job && job->attempt != sends[i].attempt)
            catch_up(engine, &sends[i], job->attempt);
        else if (!job)
            (void)settle_left(
                engine, &sends[i],
                "the store lost what the request came to: it failed over to a server that was behind");
    }
}

static void disown_lost_fetches(struct engine *engine, int64_t *under_way)
{
    size_t n = 0;

    for (size_t i = 0; i < engine->n_under_way; i++)
        if (engine->under_way[i].kind == JOB_FETCH)
            under_way[n++] = engine->under_way[i].entry;
    store_disown_fetches(engine->store, engine->owner, under_way, n);
    engine->look_for_fetches = true;
}

/* Which requests are under way is known here (the store never knows it of questions about sends). A chat that has some goes on with their
   results, even where the store lost the very run. They take some of the places among what is found, so there are more. */
bool upkeep_settle_lost(struct engine *engine)
{
    const size_t most = engine->n_under_way + PAGE;
    struct chat_row *chats;
    struct send_row *sends;
    size_t n_chats = store_owned_chats(engine->store, engine->owner, most, engine->arena, &chats);
    size_t n_sends = store_next_sending(engine->store, engine->owner, most, engine->arena, &sends), n_lost;
    int64_t *ids = arena_array(engine->arena, n_chats + engine->n_under_way + 1, sizeof(*ids));

    if (!ids) {
        store_give_up(engine->store, "no memory for what was lost");
        return false;
    }
    disown_lost_fetches(engine, ids);
    n_lost = find_lost_chats(engine, chats, n_chats, ids);
    settle_lost_sends(engine, sends, n_sends);
    for (size_t i = 0; i < n_lost && !store_failed(engine->store); i++)
        settle_go_on(engine, ids[i]);
    return n_chats < most && n_sends < most;
}

static enum store_status take_over(struct engine *engine, const void *what, struct fault *fault)
{
    enum store_status status;

    (void)what;
    engine->now = schedule_now(&engine->schedule);
    engine->delta = (struct store_counts){ 0 };
    status = node_begin(engine, fault);
    if (status != STORE_OK)
        return status;
    if (!engine->node.joined) {
        (void)upkeep_settle_left(engine, 0);
        store_disown(engine->store, 0, engine->now);
    }
    engine_load_channels(engine);
    store_count(engine->store, &engine->counts);
    engine->has_variables = engine->has_variables || engine->counts.variables;
    status = store_commit(engine->store, fault);
    engine_tally_end(engine, status == STORE_OK);
    if (status == STORE_OK)
        log_info("store opened", log_num("notifications", engine->counts.notifications_new),
                 log_num("fetches", engine->counts.entries_fetch),
                 log_num("runs", engine->counts.runs[RUN_READY]),
                 log_num("held", engine->counts.runs[RUN_HELD]));
    return status;
}

enum store_status stage_take_over(struct engine *engine, struct fault *fault)
{
    return node_insist(engine, take_over, NULL, fault);
}

/* --- T7 ---------------------------------------------------------------------------------------------------------------- */

static bool is_due(struct engine *engine, int64_t *at, int64_t every)
{
    if (*at > engine->now)
        return false;
    *at = engine->now + every;
    return true;
}

/* A send, or the question what became of one. */
static bool is_under_way(struct engine *engine, int64_t run)
{
    struct send_row *sends;
    size_t n = store_run_sends(engine->store, run, engine->arena, &sends);

    for (size_t i = 0; i < n; i++)
        if (sends[i].state == SEND_SENDING || poll_waits(&sends[i]))
            return true;
    return false;
}

/* Their chats are locked first: until then another node may have gone on with a run. */
static void lock_chats(struct engine *engine, const struct run_row *runs, size_t n)
{
    int64_t *chats = arena_array(engine->arena, n + 1, sizeof(*chats));

    for (size_t i = 0; chats && i < n; i++)
        chats[i] = runs[i].chat;
    if (chats && n)
        store_prefetch_chats(engine->store, chats, n);
}

static void expire_runs(struct engine *engine)
{
    struct run_row *runs, run;
    size_t n = store_expired_runs(engine->store, engine->now, PAGE, engine->arena, &runs);

    if (engine->node.joined)
        lock_chats(engine, runs, n);
    for (size_t i = 0; i < n; i++)
        if (!engine->node.joined || (store_get_run(engine->store, runs[i].id, engine->arena, &run) &&
                                     run.ended_at == 0 && !is_under_way(engine, run.id)))
            engine_set_run(engine, &runs[i], RUN_EXPIRED, REASON("not sent within send_within"));
    engine->more = engine->more || n == PAGE;
}

static void expire_entries(struct engine *engine)
{
    struct entry_row *rows;
    int64_t before = engine->now - ruleset_longest(engine->generation->ruleset);
    size_t n = store_old_entries(engine->store, before, PAGE, engine->arena, &rows);

    for (size_t i = 0; i < n; i++) {
        rows[i].state = ENTRY_EXPIRED;
        rows[i].reason = REASON("the inbox could not be read within send_within");
        rows[i].due_at = 0;
        store_update_entry(engine->store, &rows[i]);
        engine->delta.entries_fetch--;
        log_warn("entry", log_num("id", rows[i].id), log_str("state", "expired"),
                 log_text("reason", rows[i].reason));
    }
    engine->more = engine->more || n == PAGE;
}

/* As long as a run that began with them is kept, it can be retried. */
static void prune_rulesets(struct engine *engine, int64_t before)
{
    const struct ruleset *active = engine->generation->ruleset;
    size_t n = store_prune_rulesets(engine->store, ruleset_hash(active), before - ruleset_longest(active));

    if (n)
        log_info("rules that no run needs any more are gone from the store", log_num("rulesets", (int64_t)n));
}

/* What is to be kept, of each source, from now on. False: memory is out; there is a next time. */
static bool fill_keep(struct engine *engine, struct store_keep *keep)
{
    const struct config *config = engine->generation->config;
    struct store_source_keep *sources = arena_array(engine->arena, config->n_sources, sizeof(*sources));

    *keep = (struct store_keep){ engine->now - config->retention_ms, sources, 0 };
    for (size_t i = 0; sources && i < config->n_sources; i++) {
        int64_t own = source_retention_ms(config->sources[i]);

        if (own > 0)
            sources[keep->n_sources++] =
                (struct store_source_keep){ text_of(source_name(config->sources[i])), engine->now - own };
    }
    return sources;
}

static void prune(struct engine *engine)
{
    int64_t runs[RUN_STATES] = { 0 };
    struct store_keep keep;
    size_t n;

    if (!fill_keep(engine, &keep))
        return;
    n = store_prune(engine->store, &keep, PAGE, runs);
    for (int i = 0; i < RUN_STATES; i++)
        engine->delta.runs[i] -= runs[i];
    if (n >= PAGE)
        engine->prune_at = engine->now + STEP_MS;
    if (is_due(engine, &engine->prune_rules_at, PRUNE_RULES_MS))
        prune_rulesets(engine, engine->now - config_longest_retention(engine->generation->config));
}

static void sweep(struct engine *engine)
{
    const struct config *config = engine->generation->config;
    int64_t longest = config_longest_retention(config), seen = longest > SEEN_MS ? longest : SEEN_MS;
    bool round =
        store_sweep(engine->store, engine->now - config->retention_ms, engine->now - seen, SWEEP_PAGE);

    engine->sweep_at = engine->now + (round ? SWEEP_MS : STEP_MS);
}

static int64_t hold_runs(struct engine *engine, const struct chat_row *chat)
{
    struct run_row run;
    int64_t held = 0;

    for (; store_head_run(engine->store, chat->id, engine->arena, &run); held++)
        engine_set_run(engine, &run, RUN_HELD, REASON(CHANNEL_IS_GONE));
    store_release_chat(engine->store, chat->id, 0, chat->not_before);
    return held;
}

/* Nobody would come to them, and they would expire. A page of each channel in one transaction. */
static void hold_strays(struct engine *engine)
{
    struct text channel = text_of("");
    bool more = false;

    while (store_next_channel(engine->store, channel, engine->arena, &channel)) {
        struct chat_row *chats;
        int64_t held = 0;
        size_t n;

        if (engine_channel(engine, channel))
            continue;
        n = store_claim_chats(engine->store, channel, INT64_MAX, engine->owner, STORE_LONGEST_DUE, PAGE,
                              engine->arena, &chats);
        for (size_t i = 0; i < n; i++)
            held += hold_runs(engine, &chats[i]);
        more = more || n == PAGE;
        log_warn("runs are held: their channel is not in the configuration any more",
                 log_text("channel", channel), log_num("runs", held));
    }
    engine->look_for_strays = more || store_failed(engine->store);
    engine->more = engine->more || more;
}

/* The command line works on the store directly; what it did is seen here. */
static void look(struct engine *engine)
{
    if (store_changed(engine->store))
        engine->recount = true;
    /* Of many nodes each would count all tables for what one does: now and then is enough. */
    if (!engine->recount || (engine->node.joined && engine->now < engine->node.count_at))
        return;
    engine->node.count_at = engine->now + RECOUNT_MS;
    engine->recount = false;
    engine->recounted = true;
    engine->look_for_new = engine->look_for_fetches = engine->look_for_strays = true;
    memset(&engine->loopguard, 0, sizeof(engine->loopguard)); /* a chat that was held goes on */
    engine_load_channels(engine);
    store_count(engine->store, &engine->counts);
    engine->has_variables = engine->has_variables || engine->counts.variables;
    engine->delta = (struct store_counts){ 0 };
}

void stage_upkeep(struct engine *engine)
{
    if (engine->stopping)
        return;
    if (is_due(engine, &engine->look_at, ENGINE_LOOK_MS))
        look(engine);
    /* Of several nodes one may have a configuration that is newer than the others'. */
    if (engine->look_for_strays && engine->node.count < 2)
        hold_strays(engine);
    if (is_due(engine, &engine->expire_at, EXPIRE_MS)) {
        expire_runs(engine);
        expire_entries(engine);
    }
    if (is_due(engine, &engine->prune_at, PRUNE_MS))
        prune(engine);
    if (engine->sweep_at <= engine->now)
        sweep(engine);
}
