#include "enginekit.h"

#include "app/engine_state.h"
#include "base/log.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE 15000 /* pumps */
#define UNHEARD 250    /* idle pumps until a sender gives up on an answer */

static const char config[] =
    "listen: 127.0.0.1:0\n"
    "public_url: https://hooks.example.com\n"
    "store: sqlite:unused.db\n"
    "rules: [ rules.yaml ]\n"
    "sources:\n"
    "  - { name: intercom, kind: intercom, path: /i, secrets: [ env:KIT_SECRET ], channel: shop }\n"
    "  - { name: hubspot, kind: hubspot, path: /h, secrets: [ env:KIT_SECRET ], token: env:KIT_SECRET, "
    "channel: shop }\n"
    "channels:\n"
    "  shop: { url: http://127.0.0.1:9, key: env:KIT_SECRET, rate: off, chat_rate: off, loop_guard: 0 }\n";

static const char rules_default[] =
    "rules:\n"
    "  - name: track\n"
    "    tap: 'track:(?<id>[A-Z0-9-]+)'\n"
    "    dedup: 0s\n"
    "    reply:\n"
    "      text: 'Order ${id} is on its way.'\n"
    "      buttons: [ [ { text: Refresh, callback_data: 'track:${id}' } ] ]\n"
    "  - name: two\n"
    "    tap: 'two:(?<id>[A-Z0-9-]+)'\n"
    "    dedup: 0s\n"
    "    reply:\n"
    "      - { text: 'first ${id}', buttons: [ [ { text: A, callback_data: 'track:${id}' } ] ] }\n"
    "      - { text: 'second ${id}', buttons: [ [ { text: B, callback_data: 'track:${id}' } ] ] }\n"
    "  - name: asks\n"
    "    tap: 'asks:(?<id>[A-Z0-9-]+)'\n"
    "    dedup: 0s\n"
    "    do:\n"
    "      - { lookup: order, set: { last: '${order.status}' } }\n"
    "      - { reply: { text: 'asked ${id}: ${order.status}' } }\n"
    "      - { lookup: book, reply: { text: 'booked ${id}: ${book.number}, ${chat.last}' } }\n"
    "    on_error:\n"
    "      reply: [ { text: 'asked ${id} in vain' }, { text: 'booked ${id} not' } ]\n"
    "lookups:\n"
    "  order: { url: 'https://shop.example/orders/${id}', cache: 1h, sample: { status: shipped } }\n"
    "  book: { url: 'https://shop.example/books', method: POST, body: { id: '${id}' }, sample: { number: "
    "B-1 } }\n";

void kit_write(struct kit *kit, const char *name, const char *text)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", kit->folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

void kit_engine(struct kit *kit)
{
    struct engine_setup setup = { .store_url = kit->store,
                                  .generation = kit->generation,
                                  .in = kit->in,
                                  .out = kit->out,
                                  .metrics = kit->metrics,
                                  .health = kit->health };
    struct fault fault = { "" };

    kit->engine = engine_new(&setup, &fault);
    if (!kit->engine)
        fail_msg("engine_new: %s", fault.text);
    kit->ended = false;
}

static void make_boxes(struct kit *kit)
{
    kit->in = mailbox_new(1000, 1 << 24);
    kit->out = mailbox_new(1000, 1 << 24);
    kit->metrics = metrics_new();
    kit->health = health_new();
    assert_true(kit->in && kit->out && kit->metrics && kit->health);
}

static void free_boxes(struct kit *kit)
{
    mail_free_all(mailbox_take(kit->in, SIZE_MAX, SIZE_MAX, 0));
    mail_free_all(mailbox_take(kit->out, SIZE_MAX, SIZE_MAX, 0));
    mailbox_free(kit->in);
    mailbox_free(kit->out);
    metrics_free(kit->metrics);
    health_free(kit->health);
}

void kit_open(struct kit *kit, bool sqlite, const char *rules)
{
    kit_open_with(kit, sqlite, rules, "");
}

void kit_open_with(struct kit *kit, bool sqlite, const char *rules, const char *more)
{
    kit_open_at(kit, sqlite ? NULL : "memory:", rules, more);
}

void kit_open_at(struct kit *kit, const char *url, const char *rules, const char *more)
{
    char whole[sizeof(config) + 200];
    struct findings *findings = findings_new();

    log_setup(getenv("KIT_LOG") ? LOG_DEBUG : LOG_ERROR + 1, false);
    setenv("KIT_SECRET", "kit-secret", 1);
    *kit = (struct kit){ .folder = "/tmp/callbackd-engine-XXXXXX" };
    assert_non_null(mkdtemp(kit->folder));
    snprintf(kit->config, sizeof(kit->config), "%s/callbackd.yaml", kit->folder);
    if (url)
        snprintf(kit->store, sizeof(kit->store), "%s", url);
    else
        snprintf(kit->store, sizeof(kit->store), "sqlite:%s/a.db", kit->folder);
    snprintf(whole, sizeof(whole), "%s%s", config, more);
    kit_write(kit, "callbackd.yaml", whole);
    kit_write(kit, "rules.yaml", rules ? rules : rules_default);
    kit->generation = generation_load(kit->config, SECRETS_NEEDED, findings);
    if (!kit->generation)
        fail_msg("the rules do not load: %s", findings_get(findings, 0)->text);
    findings_free(findings);
    make_boxes(kit);
    kit_engine(kit);
}

void kit_start(struct kit *kit)
{
    struct fault fault;

    assert_true(kit->stepped ? engine_take_over(kit->engine, &fault) : engine_start(kit->engine, &fault));
}

static void free_requests(struct kit *kit)
{
    mail_free_all((struct mail *)kit->first);
    kit->first = NULL;
}

static void post_word(struct kit *kit, enum mail_kind kind)
{
    struct mail *mail = mail_new(kind, sizeof(*mail));

    assert_non_null(mail);
    mailbox_post_reserved(kit->in, mail);
}

void kit_stop(struct kit *kit)
{
    post_word(kit, MAIL_STOP);
    for (int i = 0; i < PATIENCE && !kit->ended; i++)
        kit_pump(kit);
    assert_true(kit->ended);
}

struct store *kit_store(struct kit *kit)
{
    return kit->engine->store;
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char path[400];

        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

/* Ends the engine whatever is in flight: with results for all that it asked for. */
static void end_engine(struct kit *kit)
{
    if (kit->engine->started && !kit->ended) {
        struct request_mail *request;

        post_word(kit, MAIL_STOP);
        for (int i = 0; i < PATIENCE && !kit->ended; i++) {
            kit_pump(kit);
            while ((request = kit->first)) {
                kit->first = (struct request_mail *)request->mail.next;
                kit_answer(kit, request, false, 0, "");
            }
        }
    }
    engine_free(kit->engine);
    kit->engine = NULL;
}

void kit_close(struct kit *kit)
{
    if (kit->engine)
        end_engine(kit);
    free_requests(kit);
    free_boxes(kit);
    generation_unref(kit->generation);
    remove_folder(kit->folder);
}

static void copy_file(const struct kit *kit, const char *from, const char *to)
{
    char command[400];

    snprintf(command, sizeof(command), "%s/%s", kit->folder, from);
    FILE *in = fopen(command, "rb"), *out;
    char bytes[8192];
    size_t n;

    if (!in)
        return;
    snprintf(command, sizeof(command), "%s/%s", kit->folder, to);
    out = fopen(command, "wb");
    assert_non_null(out);
    while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

void kit_save(struct kit *kit)
{
    copy_file(kit, "a.db", "b.db");
    copy_file(kit, "a.db-wal", "b.db-wal");
}

static void put_back(struct kit *kit)
{
    copy_file(kit, "b.db", "a.db");
    copy_file(kit, "b.db-wal", "a.db-wal");
}

void kit_fail_over(struct kit *kit)
{
    struct engine *engine = kit->engine;
    enum store_status status;
    struct fault fault;

    store_close(engine->store);
    put_back(kit);
    engine->store = store_open(kit->store, STORE_SERVE, &status, &fault);
    assert_non_null(engine->store);
    /* What a node does in any case, or when its connection is another. */
    engine->node.look_back = engine->look_for_new = engine->recount = true;
}

void kit_crash(struct kit *kit, struct request_mail *request)
{
    kit_save(kit);
    kit_answer_ok(kit, request); /* what the old engine makes of it is lost */
    kit_again(kit);
    engine_free(kit->engine);
    put_back(kit);
    kit_engine(kit);
}

void kit_kill(struct kit *kit)
{
    engine_free(kit->engine);
    free_requests(kit);
    free_boxes(kit);
    make_boxes(kit);
    kit_engine(kit);
    kit_start(kit);
}

void kit_again(struct kit *kit)
{
    end_engine(kit);
    free_requests(kit);
    free_boxes(kit);
    make_boxes(kit);
    kit_engine(kit);
}

/* --- mail ------------------------------------------------------------------------------------------------------------- */

uint64_t kit_post(struct kit *kit, const char *source, const char *body)
{
    struct accept_mail *accept = mail_new(MAIL_ACCEPT, sizeof(*accept));

    assert_non_null(accept);
    accept->request = ++kit->request;
    accept->source = text_dup(text_of(source));
    accept->headers = text_dup(text_of(""));
    accept->body = text_dup(text_of(body));
    accept->body_size = strlen(body);
    accept->mail.bytes = strlen(body);
    assert_true(kit->request < KIT_REQUESTS);
    assert_true(mailbox_post(kit->in, &accept->mail));
    return kit->request;
}

static void take_acks(struct kit *kit, const struct acks_mail *acks)
{
    for (size_t i = 0; i < acks->count; i++) {
        assert_int_equal(kit->status[acks->acks[i].request], 0); /* answered once */
        kit->status[acks->acks[i].request] = acks->stored ? 200 : 503;
    }
}

static void take_request(struct kit *kit, struct request_mail *request)
{
    struct request_mail **at = &kit->first;

    while (*at)
        at = (struct request_mail **)&(*at)->mail.next;
    request->mail.next = NULL;
    *at = request;
}

static void sort(struct kit *kit, struct mail *mail)
{
    switch ((enum mail_kind)mail->kind) {
    case MAIL_REQUEST:
        take_request(kit, (struct request_mail *)mail);
        return;
    case MAIL_ACKS:
        take_acks(kit, (struct acks_mail *)mail);
        break;
    case MAIL_ENDED:
        kit->ended = true;
        kit->stored = ((struct ended_mail *)mail)->stored;
        break;
    case MAIL_RELOADED:
        kit->reloaded = true;
        break;
    default:
        break;
    }
    mail_free(mail);
}

/* One cycle, and without anything of it a little time. */
static void step(struct kit *kit)
{
    if (kit->around_step)
        kit->around_step(true);
    engine_step(kit->engine);
    if (kit->around_step)
        kit->around_step(false);
    if (kit->engine->ended) {
        kit->ended = true;
        kit->stored = !kit->engine->store_down && kit->engine->n_results == 0;
    }
    if (mailbox_waiting(kit->out) == 0)
        engine_advance(kit->engine, 250);
}

void kit_pump(struct kit *kit)
{
    struct mail *mail;

    if (kit->stepped)
        step(kit);
    mail = mailbox_take(kit->out, SIZE_MAX, SIZE_MAX, kit->stepped ? 0 : 2);
    kit->idle += !mail && mailbox_waiting(kit->in) == 0;
    if (!mail && !kit->stepped)
        post_word(kit, MAIL_RELOADED); /* means nothing to the engine */
    while (mail) {
        struct mail *next = mail->next;

        sort(kit, mail);
        mail = next;
    }
}

void kit_deliver(struct kit *kit, const char *source, const char *body)
{
    for (int i = 0; i < 20; i++) {
        uint64_t request = kit_post(kit, source, body);
        size_t until = kit->idle + UNHEARD;

        for (int j = 0; j < PATIENCE && kit->idle < until && !kit->status[request]; j++)
            kit_pump(kit);
        if (kit->status[request] == 200)
            return;
        kit->unheard += kit->status[request] == 0;
    }
    fail_msg("a notification is never taken");
}

static void post_reload(struct kit *kit)
{
    struct reload_mail *mail = mail_new(MAIL_RELOAD, sizeof(*mail));

    assert_non_null(mail);
    mail->findings = findings_new();
    assert_non_null(mail->findings);
    mail->generation = generation_load(kit->config, SECRETS_NEEDED, mail->findings);
    mailbox_post_reserved(kit->in, &mail->mail);
}

void kit_reload(struct kit *kit, const char *rules)
{
    kit_write(kit, "rules.yaml", rules);
    kit->reloaded = false;
    post_reload(kit);
    for (int i = 0; i < PATIENCE && !kit->reloaded; i++)
        kit_pump(kit);
    assert_true(kit->reloaded);
}

struct request_mail *kit_request(struct kit *kit)
{
    struct request_mail *request;

    for (int i = 0; i < PATIENCE && !kit->first; i++)
        kit_pump(kit);
    request = kit->first;
    if (request)
        kit->first = (struct request_mail *)request->mail.next;
    return request;
}

void kit_answer(struct kit *kit, struct request_mail *request, bool left, int status, const char *body)
{
    struct result_mail *result = mail_new(MAIL_RESULT, sizeof(*result));

    assert_non_null(result);
    result->job = request->job;
    result->left = left;
    result->status = status;
    result->whole = status != 0;
    result->retry_after_ms = -1;
    result->body = text_dup(text_of(body));
    result->body_size = strlen(body);
    mailbox_post_reserved(kit->in, &result->mail);
    mail_free(&request->mail);
}

void kit_answer_ok(struct kit *kit, struct request_mail *request)
{
    kit_answer(kit, request, true, 200, "{\"message_id\":42,\"status\":\"sent\"}");
}

int kit_runs(struct kit *kit, const char *state)
{
    return (int)metrics_value(kit->metrics, METRIC_RUNS, state, NULL);
}

void kit_until_runs(struct kit *kit, const char *state, int count)
{
    for (int i = 0; i < PATIENCE && kit_runs(kit, state) != count; i++)
        kit_pump(kit);
    assert_int_equal(kit_runs(kit, state), count);
}

size_t kit_count(struct kit *kit, enum store_kind kind, const char *state)
{
    struct store_filter filter = { .all = true, .state = state ? text_of(state) : TEXT_NONE };
    struct arena *arena = arena_new(1 << 24);
    struct store_item *items;
    size_t n = store_list(kit_store(kit), &filter, 10000, arena, &items), count = 0;

    for (size_t i = 0; i < n; i++)
        count += items[i].kind == kind;
    arena_free(arena);
    return count;
}

void kit_settled(struct kit *kit)
{
    struct engine *engine = kit->engine;
    struct arena *arena = arena_new(1 << 24);
    struct send_row *sends;
    struct store_item *items;
    struct store_filter filter = { .all = true };
    struct fault fault;
    size_t n;

    assert_int_equal(store_begin(engine->store, &fault), STORE_OK);
    assert_int_equal(store_next_sending(engine->store, 0, 10, arena, &sends), 0);
    assert_int_equal(engine->sends_in_flight, 0);
    for (size_t i = 0; i < engine->n_sources; i++)
        assert_int_equal(engine->sources[i].in_flight, 0);
    n = store_list(engine->store, &filter, 100000, arena, &items);
    for (size_t i = 0; i < n; i++) {
        struct run_row run;
        struct chat_row chat;

        if (items[i].kind != STORE_RUN)
            continue;
        assert_true(store_get_run(engine->store, items[i].id, arena, &run));
        assert_true(store_get_chat(engine->store, run.chat, arena, &chat));
        assert_int_equal(chat.owner, 0);
    }
    store_rollback(engine->store);
    arena_free(arena);
}

/* --- payloads ------------------------------------------------------------------------------------------------------------ */

void kit_intercom(char *out, size_t size, int number, const char *user, const char *text)
{
    snprintf(
        out, size,
        "{\"type\":\"notification_event\",\"app_id\":\"abcd1234\",\"topic\":\"conversation.user.replied\","
        "\"id\":\"notif_%d\",\"created_at\":1760000000,\"data\":{\"type\":\"notification_event_data\","
        "\"item\":{"
        "\"type\":\"conversation\",\"id\":\"2154%s\",\"source\":{\"type\":\"conversation\",\"id\":\"1\","
        "\"body\":\"x\","
        "\"author\":{\"type\":\"lead\",\"id\":\"66b0c0ff\"}},"
        "\"contacts\":{\"contacts\":[{\"type\":\"contact\",\"id\":\"66b0c0ff\",\"external_id\":\"%s\"}]},"
        "\"conversation_parts\":{\"conversation_parts\":[{\"type\":\"conversation_part\",\"id\":\"%d\","
        "\"part_type\":\"comment\",\"body\":\"<p>%s</p>\",\"created_at\":%d,"
        "\"author\":{\"type\":\"user\",\"id\":\"66b0c0ff\"}}],\"total_count\":1}}}}",
        number, user, user, number, text, 1760000000 + number / 2);
}

void kit_hubspot(char *out, size_t size, int number)
{
    snprintf(
        out, size,
        "[{\"eventId\":%d,\"subscriptionId\":4578255,\"portalId\":242711451,\"appId\":19635961,"
        "\"occurredAt\":1760000000000,\"subscriptionType\":\"conversation.newMessage\",\"attemptNumber\":0,"
        "\"objectId\":9598272091,\"messageId\":\"m%d\",\"messageType\":\"MESSAGE\",\"changeFlag\":\"NEW_"
        "MESSAGE\"}]",
        number, number);
}

const char kit_hubspot_message[] =
    "{\"type\":\"MESSAGE\",\"text\":\"track:ORD-7\",\"direction\":\"INCOMING\",\"truncationStatus\":\"NOT_"
    "TRUNCATED\","
    "\"createdAt\":\"2026-07-14T06:58:20.480Z\",\"senders\":[{\"actorId\":\"V-1\",\"deliveryIdentifier\":"
    "{\"type\":\"CHANNEL_SPECIFIC_OPAQUE_ID\",\"value\":\"700000001\"}}]}";

void kit_answer_lookup(struct kit *kit, struct request_mail *request)
{
    kit_answer(kit, request, true, 200,
               strcmp(request->method, "POST") == 0 ? "{\"number\":\"B-7\"}" : "{\"status\":\"shipped\"}");
}

void kit_tap(struct kit *kit, int number, const char *user)
{
    char body[KIT_BODY];

    kit_intercom(body, sizeof(body), number, user, KIT_TAP);
    kit_deliver(kit, "intercom", body);
}

int64_t kit_only_run(struct kit *kit, struct arena *arena)
{
    struct store_filter filter = { .all = true };
    struct store_item *items;
    size_t n = store_list(kit_store(kit), &filter, 100, arena, &items);

    while (n > 0 && items[n - 1].kind != STORE_RUN)
        n--;
    assert_int_not_equal(n, 0);
    return items[n - 1].id;
}

void kit_expect_sent(struct kit *kit, const char *text)
{
    struct request_mail *request = kit_request(kit);
    char quoted[64];

    assert_non_null(request);
    snprintf(quoted, sizeof(quoted), "\"text\":\"%s\"", text);
    if (!strstr(request->body, quoted))
        fail_msg("%s instead of %s", request->body, text);
    kit_answer_ok(kit, request);
}

struct request_mail *kit_next_send(struct kit *kit)
{
    for (;;) {
        struct request_mail *request = kit_request(kit);

        if (!request || request->job.kind == JOB_SEND)
            return request;
        if (request->job.kind == JOB_LOOKUP)
            kit_answer_lookup(kit, request);
        else
            kit_answer(kit, request, true, 200, kit_hubspot_message);
    }
}
