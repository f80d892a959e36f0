/* T4: the chats that are due are claimed, and each sends its head run's next message. The claim is committed before the request
   leaves; the store's rows say at any moment what may be under way. */

#include "app/engine_state.h"

#include "base/log.h"
#include "core/doc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEND_PATH "/api/v1/telegram/interactive"
#define BODY_MAX (128u << 10)
#define LEDGER_MS (30LL * 86400 * 1000)
#define PROBE_MS 60000
#define ASK_MS 1000
#define RUNS_AT_ONCE 64 /* of one chat in one transaction, so that it cannot hold up the others */

enum go {
    GO_ON,       /* the run's next step */
    GO_ENDED,    /* the chat's next run */
    GO_RELEASED, /* nothing more for now */
};

static const struct config_channel *channel_of(const struct engine *engine, struct text name)
{
    return config_channel(engine->generation->config, name);
}

/* --- rendering ------------------------------------------------------------------------------------------------------ */

struct render {
    struct json_object *doc, *scope;
    struct text user_id;
};

/* What the rule sees now: what the run has kept, its captures, and what changes with time. */
static bool open_render(struct engine *engine, const struct rule *rule, const struct run_row *run,
                        struct render *render, struct fault *fault)
{
    render->doc = doc_parse(run->doc, fault);
    if (!render->doc)
        return fault_wrap(fault, "the run's own document");
    render->user_id = doc_str(render->doc, "user");
    render->scope = doc_key(render->doc, "scope");
    if (!json_object_is_type(render->scope, json_type_object))
        return fault_set(fault, "the run's own document has no values");
    if (json_object_is_type(doc_key(render->doc, "captures"), json_type_object)) {
        json_object_object_foreach(doc_key(render->doc, "captures"), key, value)
        {
            json_object_object_add(render->scope, key, json_object_get(value));
        }
    }
    return settings_fill(rule->settings, render->scope, engine->now) || fault_set(fault, "out of memory");
}

static bool print_body(struct engine *engine, const struct config_channel *channel,
                       const struct rendered *message, struct text user_id, struct text *body,
                       struct fault *fault)
{
    struct buf out = BUF(BODY_MAX);
    bool ok = dialect_print(channel->dialect, message, user_id, &out);

    *body = ok ? arena_text(engine->arena, buf_get(&out)) : TEXT_NONE;
    buf_free(&out);
    return body->p || fault_set(fault, "the message is larger than %u bytes", BODY_MAX);
}

static void issue(struct engine *engine, const struct run_row *run, int n, const struct rendered *message)
{
    struct issued_button buttons[128];
    size_t count = 0;

    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t j = 0; j < message->rows[i].count && count < 128; j++)
            if (message->rows[i].buttons[j].callback_data.p)
                buttons[count++] =
                    (struct issued_button){ .data = message->rows[i].buttons[j].callback_data };
    if (count)
        store_issue(engine->store, run->chat, run->id, run->step, n, buttons, count, engine->now,
                    engine->now + LEDGER_MS);
}

static bool render_one(struct engine *engine, const struct chat_row *chat, const struct message *message,
                       const struct render *render, struct rendered *rendered, struct send_row *send,
                       struct fault *fault)
{
    const struct config_channel *channel;

    send->channel = message->channel ? text_of(message->channel) : chat->channel;
    channel = channel_of(engine, send->channel);
    if (!channel)
        return fault_set(fault, "channel '%.*s' is not in the configuration", TEXT_ARG(send->channel));
    return message_render(message, render->scope, engine->scratch, engine->arena, rendered, fault) &&
           print_body(engine, channel, rendered, render->user_id, &send->body, fault);
}

static bool render_messages(struct engine *engine, const struct run_row *run, const struct chat_row *chat,
                            const struct rule *rule, const struct step *step, struct rendered *rendered,
                            struct send_row *sends, struct fault *fault)
{
    struct render render = { 0 };
    bool ok = open_render(engine, rule, run, &render, fault);

    for (size_t i = 0; ok && i < step->count; i++) {
        sends[i] = (struct send_row){ .run = run->id, .step = run->step, .n = (int)i, .state = SEND_READY };
        ok = render_one(engine, chat, step->messages[i], &render, &rendered[i], &sends[i], fault);
    }
    json_object_put(render.doc);
    return ok;
}

/* All messages of the step, once; a retry sends the same bytes. One that cannot be rendered leaves none in the store. */
static bool render_step(struct engine *engine, const struct run_row *run, const struct chat_row *chat,
                        const struct rule *rule, const struct step *step, struct send_row **sends,
                        struct fault *fault)
{
    struct rendered *rendered = arena_array(engine->arena, step->count, sizeof(*rendered));

    *sends = arena_array(engine->arena, step->count, sizeof(**sends));
    if (!rendered || !*sends)
        return fault_set(fault, "out of memory");
    if (!render_messages(engine, run, chat, rule, step, rendered, *sends, fault))
        return false;
    store_add_sends(engine->store, *sends, step->count);
    for (size_t i = 0; i < step->count; i++)
        issue(engine, run, (int)i, &rendered[i]);
    return true;
}

/* --- starting one send ------------------------------------------------------------------------------------------------ */

static char *key_header(struct text key)
{
    struct buf header = BUF(70000);

    buf_printf(&header, "X-Octopods-Auth: %.*s", TEXT_ARG(key));
    return buf_take(&header);
}

static char *send_url(const struct config_channel *channel)
{
    struct buf url = BUF(4096);

    buf_printf(&url, "%s%s", channel->url, SEND_PATH);
    return buf_take(&url);
}

static struct request_mail *make_request(struct engine *engine, const struct config_channel *channel,
                                         const struct run_row *run, const struct send_row *send)
{
    struct job job = { .kind = JOB_SEND,
                       .run = run->id,
                       .chat = run->chat,
                       .step = send->step,
                       .n = send->n,
                       .attempt = send->attempt + 1,
                       .stored_at = run->stored_at };
    struct request_mail *request;

    text_printable(send->channel, job.owner, NAME_BYTES - 1);
    request = engine_request(engine, &job);
    if (!request)
        return NULL;
    request->method = "POST";
    request->url = send_url(channel);
    request->body = text_dup(send->body);
    request->headers[0] = text_dup(text_of("Content-Type: application/json"));
    request->headers[1] = text_dup(text_of("Accept: application/json"));
    request->headers[2] = key_header(generation_channel_key(engine->generation, channel));
    request->timeout_ms = channel->timeout_ms;
    request->connect_timeout_ms = channel->connect_timeout_ms;
    request->answer_max = engine->generation->config->limits.answer;
    if (request->url && request->body && request->headers[0] && request->headers[1] && request->headers[2])
        return request;
    mail_free(&request->mail);
    return NULL;
}

/* When the chat may get its next message; takes the place if that is now. */
static int64_t take_chat_pace(struct engine *engine, const struct config_channel *channel,
                              struct chat_row *chat)
{
    struct pace pace = pace_make(channel->chat_rate.per_second, channel->chat_rate.burst);
    int64_t at;

    pace.full_at_ms = (double)chat->not_before;
    at = pace_next(&pace, engine->now);
    if (at <= engine->now) {
        pace_take(&pace, engine->now);
        chat->not_before = (int64_t)ceil(pace.full_at_ms);
    }
    return at;
}

/* When the channel lets a send through: now, or later. */
static int64_t channel_ready_at(const struct engine *engine, const struct channel_state *state)
{
    if (state->paused[0])
        return state->probe_at > engine->now ? state->probe_at : engine->now;
    if (state->not_before > engine->now)
        return state->not_before;
    return pace_next(&state->pace, engine->now);
}

static void release(struct engine *engine, const struct chat_row *chat, int64_t due_at)
{
    store_release_chat(engine->store, chat->id, due_at, chat->not_before);
    if (due_at)
        engine_wake(engine, due_at > engine->now ? due_at : engine->now + 1);
}

static enum go hold_run(struct engine *engine, const struct run_row *run, const char *reason)
{
    engine_set_run(engine, run, RUN_HELD, text_of(reason));
    return GO_ENDED;
}

/* When a chat is looked at again whose send cannot start before `at`. One that only waits for its own paused channel stays due:
   stage_send passes it over, and it goes as soon as the channel is opened, whoever does it. */
static int64_t wait_until(const struct engine *engine, const struct chat_row *chat,
                          const struct channel_state *state, const struct send_row *send, int64_t at)
{
    if (at <= engine->now)
        return engine->now + 1000;
    if (!state->paused[0] || !text_is(chat->channel, state->name))
        return at;
    return send->due_at > engine->now ? send->due_at : engine->now;
}

/* While stopping a run may end, but no request begins. */
static enum go stop_here(struct engine *engine, const struct chat_row *chat)
{
    store_release_chat(engine->store, chat->id, engine->now, chat->not_before);
    return GO_RELEASED;
}

static enum go start_send(struct engine *engine, struct chat_row *chat, const struct run_row *run,
                          const struct send_row *send)
{
    const struct config_channel *channel = channel_of(engine, send->channel);
    struct channel_state *state = engine_channel(engine, send->channel);
    struct request_mail *request;
    int64_t at;

    if (engine->stopping)
        return stop_here(engine, chat);
    if (!channel || !state)
        return hold_run(engine, run, "its channel is not in the configuration any more");
    at = channel_ready_at(engine, state);
    if (send->due_at > at)
        at = send->due_at;
    if (at <= engine->now)
        at = take_chat_pace(engine, channel, chat);
    request = at <= engine->now ? make_request(engine, channel, run, send) : NULL;
    if (!request) {
        release(engine, chat, wait_until(engine, chat, state, send, at));
        return GO_RELEASED;
    }
    if (state->paused[0])
        state->probe_at = engine->now + PROBE_MS;
    if (state->backoff_ms)
        state->not_before = engine->now + ASK_MS;
    pace_take(&state->pace, engine->now);
    store_start_send(engine->store, send->run, send->step, send->n, send->attempt + 1, engine->owner,
                     engine->now);
    if (channel->chat_rate.per_second > 0)
        store_keep_chat(engine->store, chat->id, chat->not_before);
    engine->sends_in_flight++;
    engine_post(engine, &request->mail);
    return GO_RELEASED;
}

/* --- going through the head run's steps -------------------------------------------------------------------------------- */

static enum go end_run(struct engine *engine, const struct run_row *run)
{
    struct send_row *sends;
    size_t n = store_run_sends(engine->store, run->id, engine->arena, &sends);
    enum run_state state = RUN_DONE;

    for (size_t i = 0; i < n; i++)
        if (sends[i].state == SEND_UNKNOWN)
            state = RUN_UNKNOWN;
    engine_set_run(engine, run, state,
                   state == RUN_DONE ? TEXT_NONE : REASON("a request left and no answer came"));
    return GO_ENDED;
}

static void expire(struct engine *engine, const struct run_row *run)
{
    engine_set_run(engine, run, RUN_EXPIRED, REASON("not sent within send_within"));
}

static enum go fail_run(struct engine *engine, const struct run_row *run, const struct fault *fault)
{
    engine_set_run(engine, run, RUN_FAILED, arena_text(engine->arena, text_of(fault->text)));
    return GO_ENDED;
}

/* A step that sends nothing: only where the run goes on follows from it. */
static enum go choose_step(struct engine *engine, struct run_row *run, const struct rule *rule,
                           const struct step *step)
{
    struct render render = { 0 };
    struct fault fault;
    bool ok = open_render(engine, rule, run, &render, &fault);

    if (ok)
        run->step = (int)rule_next(step, render.scope, engine->scratch);
    json_object_put(render.doc);
    return ok ? GO_ON : fail_run(engine, run, &fault);
}

static enum go reply_step(struct engine *engine, struct chat_row *chat, struct run_row *run,
                          const struct rule *rule, const struct step *step)
{
    struct send_row *sends;
    size_t n = store_step_sends(engine->store, run->id, run->step, engine->arena, &sends);
    struct fault fault;

    if (n == 0) {
        if (!render_step(engine, run, chat, rule, step, &sends, &fault))
            return fail_run(engine, run, &fault);
        n = step->count;
    }
    for (size_t i = 0; i < n; i++)
        if (sends[i].state == SEND_SENDING)
            return GO_RELEASED; /* its result goes on from here */
        else if (sends[i].state < SEND_OK)
            return start_send(engine, chat, run, &sends[i]);
    run->step++;
    return GO_ON;
}

static enum go work_on_step(struct engine *engine, struct chat_row *chat, struct run_row *run,
                            const struct rule *rule)
{
    const struct step *step = &rule->steps[run->step];

    struct fault fault;

    if (step->kind == STEP_REPLY)
        return reply_step(engine, chat, run, rule, step);
    if (step->kind == STEP_CHOOSE || step->kind == STEP_JUMP)
        return choose_step(engine, run, rule, step);
    fault_set(&fault, "a step of this kind is not carried out yet");
    return fail_run(engine, run, &fault);
}

/* Goes through the steps that need no answer from outside; what was done is stored before a request of the next is made. */
static enum go work_on_run(struct engine *engine, struct chat_row *chat, struct run_row *run)
{
    const struct rule *rule;
    int begun_at = run->step;
    enum go go = GO_ON;

    if (run->expires_at <= engine->now) {
        expire(engine, run);
        return GO_ENDED;
    }
    if (engine->stopping && !run->begun)
        return stop_here(engine, chat);
    rule = engine_rule(engine, run);
    if (!rule)
        return hold_run(engine, run, "the rules that it began with cannot be loaded");
    if (!run->begun)
        store_begin_run(engine->store, run->id);
    while (go == GO_ON && run->step < (int)rule->n_steps)
        go = work_on_step(engine, chat, run, rule);
    if (go == GO_ON)
        return end_run(engine, run);
    if (go == GO_RELEASED && run->step != begun_at)
        store_step_run(engine->store, run->id, run->step, run->doc);
    return go;
}

void send_work(struct engine *engine, struct chat_row *chat)
{
    struct run_row run;

    for (int i = 0; i < RUNS_AT_ONCE && !store_failed(engine->store); i++) {
        if (!store_head_run(engine->store, chat->id, engine->arena, &run)) {
            release(engine, chat, 0);
            return;
        }
        if (work_on_run(engine, chat, &run) == GO_RELEASED)
            return;
    }
    release(engine, chat, engine->now);
}

/* --- claiming -------------------------------------------------------------------------------------------------------------- */

int stage_send_room(struct engine *engine, const struct channel_state *state)
{
    int room = engine->generation->config->limits.sends - engine->sends_in_flight;
    int64_t at = channel_ready_at(engine, state);

    if (room <= 0)
        return 0;
    if (at > engine->now) {
        engine_wake(engine, at);
        return 0;
    }
    if (state->paused[0])
        return 1;
    if (state->backoff_ms) /* one asks whether the host is back */
        return 1;
    return pace_tokens(&state->pace, engine->now, room);
}

void stage_send(struct engine *engine)
{
    for (size_t i = 0; i < engine->n_channels; i++) {
        struct channel_state *state = &engine->channels[i];
        int room = stage_send_room(engine, state);
        struct chat_row *chats;
        size_t n;

        if (room <= 0)
            continue;
        n = store_claim_chats(engine->store, text_of(state->name), engine->now, engine->owner, (size_t)room,
                              engine->arena, &chats);
        for (size_t j = 0; j < n && !store_failed(engine->store); j++)
            send_work(engine, &chats[j]);
        engine->more = engine->more || (n == (size_t)room && pace_tokens(&state->pace, engine->now, 1) > 0 &&
                                        engine->sends_in_flight < engine->generation->config->limits.sends);
    }
}
