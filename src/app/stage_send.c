/* T4: the chats that are due are claimed, and each sends its head run's next message. The claim is committed before the request
   leaves; the store's rows say at any moment what may be under way. */

#include "app/stage_run.h"

#include "base/log.h"
#include "core/doc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEND_PATH "/api/v1/telegram/interactive"
#define BODY_MAX (128u << 10)
#define LEDGER_MS (30LL * 86400 * 1000)

static const struct config_channel *channel_of(const struct engine *engine, struct text name)
{
    return config_channel(engine->generation->config, name);
}

/* --- rendering ------------------------------------------------------------------------------------------------------ */

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

/* A message as it goes out, and what is noted of it. */
struct outgoing {
    struct rendered rendered;
    struct issued_button *issued;
    size_t n_issued;
};

/* 128 random bits behind a sign by which they are known. False when memory is out. */
static bool make_token(struct engine *engine, struct text *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char random[TOKEN_DIGITS];
    char token[2 + TOKEN_DIGITS] = TOKEN_SIGN;

    arc4random_buf(random, sizeof(random));
    for (int i = 0; i < TOKEN_DIGITS; i++)
        token[2 + i] = digits[random[i] & 63];
    *out = arena_text(engine->arena, text_make(token, sizeof(token)));
    return out->p;
}

/* What a press will bring back, and what that means; tokens take the place of their data. */
static bool note_issued(struct engine *engine, struct outgoing *out, struct fault *fault)
{
    struct rendered *message = &out->rendered;
    size_t most = 0;

    for (size_t i = 0; i < message->n_rows; i++)
        most += message->rows[i].count;
    out->issued = arena_array(engine->arena, most + 1, sizeof(*out->issued));
    if (!out->issued)
        return fault_set(fault, "out of memory");
    for (size_t i = 0; i < message->n_rows; i++)
        for (size_t k = 0; k < message->rows[i].count; k++) {
            struct rendered_button *button = &message->rows[i].buttons[k];
            struct issued_button *issued = &out->issued[out->n_issued];

            if (!button->callback_data.p)
                continue;
            issued->data = button->callback_data;
            if (button->token && !make_token(engine, &issued->token))
                return fault_set(fault, "out of memory");
            if (button->token)
                button->callback_data = issued->token;
            out->n_issued++;
        }
    return true;
}

static bool render_one(struct going *going, const struct message *message, struct outgoing *out,
                       struct send_row *send, struct fault *fault)
{
    struct engine *engine = going->engine;
    const struct config_channel *channel;

    send->channel = message->channel ? text_of(message->channel) : going->chat->channel;
    channel = channel_of(engine, send->channel);
    if (!channel)
        return fault_set(fault, "channel '%.*s' is not in the configuration", TEXT_ARG(send->channel));
    return message_render(message, going->scope, engine->scratch, engine->arena, &out->rendered, fault) &&
           note_issued(engine, out, fault) &&
           print_body(engine, channel, &out->rendered, doc_str(going->doc, "user"), &send->body, fault);
}

static bool render_messages(struct going *going, const struct step *step, struct outgoing *outgoing,
                            struct send_row *sends, struct fault *fault)
{
    bool ok = run_open(going, fault);

    for (size_t i = 0; ok && i < step->count; i++) {
        sends[i] = (struct send_row){
            .run = going->run->id, .step = going->run->step, .n = (int)i, .state = SEND_READY
        };
        ok = render_one(going, step->messages[i], &outgoing[i], &sends[i], fault);
    }
    return ok;
}

static void issue(const struct going *going, int n, const struct outgoing *out)
{
    struct engine *engine = going->engine;

    if (out->n_issued)
        store_issue(engine->store, going->run->chat, going->run->id, going->run->step, n, out->issued,
                    out->n_issued, engine->now, engine->now + LEDGER_MS);
    guard_note_sent(engine, going->chat->id, &out->rendered);
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

bool send_prepare(const struct engine *engine, const struct config_channel *channel,
                  struct request_mail *request)
{
    size_t n = 0;

    request->headers[n++] = text_dup(text_of("Accept: application/json"));
    request->headers[n++] = key_header(generation_channel_key(engine->generation, channel));
    if (request->body)
        request->headers[n++] = text_dup(text_of("Content-Type: application/json"));
    request->timeout_ms = channel->timeout_ms;
    request->connect_timeout_ms = channel->connect_timeout_ms;
    request->answer_max = engine->generation->config->limits.answer;
    for (size_t i = 0; i < n; i++)
        if (!request->headers[i])
            return false;
    return request->url;
}

static struct request_mail *make_request(struct engine *engine, const struct config_channel *channel,
                                         const struct run_row *run, const struct send_row *send)
{
    struct job job = run_job(run, JOB_SEND, send, send->channel);
    struct request_mail *request = engine_request(engine, &job);

    if (!request)
        return NULL;
    request->method = "POST";
    request->url = send_url(channel);
    request->body = text_dup(send->body);
    if (request->body && send_prepare(engine, channel, request))
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

int64_t send_ready_at(const struct engine *engine, const struct channel_state *state)
{
    int64_t at;

    if (state->paused[0])
        return state->probe_at > engine->now ? state->probe_at : engine->now;
    at = breaker_next(&state->breaker, engine->now);
    if (state->not_before > at)
        at = state->not_before;
    if (state->pace.interval_ms > 0 && node_rates_from(engine) > at)
        at = node_rates_from(engine);
    return at > engine->now ? at : pace_next(&state->pace, engine->now);
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

enum go send_wait(const struct going *going, const struct channel_state *state, const struct send_row *send,
                  int64_t at)
{
    return run_wait(going, wait_until(going->engine, going->chat, state, send, at));
}

/* Two bots that answer each other would go on for ever. A retry is no further message. Where time stands there are no minutes. */
static bool is_looping(struct going *going, const struct config_channel *channel, const struct send_row *send)
{
    struct engine *engine = going->engine;
    bool first;

    if (!channel->loop_guard || send->attempt > 0 || engine->setup.start_at ||
        !loopguard_full(&engine->loopguard, going->chat->id, channel->loop_guard, engine->now, &first))
        return false;
    if (store_changed(engine->store)) { /* by hand: this may be the run that was to go on */
        engine->recount = true;
        memset(&engine->loopguard, 0, sizeof(engine->loopguard));
        return false;
    }
    if (first)
        log_warn(
            "CHAT HELD: it got too many follow-ups in a minute; nothing more goes to it until it was quiet "
            "for one, or 'callbackd queue retry'",
            log_num("chat", going->chat->id), log_str("channel", channel->name),
            log_num("loop_guard", channel->loop_guard));
    engine_tally(engine, METRIC_LOOP_GUARD, channel->name, NULL);
    return true;
}

static enum go hold_loop(struct going *going, const struct config_channel *channel)
{
    struct fault reason;

    fault_set(&reason,
              "loop guard: the chat got %d follow-ups in a minute; 'queue retry' if no bot answers there",
              channel->loop_guard);
    return run_hold(going, arena_str(going->engine->arena, text_of(reason.text)));
}

void send_leave(struct engine *engine, const struct config_channel *channel,
                const struct channel_state *known, struct request_mail *request)
{
    struct channel_state *state = engine_change_channel(engine, known);

    if (state->paused[0])
        state->probe_at = engine->now + ENGINE_PROBE_MS;
    breaker_leave(&state->breaker, engine->now, channel->timeout_ms);
    pace_take(&state->pace, engine->now);
    engine_count_send(engine, text_of(channel->name), 1);
    engine_post(engine, &request->mail);
}

/* What is noted of a message that leaves. */
static void note_start(struct engine *engine, const struct config_channel *channel,
                       const struct chat_row *chat, struct send_row *send)
{
    send->state = SEND_SENDING;
    send->attempt++;
    send->owner = engine->owner;
    send->sent_at = engine->now;
    if (channel->chat_rate.per_second > 0)
        store_keep_chat(engine->store, chat->id, chat->not_before);
}

/* Whether it begins is in send->state then; to be stored is left to the caller. */
static enum go start_send(struct going *going, struct send_row *send)
{
    struct engine *engine = going->engine;
    struct chat_row *chat = going->chat;
    const struct config_channel *channel = channel_of(engine, send->channel);
    const struct channel_state *state = engine_channel(engine, send->channel);
    struct request_mail *request;
    int64_t at;

    if (engine->stopping)
        return run_stop_here(going);
    if (!channel || !state)
        return run_hold(going, CHANNEL_IS_GONE);
    at = send_ready_at(engine, state);
    if (send->due_at > at)
        at = send->due_at;
    if (at <= engine->now && is_looping(going, channel, send))
        return hold_loop(going, channel);
    if (at <= engine->now)
        at = take_chat_pace(engine, channel, chat);
    request = at <= engine->now ? make_request(engine, channel, going->run, send) : NULL;
    if (!request)
        return send_wait(going, state, send, at);
    note_start(engine, channel, chat, send);
    send_leave(engine, channel, state, request);
    return GO_RELEASED;
}

/* One that was taken out of the configuration may come back: the run waits for a person. */
static bool has_channels(const struct going *going, const struct step *step)
{
    for (size_t i = 0; i < step->count; i++) {
        const char *own = step->messages[i]->channel;

        if (!channel_of(going->engine, own ? text_of(own) : going->chat->channel))
            return false;
    }
    return true;
}

/* All messages of the step, once; a retry sends the same bytes. One that cannot be rendered leaves none in the store. The first is
   stored as it is by then: under way, or not. */
static enum go begin_step(struct going *going, const struct step *step)
{
    struct engine *engine = going->engine;
    struct outgoing *outgoing = arena_array(engine->arena, step->count, sizeof(*outgoing));
    struct send_row *sends = arena_array(engine->arena, step->count, sizeof(*sends));
    struct fault fault;
    enum go go;

    if (!has_channels(going, step))
        return run_hold(going, CHANNEL_IS_GONE);
    if (!outgoing || !sends) {
        fault_set(&fault, "out of memory");
        return run_fault(going, &fault);
    }
    if (!render_messages(going, step, outgoing, sends, &fault))
        return run_fault(going, &fault);
    go = start_send(going, &sends[0]);
    store_add_sends(engine->store, sends, step->count);
    for (size_t i = 0; i < step->count; i++)
        issue(going, (int)i, &outgoing[i]);
    return go;
}

static enum go go_on_with(struct going *going, struct send_row *send)
{
    struct store *store = going->engine->store;
    enum go go;

    if (send->state == SEND_SENDING)
        return GO_RELEASED; /* its result goes on from here */
    go = start_send(going, send);
    if (send->state == SEND_SENDING)
        store_start_send(store, send->run, send->step, send->n, send->attempt, send->owner, send->sent_at);
    return go;
}

enum go send_step(struct going *going, const struct step *step)
{
    struct run_row *run = going->run;
    struct engine *engine = going->engine;
    struct send_row *sends;
    size_t n = going->made ? 0 : store_step_sends(engine->store, run->id, run->step, engine->arena, &sends);

    if (n == 0)
        return begin_step(going, step);
    for (size_t i = 0; i < n; i++)
        if (sends[i].state < SEND_OK)
            return go_on_with(going, &sends[i]);
        else if (poll_waits(&sends[i]))
            return poll_ask(going, &sends[i]);
    run->step++;
    return GO_ON;
}

/* --- claiming -------------------------------------------------------------------------------------------------------------- */

/* A channel that hangs leaves places for the others. */
static int places(const struct engine *engine, const struct channel_state *state)
{
    const int sends = engine->generation->config->limits.sends;
    const int share = (engine->n_channels > 1 ? (sends + 1) / 2 : sends) - state->in_flight;
    const int room = sends - engine->sends_in_flight;

    return share < room ? share : room;
}

bool stage_send_at_once(struct engine *engine, struct text channel)
{
    const struct channel_state *state = engine_channel(engine, channel);

    return state && !engine->careful && !engine->stopping && !state->crowded && !state->behind &&
           !state->paused[0] && state->breaker.state == BREAKER_CLOSED && node_may_send(engine) &&
           stage_send_room(engine, state) > 0;
}

int stage_send_room(struct engine *engine, const struct channel_state *state)
{
    int room = places(engine, state);
    int64_t at = send_ready_at(engine, state);

    if (room <= 0)
        return 0;
    if (at > engine->now) {
        engine_wake(engine, at);
        return 0;
    }
    if (state->paused[0] || state->breaker.state != BREAKER_CLOSED)
        return 1;
    return pace_tokens(&state->pace, engine->now, room);
}

static int send_due(struct engine *engine, const struct channel_state *state, enum store_order order,
                    int most)
{
    struct chat_row *chats;
    size_t n = 0;

    if (most > 0)
        n = store_claim_chats(engine->store, text_of(state->name), engine->now, engine->owner, order,
                              (size_t)most, engine->arena, &chats);
    for (size_t i = 0; i < n && !store_failed(engine->store); i++)
        run_work(engine, &chats[i]);
    return (int)n;
}

/* Most channels are as they were. */
static void note_queue(struct engine *engine, const struct channel_state *known, bool crowded, bool behind)
{
    struct channel_state *state;

    if (known->crowded == crowded && known->behind == behind)
        return;
    state = engine_change_channel(engine, known);
    state->crowded = crowded;
    state->behind = behind;
}

/* Half of the places are for the chats that are due the longest. In trouble, which is where some of these have begun before, or nobody
   answers, the other half is for the latest that have not begun: a tap does not stand behind all that is tried again and again.
   Else that would only cost. True: there may be more. */
static bool send_of_channel(struct engine *engine, const struct channel_state *state, int room)
{
    const int longest = (room + !state->latest_first) / 2;
    const size_t resumed = engine->resumed;
    int n;

    n = send_due(engine, state, STORE_LONGEST_DUE, longest);
    if (n < longest) {
        note_queue(engine, state, state->crowded, false);
        return false;
    }
    if (room % 2)
        engine_change_channel(engine, state)->latest_first = !state->latest_first;
    if (n > 0)
        note_queue(engine, state, state->crowded, engine->resumed > resumed);
    if (state->behind || state->breaker.state != BREAKER_CLOSED)
        n += send_due(engine, state, STORE_LATEST_DUE, room - n);
    n += send_due(engine, state, STORE_LONGEST_DUE, room - n);
    return n == room;
}

/* Of many channels on a store that is far away it is asked once which of them have anything due. NULL: each is to be looked at. */
static int64_t *due_of_channels(struct engine *engine)
{
    const size_t n = engine->n_channels;
    struct text *names = arena_array(engine->arena, n + 1, sizeof(*names));
    int64_t *due = arena_array(engine->arena, n + 1, sizeof(*due));

    if (n < 2 || !store_is_shared(engine->store) || !names || !due)
        return NULL;
    for (size_t i = 0; i < n; i++)
        names[i] = text_of(engine->channels[i].name);
    (void)store_next_due(engine->store, names, n, due);
    return due;
}

void stage_send(struct engine *engine)
{
    const int64_t *due = due_of_channels(engine);

    for (size_t i = 0; i < engine->n_channels; i++) {
        const struct channel_state *state = &engine->channels[i];
        bool crowded;
        int room;

        if (due && (!due[i] || due[i] > engine->now)) {
            note_queue(engine, state, false, false);
            continue;
        }
        room = stage_send_room(engine, state);
        crowded = room <= 0 || send_of_channel(engine, state, room);
        note_queue(engine, state, crowded, state->behind);
        if (room > 0 && crowded)
            engine->more = engine->more || stage_send_room(engine, state) > 0;
    }
}
