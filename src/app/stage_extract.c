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

/* Where a delivery is one message, the message's own key tells that it comes again. */
static bool fresh_delivery(struct engine *engine, const struct notification_row *row,
                           const struct extraction *found)
{
    unsigned char key[STORE_KEY_BYTES];
    bool fresh = false;

    if (!found->delivery.n || found->count == 1)
        return true;
    make_key(engine, "delivery", row->source, found->delivery, key);
    store_seen(engine->store, key, 1, row->id, engine->now, &fresh);
    return fresh;
}

static bool fresh_messages(struct engine *engine, const struct notification_row *row,
                           const struct source *source, const struct extraction *found, bool *fresh)
{
    unsigned char *keys = arena_array(engine->arena, found->count, STORE_KEY_BYTES);
    struct buf key = BUF(4096);

    if (!keys)
        return false;
    for (size_t i = 0; i < found->count; i++) {
        buf_cut(&key, 0);
        source_message_key(source, &found->entries[i], &key);
        make_key(engine, "message", row->source, buf_get(&key), keys + i * STORE_KEY_BYTES);
    }
    if (key.failed)
        store_give_up(engine->store, "no memory for a message's key");
    buf_free(&key);
    store_seen(engine->store, keys, found->count, row->id, engine->now, fresh);
    return true;
}

/* alone: nothing else came with it, which may have been said before. */
static void add_entry(struct engine *engine, const struct source *source,
                      const struct notification_row *notification, int n, bool alone, struct entry *entry)
{
    struct entry_row row = { .id = schedule_id(&engine->schedule, engine->now),
                             .notification = notification->id,
                             .n = n,
                             .state = ENTRY_FETCH,
                             .due_at = engine->now,
                             .said_at = entry->said_at,
                             .stored_at = notification->stored_at,
                             .source = notification->source,
                             .conversation = entry->conversation,
                             .message = entry->message };
    struct fresh fresh = { .run = { .id = 0 } };
    struct fetch next;

    if (fetch_advance(engine, source, &row, entry, &next)) {
        if (row.state == ENTRY_FETCH)
            stage_match(engine, source, &row, entry, alone ? &fresh : NULL);
    } else {
        engine->look_for_fetches = true;
        engine->delta.entries_fetch++;
    }
    /* What is done is never read again; `explain` reads the notification itself. */
    if (row.state == ENTRY_DONE || !entry_print(entry, engine->arena, &row.doc))
        row.doc = TEXT_NONE;
    store_add_entries(engine->store, &row, 1);
    run_begin(engine, &fresh);
}

static void count_entry(struct engine *engine, const struct notification_row *row, const char *kind)
{
    char name[NAME_BYTES];

    text_printable(row->source, name, sizeof(name) - 1);
    engine_tally(engine, METRIC_ENTRIES, arena_str(engine->arena, text_of(name)), kind);
}

static struct text work_on_entries(struct engine *engine, const struct notification_row *row,
                                   const struct source *source, const struct extraction *found)
{
    bool *fresh = arena_array(engine->arena, found->count + 1, sizeof(*fresh));
    size_t added = 0;

    if (!fresh || !fresh_messages(engine, row, source, found, fresh)) {
        store_give_up(engine->store, "no memory for the entries");
        return TEXT_NONE;
    }
    for (size_t i = 0; i < found->count && !store_failed(engine->store); i++) {
        if (!fresh[i]) {
            count_entry(engine, row, "duplicate");
            continue;
        }
        add_entry(engine, source, row, (int)i, found->count == 1, &found->entries[i]);
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

struct text extract_notification(struct engine *engine, const struct notification_row *row)
{
    const struct source *source = config_source(engine->generation->config, row->source);
    const int64_t runs = engine->delta.runs[RUN_READY];
    struct extraction found = { 0 };
    struct text reason;

    engine_work_on(engine, WORK_NOTIFICATION, row->id);
    if (!source) {
        reason = REASON("the source is not in the configuration any more");
    } else {
        source_extract(source, row->body, row->stored_at, engine->scratch, engine->arena, &found);
        if (!fresh_delivery(engine, row, &found))
            reason = REASON("duplicate delivery");
        else if (found.reason)
            reason = text_of(found.reason);
        else
            reason = work_on_entries(engine, row, source, &found);
    }
    engine->answered += ((engine->delta.runs[RUN_READY] > runs) - engine->answered) / LATELY;
    log_notification(row, found.count, reason);
    return reason;
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

void stage_extract(struct engine *engine, int64_t until_us)
{
    int64_t yield_us = now_mono_us() + YIELD_US;
    struct notification_row *rows;
    size_t n, done, passed;

    if (!engine->look_for_new || engine->stopping)
        return;
    do {
        passed = 0;
        n = store_new_notifications(engine->store, 0, EXTRACT_PAGE, engine->arena, &rows);
        for (done = 0;
             done < n && may_begin(engine, &rows[done]) && (done == 0 || go_on(engine, yield_us, until_us));
             done++) {
            struct text reason;

            if (is_anothers(engine, &rows[done])) {
                passed++;
                continue;
            }
            reason = extract_notification(engine, &rows[done]);
            store_end_notification(engine->store, rows[done].id, NOTIFICATION_DONE, reason);
            engine->delta.notifications_new--;
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

enum store_status stage_extract_recover(struct engine *engine, struct fault *fault)
{
    int64_t tried_to = engine->tried_to;
    enum store_status status;
    struct notification_row *first;
    bool recovered;

    if (engine->recovered || engine->stopping)
        return STORE_OK;
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
