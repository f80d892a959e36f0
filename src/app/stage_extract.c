/* T2: entries out of notifications, each once. */

#include "app/engine_state.h"

#include "base/log.h"
#include "base/now.h"
#include "core/sign.h"

#include <stdio.h>
#include <string.h>

#define ANOTHERS_MS 900000 /* how long a notification of a source that is not here is left to other nodes */
#define PAGE 64
#define EXTRACT_PAGE 16 /* read at a time: what the cycle has no time for is read again */
#define YIELD_US 1000
#define LATELY 64 /* notifications, about */

/* The first half of a SHA-256 over a word that says what it is, and the parts. Without it the transaction fails: any other key would
   make two messages one. */
static void make_key(struct engine *engine, const char *what, struct text a, struct text b,
                     unsigned char *key)
{
    const struct text parts[] = { text_make(what, strlen(what) + 1), a, text_make("", 1), b };
    unsigned char digest[SIGN_MAX] = { 0 };

    if (!sign_digest(SIGN_SHA256, parts, 4, digest))
        store_give_up(engine->store, "SHA-256 failed");
    memcpy(key, digest, STORE_KEY_BYTES);
}

/* An entry that was read, and not worked on yet. */
struct reading_entry {
    struct entry_row row;
    bool complete; /* needs no GET */
};

/* A notification that was read; from here on the store is asked. */
struct reading {
    const struct notification_row *row;
    const struct source *source; /* NULL: it is not in the configuration */
    struct extraction found;
    const unsigned char *
        delivery; /* its key; NULL: where a delivery is one message, the message's own key tells that it comes again */
    unsigned char *keys; /* the messages' */
    struct reading_entry *entries;
};

/* Ids that count on: their keys lie beside each other in the store, and a batch changes few of its pages. What follows is the beginning
   of the hash, which tells apart the messages of one number. */
static void put_number_first(struct text message, unsigned char *key)
{
    int64_t number;

    if (!text_i64(message, &number))
        return;
    memmove(key + 8, key, STORE_KEY_BYTES - 8);
    for (int i = 0; i < 8; i++)
        key[i] = (unsigned char)((uint64_t)number >> (56 - 8 * i));
}

static bool make_keys(struct engine *engine, struct reading *r)
{
    const struct extraction *found = &r->found;
    unsigned char *keys = arena_array(engine->arena, found->count + 1, STORE_KEY_BYTES);
    struct buf key = BUF(4096);

    r->keys = keys;
    if (!keys)
        return false;
    for (size_t i = 0; i < found->count; i++) {
        buf_cut(&key, 0);
        source_message_key(r->source, &found->entries[i], &key);
        make_key(engine, "message", r->row->source, buf_get(&key), keys + i * STORE_KEY_BYTES);
        if (engine->ordered_keys)
            put_number_first(found->entries[i].message, keys + i * STORE_KEY_BYTES);
    }
    if (key.failed)
        store_give_up(engine->store, "no memory for a message's key");
    buf_free(&key);
    if (found->delivery.n && found->count != 1) {
        keys += found->count * STORE_KEY_BYTES;
        make_key(engine, "delivery", r->row->source, found->delivery, keys);
        r->delivery = keys;
    }
    return true;
}

static void read_entry(struct engine *engine, const struct reading *r, int n)
{
    struct entry *entry = &r->found.entries[n];
    struct entry_row *row = &r->entries[n].row;
    struct fetch next;

    *row = (struct entry_row){ .id = schedule_id(&engine->schedule, engine->now),
                               .notification = r->row->id,
                               .n = n,
                               .state = ENTRY_FETCH,
                               .due_at = engine->now,
                               .said_at = entry->said_at,
                               .stored_at = r->row->stored_at,
                               .source = r->row->source,
                               .conversation = entry->conversation,
                               .message = entry->message };
    r->entries[n].complete = fetch_advance(engine, r->source, row, entry, &next);
}

static void read_notification(struct engine *engine, const struct notification_row *row, struct reading *r)
{
    *r = (struct reading){ .row = row, .source = config_source(engine->generation->config, row->source) };
    if (!r->source)
        return;
    source_extract(r->source, row->body, row->stored_at, engine->scratch, engine->arena, &r->found);
    r->entries = arena_array(engine->arena, r->found.count + 1, sizeof(*r->entries));
    if (!r->entries || !make_keys(engine, r)) {
        store_give_up(engine->store, "no memory for the entries");
        r->found.count = 0;
    }
    for (size_t i = 0; i < r->found.count; i++)
        read_entry(engine, r, (int)i);
}

/* --- what the store is going to be asked ----------------------------------------------------------------------------- */

/* Of one that needs a GET first only the key. */
static void ask_entry(struct engine *engine, const struct reading *r, size_t i,
                      struct store_asked_entry *asked)
{
    const struct entry_row *row = &r->entries[i].row;

    *asked = (struct store_asked_entry){ .id = row->id,
                                         .notification = row->notification,
                                         .key = r->keys + i * STORE_KEY_BYTES };
    if (r->entries[i].complete)
        match_asks(engine, r->source, row, &r->found.entries[i], asked);
}

static void ask_store(struct engine *engine, const struct reading *readings, size_t n)
{
    struct store_asked asked = { .now = engine->now,
                                 .window_ms = ruleset_window(engine->generation->ruleset) };
    struct store_asked_delivery *deliveries = arena_array(engine->arena, n + 1, sizeof(*deliveries));
    struct store_asked_entry *entries;
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += readings[i].found.count;
    entries = arena_array(engine->arena, count + 1, sizeof(*entries));
    if (!deliveries || !entries) {
        store_give_up(engine->store, "no memory for what the store is asked");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (readings[i].delivery)
            deliveries[asked.n_deliveries++] =
                (struct store_asked_delivery){ readings[i].delivery, readings[i].row->id };
        for (size_t k = 0; k < readings[i].found.count; k++)
            ask_entry(engine, &readings[i], k, &entries[asked.n_entries++]);
    }
    asked.deliveries = deliveries;
    asked.entries = entries;
    store_prefetch_intake(engine->store, &asked);
}

/* --- working on it ----------------------------------------------------------------------------------------------------- */

static bool fresh_delivery(struct engine *engine, const struct reading *r)
{
    bool fresh = true;

    if (r->delivery)
        store_seen(engine->store, r->delivery, 1, r->row->id, engine->now, &fresh);
    return fresh;
}

/* The run of one with which nothing else came, that may have been said before, may begin at once. */
static void add_entry(struct engine *engine, const struct reading *r, size_t n)
{
    struct entry *entry = &r->found.entries[n];
    struct entry_row *row = &r->entries[n].row;
    struct made_run made = { .run = { .id = 0 } };

    if (!r->entries[n].complete) {
        engine->look_for_fetches = true;
        engine->delta.entries_fetch++;
    } else if (row->state == ENTRY_FETCH) {
        stage_match(engine, r->source, row, entry, r->found.count == 1 ? &made : NULL);
    }
    /* What is done is never read again; `explain` reads the notification itself. */
    if (row->state == ENTRY_DONE || !entry_print(entry, engine->arena, &row->doc))
        row->doc = TEXT_NONE;
    store_add_entries(engine->store, row, 1);
    run_begin(engine, &made);
}

static void count_entry(struct engine *engine, const struct notification_row *row, const char *kind)
{
    char name[NAME_BYTES];

    text_printable(row->source, name, sizeof(name) - 1);
    engine_tally(engine, METRIC_ENTRIES, arena_str(engine->arena, text_of(name)), kind);
}

static struct text work_on_entries(struct engine *engine, const struct reading *r)
{
    const size_t count = r->found.count;
    bool *fresh = arena_array(engine->arena, count + 1, sizeof(*fresh));
    size_t added = 0;

    if (!fresh) {
        store_give_up(engine->store, "no memory for the entries");
        return TEXT_NONE;
    }
    store_seen(engine->store, r->keys, count, r->row->id, engine->now, fresh);
    for (size_t i = 0; i < count && !store_failed(engine->store); i++) {
        if (!fresh[i]) {
            count_entry(engine, r->row, "duplicate");
            continue;
        }
        add_entry(engine, r, i);
        added++;
    }
    return added ? TEXT_NONE : REASON("duplicate message");
}

void extract_entered(struct engine *engine)
{
    const struct entered entered = engine->entered;
    struct notification_row notification = { .id = schedule_id(&engine->schedule, engine->now),
                                             .state = NOTIFICATION_DONE,
                                             .stored_at = engine->now,
                                             .headers = text_of("{}"),
                                             .body = text_of("{}") };
    struct entry_row row = {
        .id = entered.id, .notification = notification.id, .state = ENTRY_FETCH, .stored_at = engine->now
    };

    engine->entered.source = NULL;
    notification.source = row.source = text_of(source_name(entered.source));
    row.said_at = entered.entry->said_at;
    row.conversation = entered.entry->conversation;
    row.message = entered.entry->message;
    stage_match(engine, entered.source, &row, entered.entry, NULL);
    if (!entry_print(entered.entry, engine->arena, &row.doc))
        row.doc = text_of("{}");
    store_add_notifications(engine->store, &notification, 1);
    store_add_entries(engine->store, &row, 1);
}

static void log_notification(const struct notification_row *row, size_t entries, struct text reason)
{
    log_info("notification", log_num("id", row->id), log_text("source", row->source),
             log_num("bytes", (int64_t)row->body.n), log_num("entries", (int64_t)entries),
             log_text("reason", reason));
}

static struct text work_on(struct engine *engine, const struct reading *r)
{
    const uint64_t runs = engine->runs_made;
    struct text reason;

    engine_work_on(engine, WORK_NOTIFICATION, r->row->id);
    if (!r->source)
        reason = REASON("the source is not in the configuration any more");
    else if (!fresh_delivery(engine, r))
        reason = REASON("duplicate delivery");
    else if (r->found.reason)
        reason = text_of(r->found.reason);
    else
        reason = work_on_entries(engine, r);
    engine->answered += ((engine->runs_made > runs) - engine->answered) / LATELY;
    log_notification(r->row, r->found.count, reason);
    return reason;
}

/* A store that is far away is asked about all of them at once. */
static size_t together(const struct engine *engine, size_t n)
{
    return store_is_far(engine->store) || n == 0 ? n : 1;
}

void extract_notifications(struct engine *engine, struct notification_row *rows, size_t n)
{
    const size_t step = together(engine, n);
    struct reading *readings = arena_array(engine->arena, step + 1, sizeof(*readings));

    if (!readings)
        store_give_up(engine->store, "no memory for the notifications");
    for (size_t done = 0; readings && done < n; done += step) {
        for (size_t i = 0; i < step; i++)
            read_notification(engine, &rows[done + i], &readings[i]);
        if (store_is_far(engine->store))
            ask_store(engine, readings, step);
        for (size_t i = 0; i < step && !store_failed(engine->store); i++)
            rows[done + i].reason = work_on(engine, &readings[i]);
    }
}

/* Webhooks that wait for their acknowledgement go before what is stored already, once that had its millisecond. */
static bool go_on(struct engine *engine, int64_t yield_us, int64_t until_us)
{
    int64_t now = now_mono_us();

    return !store_failed(engine->store) && now < until_us &&
           (now < yield_us || engine_is_asked(engine) || mailbox_posted(engine->setup.in) == 0);
}

/* What an earlier process left is begun only after its try was counted. */
static bool may_begin(const struct engine *engine, const struct notification_row *row)
{
    return engine->recovered || row->id <= engine->tried_to;
}

/* Of several nodes another one may have it: a configuration comes to one after the other. In that time somebody would have taken it. */
static bool is_anothers(const struct engine *engine, const struct notification_row *row)
{
    return engine->node.count > 1 && engine->now - row->stored_at < ANOTHERS_MS &&
           !config_source(engine->generation->config, row->source);
}

/* Returns how many were left to other nodes. */
static size_t extract_new(struct engine *engine, struct notification_row *rows, size_t n)
{
    size_t ours = 0;

    for (size_t i = 0; i < n; i++)
        if (!is_anothers(engine, &rows[i]))
            rows[ours++] = rows[i];
    extract_notifications(engine, rows, ours);
    for (size_t i = 0; i < ours; i++)
        store_end_notification(engine->store, rows[i].id, NOTIFICATION_DONE, rows[i].reason);
    engine->delta.notifications_new -= (int64_t)ours;
    return n - ours;
}

void stage_extract(struct engine *engine, int64_t until_us)
{
    int64_t yield_us = now_mono_us() + YIELD_US;
    struct notification_row *rows;
    size_t n, done, step, passed;

    if (!engine->look_for_new || engine->stopping)
        return;
    do {
        done = passed = 0;
        n = store_new_notifications(engine->store, 0, EXTRACT_PAGE, engine->arena, &rows);
        while (done < n && may_begin(engine, &rows[done]) &&
               (done == 0 || go_on(engine, yield_us, until_us))) {
            step = 1;
            while (step < together(engine, n - done) && may_begin(engine, &rows[done + step]))
                step++;
            passed += extract_new(engine, &rows[done], step);
            done += step;
        }
        engine->look_for_new = (n == EXTRACT_PAGE || done < n) && (done == 0 || passed < done);
    } while (engine->look_for_new && done > 0 && go_on(engine, yield_us, until_us));
    engine->more = engine->more || engine->look_for_new;
}

/* --- what an earlier process left: an input that crashes the program may not crash every start ---------------------- */

static void try_one(struct engine *engine, const struct notification_row *row)
{
    if (row->tries < TRIES_MAX) {
        store_try_notification(engine->store, row->id);
        return;
    }
    store_end_notification(engine->store, row->id, NOTIFICATION_STUCK,
                           REASON("the program ended three times while working on it"));
    engine->delta.notifications_new--;
    engine->delta.notifications_stuck++;
    log_error("a notification is stuck: see 'callbackd explain', 'callbackd queue retry'",
              log_num("notification", row->id));
}

/* Together, as long as none of them was there when the program ended; then each by itself, so that only the culprit comes to three
   tries. Returns up to which id the tries are counted. */
static int64_t count_tries(struct engine *engine)
{
    struct notification_row *rows;
    size_t n = store_new_notifications(engine->store, engine->tried_to, PAGE, engine->arena, &rows);
    int64_t tried_to = engine->tried_to;

    for (size_t i = 0; i < n && rows[i].id < engine->first_id; i++) {
        if (i > 0 && rows[i].tries > 0)
            break;
        try_one(engine, &rows[i]);
        tried_to = rows[i].id;
        if (rows[i].tries > 0)
            break;
    }
    return tried_to;
}

static enum store_status recover(struct engine *engine, const void *what, struct fault *fault)
{
    int64_t tried_to = engine->tried_to;
    enum store_status status;
    struct notification_row *first;
    bool recovered;

    (void)what;
    status = node_begin(engine, fault);
    if (status != STORE_OK)
        return status;
    engine->delta = (struct store_counts){ 0 };
    recovered = store_new_notifications(engine->store, 0, 1, engine->arena, &first) == 0 ||
                first->id >= engine->first_id ||
                is_anothers(engine, first); /* which says nothing of what is behind it */
    if (!recovered && first->id > tried_to)
        tried_to = count_tries(engine);
    status = store_commit(engine->store, fault);
    if (status == STORE_OK) {
        engine->recovered = recovered;
        engine->tried_to = tried_to;
        engine->counts.notifications_new += engine->delta.notifications_new;
        engine->counts.notifications_stuck += engine->delta.notifications_stuck;
    }
    return status;
}

enum store_status stage_extract_recover(struct engine *engine, struct fault *fault)
{
    return engine->recovered || engine->stopping ? STORE_OK : node_insist(engine, recover, NULL, fault);
}
