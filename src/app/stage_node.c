/* Several nodes on one store: this one's lease, and what a node leaves that is gone. */

#include "app/engine_state.h"

#include "base/log.h"
#include "base/now.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BEATS 6       /* in a lease */
#define SHARE_MS 1000 /* what other nodes wrote of channels is read this often */
#define TRIES_AGAIN 5 /* of what another node was in the way of */
#define CALL_MS 50    /* between two calls for help; a commit with one keeps others from committing */

static int64_t number_of(int64_t node)
{
    return (node >> 12) & (STORE_NODES - 1);
}

static struct text node_name(char *out, size_t size)
{
    char host[65] = "";

    if (gethostname(host, sizeof(host) - 1) != 0)
        snprintf(host, sizeof(host), "unknown");
    snprintf(out, size, "%s/%d", host, (int)getpid());
    return text_of(out);
}

/* How long a send may take. What takes longer (a lookup, the inbox) does no harm when it is done twice. */
static int64_t longest_send(const struct engine *engine)
{
    const struct config *config = engine->generation->config;
    int64_t longest = 0;

    for (size_t i = 0; i < config->n_channels; i++)
        if (config->channels[i].timeout_ms > longest)
            longest = config->channels[i].timeout_ms;
    return longest;
}

static int64_t lease_ms(const struct engine *engine)
{
    int64_t lease = engine->generation->config->limits.lease_ms, least = longest_send(engine) * 3 / 2;

    return lease > least ? lease : least;
}

static int64_t beat_ms(const struct engine *engine)
{
    return lease_ms(engine) / BEATS;
}

/* --- the lease ------------------------------------------------------------------------------------------------------------ */

/* From now on, if not before, this is a node with a lease. That is counted from before it was asked for, on the clock that goes on while
   the machine sleeps. */
static enum store_status join(struct engine *engine, struct fault *fault)
{
    const int64_t before = now_boot_ms();
    enum store_status status;
    char name[96];
    int64_t id;

    if (engine->node.joined || !store_is_shared(engine->store))
        return STORE_OK;
    status = store_join(engine->store, node_name(name, sizeof(name)), lease_ms(engine), &id, fault);
    if (status != STORE_OK)
        return status;
    schedule_set_number(&engine->schedule, number_of(id));
    engine->owner = id;
    (void)store_renewed(engine->store); /* a new node has nothing to lose */
    engine->node = (struct node_state){ .lease_until = before + lease_ms(engine), .joined = true };
    engine->has_variables = true; /* others may write some */
    log_info("joined the other nodes", log_str("name", name), log_num("number", number_of(id)));
    return STORE_OK;
}

/* What was undone is looked for once more. */
static void begin_anew(struct engine *engine)
{
    engine->look_for_new = engine->look_for_fetches = engine->look_for_strays = true;
    engine->expire_at = 0;
}

enum store_status node_insist(struct engine *engine, node_work *work, const void *what, struct fault *fault)
{
    enum store_status status = STORE_AGAIN;

    for (int i = 0; i <= TRIES_AGAIN && (status == STORE_AGAIN || status == STORE_FENCED); i++) {
        if (i > 0)
            begin_anew(engine);
        status = join(engine, fault);
        if (status == STORE_OK)
            status = work(engine, what, fault);
    }
    return status;
}

enum store_status node_begin(struct engine *engine, struct fault *fault)
{
    enum store_status status;

    engine->node.began = now_boot_ms();
    status = store_begin(engine->store, fault);
    if (status != STORE_FENCED)
        return status;
    log_error("fenced: this node was away for longer than its lease, and begins anew",
              log_str("cause", fault->text));
    engine->node.joined = false;
    return status;
}

/* A beat that is not stored, or of which that is not known, counts for nothing and comes again. */
void node_ended(struct engine *engine, bool stored)
{
    if (engine->node.beat_until && stored)
        engine->node.lease_until = engine->node.beat_until;
    else if (engine->node.beat_until)
        engine->node.beat_at = 0;
    engine->node.beat_until = 0;
    if (engine->node.looked_back && stored)
        engine->node.look_back = false;
    engine->node.looked_back = false;
}

int64_t node_start_before(const struct engine *engine)
{
    const struct node_state *node = &engine->node;

    /* What this transaction decides on leaves only when its beat is stored. */
    return node->joined ? (node->beat_until ? node->beat_until : node->lease_until) - longest_send(engine)
                        : 0;
}

bool node_may_send(const struct engine *engine)
{
    return !engine->node.joined || now_boot_ms() < node_start_before(engine);
}

/* --- the others ------------------------------------------------------------------------------------------------------------- */

/* What was under way is settled as after a crash of our own: the rule says how. */
static void take_over_from(struct engine *engine, int64_t node)
{
    int64_t sends = upkeep_settle_left(engine, node);

    store_disown(engine->store, node, engine->now);
    store_leave(engine->store, node);
    /* What it may have crashed on is counted before it is tried again. */
    engine->recovered = false;
    engine->first_id = schedule_id(&engine->schedule, engine->now);
    engine->look_for_new = engine->look_for_fetches = engine->recount = engine->more = true;
    log_warn("a node is gone; what it had is taken over", log_num("number", number_of(node)),
             log_num("sends_under_way", sends));
}

static void show_rules(struct engine *engine, const struct node_row *nodes, size_t n)
{
    struct text own = ruleset_hash(engine->generation->ruleset);
    char line[256];
    size_t others = 0;
    struct text name = TEXT_NONE;

    for (size_t i = 0; i < n; i++) {
        if (!nodes[i].rules.p || text_eq(nodes[i].rules, own))
            continue;
        others++;
        name = nodes[i].name;
    }
    snprintf(line, sizeof(line), "%zu of %zu nodes work with other rules than this one, %.*s for one", others,
             n, TEXT_ARG(name));
    health_set(engine->setup.health, HEALTH_RULES, others ? line : NULL);
    metrics_set(engine->setup.metrics, METRIC_NODES, "same_rules", NULL, (double)(n - others));
    metrics_set(engine->setup.metrics, METRIC_NODES, "other_rules", NULL, (double)others);
}

/* A channel's rate is divided by the number of nodes. One that comes new waits until all others have counted it. */
static void share_rates(struct engine *engine, int nodes)
{
    if (engine->node.count == nodes)
        return;
    engine->node.count = nodes;
    engine_pace_channels(engine);
    log_info("nodes", log_num("count", nodes));
}

static void watch_others(struct engine *engine)
{
    struct node_row *nodes;
    size_t n = store_nodes(engine->store, store_clock(engine->store), engine->arena, &nodes);
    int64_t gone;

    if (n == 0)
        return; /* the transaction fails */
    if (!engine->node.counted_at)
        engine->node.counted_at = engine->now + (n > 1 ? beat_ms(engine) + SHARE_MS : 0);
    show_rules(engine, nodes, n);
    share_rates(engine, (int)n);
    while ((gone = store_lapsed(engine->store, store_clock(engine->store))) != 0)
        take_over_from(engine, gone);
}

static void beat(struct engine *engine)
{
    engine->node.beat_until = engine->node.began + lease_ms(engine);
    store_beat(engine->store, engine->owner, ruleset_hash(engine->generation->ruleset),
               store_clock(engine->store) + lease_ms(engine));
    watch_others(engine);
}

int64_t node_rates_from(const struct engine *engine)
{
    return engine->node.counted_at;
}

/* A new connection may be to a server that was behind when it took over. What it calls under way, and is not, got its result while the
   store was on the server that is gone, and on this one nobody would ever come to it. Some of the results that are here are kept for
   later in a careful transaction. */
void node_look_back(struct engine *engine)
{
    struct node_state *node = &engine->node;

    if (!node->look_back || engine->careful)
        return;
    node->looked_back = upkeep_settle_lost(engine);
    engine->more = engine->more || !node->looked_back;
}

/* Rules that were stored may be lost, too: runs that are made from now on bring them. */
static void look_at_connection(struct engine *engine)
{
    if (store_renewed(engine->store))
        engine->node.look_back = true;
    if (engine->node.look_back)
        engine->stored_hash = NULL;
}

void stage_node(struct engine *engine)
{
    look_at_connection(engine);
    if (!engine->node.joined)
        return;
    if (engine->now >= engine->node.beat_at) {
        engine->node.beat_at = engine->now + beat_ms(engine);
        beat(engine);
    }
    if (store_called(engine->store))
        engine->look_for_new = engine->look_for_fetches = true;
    if (engine->now >= engine->node.share_at) {
        engine->node.share_at = engine->now + SHARE_MS;
        engine->look_for_new = engine->look_for_fetches = true;
        engine_load_channels(engine);
    }
}

void node_call(struct engine *engine, bool work_left)
{
    if (!engine->node.joined || !work_left || engine->node.count < 2 || engine->now < engine->node.call_at)
        return;
    engine->node.call_at = engine->now + CALL_MS;
    store_call(engine->store);
}

static enum store_status leave(struct engine *engine, const void *what, struct fault *fault)
{
    enum store_status status = store_begin(engine->store, fault);

    (void)what;
    if (status != STORE_OK)
        return status == STORE_FENCED ? STORE_OK : status; /* the others have it all already */
    (void)upkeep_settle_left(engine, engine->owner);
    store_disown(engine->store, engine->owner, engine->now);
    store_leave(engine->store, engine->owner);
    store_call(engine->store);
    return store_commit(engine->store, fault);
}

/* At a stop in good order: the others need not wait for the end of the lease. */
void node_leave(struct engine *engine)
{
    struct fault fault = { "" };

    if (!engine->node.joined)
        return;
    if (node_insist(engine, leave, NULL, &fault) != STORE_OK)
        log_warn("the other nodes take over only when the lease is over", log_str("cause", fault.text));
    engine->node.joined = false;
}
