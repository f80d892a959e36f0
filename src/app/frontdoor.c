#include "app/frontdoor.h"

#include "app/configfile.h"
#include "base/log.h"
#include "base/now.h"

#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER_S 5
#define TARGET_SHOWN 200

struct waiting {
    uint64_t request;
    int64_t until_ms;
};

/* Requests handed over, oldest first: all have the same patience, but for a moment after a reload that changed it. Those
   answered meanwhile are passed over. */
struct ring {
    struct waiting *items;
    size_t first, count, room; /* room: a power of two */
};

struct frontdoor {
    struct loop *loop;
    struct intake *intake;
    struct generation *generation;
    struct mailbox *engine;
    struct metrics *metrics;
    struct loop_timer *timer;
    struct ring ring;
    bool closed;
};

/* --- requests that wait for the engine ------------------------------------------------------------------------------ */

static bool ring_grow(struct ring *ring)
{
    size_t room = ring->room ? 2 * ring->room : 256;
    struct waiting *items = malloc(room * sizeof(*items));

    if (!items)
        return false;
    for (size_t i = 0; i < ring->count; i++)
        items[i] = ring->items[(ring->first + i) & (ring->room - 1)];
    free(ring->items);
    *ring = (struct ring){ items, 0, ring->count, room };
    return true;
}

static bool ring_push(struct ring *ring, struct waiting item)
{
    if (ring->count == ring->room && !ring_grow(ring))
        return false;
    ring->items[(ring->first + ring->count++) & (ring->room - 1)] = item;
    return true;
}

static void plain(struct frontdoor *door, uint64_t request, int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = { { 200, "ok\n" },
                  { 400, "this request cannot be used\n" },
                  { 401, "the signature is missing or wrong\n" },
                  { 404, "no source has this path\n" },
                  { 405, "POST notifications here\n" },
                  { 415, "send the body without a content encoding\n" },
                  { 503, "not stored; try again\n" } };
    struct intake_answer answer = { .status = status, .content_type = "text/plain", .body = text_of("") };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (texts[i].status == status)
            answer.body = text_of(texts[i].text);
    answer.allow = status == 405 ? "POST, HEAD" : NULL;
    answer.retry_after_s = status == 503 ? RETRY_AFTER_S : 0;
    intake_reply(door->intake, request, &answer);
}

static void out_of_patience(void *arg)
{
    struct frontdoor *door = arg;
    struct ring *ring = &door->ring;
    int64_t now = now_boot_ms();

    while (ring->count && ring->items[ring->first].until_ms <= now) {
        plain(door, ring->items[ring->first].request, 503); /* does nothing if it was answered */
        ring->first = (ring->first + 1) & (ring->room - 1);
        ring->count--;
    }
    if (ring->count)
        loop_timer_start(door->timer, ring->items[ring->first].until_ms - now);
}

/* --- a request ------------------------------------------------------------------------------------------------------------ */

static const struct source *find_source(const struct frontdoor *door, const char *target)
{
    const struct config *config = door->generation->config;
    struct text path = text_make(target, strcspn(target, "?#"));

    for (size_t i = 0; i < config->n_sources; i++)
        if (text_is(path, source_path(config->sources[i])))
            return config->sources[i];
    return NULL;
}

static void count(struct frontdoor *door, const struct source *source, const char *result)
{
    metrics_add(door->metrics, METRIC_NOTIFICATIONS, source ? source_name(source) : "-", result, 1);
}

static struct accept_mail *make_mail(const struct source *source, const struct intake_request *from,
                                     const struct request *request)
{
    struct accept_mail *accept = mail_new(MAIL_ACCEPT, sizeof(*accept));
    struct buf headers = BUF(65536);

    if (!accept)
        return NULL;
    source_keep_headers(source, request, &headers);
    accept->request = from->id;
    accept->received_us = now_mono_us();
    accept->source = text_dup(text_of(source_name(source)));
    accept->headers = buf_take(&headers);
    accept->body = text_dup(from->body);
    accept->body_size = from->body.n;
    accept->mail.bytes = sizeof(*accept) + from->body.n + 512;
    if (accept->source && accept->headers && accept->body)
        return accept;
    mail_free(&accept->mail);
    return NULL;
}

static bool hand_over(struct frontdoor *door, const struct source *source, const struct intake_request *from,
                      const struct request *request)
{
    struct accept_mail *accept = door->closed ? NULL : make_mail(source, from, request);
    int64_t patience_ms = door->generation->config->limits.store_ms;
    struct waiting item = { from->id, now_boot_ms() + patience_ms };

    if (!accept)
        return false;
    if (!mailbox_post(door->engine, &accept->mail)) {
        mail_free(&accept->mail);
        return false;
    }
    if (ring_push(&door->ring, item) && door->ring.count == 1)
        loop_timer_start(door->timer, patience_ms);
    return true;
}

static bool verified(struct frontdoor *door, const struct source *source, const struct intake_request *from,
                     const struct request *request)
{
    struct fault fault = { "" };
    size_t n;
    const struct text *secrets = generation_secrets(door->generation, source, &n);

    if (source_verify(source, request, secrets, n, now_wall_ms(), &fault))
        return true;
    log_warn("refused", log_str("source", source_name(source)), log_str("peer", from->peer),
             log_num("status", 401), log_str("reason", fault.text));
    return false;
}

static void post(struct frontdoor *door, const struct source *source, const struct intake_request *from)
{
    struct request request = { .method = from->method,
                               .target = from->target,
                               .headers = (const struct request_header *)from->headers,
                               .n_headers = from->n_headers,
                               .body = from->body };

    if (request_header(&request, "Content-Encoding")) {
        count(door, source, "unusable");
        plain(door, from->id, 415);
    } else if (!verified(door, source, from, &request)) {
        count(door, source, "unauthorized");
        plain(door, from->id, 401);
    } else if (!hand_over(door, source, from, &request)) {
        count(door, source, "overloaded");
        plain(door, from->id, 503);
    }
}

static void handle(void *arg, const struct intake_request *from)
{
    struct frontdoor *door = arg;
    const struct source *source = find_source(door, from->target);

    _Static_assert(sizeof(struct request_header) == sizeof(struct intake_header),
                   "both are a name and a value");
    if (!source)
        plain(door, from->id, 404);
    else if (strcmp(from->method, "HEAD") == 0)
        plain(door, from->id, 200);
    else if (strcmp(from->method, "POST") == 0)
        post(door, source, from);
    else
        plain(door, from->id, 405);
}

void frontdoor_answer(struct frontdoor *door, const struct acks_mail *acks)
{
    int64_t now = now_mono_us();

    for (size_t i = 0; i < acks->count; i++) {
        plain(door, acks->acks[i].request, acks->stored ? 200 : 503);
        metrics_observe(door->metrics, METRIC_ACCEPT_SECONDS,
                        (double)(now - acks->acks[i].received_us) / 1e6);
    }
}

/* --- lifecycle --------------------------------------------------------------------------------------------------------------- */

struct frontdoor *frontdoor_new(struct loop *loop, struct generation *generation, struct mailbox *engine,
                                struct metrics *metrics)
{
    struct frontdoor *door = calloc(1, sizeof(*door));

    if (!door)
        return NULL;
    door->loop = loop;
    door->generation = generation_ref(generation);
    door->engine = engine;
    door->metrics = metrics;
    door->timer = loop_timer_new(loop, out_of_patience, door);
    if (door->timer)
        return door;
    frontdoor_free(door);
    return NULL;
}

void frontdoor_free(struct frontdoor *door)
{
    if (!door)
        return;
    intake_free(door->intake);
    loop_timer_free(door->timer);
    generation_unref(door->generation);
    free(door->ring.items);
    free(door);
}

static struct intake_limits limits_of(const struct config *config)
{
    const struct config_limits *limits = &config->limits;

    return (struct intake_limits){ .body = limits->body,
                                   .headers = limits->headers,
                                   .request_ms = limits->request_ms,
                                   .idle_ms = limits->idle_ms,
                                   .connections = limits->connections,
                                   .per_address = limits->per_address };
}

static bool use_tls(struct frontdoor *door, struct fault *fault)
{
    const struct config *config = door->generation->config;
    char *cert, *key;
    bool ok;

    if (!config->tls_cert)
        return true;
    cert = configfile_path(config, config->tls_cert);
    key = configfile_path(config, config->tls_key);
    ok = cert && key ? intake_tls(door->intake, cert, key, fault) : fault_set(fault, "out of memory");
    free(cert);
    free(key);
    return ok;
}

bool frontdoor_listen(struct frontdoor *door, struct fault *fault)
{
    const struct config *config = door->generation->config;
    struct intake_limits limits = limits_of(config);

    door->intake = intake_new(door->loop, config->listen, &limits, handle, door, fault);
    return door->intake && use_tls(door, fault);
}

const char *frontdoor_address(const struct frontdoor *door)
{
    return intake_address(door->intake);
}

void frontdoor_adopt(struct frontdoor *door, struct generation *generation)
{
    struct intake_limits limits = limits_of(generation->config);
    struct fault fault;

    generation_unref(door->generation);
    door->generation = generation_ref(generation);
    intake_set_limits(door->intake, &limits);
    if (!use_tls(door, &fault))
        log_error("the new TLS files cannot be used; the old ones stay", log_str("cause", fault.text));
}

bool frontdoor_is_quiet(const struct frontdoor *door)
{
    return intake_connections(door->intake) == 0;
}

void frontdoor_close(struct frontdoor *door)
{
    door->closed = true;
    intake_close(door->intake);
}
