/* Lookups: what a rule asks the shop. The request is a row of `send` without its headers, which hold secrets; the answer goes into the
   run's document in the transaction that settles it. A GET is asked once, for somebody waits; a POST that got no answer is
   repeated with the same key, so that the shop can tell. */

#include "app/stage_run.h"

#include "app/cache.h"
#include "base/log.h"
#include "core/doc.h"
#include "core/lookup.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_BASE_MS 1000
#define RETRY_MAX_MS 10000
#define POSTS_MAX 3 /* of one request that gets no answer */
#define TURN_MS 2   /* between two chats that look again for a place */
#define FIRST_TURN_MS 20
#define BODY_MAX (256u << 10)

/* --- bounds ------------------------------------------------------------------------------------------------------------- */

/* How many of one kind are under way; kinds that share a place share its bound. */
static int *count_of(struct engine *engine, const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return &engine->lookups_of[hash % LOOKUP_KINDS];
}

/* Half of the places are for others: a slow shop holds up nobody else. */
static bool has_room(struct engine *engine, const char *name)
{
    int most = engine->generation->config->limits.lookups;

    return engine->lookups_in_flight < most && *count_of(engine, name) < (most + 1) / 2;
}

void lookup_count(struct engine *engine, const struct job *job, int by)
{
    engine->lookups_in_flight += by;
    *count_of(engine, job->owner) += by;
}

static void count(struct engine *engine, const struct lookup *lookup, const char *result)
{
    engine_tally(engine, METRIC_LOOKUPS, lookup_name(lookup), result);
}

/* --- one request ---------------------------------------------------------------------------------------------------------- */

static struct text secret_of(void *context, const char *name)
{
    const struct engine *engine = context;

    return generation_secret(engine->generation, name);
}

/* A request as it goes out. */
struct asked {
    struct text url, body;
    struct text *lines; /* headers */
    size_t n;
};

static bool make_headers(const struct going *going, const struct lookup *lookup, struct asked *asked,
                         struct fault *fault)
{
    return lookup_headers(lookup, going->scope, secret_of, going->engine, going->engine->arena, &asked->lines,
                          &asked->n, fault);
}

/* Whoever asks the same with the same headers may have the same answer. */
static bool make_key(const struct lookup *lookup, const struct asked *asked, unsigned char *key,
                     struct fault *fault)
{
    return lookup_cache_ms(lookup) == 0 || lookup_hash(lookup, asked->url, asked->lines, asked->n, key) ||
           fault_set(fault, "SHA-256 failed");
}

static bool add_headers(struct request_mail *request, const struct text *lines, size_t n)
{
    if (n >= REQUEST_HEADERS)
        return false;
    for (size_t i = 0; i < n; i++) {
        request->headers[i] = text_dup(lines[i]);
        if (!request->headers[i])
            return false;
    }
    return true;
}

/* The same for each repetition of one press. */
static bool add_key(struct request_mail *request, const struct send_row *send)
{
    struct buf line = BUF(100);
    size_t n = 0;

    while (request->headers[n])
        n++;
    if (n >= REQUEST_HEADERS)
        return false;
    buf_printf(&line, "Idempotency-Key: callbackd-%" PRId64 "-%d", send->run, send->step);
    request->headers[n] = buf_take(&line);
    return request->headers[n];
}

static bool fill(struct going *going, const struct lookup *lookup, const struct send_row *send,
                 const struct asked *asked, struct request_mail *request)
{
    request->method = lookup_posts(lookup) ? "POST" : "GET";
    request->url = text_dup(asked->url);
    request->body = asked->body.p ? text_dup(asked->body) : NULL;
    request->timeout_ms = lookup_timeout_ms(lookup);
    request->connect_timeout_ms = lookup_timeout_ms(lookup);
    request->answer_max = lookup_answer_max(lookup);
    request->public_only = !config_is_private(going->engine->generation->config, asked->url);
    return request->url && add_headers(request, asked->lines, asked->n) &&
           (!lookup_posts(lookup) || add_key(request, send));
}

static struct request_mail *make_request(struct going *going, const struct lookup *lookup,
                                         const struct send_row *send, struct fault *fault)
{
    struct job job = run_job(going->run, JOB_LOOKUP, send, text_of(lookup_name(lookup)));
    struct json_object *doc = doc_parse(send->body, fault);
    struct asked asked = { doc_str(doc, "url"), doc_str(doc, "body"), NULL, 0 };
    struct request_mail *request = NULL;
    bool good = doc && make_headers(going, lookup, &asked, fault) && make_key(lookup, &asked, job.key, fault);

    if (good) {
        fault_set(fault, "out of memory");
        request = engine_request(going->engine, &job);
        good = request && fill(going, lookup, send, &asked, request);
    }
    json_object_put(doc);
    if (good)
        return request;
    if (request)
        mail_free(&request->mail);
    return NULL;
}

/* Those that wait look again one after the other, so that a shop that hangs costs little however many they are. */
static enum go wait_turn(struct going *going)
{
    struct engine *engine = going->engine;
    int64_t at = engine->now + FIRST_TURN_MS, next = engine->lookup_turn + TURN_MS;

    engine->lookup_turn = next > at ? next : at;
    return run_wait(going, engine->lookup_turn);
}

static enum go fail(struct going *going, const struct lookup *lookup, struct fault *fault)
{
    fault_wrap(fault, "lookup %s", lookup_name(lookup));
    return run_fault(going, fault);
}

static enum go start(struct going *going, const struct lookup *lookup, const struct send_row *send)
{
    struct engine *engine = going->engine;
    struct request_mail *request;
    struct fault fault = { "out of memory" };

    if (engine->stopping)
        return run_stop_here(going);
    if (send->due_at > engine->now)
        return run_wait(going, send->due_at);
    if (!has_room(engine, lookup_name(lookup)))
        return wait_turn(going);
    request = make_request(going, lookup, send, &fault);
    if (!request)
        return fail(going, lookup, &fault);
    store_start_send(engine->store, send->run, send->step, send->n, send->attempt + 1, engine->owner,
                     engine->now);
    lookup_count(engine, &request->job, 1);
    engine_post(engine, &request->mail);
    return GO_RELEASED;
}

/* --- answers that are kept --------------------------------------------------------------------------------------------------- */

static bool answer_from_cache(struct going *going, const struct lookup *lookup, struct text url)
{
    struct asked asked = { .url = url };
    unsigned char key[LOOKUP_HASH];
    struct json_object *value;
    struct fault fault;
    struct text body;

    if (lookup_cache_ms(lookup) == 0 || !make_headers(going, lookup, &asked, &fault) ||
        !make_key(lookup, &asked, key, &fault))
        return false;
    body = cache_get(going->engine->answers, lookup_name(lookup), text_make((char *)key, sizeof(key)),
                     going->engine->now);
    return body.p &&
           lookup_read(lookup, 200, true, body, going->engine->scratch, &value, &fault) == LOOKUP_FOUND &&
           run_keep_answer(going, lookup_as(lookup), value);
}

/* For the question as it was asked: what it would be by now may be another one. */
static void keep_in_cache(struct engine *engine, const struct lookup *lookup,
                          const struct result_mail *result)
{
    if (lookup_cache_ms(lookup) > 0)
        cache_put(engine->answers, lookup_name(lookup),
                  text_make((const char *)result->job.key, sizeof(result->job.key)),
                  text_make(result->body, result->body_size), engine->now + lookup_cache_ms(lookup));
}

/* --- the step ---------------------------------------------------------------------------------------------------------------- */

static bool print_request(struct engine *engine, const struct lookup_request *request, struct text *out)
{
    struct json_object *doc = json_object_new_object();
    bool ok = doc && doc_add_text(doc, "url", request->url) && doc_add_text(doc, "body", request->body);

    *out = ok ? doc_printed(doc, BODY_MAX, engine->arena) : TEXT_NONE;
    json_object_put(doc);
    return out->p;
}

static enum go ask(struct going *going, const struct lookup *lookup, const struct lookup_request *request)
{
    struct send_row row = { .run = going->run->id,
                            .step = going->run->step,
                            .kind = SEND_LOOKUP,
                            .channel = text_of(lookup_name(lookup)),
                            .state = SEND_READY };
    struct fault fault = { "the request is too large" };

    if (!print_request(going->engine, request, &row.body))
        return fail(going, lookup, &fault);
    store_add_sends(going->engine->store, &row, 1);
    return start(going, lookup, &row);
}

static enum go missed(struct going *going, const struct lookup *lookup)
{
    struct fault fault;

    fault_set(&fault, "lookup %s finds nothing", lookup_name(lookup));
    return run_not_found(going, arena_text(going->engine->arena, text_of(fault.text)));
}

/* In `test`, `try` and `chat` somebody may say that the shop is down: that holds though it could not even be asked. */
static enum go missed_or_down(struct going *going, const struct lookup *lookup)
{
    const struct engine_setup *setup = &going->engine->setup;
    struct fault fault;

    if (!setup->lookup_fails || !setup->lookup_fails(setup->context, lookup_name(lookup)))
        return missed(going, lookup);
    fault_set(&fault, "status 500");
    return fail(going, lookup, &fault);
}

static enum go begin(struct going *going, const struct lookup *lookup)
{
    struct lookup_request request;
    struct fault fault;

    switch (lookup_render(lookup, going->scope, going->engine->arena, &request, &fault)) {
    case LOOKUP_NOT_FOUND:
        return missed_or_down(going, lookup);
    case LOOKUP_FAILED:
        return fail(going, lookup, &fault);
    case LOOKUP_FOUND:
        break;
    }
    if (!answer_from_cache(going, lookup, request.url))
        return ask(going, lookup, &request);
    count(going->engine, lookup, "cached");
    going->run->step++;
    return GO_ON;
}

enum go lookup_step(struct going *going, const struct step *step)
{
    struct engine *engine = going->engine;
    struct send_row *sends;
    struct fault fault;
    size_t n;

    if (!run_open(going, &fault))
        return fail(going, step->lookup, &fault);
    n = store_step_sends(engine->store, going->run->id, going->run->step, engine->arena, &sends);
    if (n == 0)
        return begin(going, step->lookup);
    if (sends[0].state == SEND_SENDING)
        return GO_RELEASED;
    if (sends[0].state < SEND_OK)
        return start(going, step->lookup, &sends[0]);
    going->run->step++;
    return GO_ON;
}

/* --- how it ended -------------------------------------------------------------------------------------------------------------- */

static const char *const verdicts[] = {
    [LOOKUP_FOUND] = "found", [LOOKUP_NOT_FOUND] = "not_found", [LOOKUP_FAILED] = "failed"
};

static void log_result(const struct result_mail *result, enum lookup_verdict verdict, const struct fault *why)
{
    log_info("lookup", log_num("run", result->job.run), log_str("lookup", result->job.owner),
             log_num("attempt", result->job.attempt), log_str("result", verdicts[verdict]),
             log_num("status", result->status), log_num("ms", result->took_ms),
             log_str("reason", verdict == LOOKUP_FAILED ? why->text : ""));
}

/* The step that a result is for; NULL: the run is elsewhere by now. */
static const struct step *step_of(const struct going *going, const struct job *job)
{
    int i = job->step - going->base;

    if (going->run->step != job->step || i < 0 || i >= (int)going->rule->n_steps ||
        going->rule->steps[i].kind != STEP_LOOKUP)
        return NULL;
    return &going->rule->steps[i];
}

static enum lookup_verdict read_answer(struct going *going, const struct lookup *lookup,
                                       const struct result_mail *result, struct fault *why)
{
    struct text body = text_make(result->body ? result->body : "", result->body_size);
    struct json_object *value = NULL;
    enum lookup_verdict verdict;

    if (result->status == 0) {
        fault_set(why, "no answer: %s", result->error ? result->error : "?");
        return LOOKUP_FAILED;
    }
    verdict = lookup_read(lookup, result->status, result->whole, body, going->engine->scratch, &value, why);
    if (verdict != LOOKUP_FOUND)
        return verdict;
    if (!run_open(going, why))
        json_object_put(value);
    else if (run_keep_answer(going, lookup_as(lookup), value))
        return LOOKUP_FOUND;
    else
        fault_set(why, "the answers of this run are too large together");
    return LOOKUP_FAILED;
}

/* Where the run goes on. */
static void move_on(struct going *going, const struct lookup *lookup, enum lookup_verdict verdict,
                    struct fault *why)
{
    enum go go = GO_ON;

    if (verdict == LOOKUP_FOUND)
        going->run->step++;
    else if (verdict == LOOKUP_NOT_FOUND)
        go = missed(going, lookup);
    else
        go = fail(going, lookup, why);
    if (go == GO_ON)
        run_store(going);
}

/* What ends the run may be tried again by a person: then it is not ok. */
static enum send_state state_after(struct going *going, enum lookup_verdict verdict)
{
    return verdict == LOOKUP_FOUND || (verdict == LOOKUP_NOT_FOUND && run_knows_not_found(going))
               ? SEND_OK
               : SEND_FAILED;
}

static void settle(struct going *going, const struct lookup *lookup, const struct result_mail *result)
{
    struct engine *engine = going->engine;
    struct send_row row = run_send_of(&result->job);
    struct fault why = { "" };
    enum lookup_verdict verdict = read_answer(going, lookup, result, &why);
    bool again = verdict == LOOKUP_FAILED && lookup_posts(lookup) && result->status == 0 &&
                 result->job.attempt < POSTS_MAX;

    log_result(result, verdict, &why);
    count(engine, lookup, again ? "retry" : verdicts[verdict]);
    row.reason = arena_text(engine->arena, text_of(verdict == LOOKUP_FAILED ? why.text : verdicts[verdict]));
    if (again)
        row.due_at = engine->now + retry_delay(row.attempt, RETRY_BASE_MS, RETRY_MAX_MS,
                                               result->retry_after_ms, arc4random());
    else
        row.state = state_after(going, verdict);
    if (!store_settle_send(engine->store, &row) || again)
        return;
    if (verdict == LOOKUP_FOUND)
        keep_in_cache(engine, lookup, result);
    move_on(going, lookup, verdict, &why);
}

void lookup_settle(struct engine *engine, const struct result_mail *result)
{
    struct send_row row = run_send_of(&result->job);
    struct run_row run;
    struct going going;
    const struct step *step = NULL;

    if (!store_get_run(engine->store, result->job.run, engine->arena, &run)) {
        settle_go_on(engine, result->job.chat); /* the store lost the run, and the chat may be ours still */
        return;
    }
    engine_work_on(engine, WORK_RUN, run.id);
    if (run_resume(&going, engine, &run))
        step = step_of(&going, &result->job);
    if (step)
        settle(&going, step->lookup, result);
    else
        (void)!store_settle_send(engine->store, &row); /* the walk sees why it cannot go on */
    run_close(&going);
    settle_go_on(engine, result->job.chat);
}

struct json_object *lookup_sample_of(struct engine *engine, const struct job *job)
{
    struct json_object *sample = NULL;
    struct run_row run;
    struct going going;
    const struct step *step;

    if (!store_get_run(engine->store, job->run, engine->arena, &run))
        return NULL;
    if (run_resume(&going, engine, &run)) {
        step = step_of(&going, job);
        sample = step ? lookup_sample(step->lookup) : NULL;
    }
    run_close(&going);
    return sample;
}
