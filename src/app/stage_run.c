/* T4, the walk: a chat's head run goes through its steps. Steps that ask nobody are done in the transaction that comes to them; what
   they came to is stored before a request of the next one is made. */

#include "app/stage_run.h"

#include "base/log.h"
#include "core/doc.h"

#include <string.h>

#define RUNS_AT_ONCE 64 /* of one chat in one transaction, so that it cannot hold up the others */
#define GOTOS_MAX 100   /* of one run */
#define VARIABLES_MAX 50
#define VALUE_MAX 1024
#define DOC_MAX (512u << 10)
#define ANSWERS_MAX \
    (448u << 10) /* of a document with lookups' answers: what a run keeps later has room yet */

/* --- what the run keeps ------------------------------------------------------------------------------------------------ */

static bool copy_members(struct json_object *from, struct json_object *to)
{
    if (!json_object_is_type(from, json_type_object))
        return true;
    json_object_object_foreach(from, key, value)
    {
        if (value && !doc_add(to, key, json_object_get(value)))
            return false;
    }
    return true;
}

/* The scope is a map of its own: what changes with time is not kept. */
static bool make_scope(struct going *going)
{
    const struct engine *engine = going->engine;
    struct json_object *scope = json_object_new_object();

    going->scope = scope;
    return scope && copy_members(doc_key(going->doc, "scope"), scope) &&
           copy_members(doc_key(going->doc, "captures"), scope) &&
           guard_add_variables(going->engine, going->run->chat, scope) &&
           settings_fill(going->rule->settings, scope, engine->now);
}

static bool read_doc(struct going *going, struct fault *fault)
{
    if (!going->doc)
        going->doc = doc_parse(going->run->doc, fault);
    return going->doc || fault_wrap(fault, "the run's own document");
}

bool run_open(struct going *going, struct fault *fault)
{
    if (going->scope)
        return true;
    if (!read_doc(going, fault))
        return false;
    if (!json_object_is_type(doc_key(going->doc, "scope"), json_type_object))
        return fault_set(fault, "the run's own document has no values");
    return make_scope(going) || fault_set(fault, "out of memory");
}

void run_close(struct going *going)
{
    json_object_put(going->scope);
    json_object_put(going->doc);
}

static bool keep_text(struct going *going, const char *key, struct text text)
{
    going->changed = true;
    return doc_add_text(going->doc, key, text);
}

/* Goes on with a block of the rule's, and keeps why and from which step on. */
static bool divert(struct going *going, size_t block, const char *key, const char *key_at, struct text reason)
{
    int step = going->base + (int)block;

    if (!keep_text(going, key, reason) || !doc_add(going->doc, key_at, json_object_new_int(step)))
        return false;
    going->run->step = step;
    return true;
}

/* A run that is tried again may stand before what failed then. */
static void forget_reason(struct going *going, const char *key, const char *key_at)
{
    struct json_object *at = doc_key(going->doc, key_at);

    if (!at || json_object_get_int(at) <= going->run->step)
        return;
    json_object_object_del(going->doc, key);
    json_object_object_del(going->doc, key_at);
    going->changed = true;
}

/* The document as it is to be stored; without changes as it was. */
static struct text printed(struct going *going)
{
    struct text doc;

    if (!going->changed)
        return going->run->doc;
    doc = doc_printed(going->doc, DOC_MAX, going->engine->arena);
    if (!doc.p)
        store_give_up(going->engine->store, "a run's document is too large");
    return doc;
}

/* --- ends -------------------------------------------------------------------------------------------------------------- */

void run_release(struct engine *engine, const struct chat_row *chat, int64_t due_at)
{
    store_release_chat(engine->store, chat->id, due_at, chat->not_before);
    if (due_at)
        engine_wake(engine, due_at > engine->now ? due_at : engine->now + 1);
}

enum go run_wait(const struct going *going, int64_t due_at)
{
    run_release(going->engine, going->chat, due_at);
    return GO_RELEASED;
}

enum go run_stop_here(const struct going *going)
{
    store_release_chat(going->engine->store, going->chat->id, going->engine->now, going->chat->not_before);
    return GO_RELEASED;
}

enum go run_hold(struct going *going, const char *reason)
{
    engine_set_run(going->engine, going->run, RUN_HELD, text_of(reason));
    return GO_ENDED;
}

/* Steps for the case that something fails: once, and never for what goes wrong in them. */
static bool has_way_out(struct going *going)
{
    struct fault fault;

    return going->rule->on_error != RULE_NO_STEP && read_doc(going, &fault) &&
           !doc_str(going->doc, "failed").p;
}

enum go run_fail(struct going *going, struct text reason)
{
    struct engine *engine = going->engine;

    if (store_failed(engine->store))
        return GO_RELEASED;
    if (!has_way_out(going) || !divert(going, going->rule->on_error, "failed", "failed_at", reason)) {
        engine_set_run(engine, going->run, RUN_FAILED, reason);
        return GO_ENDED;
    }
    log_info("run fails", log_num("run", going->run->id), log_text("rule", text_of(going->rule->name)),
             log_text("reason", reason));
    store_unspend(engine->store, going->run->chat, going->run->id);
    return GO_ON;
}

enum go run_fault(struct going *going, const struct fault *fault)
{
    return run_fail(going, arena_text(going->engine->arena, text_of(fault->text)));
}

/* Once, as on_error: a lookup among these steps may find nothing, either. */
bool run_knows_not_found(struct going *going)
{
    struct fault fault;

    return going->rule->not_found != RULE_NO_STEP && read_doc(going, &fault) &&
           !doc_str(going->doc, "missed").p;
}

enum go run_not_found(struct going *going, struct text reason)
{
    if (run_knows_not_found(going) && divert(going, going->rule->not_found, "missed", "missed_at", reason))
        return GO_ON;
    return run_fail(going, reason);
}

bool run_keep_answer(struct going *going, const char *as, struct json_object *value)
{
    struct json_object *scope = doc_key(going->doc, "scope");
    struct buf out = BUF(ANSWERS_MAX);
    bool good;

    going->changed = true;
    good = doc_add(scope, as, json_object_get(value)) &&
           (!going->scope || doc_add(going->scope, as, json_object_get(value)));
    json_object_put(value);
    doc_print(going->doc, &out);
    good = good && !out.failed;
    if (!good) {
        json_object_object_del(scope, as);
        if (going->scope)
            json_object_object_del(going->scope, as);
    }
    buf_free(&out);
    return good;
}

/* What a run came to that went through all of its steps. */
static enum go end_run(struct going *going)
{
    struct engine *engine = going->engine;
    enum run_state state = RUN_DONE;
    int64_t unknown, open;
    struct text reason = TEXT_NONE;
    struct fault fault;

    if (going->doc || (going->rule->on_error != RULE_NO_STEP && read_doc(going, &fault)))
        reason = doc_str(going->doc, "failed");
    store_unsettled(engine->store, going->run->id, &unknown, &open);
    if (open) /* on_error went past it */
        store_drop_sends(engine->store, going->run->id, REASON("the run went on without it"));
    if (unknown) {
        state = RUN_UNKNOWN;
        reason = REASON("a request left and no answer came");
    }
    engine_set_run(engine, going->run, state, reason.p ? arena_text(engine->arena, reason) : TEXT_NONE);
    return GO_ENDED;
}

/* --- where a `goto` led ----------------------------------------------------------------------------------------------- */

static size_t count_gotos(const struct going *going)
{
    struct json_object *gotos = doc_key(going->doc, "gotos");

    return gotos ? json_object_array_length(gotos) : 0;
}

static struct json_object *nth_goto(const struct going *going, size_t i)
{
    return json_object_array_get_idx(doc_key(going->doc, "gotos"), i);
}

static int base_of(struct json_object *one)
{
    return json_object_get_int(doc_key(one, "base"));
}

static bool keep_goto(struct going *going, struct text rule, int base)
{
    struct json_object *one = json_object_new_object();

    going->changed = true;
    if (doc_add_text(one, "rule", rule) && doc_add(one, "base", json_object_new_int(base)) &&
        (doc_key(going->doc, "gotos") || doc_add(going->doc, "gotos", json_object_new_array())) &&
        json_object_array_add(doc_key(going->doc, "gotos"), one) == 0)
        return true;
    json_object_put(one);
    return false;
}

/* Earlier documents say only where the last one led: `at` and `base`. False: it stands in a rule between. */
static bool take_old_goto(struct going *going)
{
    struct text at = doc_str(going->doc, "at");
    int base = base_of(going->doc);
    bool there = going->run->step >= base;

    if (!at.p)
        return true;
    at = arena_text(going->engine->arena, at);
    json_object_object_del(going->doc, "at");
    json_object_object_del(going->doc, "base");
    json_object_object_del(going->doc, "jumps");
    going->changed = true;
    return there ? keep_goto(going, at, base) : going->run->step < (int)going->rule->n_steps;
}

static bool leads_on(const struct rule *rule)
{
    for (size_t i = 0; i < rule->n_steps; i++)
        if (rule->steps[i].kind == STEP_GOTO)
            return true;
    return false;
}

/* In which rule it is: that which took the entry, or one that a `goto` led to. */
static bool find_place(struct going *going)
{
    const struct ruleset *ruleset;
    struct json_object *last;
    struct fault fault;
    size_t n;

    if (!leads_on(going->rule))
        return true;
    if (!read_doc(going, &fault) || !take_old_goto(going))
        return false;
    for (n = 0; n < count_gotos(going) && base_of(nth_goto(going, n)) <= going->run->step; n++)
        ;
    going->gotos = n;
    if (n == 0)
        return true;
    last = nth_goto(going, n - 1);
    ruleset = engine_ruleset(going->engine, going->run);
    going->rule = ruleset ? ruleset_find(ruleset, doc_str(last, "rule")) : NULL;
    going->base = base_of(last);
    return going->rule;
}

/* --- steps that ask nobody ----------------------------------------------------------------------------------------------- */

static enum go choose_step(struct going *going, const struct step *step)
{
    struct fault fault;

    if (!run_open(going, &fault))
        return run_fault(going, &fault);
    going->run->step = going->base + (int)rule_next(step, going->scope, going->engine->scratch);
    return GO_ON;
}

/* A run that is tried again goes with what was sent at the first try: its steps have their numbers. */
static enum go hold_astray(struct going *going, const struct rule *target)
{
    struct fault reason;

    fault_set(&reason, "it would go another way now than at the first try: from rule '%s' to '%s'",
              going->rule->name, target->name);
    return run_hold(going, arena_str(going->engine->arena, text_of(reason.text)));
}

/* The rule that the target names is of the same ruleset. */
static enum go goto_step(struct going *going, const struct step *step)
{
    const struct text name = text_of(step->target->name);
    int base = going->base + (int)going->rule->n_steps;
    struct fault fault = { "out of memory" };

    if (!read_doc(going, &fault))
        return run_fault(going, &fault);
    if (going->gotos == GOTOS_MAX) {
        fault_set(&fault, "more than %d times 'goto' in one run", GOTOS_MAX);
        return run_fault(going, &fault);
    }
    if (going->gotos == count_gotos(going) && !keep_goto(going, name, base))
        return run_fault(going, &fault);
    if (!text_eq(doc_str(nth_goto(going, going->gotos), "rule"), name))
        return hold_astray(going, step->target);
    going->gotos++;
    going->rule = step->target;
    going->base = going->run->step = base;
    return GO_ON;
}

/* All values are there before the first is set. */
static bool render_values(struct going *going, const struct step *step, struct text *values,
                          struct fault *fault)
{
    for (size_t i = 0; i < step->n_sets; i++)
        if (step->sets[i].value && !template_render(step->sets[i].value, going->scope, VALUE_MAX,
                                                    going->engine->arena, &values[i], fault))
            return fault_wrap(fault, "set: %s", step->sets[i].name);
    return true;
}

static bool set_values(struct going *going, const struct step *step, const struct text *values,
                       struct fault *fault)
{
    struct engine *engine = going->engine;
    struct json_object *chat = doc_key(going->scope, "chat");

    for (size_t i = 0; i < step->n_sets; i++) {
        const struct set_value *set = &step->sets[i];
        int64_t keep = set->keep_ms ? set->keep_ms : going->rule->settings->session_ms;
        struct variable_row row = { text_of(set->name), values[i], engine->now + keep, !set->keep_ms };

        if (!set->value) {
            store_drop_variable(engine->store, going->run->chat, row.name);
            json_object_object_del(chat, set->name);
            continue;
        }
        if (!doc_add_text(chat, set->name, values[i]))
            return fault_set(fault, "out of memory");
        if (json_object_object_length(chat) > VARIABLES_MAX)
            return fault_set(fault, "a chat has at most %d variables", VARIABLES_MAX);
        store_set_variable(engine->store, going->run->chat, &row);
    }
    engine->has_variables = true;
    return settings_fill(going->rule->settings, going->scope, engine->now) ||
           fault_set(fault, "out of memory");
}

static enum go set_step(struct going *going, const struct step *step)
{
    struct text *values = arena_array(going->engine->arena, step->n_sets, sizeof(*values));
    struct fault fault = { "out of memory" };

    if (!values || !run_open(going, &fault) || !render_values(going, step, values, &fault) ||
        !set_values(going, step, values, &fault))
        return run_fault(going, &fault);
    going->run->step++;
    return GO_ON;
}

static enum go quiet_step(struct going *going, const struct step *step)
{
    guard_set_quiet(going->engine, going->run->chat, step->quiet_ms);
    going->run->step++;
    return GO_ON;
}

static enum go work_on_step(struct going *going)
{
    const struct step *step = &going->rule->steps[going->run->step - going->base];

    switch (step->kind) {
    case STEP_REPLY:
        return send_step(going, step);
    case STEP_CHOOSE:
    case STEP_JUMP:
        return choose_step(going, step);
    case STEP_GOTO:
        return goto_step(going, step);
    case STEP_SET:
        return set_step(going, step);
    case STEP_QUIET:
        return quiet_step(going, step);
    case STEP_INBOX:
        return inbox_step(going, step);
    case STEP_LOOKUP:
        return lookup_step(going, step);
    }
    return GO_ENDED;
}

/* --- requests of steps ------------------------------------------------------------------------------------------------- */

struct job run_job(const struct run_row *run, enum job_kind kind, const struct send_row *send,
                   struct text owner)
{
    struct job job = { .kind = kind,
                       .run = run->id,
                       .chat = run->chat,
                       .step = send->step,
                       .n = send->n,
                       .attempt = send->attempt + 1,
                       .stored_at = run->stored_at };

    text_printable(owner, job.owner, NAME_BYTES - 1);
    return job;
}

struct send_row run_send_of(const struct job *job)
{
    static const enum send_kind kinds[] = { [JOB_SEND] = SEND_MESSAGE,
                                            [JOB_POLL] = SEND_MESSAGE,
                                            [JOB_INBOX] = SEND_INBOX,
                                            [JOB_LOOKUP] = SEND_LOOKUP };

    return (struct send_row){ .run = job->run,
                              .step = job->step,
                              .n = job->n,
                              .attempt = job->attempt,
                              .kind = kinds[job->kind],
                              .state = SEND_READY };
}

/* --- the head run -------------------------------------------------------------------------------------------------------- */

/* One step, and whoever watches is told of it. */
static enum go pass_step(struct going *going)
{
    const struct engine_watch *watch = going->engine->setup.watch;
    const struct rule *rule = going->rule;
    const int base = going->base, step = going->run->step - base;
    const enum go go = work_on_step(going);

    if (watch)
        watch->step(watch->context, rule, (size_t)step, (size_t)(going->run->step - base));
    return go;
}

static enum go go_through(struct going *going)
{
    int begun_at = going->run->step;
    enum go go = GO_ON;

    while (go == GO_ON && going->run->step - going->base < (int)going->rule->n_steps &&
           !store_failed(going->engine->store))
        go = pass_step(going);
    if (go == GO_ON)
        return end_run(going);
    if (go == GO_RELEASED && (going->run->step != begun_at || going->changed))
        run_store(going);
    return go;
}

bool run_resume(struct going *going, struct engine *engine, struct run_row *run)
{
    *going = (struct going){ .engine = engine, .run = run, .rule = engine_rule(engine, run) };
    return going->rule && find_place(going);
}

/* Do only jumps lead from the i-th step to the end? */
static bool is_last(const struct rule *rule, size_t i)
{
    for (i++; i < rule->n_steps && rule->steps[i].kind == STEP_JUMP;)
        i = rule->steps[i].to;
    return i == rule->n_steps;
}

/* Was its last message sent, in time though the answer comes late? Then there is nothing that could expire. */
static bool is_through(struct engine *engine, struct run_row *run)
{
    struct going going;
    struct send_row *sends;
    size_t n = 0, ended = 0, i;

    if (run_resume(&going, engine, run) && run->begun) {
        i = (size_t)(run->step - going.base);
        if (i < going.rule->n_steps && going.rule->steps[i].kind == STEP_REPLY && is_last(going.rule, i))
            n = store_step_sends(engine->store, run->id, run->step, engine->arena, &sends);
    }
    while (ended < n && sends[ended].state >= SEND_OK)
        ended++;
    run_close(&going);
    return n > 0 && ended == n;
}

static void begin(struct going *going)
{
    struct fault fault;

    store_begin_run(going->engine->store, going->run->id);
    if (!read_doc(going, &fault))
        return; /* whoever needs it says so */
    forget_reason(going, "failed", "failed_at");
    forget_reason(going, "missed", "missed_at");
}

static enum go work_on_run(struct going *going)
{
    struct engine *engine = going->engine;
    struct run_row *run = going->run;

    if (run->expires_at <= engine->now && !is_through(engine, run)) {
        engine_set_run(engine, run, RUN_EXPIRED, REASON("not sent within send_within"));
        return GO_ENDED;
    }
    if (engine->stopping && !run->begun)
        return run_stop_here(going);
    engine->resumed += run->begun && !going->made;
    going->rule = engine_rule(engine, run);
    if (!going->rule)
        return run_hold(going, "the rules that it began with cannot be loaded");
    if (!find_place(going))
        return run_hold(going, "in which rule it goes on cannot be told");
    if (!run->begun)
        begin(going);
    return go_through(going);
}

void run_store(struct going *going)
{
    store_step_run(going->engine->store, going->run->id, going->run->step, printed(going));
}

bool run_failed(struct engine *engine, struct run_row *run, struct text reason)
{
    struct going going;
    bool on = false;

    if (!run_resume(&going, engine, run)) {
        engine_set_run(engine, run, RUN_FAILED, reason);
    } else if (run_fail(&going, reason) == GO_ON) {
        run_store(&going);
        on = true;
    }
    run_close(&going);
    return on;
}

void run_work(struct engine *engine, struct chat_row *chat)
{
    struct run_row run;

    for (int i = 0; i < RUNS_AT_ONCE && !store_failed(engine->store); i++) {
        struct going going = { .engine = engine, .chat = chat, .run = &run };
        enum go go;

        if (!store_head_run(engine->store, chat->id, engine->arena, &run)) {
            run_release(engine, chat, 0);
            return;
        }
        go = work_on_run(&going);
        run_close(&going);
        if (go == GO_RELEASED)
            return;
    }
    run_release(engine, chat, engine->now);
}

void run_begin(struct engine *engine, struct made_run *made)
{
    struct going going = { .engine = engine,
                           .chat = &made->chat,
                           .run = &made->run,
                           .doc = made->doc,
                           .scope = made->scope,
                           .made = true };
    bool whole;

    if (!made->run.id)
        return;
    whole = copy_members(made->captures, made->scope) &&
            (doc_key(made->scope, "chat") || doc_add(made->scope, "chat", json_object_new_object()));
    json_object_put(made->captures);
    if (!whole)
        store_give_up(engine->store, "no memory for what a run begins with");
    else if (work_on_run(&going) != GO_RELEASED)
        run_work(engine, &made->chat);
    run_close(&going);
}
