#include "app/sandbox.h"

#include "app/engine_state.h"
#include "core/doc.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)256 << 20)
#define BOX_ITEMS 1024
#define BOX_BYTES ((size_t)16 << 20)
#define STEPS_MAX 100000
#define LATEST ((int64_t)2190000000000) /* ms; schedule_id has room for 41 bits of them */
#define SENT_MAX 1024                   /* of one entry */

struct sandbox {
    struct engine *engine;
    struct mailbox *in, *out;
    struct metrics *metrics;
    struct health *health;
    struct arena *arena;
    const struct source *source;
    struct sandbox_sent *sent; /* by the entry under work */
    size_t n_sent;
    int64_t messages;
};

/* --- open and close -------------------------------------------------------------------------------------------------- */

static bool find_source(struct sandbox *sandbox, const struct sandbox_setup *setup, struct fault *fault)
{
    const struct config *config = setup->generation->config;

    if (setup->channel && !config_channel(config, text_of(setup->channel)))
        return fault_set(fault, "there is no channel '%s' in the configuration", setup->channel);
    sandbox->source = setup->source       ? config_source(config, text_of(setup->source))
                      : config->n_sources ? config->sources[0]
                                          : NULL;
    return sandbox->source || fault_set(fault, "there is no source '%s' in the configuration",
                                        setup->source ? setup->source : "");
}

static bool make_parts(struct sandbox *sandbox)
{
    sandbox->in = mailbox_new(BOX_ITEMS, BOX_BYTES);
    sandbox->out = mailbox_new(BOX_ITEMS, BOX_BYTES);
    sandbox->metrics = metrics_new();
    sandbox->health = health_new();
    sandbox->arena = arena_new(ARENA_MAX);
    return sandbox->in && sandbox->out && sandbox->metrics && sandbox->health && sandbox->arena;
}

static bool make_engine(struct sandbox *sandbox, const struct sandbox_setup *setup, struct fault *fault)
{
    const struct engine_setup engine = { .config_path = setup->generation->config->path,
                                         .store_url = "memory:",
                                         .generation = setup->generation,
                                         .in = sandbox->in,
                                         .out = sandbox->out,
                                         .metrics = sandbox->metrics,
                                         .health = sandbox->health,
                                         .start_at = setup->start_at,
                                         .channel = setup->channel };

    sandbox->engine = engine_new(&engine, fault);
    return sandbox->engine && engine_take_over(sandbox->engine, fault);
}

struct sandbox *sandbox_new(const struct sandbox_setup *setup, struct fault *fault)
{
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));

    fault_set(fault, "out of memory");
    if (sandbox && make_parts(sandbox) && find_source(sandbox, setup, fault) &&
        make_engine(sandbox, setup, fault))
        return sandbox;
    sandbox_free(sandbox);
    return NULL;
}

static void free_box(struct mailbox *box)
{
    if (box)
        mail_free_all(mailbox_take(box, SIZE_MAX, SIZE_MAX, 0));
    mailbox_free(box);
}

void sandbox_free(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    engine_free(sandbox->engine);
    free_box(sandbox->in);
    free_box(sandbox->out);
    metrics_free(sandbox->metrics);
    health_free(sandbox->health);
    arena_free(sandbox->arena);
    free(sandbox);
}

int64_t sandbox_now(const struct sandbox *sandbox)
{
    return engine_now(sandbox->engine);
}

void sandbox_advance(struct sandbox *sandbox, int64_t ms)
{
    int64_t most = LATEST - sandbox_now(sandbox);

    engine_advance(sandbox->engine, ms < most ? ms : most > 0 ? most : 0);
}

/* --- the loop's part --------------------------------------------------------------------------------------------------- */

static bool note_sent(struct sandbox *sandbox, const struct request_mail *request)
{
    struct store *store = sandbox->engine->store;
    struct sandbox_sent *sent = &sandbox->sent[sandbox->n_sent];
    struct run_row run;
    struct fault fault;
    bool found;

    if (sandbox->n_sent == SENT_MAX || store_begin(store, &fault) != STORE_OK)
        return false;
    found = store_get_run(store, request->job.run, sandbox->arena, &run);
    store_rollback(store);
    *sent = (struct sandbox_sent){ .rule = found ? run.rule : TEXT_NONE,
                                   .channel = arena_text(sandbox->arena, text_of(request->job.owner)),
                                   .body = arena_text(sandbox->arena, text_of(request->body)),
                                   .step = request->job.step,
                                   .n = request->job.n };
    sandbox->n_sent++;
    return found && sent->channel.p && sent->body.p;
}

static bool answer(struct sandbox *sandbox, const struct request_mail *request)
{
    struct result_mail *result = mail_new(MAIL_RESULT, sizeof(*result));

    if (!result)
        return false;
    result->job = request->job;
    result->left = result->whole = true;
    result->status = request->job.kind == JOB_FETCH ? 404 : 200; /* there is no inbox to read from */
    result->body = text_dup(text_of("{\"id\":\"1\"}"));
    result->body_size = result->body ? strlen(result->body) : 0;
    mailbox_post_reserved(sandbox->in, &result->mail);
    return true;
}

static bool take_requests(struct sandbox *sandbox, bool *any)
{
    struct mail *mail = mailbox_take(sandbox->out, SIZE_MAX, SIZE_MAX, 0);
    bool ok = true;

    *any = false;
    for (struct mail *one = mail; one; one = one->next) {
        const struct request_mail *request = (const struct request_mail *)one;

        if (one->kind != MAIL_REQUEST)
            continue;
        *any = true;
        if (request->job.kind == JOB_SEND)
            ok = note_sent(sandbox, request) && ok;
        ok = answer(sandbox, request) && ok;
    }
    mail_free_all(mail);
    return ok;
}

/* Until nothing is left to do; where only a rate is in the way, time moves on. */
static bool run_all(struct sandbox *sandbox, struct fault *fault)
{
    struct engine *engine = sandbox->engine;

    for (int i = 0; i < STEPS_MAX; i++) {
        bool any;

        engine_step(engine);
        if (engine->store_down || !take_requests(sandbox, &any))
            return fault_set(fault, "out of memory");
        if (any || engine_due(engine) == engine->now)
            continue;
        if (engine->counts.runs[RUN_READY] == 0 || engine_due(engine) == 0)
            return true;
        if (engine_due(engine) > engine_now(engine))
            engine_advance(engine, engine_due(engine) - engine_now(engine));
    }
    return fault_set(fault, "the rules come to no end");
}

/* --- what became of it ------------------------------------------------------------------------------------------------- */

static struct text member(struct sandbox *sandbox, struct json_object *doc, const char *key)
{
    struct text value = doc_str(doc, key);

    return value.p ? arena_text(sandbox->arena, value) : TEXT_NONE;
}

static void describe_end(const struct run_row *run, struct sandbox_outcome *out)
{
    out->run_state = run->state;
    if (run->state != RUN_DONE)
        out->reason = run->reason.p ? run->reason : text_of(run_state_name(run->state));
}

static void describe_run(struct sandbox *sandbox, const struct run_row *run, struct sandbox_outcome *out)
{
    struct fault fault;
    struct json_object *doc = doc_parse(run->doc, &fault), *captures = doc ? doc_key(doc, "captures") : NULL;
    struct buf print = BUF(1u << 20);

    out->rule = run->rule;
    describe_end(run, out);
    out->how = member(sandbox, doc, "how");
    if (captures)
        doc_print(captures, &print);
    out->captures = arena_text(sandbox->arena, captures ? buf_get(&print) : text_of("{}"));
    buf_free(&print);
    json_object_put(doc);
}

static int by_id(const void *a, const void *b)
{
    const struct run_row *left = a, *right = b;

    return (left->id > right->id) - (left->id < right->id);
}

/* The runs of one entry: with `continue` there are several. */
static bool describe_runs(struct sandbox *sandbox, struct run_row *runs, size_t n,
                          struct sandbox_outcome *out)
{
    struct text *rules = arena_array(sandbox->arena, n + 1, sizeof(*rules));

    out->rules = rules;
    if (!rules)
        return false;
    qsort(runs, n, sizeof(*runs), by_id);
    describe_run(sandbox, &runs[0], out);
    for (size_t i = 0; i < n; i++) {
        rules[out->n_rules++] = runs[i].rule;
        if (out->run_state == RUN_DONE)
            describe_end(&runs[i], out);
    }
    return true;
}

static bool describe(struct sandbox *sandbox, int64_t id, struct sandbox_outcome *out, struct fault *fault)
{
    struct store *store = sandbox->engine->store;
    struct entry_row entry;
    struct run_row *runs;
    size_t n;
    bool found;

    *out = (struct sandbox_outcome){ .sent = sandbox->sent, .n_sent = sandbox->n_sent };
    if (store_begin(store, fault) != STORE_OK)
        return false;
    found = store_get_entry(store, id, sandbox->arena, &entry);
    n = found ? store_entry_runs(store, id, sandbox->arena, &runs) : 0;
    if (n)
        found = describe_runs(sandbox, runs, n, out);
    else if (found)
        out->reason = entry.reason.p ? entry.reason : text_of(entry_state_name(entry.state));
    store_rollback(store);
    return found || fault_set(fault, "out of memory");
}

bool sandbox_enter(struct sandbox *sandbox, const struct sandbox_entry *what, struct sandbox_outcome *out,
                   struct fault *fault)
{
    struct buf message = BUF(32);
    struct entry entry = { .kind = what->kind,
                           .conversation = text_of("1"),
                           .topic = text_of("sandbox"),
                           .author = text_of("user"),
                           .user_id = what->user_id,
                           .body = what->data,
                           .data = what->data,
                           .said_at = sandbox_now(sandbox),
                           .fetched = true,
                           .contact_read = true,
                           .contact_doc = what->contact };
    int64_t id;
    bool ok;

    buf_printf(&message, "%lld", (long long)++sandbox->messages);
    entry.message = buf_get(&message);
    sandbox->sent = arena_array(sandbox->arena, SENT_MAX, sizeof(*sandbox->sent));
    sandbox->n_sent = 0;
    id = engine_enter(sandbox->engine, sandbox->source, &entry);
    ok = sandbox->sent && run_all(sandbox, fault) && describe(sandbox, id, out, fault);
    if (!sandbox->sent)
        fault_set(fault, "out of memory");
    buf_free(&message);
    return ok;
}
