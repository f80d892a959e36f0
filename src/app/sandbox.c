#include "app/sandbox.h"

#include "app/stage_run.h"
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
    enum sandbox_by (*lookup)(void *context, const struct request_mail *request, struct result_mail *result);
    void *context;
    struct sandbox_sent *sent; /* by the entry under work; SENT_MAX places, as below */
    size_t n_sent;
    struct sandbox_action *actions;
    size_t n_actions;
    struct sandbox_asked *asked;
    size_t n_asked;
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
    if (!sandbox->arena)
        return false;
    sandbox->sent = arena_array(sandbox->arena, SENT_MAX, sizeof(*sandbox->sent));
    sandbox->actions = arena_array(sandbox->arena, SENT_MAX, sizeof(*sandbox->actions));
    sandbox->asked = arena_array(sandbox->arena, SENT_MAX, sizeof(*sandbox->asked));
    return sandbox->sent && sandbox->actions && sandbox->asked && sandbox->in && sandbox->out &&
           sandbox->metrics && sandbox->health;
}

static bool make_engine(struct sandbox *sandbox, const struct sandbox_setup *setup, struct fault *fault)
{
    const struct engine_setup engine = { .store_url = "memory:",
                                         .generation = setup->generation,
                                         .in = sandbox->in,
                                         .out = sandbox->out,
                                         .metrics = sandbox->metrics,
                                         .health = sandbox->health,
                                         .start_at = setup->start_at,
                                         .channel = setup->channel,
                                         .watch = setup->watch,
                                         .lookup_fails = setup->lookup_fails,
                                         .context = setup->context };

    sandbox->engine = engine_new(&engine, fault);
    return sandbox->engine && engine_take_over(sandbox->engine, fault);
}

struct sandbox *sandbox_new(const struct sandbox_setup *setup, struct fault *fault)
{
    struct sandbox *sandbox = calloc(1, sizeof(*sandbox));

    fault_set(fault, "out of memory");
    if (sandbox) {
        sandbox->lookup = setup->lookup;
        sandbox->context = setup->context;
    }
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

void sandbox_forget_answers(struct sandbox *sandbox)
{
    cache_clear(sandbox->engine->answers);
}

/* --- the loop's part --------------------------------------------------------------------------------------------------- */

/* The rule where the run is now may be another one than that which took the entry. */
static bool note_sent(struct sandbox *sandbox, const struct request_mail *request)
{
    struct store *store = sandbox->engine->store;
    struct sandbox_sent *sent = &sandbox->sent[sandbox->n_sent];
    struct run_row run;
    struct going going;
    struct fault fault;
    bool found;

    if (sandbox->n_sent == SENT_MAX || store_begin(store, &fault) != STORE_OK)
        return false;
    *sent = (struct sandbox_sent){ .channel = arena_text(sandbox->arena, text_of(request->job.owner)),
                                   .body = arena_text(sandbox->arena, text_of(request->body)),
                                   .n = request->job.n };
    found = store_get_run(store, request->job.run, sandbox->arena, &run);
    if (found && run_resume(&going, sandbox->engine, &run)) {
        sent->rule = text_of(going.rule->name);
        sent->step = request->job.step - going.base;
    }
    if (found)
        run_close(&going);
    store_rollback(store);
    sandbox->n_sent++;
    return sent->rule.p && sent->channel.p && sent->body.p;
}

static struct text member(struct sandbox *sandbox, struct json_object *doc, const char *key)
{
    struct text value = doc_str(doc, key);

    return value.p ? arena_text(sandbox->arena, value) : TEXT_NONE;
}

/* Of an action that takes two requests the first is noted. */
static bool note_action(struct sandbox *sandbox, const struct job *job)
{
    struct store *store = sandbox->engine->store;
    struct sandbox_action *action = &sandbox->actions[sandbox->n_actions];
    struct json_object *doc = NULL;
    struct send_row *sends;
    struct fault fault;
    size_t n;

    if (sandbox->n_actions == SENT_MAX || store_begin(store, &fault) != STORE_OK)
        return false;
    n = store_step_sends(store, job->run, job->step, sandbox->arena, &sends);
    for (size_t i = 0; i < n; i++)
        if (sends[i].n == job->n)
            doc = doc_parse(sends[i].body, &fault);
    store_rollback(store);
    *action = (struct sandbox_action){ member(sandbox, doc, "action"), member(sandbox, doc, "value") };
    json_object_put(doc);
    if (!sandbox->n_actions || !text_eq(action[-1].action, action->action) ||
        !text_eq(action[-1].value, action->value))
        sandbox->n_actions++;
    return action->action.p;
}

static bool note(struct sandbox *sandbox, const struct request_mail *request)
{
    switch (request->job.kind) {
    case JOB_SEND:
        return note_sent(sandbox, request);
    case JOB_INBOX:
        return note_action(sandbox, &request->job);
    case JOB_LOOKUP: /* with its answer */
    case JOB_POLL:   /* every answer here is clear */
    case JOB_FETCH:
        break;
    }
    return true;
}

/* The answer that the rules give as an example. */
static char *print_sample(struct sandbox *sandbox, const struct job *job)
{
    struct store *store = sandbox->engine->store;
    struct json_object *sample;
    struct buf out = BUF(1u << 20);
    struct fault fault;

    if (store_begin(store, &fault) != STORE_OK)
        return NULL;
    sample = lookup_sample_of(sandbox->engine, job);
    store_rollback(store);
    if (sample)
        doc_print(sample, &out);
    json_object_put(sample);
    return buf_take(&out);
}

static struct text kept(struct sandbox *sandbox, const char *string)
{
    return string ? arena_text(sandbox->arena, text_of(string)) : TEXT_NONE;
}

static bool note_asked(struct sandbox *sandbox, const struct request_mail *request, enum sandbox_by by,
                       const struct result_mail *result)
{
    struct sandbox_asked *asked = &sandbox->asked[sandbox->n_asked];

    if (sandbox->n_asked == SENT_MAX)
        return false;
    *asked = (struct sandbox_asked){ .name = kept(sandbox, request->job.owner),
                                     .url = kept(sandbox, request->url),
                                     .body = kept(sandbox, request->body),
                                     .by = by,
                                     .status = result->status,
                                     .took_ms = result->took_ms,
                                     .error = kept(sandbox, result->error) };
    sandbox->n_asked++;
    return asked->name.p && asked->url.p;
}

static bool answer_lookup(struct sandbox *sandbox, const struct request_mail *request,
                          struct result_mail *result)
{
    enum sandbox_by by =
        sandbox->lookup ? sandbox->lookup(sandbox->context, request, result) : SANDBOX_SAMPLE;

    if (by == SANDBOX_SAMPLE) {
        result->status = 200;
        result->body = print_sample(sandbox, &request->job);
        result->body_size = result->body ? strlen(result->body) : 0;
    }
    return note_asked(sandbox, request, by, result);
}

static bool answer(struct sandbox *sandbox, const struct request_mail *request)
{
    struct result_mail *result = mail_new(MAIL_RESULT, sizeof(*result));
    bool ok = true;

    if (!result)
        return false;
    result->job = request->job;
    result->left = result->whole = true;
    if (request->job.kind == JOB_LOOKUP) {
        ok = answer_lookup(sandbox, request, result);
    } else {
        result->status = request->job.kind == JOB_FETCH ? 404 : 200; /* there is no inbox to read from */
        result->body = text_dup(text_of("{\"id\":\"1\"}"));
        result->body_size = result->body ? strlen(result->body) : 0;
    }
    mailbox_post_reserved(sandbox->in, &result->mail);
    return ok;
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
        ok = note(sandbox, request) && ok;
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
    out->refused = member(sandbox, doc, "refused");
    out->missed = member(sandbox, doc, "missed");
    out->failed = member(sandbox, doc, "failed");
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

static void describe_chat(struct sandbox *sandbox, const struct sandbox_entry *what,
                          struct sandbox_outcome *out)
{
    struct json_object *scope = json_object_new_object();
    struct buf print = BUF(1u << 20);
    struct chat_row chat;

    if (scope &&
        store_find_chat(sandbox->engine->store, engine_chat_channel(sandbox->engine, sandbox->source),
                        what->user_id, sandbox->arena, &chat) &&
        guard_add_variables(sandbox->engine, chat.id, scope)) {
        doc_print(doc_key(scope, "chat"), &print);
        out->chat = arena_text(sandbox->arena, buf_get(&print));
    }
    buf_free(&print);
    json_object_put(scope);
}

static bool keep_rows(struct sandbox *sandbox, const struct variable_row *rows, struct sandbox_chat *out)
{
    struct variable_row *kept = arena_array(sandbox->arena, out->n_variables + 1, sizeof(*kept));
    bool good = kept;

    for (size_t i = 0; good && i < out->n_variables; i++) {
        kept[i] = rows[i]; /* NOLINT(clang-analyzer-core.NullDereference): without rows there are none */
        kept[i].name = arena_text(sandbox->arena, rows[i].name);
        kept[i].value = arena_text(sandbox->arena, rows[i].value);
        good = kept[i].name.p && kept[i].value.p;
    }
    out->variables = kept;
    return good;
}

bool sandbox_look(struct sandbox *sandbox, struct text user_id, struct sandbox_chat *out, struct fault *fault)
{
    struct engine *engine = sandbox->engine;
    struct variable_row *rows = NULL;
    struct chat_row chat;
    bool good;

    *out = (struct sandbox_chat){ NULL, 0, 0 };
    if (store_begin(engine->store, fault) != STORE_OK)
        return false;
    if (store_find_chat(engine->store, engine_chat_channel(engine, sandbox->source), user_id, sandbox->arena,
                        &chat))
        out->n_variables = guard_look(engine, chat.id, &rows, &out->quiet_until);
    good = keep_rows(sandbox, rows, out);
    store_rollback(engine->store);
    return good || fault_set(fault, "out of memory");
}

static void *copy(struct sandbox *sandbox, const void *items, size_t n, size_t size)
{
    void *out = arena_array(sandbox->arena, n + 1, size);

    if (out && n)
        memcpy(out, items, n * size);
    return out;
}

static bool keep_noted(struct sandbox *sandbox, struct sandbox_outcome *out)
{
    out->sent = copy(sandbox, sandbox->sent, sandbox->n_sent, sizeof(*sandbox->sent));
    out->n_sent = sandbox->n_sent;
    out->actions = copy(sandbox, sandbox->actions, sandbox->n_actions, sizeof(*sandbox->actions));
    out->n_actions = sandbox->n_actions;
    out->asked = copy(sandbox, sandbox->asked, sandbox->n_asked, sizeof(*sandbox->asked));
    out->n_asked = sandbox->n_asked;
    return out->sent && out->actions && out->asked;
}

static bool describe(struct sandbox *sandbox, const struct sandbox_entry *what, int64_t id,
                     struct sandbox_outcome *out, struct fault *fault)
{
    struct store *store = sandbox->engine->store;
    struct entry_row entry;
    struct run_row *runs;
    size_t n;
    bool found;

    *out = (struct sandbox_outcome){ 0 };
    if (!keep_noted(sandbox, out))
        return fault_set(fault, "out of memory");
    if (store_begin(store, fault) != STORE_OK)
        return false;
    found = store_get_entry(store, id, sandbox->arena, &entry);
    n = found ? store_entry_runs(store, id, sandbox->arena, &runs) : 0;
    if (n)
        found = describe_runs(sandbox, runs, n, out);
    else if (found)
        out->reason = entry.reason.p ? entry.reason : text_of(entry_state_name(entry.state));
    if (found && !n)
        out->refused = guard_refused(entry.reason);
    describe_chat(sandbox, what, out);
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
                           .contact_doc = what->contact,
                           .attachment = what->attachment };
    int64_t id;
    bool ok;

    buf_printf(&message, "%lld", (long long)++sandbox->messages);
    entry.message = buf_get(&message);
    sandbox->n_sent = sandbox->n_actions = sandbox->n_asked = 0;
    id = engine_enter(sandbox->engine, sandbox->source, &entry);
    ok = run_all(sandbox, fault) && describe(sandbox, what, id, out, fault);
    buf_free(&message);
    return ok;
}
