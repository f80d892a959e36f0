/* Between T2 and T3: entries whose message or contact must be read from the inbox first. */

#include "app/engine_state.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_BASE_MS 500
#define RETRY_MAX_MS 60000
#define PAUSE_MS 60000
#define CONTACT_MS 600000 /* how long a contact is taken for unchanged */

static bool wants_contact(const struct engine *engine)
{
    return ruleset_wants(engine->generation->ruleset)->contact;
}

/* A contact that was fetched lately is as good as a fetched one. */
static bool apply_known(struct engine *engine, const struct source *source, struct entry *entry)
{
    struct text body = cache_get(engine->contacts, source_name(source), entry->contact, engine->now);
    struct fault fault;

    return body.p && source_apply_fetch(source, entry, FETCH_CONTACT, 200, body, 0, engine->arena, &fault) ==
                         FETCH_GO_ON;
}

bool fetch_advance(struct engine *engine, const struct source *source, struct entry_row *row,
                   struct entry *entry, struct fetch *next)
{
    for (;;) {
        source_next_fetch(source, entry, wants_contact(engine), engine->arena, next);
        if (next->kind == FETCH_CONTACT && apply_known(engine, source, entry))
            continue;
        break;
    }
    if (next->kind != FETCH_NONE)
        return false;
    source_finish(source, entry, engine->scratch, engine->arena);
    row->said_at = entry->said_at;
    row->conversation = entry->conversation;
    return true;
}

/* --- claiming -------------------------------------------------------------------------------------------------------- */

static char *bearer(struct text token)
{
    struct buf header = BUF(70000);

    buf_printf(&header, "Authorization: Bearer %.*s", TEXT_ARG(token));
    return buf_take(&header);
}

bool fetch_prepare(struct engine *engine, const struct source *source, struct request_mail *request)
{
    struct text token = generation_token(engine->generation, source);
    const char *own = source_api_header(source);
    size_t n = 0;

    request->headers[n++] = text_dup(text_of("Accept: application/json"));
    if (own)
        request->headers[n++] = text_dup(text_of(own));
    if (token.p)
        request->headers[n++] = bearer(token);
    if (request->body)
        request->headers[n++] = text_dup(text_of("Content-Type: application/json"));
    request->timeout_ms = 10000;
    request->connect_timeout_ms = 5000;
    request->answer_max = engine->generation->config->limits.answer;
    for (size_t i = 0; i < n; i++)
        if (!request->headers[i])
            return false;
    return request->url;
}

/* NULL when memory is out. */
static struct request_mail *make_fetch(struct engine *engine, const struct source *source,
                                       const struct source_state *state, const struct entry_row *row,
                                       const struct fetch *fetch)
{
    struct job job = {
        .kind = JOB_FETCH, .entry = row->id, .fetch = fetch->kind, .stored_at = row->stored_at
    };
    struct request_mail *request;

    memcpy(job.owner, state->name, NAME_BYTES);
    request = engine_request(engine, &job);
    if (!request)
        return NULL;
    request->method = "GET";
    request->url = fetch->url ? text_dup(text_of(fetch->url)) : NULL;
    if (fetch_prepare(engine, source, request))
        return request;
    mail_free(&request->mail);
    return NULL;
}

static void later(struct engine *engine, struct entry_row *row, int64_t due_at)
{
    row->state = ENTRY_FETCH;
    row->due_at = due_at;
    row->tries = 0; /* the program has outlived this one */
    store_update_entry(engine->store, row);
    engine_wake(engine, due_at);
}

/* The entry is complete or ignored: it leaves the state fetch. */
static void finish(struct engine *engine, const struct source *source, struct entry_row *row,
                   struct entry *entry)
{
    if (row->state == ENTRY_FETCH)
        stage_match(engine, source, row, entry, NULL);
    row->due_at = 0;
    if (!entry_print(entry, engine->arena, &row->doc))
        row->doc = text_of("{}");
    store_update_entry(engine->store, row);
    engine->delta.entries_fetch--;
}

/* Made printable: what cannot be stored as text would hold up the others. */
static struct text reason_of(struct engine *engine, const char *words)
{
    char line[REASON_BYTES];

    text_printable(text_of(words), line, sizeof(line) - 1);
    return arena_text(engine->arena, text_of(line));
}

static void stuck(struct engine *engine, struct entry_row *row, const char *reason)
{
    row->state = ENTRY_STUCK;
    row->reason = reason_of(engine, reason);
    row->due_at = 0;
    store_update_entry(engine->store, row);
    engine->delta.entries_fetch--;
    engine->delta.entries_stuck++;
    log_error("an entry is stuck: see 'callbackd queue show', 'callbackd queue retry'",
              log_num("entry", row->id), log_text("reason", row->reason));
}

/* An entry that is worked on: it was claimed, or its GET was answered. First all of a batch are read, then the store is told what it is
   going to be asked, then they are worked on one after the other. */
struct fetching {
    const struct source *source;
    struct source_state *state;
    struct entry_row *row;
    const struct result_mail *result; /* NULL: it was claimed */
    struct entry entry;
    struct fault fault; /* why it cannot be read, or is ignored */
    enum { UNREADABLE, INCOMPLETE, COMPLETE } what;
    enum fetch_verdict verdict; /* of the answer */
    struct fetch next;          /* INCOMPLETE: the GET to make */
};

static void advance(struct engine *engine, struct fetching *f)
{
    f->what = fetch_advance(engine, f->source, f->row, &f->entry, &f->next) ? COMPLETE : INCOMPLETE;
}

static void ask_store(struct engine *engine, const struct fetching *all, size_t n)
{
    struct store_asked asked = { .now = engine->now,
                                 .window_ms = ruleset_window(engine->generation->ruleset) };
    struct store_asked_entry *entries;

    engine_work_on(engine, WORK_NONE, 0);
    if (!store_is_far(engine->store))
        return;
    entries = arena_array(engine->arena, n + 1, sizeof(*entries));
    if (!entries) {
        store_give_up(engine->store, "no memory for what the store is asked");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct entry_row *row = all[i].row;

        if (all[i].what != COMPLETE || row->state != ENTRY_FETCH)
            continue;
        entries[asked.n_entries] =
            (struct store_asked_entry){ .id = row->id, .notification = row->notification };
        match_asks(engine, all[i].source, row, &all[i].entry, &entries[asked.n_entries++]);
    }
    asked.entries = entries;
    if (asked.n_entries)
        store_prefetch_intake(engine->store, &asked);
}

static void read_claimed(struct engine *engine, struct fetching *f)
{
    f->what = UNREADABLE;
    if (f->row->tries > TRIES_MAX)
        fault_set(&f->fault, "the program ended three times while reading it or working on it");
    else if (entry_read(f->row->doc, engine->arena, &f->entry, &f->fault))
        advance(engine, f);
}

static void start_get(struct engine *engine, struct fetching *f)
{
    struct request_mail *request = make_fetch(engine, f->source, f->state, f->row, &f->next);

    if (!request) {
        later(engine, f->row, engine->now + RETRY_BASE_MS);
        return;
    }
    f->state->in_flight++;
    engine_post(engine, &request->mail);
}

static void start(struct engine *engine, struct fetching *f)
{
    engine_work_on(engine, WORK_ENTRY, f->row->id);
    if (f->what == UNREADABLE)
        stuck(engine, f->row, f->fault.text);
    else if (f->what == COMPLETE)
        finish(engine, f->source, f->row, &f->entry);
    else
        start_get(engine, f);
}

static void start_all(struct engine *engine, const struct source *source, struct source_state *state,
                      struct entry_row *rows, size_t n)
{
    struct fetching *all = arena_array(engine->arena, n + 1, sizeof(*all));

    if (!all) {
        store_give_up(engine->store, "no memory for the entries");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        all[i] = (struct fetching){ .source = source, .state = state, .row = &rows[i] };
        read_claimed(engine, &all[i]);
    }
    ask_store(engine, all, n);
    for (size_t i = 0; i < n && !store_failed(engine->store); i++)
        start(engine, &all[i]);
}

static bool fetch_source(struct engine *engine, const struct source *source)
{
    struct source_state *state = engine_source(engine, text_of(source_name(source)));
    int room = state ? engine->generation->config->limits.fetches - state->in_flight : 0;
    struct entry_row *rows;
    size_t n;

    if (room <= 0)
        return false;
    if (state->not_before > engine->now) {
        engine_wake(engine, state->not_before);
        return true;
    }
    if (state->paused[0])
        room = 1; /* one probe, until it works again */
    n = store_claim_entries(engine->store, text_of(state->name), engine->now, engine->owner, (size_t)room,
                            engine->arena, &rows);
    start_all(engine, source, state, rows, n);
    return n == (size_t)room;
}

void stage_fetch(struct engine *engine)
{
    const struct config *config = engine->generation->config;
    bool more = false;

    if (!engine->look_for_fetches)
        return;
    for (size_t i = 0; i < config->n_sources; i++)
        more = fetch_source(engine, config->sources[i]) || more;
    engine->look_for_fetches = more || engine->counts.entries_fetch + engine->delta.entries_fetch > 0;
}

/* --- settling -------------------------------------------------------------------------------------------------------- */

static int64_t asked_to_wait(const struct source *source, const struct result_mail *result)
{
    int64_t body = source_retry_after(source, result->status, text_make(result->body, result->body_size));

    return body > result->retry_after_ms ? body : result->retry_after_ms;
}

static void retry(struct engine *engine, const struct source *source, struct source_state *state,
                  const struct result_mail *result, struct entry_row *row)
{
    int64_t asked = asked_to_wait(source, result);

    /* Half of its age so far: the delays double by themselves, over restarts too. */
    int64_t age = engine->now - row->stored_at, base = age / 2 > RETRY_BASE_MS ? age / 2 : RETRY_BASE_MS;
    int64_t wait =
        retry_delay(1, base < RETRY_MAX_MS ? base : RETRY_MAX_MS, RETRY_MAX_MS, asked, arc4random());

    if (result->status == 429) {
        int64_t open_at = engine->now + (asked > 0 ? asked : 10000);

        state->not_before = open_at > state->not_before ? open_at : state->not_before;
    }
    later(engine, row, engine->now + wait);
}

void fetch_refused(struct engine *engine, struct source_state *state, int status)
{
    char reason[REASON_BYTES];

    state->not_before = engine->now + PAUSE_MS;
    if (state->paused[0])
        return;
    snprintf(reason, sizeof(reason),
             "the inbox refuses the token (HTTP %d): mend the source's token, then reload", status);
    memcpy(state->paused, reason, sizeof(reason));
    log_error("SOURCE PAUSED: its entries wait, nothing is lost", log_str("source", state->name),
              log_str("reason", reason));
    engine_show_paused(engine);
}

void fetch_works(struct engine *engine, struct source_state *state)
{
    if (!state->paused[0])
        return;
    state->paused[0] = '\0';
    log_warn("source works again", log_str("source", state->name));
    engine_show_paused(engine);
}

/* What was read is stored before anything else happens; a further GET is claimed like the first. */
static void completed(struct engine *engine, struct fetching *f)
{
    if (f->what == COMPLETE)
        finish(engine, f->source, f->row, &f->entry);
    else if (entry_print(&f->entry, engine->arena, &f->row->doc))
        later(engine, f->row, engine->now);
}

static void log_fetch(struct engine *engine, const struct fetching *f)
{
    static const char *const names[] = { "ok", "retry", "ignored", "refused" };
    const struct result_mail *result = f->result;

    engine_tally(engine, METRIC_FETCHES, f->state->name, names[f->verdict]);
    log_info("fetch", log_num("entry", f->row->id), log_str("source", f->state->name),
             log_num("status", result->status), log_str("result", names[f->verdict]),
             log_num("ms", result->took_ms),
             log_str("reason", result->error || !f->fault.text[0] ? result->error : f->fault.text));
}

static void settle(struct engine *engine, struct fetching *f)
{
    engine_work_on(engine, WORK_ENTRY, f->row->id);
    if (f->what == UNREADABLE) {
        later(engine, f->row, engine->now + RETRY_MAX_MS);
        return;
    }
    log_fetch(engine, f);
    if (f->verdict == FETCH_REFUSED) {
        /* The source is what waits: the entry stays due, and goes as soon as a reload opens the source again. */
        fetch_refused(engine, f->state, f->result->status);
        later(engine, f->row, engine->now);
        return;
    }
    if (f->result->status > 0)
        fetch_works(engine, f->state);
    if (f->verdict == FETCH_RETRY)
        retry(engine, f->source, f->state, f->result, f->row);
    else
        completed(engine, f);
}

static void apply(struct engine *engine, struct fetching *f)
{
    const struct result_mail *result = f->result;
    const struct text body = text_make(result->body, result->body_size);

    f->verdict =
        source_apply_fetch(f->source, &f->entry, result->job.fetch, result->whole ? result->status : 0, body,
                           engine->now - f->row->stored_at, engine->arena, &f->fault);
    f->what = INCOMPLETE;
    if (f->verdict == FETCH_IGNORE) {
        f->row->state = ENTRY_DONE;
        f->row->reason = reason_of(engine, f->fault.text);
        f->what = COMPLETE;
    } else if (f->verdict == FETCH_GO_ON) {
        if (result->job.fetch == FETCH_CONTACT && result->status == 200)
            cache_put(engine->contacts, f->state->name, f->entry.contact, body, engine->now + CONTACT_MS);
        advance(engine, f);
    }
}

/* False: it is not to be read any more, or an answer to an earlier GET is among these, too. */
static bool is_waited_for(const struct fetching *all, size_t n, const struct entry_row *row)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].row->id == row->id)
            return false;
    return row->id && row->state == ENTRY_FETCH;
}

static void read_answered(struct engine *engine, struct fetching *f)
{
    const struct text owner = text_of(f->result->job.owner);

    f->state = engine_source(engine, owner);
    f->source = config_source(engine->generation->config, owner);
    f->what = UNREADABLE;
    if (f->state && f->source && entry_read(f->row->doc, engine->arena, &f->entry, &f->fault))
        apply(engine, f);
}

/* The answers to GETs in the batch. */
static size_t gather(struct engine *engine, const struct batch *batch, const struct result_mail **results,
                     int64_t *ids)
{
    size_t n = 0;

    for (size_t i = 0; i < batch->n_results; i++) {
        const struct result_mail *result = engine->results[batch->first_result + i];

        if (result->job.kind != JOB_FETCH)
            continue;
        results[n] = result;
        ids[n++] = result->job.entry;
    }
    return n;
}

void fetch_settle(struct engine *engine, const struct batch *batch)
{
    const struct result_mail **results =
        arena_array(engine->arena, batch->n_results + 1, sizeof(struct result_mail *));
    int64_t *ids = arena_array(engine->arena, batch->n_results + 1, sizeof(*ids));
    size_t n = results && ids ? gather(engine, batch, results, ids) : 0, kept = 0;
    struct entry_row *rows = arena_array(engine->arena, n + 1, sizeof(*rows));
    struct fetching *all = arena_array(engine->arena, n + 1, sizeof(*all));

    if (!results || !ids || !rows || !all) {
        store_give_up(engine->store, "no memory for the answers of the inbox");
        return;
    }
    if (n == 0)
        return;
    engine->look_for_fetches = true;
    store_get_entries(engine->store, ids, n, engine->arena, rows);
    for (size_t i = 0; i < n && !store_failed(engine->store); i++) {
        if (!is_waited_for(all, kept, &rows[i]))
            continue;
        all[kept] = (struct fetching){ .row = &rows[i], .result = results[i] };
        read_answered(engine, &all[kept++]);
    }
    ask_store(engine, all, kept);
    for (size_t i = 0; i < kept && !store_failed(engine->store); i++)
        settle(engine, &all[i]);
}
