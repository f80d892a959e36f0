#include "store/store_backend.h"

#include <string.h>

/* The calls of store.h: each is checked for what holds for every backend and handed to the backend. */

bool store_may_write(struct store *store)
{
    if (!store_failed(store) && !store->open)
        store_fail(store, STORE_BAD_DATA, "a change to the store outside a transaction");
    return store_may_read(store);
}

/* What one backend refuses the others must, or a change of the store changes what is possible. */
bool store_is_text(struct text text)
{
    return text.n == 0 || (!memchr(text.p, '\0', text.n) && text_utf8_count(text) >= 0);
}

static bool is_text(struct store *store, const char *what, struct text text)
{
    return store_is_text(text) || store_fail(store, STORE_BAD_DATA, "%s is not UTF-8 text", what);
}

/* --- what is going to be asked ------------------------------------------------------------------------------ */

bool store_is_far(const struct store *store)
{
    return store->backend->prefetch_intake;
}

void store_prefetch_intake(struct store *store, const struct store_asked *asked)
{
    if (store_is_far(store) && store->open && store_may_write(store))
        store->backend->prefetch_intake(store, asked);
}

/* --- T1, T2: notifications ---------------------------------------------------------------------------------- */

void store_add_notifications(struct store *store, const struct notification_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (store_may_write(store) && is_text(store, "the source", rows[i].source) &&
            is_text(store, "the reason", rows[i].reason))
            store->backend->add_notification(store, &rows[i]);
}

size_t store_new_notifications(struct store *store, int64_t after, size_t limit, struct arena *arena,
                               struct notification_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->new_notifications(store, after, limit, arena, rows) : 0;
}

void store_end_notification(struct store *store, int64_t id, enum notification_state state,
                            struct text reason)
{
    if (store_may_write(store) && is_text(store, "the reason", reason))
        store->backend->end_notification(store, id, state, reason);
}

void store_try_notification(struct store *store, int64_t id)
{
    if (store_may_write(store))
        store->backend->try_notification(store, id);
}

bool store_orders_keys(struct store *store)
{
    return store_may_read(store) && (!store->backend->orders_keys || store->backend->orders_keys(store));
}

void store_seen(struct store *store, const unsigned char *keys, size_t n, int64_t notification, int64_t now,
                bool *fresh)
{
    for (size_t i = 0; i < n; i++) {
        struct text key = text_make((const char *)keys + i * STORE_KEY_BYTES, STORE_KEY_BYTES);

        fresh[i] = store_may_write(store) && store->backend->seen(store, key, notification, now);
    }
}

/* --- T2, T3: entries ---------------------------------------------------------------------------------------- */

static bool is_entry(struct store *store, const struct entry_row *row)
{
    return is_text(store, "the reason", row->reason) && is_text(store, "the source", row->source) &&
           is_text(store, "the conversation", row->conversation) &&
           is_text(store, "the message", row->message);
}

void store_add_entries(struct store *store, const struct entry_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (store_may_write(store) && is_entry(store, &rows[i]))
            store->backend->add_entry(store, &rows[i]);
}

size_t store_claim_entries(struct store *store, struct text source, int64_t now, int64_t owner, size_t limit,
                           struct arena *arena, struct entry_row **rows)
{
    *rows = NULL;
    return store_may_write(store)
               ? store->backend->claim_entries(store, source, now, owner, limit, arena, rows)
               : 0;
}

void store_update_entry(struct store *store, const struct entry_row *row)
{
    if (store_may_write(store) && is_text(store, "the reason", row->reason))
        store->backend->update_entry(store, row);
}

size_t store_old_entries(struct store *store, int64_t before, size_t limit, struct arena *arena,
                         struct entry_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->old_entries(store, before, limit, arena, rows) : 0;
}

/* --- T3: matching ------------------------------------------------------------------------------------------- */

bool store_next_seq(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                    struct chat_place *place)
{
    return store_may_write(store) && is_text(store, "the channel", channel) &&
           is_text(store, "the user id", user_id) &&
           store->backend->next_seq(store, channel, user_id, new_id, place);
}

bool store_find_chat(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                     struct chat_row *row)
{
    return store_may_read(store) && store->backend->find_chat(store, channel, user_id, arena, row);
}

bool store_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
               int64_t window_ms, int64_t now)
{
    return store_may_write(store) && is_text(store, "the rule", rule) &&
           store->backend->tap(store, chat, rule, data, said_at, window_ms, now);
}

bool store_add_run(struct store *store, const struct run_row *row, int64_t owner, int64_t now)
{
    return store_may_write(store) && is_text(store, "the rule", row->rule) &&
           is_text(store, "the reason", row->reason) && store->backend->add_run(store, row, owner, now);
}

/* --- the ledger --------------------------------------------------------------------------------------------- */

void store_issue(struct store *store, int64_t chat, int64_t run, int step, int n,
                 const struct issued_button *buttons, size_t count, int64_t now, int64_t until)
{
    struct issued_row row = { .chat = chat, .run = run, .step = step, .n = n, .at = now, .until = until };

    for (size_t i = 0; i < count; i++) {
        row.data = buttons[i].data;
        row.token = buttons[i].token.p ? buttons[i].token : row.data;
        if (store_may_write(store))
            store->backend->issue(store, &row);
    }
}

bool store_find_issued(struct store *store, int64_t chat, struct text token, int64_t now, struct arena *arena,
                       struct issued_row *row)
{
    return store_may_read(store) && store->backend->find_issued(store, chat, token, now, arena, row);
}

bool store_spend(struct store *store, const struct issued_row *row, int64_t by)
{
    return store_may_write(store) && store->backend->spend(store, row, by);
}

void store_unspend(struct store *store, int64_t chat, int64_t by)
{
    if (store_may_write(store))
        store->backend->unspend(store, chat, by);
}

/* --- chat variables ----------------------------------------------------------------------------------------- */

size_t store_variables(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                       struct variable_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->variables(store, chat, now, arena, rows) : 0;
}

void store_set_variable(struct store *store, int64_t chat, const struct variable_row *row)
{
    if (store_may_write(store) && is_text(store, "the variable's name", row->name))
        store->backend->set_variable(store, chat, row);
}

void store_drop_variable(struct store *store, int64_t chat, struct text name)
{
    if (store_may_write(store))
        store->backend->drop_variable(store, chat, name);
}

void store_touch_session(struct store *store, int64_t chat, int64_t now, int64_t until)
{
    if (store_may_write(store))
        store->backend->touch_session(store, chat, now, until);
}

/* --- T4: claiming ------------------------------------------------------------------------------------------- */

bool store_next_channel(struct store *store, struct text after, struct arena *arena, struct text *channel)
{
    return store_may_read(store) && store->backend->next_channel(store, after, arena, channel);
}

size_t store_claim_chats(struct store *store, struct text channel, int64_t now, int64_t owner,
                         enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows)
{
    *rows = NULL;
    return store_may_write(store)
               ? store->backend->claim_chats(store, channel, now, owner, order, limit, arena, rows)
               : 0;
}

void store_prefetch_chats(struct store *store, const int64_t *chats, size_t n)
{
    if (store->open && store_may_read(store) && store->backend->prefetch_chats)
        store->backend->prefetch_chats(store, chats, n);
}

bool store_get_chat(struct store *store, int64_t id, struct arena *arena, struct chat_row *row)
{
    return store_may_read(store) && store->backend->get_chat(store, id, arena, row);
}

bool store_head_run(struct store *store, int64_t chat, struct arena *arena, struct run_row *row)
{
    return store_may_read(store) && store->backend->head_run(store, chat, arena, row);
}

bool store_get_run(struct store *store, int64_t id, struct arena *arena, struct run_row *row)
{
    return store_may_read(store) && store->backend->get_run(store, id, arena, row);
}

bool store_get_entry(struct store *store, int64_t id, struct arena *arena, struct entry_row *row)
{
    return store_may_read(store) && store->backend->get_entry(store, id, arena, row);
}

void store_get_entries(struct store *store, const int64_t *ids, size_t n, struct arena *arena,
                       struct entry_row *rows)
{
    for (size_t i = 0; i < n; i++)
        rows[i] = (struct entry_row){ .id = 0 };
    if (store->backend->get_entries && n && store_may_read(store))
        store->backend->get_entries(store, ids, n, arena, rows);
    for (size_t i = 0; !store->backend->get_entries && i < n; i++)
        if (!store_get_entry(store, ids[i], arena, &rows[i]))
            rows[i].id = 0;
}

void store_begin_run(struct store *store, int64_t run)
{
    if (store_may_write(store))
        store->backend->begin_run(store, run);
}

static bool is_answer(struct store *store, const struct send_row *row)
{
    return is_text(store, "the reply's id", row->reply_id) &&
           is_text(store, "the status URL", row->status_url) && is_text(store, "the reason", row->reason);
}

void store_add_sends(struct store *store, const struct send_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (store_may_write(store) && is_text(store, "the channel", rows[i].channel) &&
            is_answer(store, &rows[i]))
            store->backend->add_send(store, &rows[i]);
}

size_t store_step_sends(struct store *store, int64_t run, int step, struct arena *arena,
                        struct send_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->step_sends(store, run, step, arena, rows) : 0;
}

size_t store_run_sends(struct store *store, int64_t run, struct arena *arena, struct send_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->run_sends(store, run, arena, rows) : 0;
}

void store_unsettled(struct store *store, int64_t run, int64_t *unknown, int64_t *open)
{
    *unknown = *open = 0;
    if (store_may_read(store))
        store->backend->unsettled(store, run, unknown, open);
}

void store_start_send(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner,
                      int64_t now)
{
    if (store_may_write(store))
        store->backend->start_send(store, run, step, n, attempt, owner, now);
}

void store_keep_chat(struct store *store, int64_t chat, int64_t not_before)
{
    if (store_may_write(store))
        store->backend->keep_chat(store, chat, not_before);
}

void store_release_chat(struct store *store, int64_t chat, int64_t due_at, int64_t not_before)
{
    if (store_may_write(store))
        store->backend->release_chat(store, chat, due_at, not_before);
}

void store_hold_chat(struct store *store, int64_t chat, struct text reason, int64_t now)
{
    if (store_may_write(store) && is_text(store, "the reason", reason))
        store->backend->hold_chat(store, chat, reason, now);
}

/* --- T5: settling ------------------------------------------------------------------------------------------- */

bool store_settle_send(struct store *store, const struct send_row *row)
{
    return store_may_write(store) && is_answer(store, row) && store->backend->settle_send(store, row);
}

bool store_amend_send(struct store *store, const struct send_row *row)
{
    return store_may_write(store) && is_answer(store, row) && store->backend->amend_send(store, row);
}

void store_drop_sends(struct store *store, int64_t run, struct text reason)
{
    if (store_may_write(store))
        store->backend->drop_sends(store, run, reason);
}

void store_step_run(struct store *store, int64_t run, int step, struct text doc)
{
    if (store_may_write(store))
        store->backend->step_run(store, run, step, doc);
}

bool store_set_run(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now)
{
    return store_may_write(store) && is_text(store, "the reason", reason) &&
           store->backend->set_run(store, run, state, reason, now);
}

/* --- T6: taking over ---------------------------------------------------------------------------------------- */

size_t store_next_sending(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                          struct send_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->next_sending(store, owner, limit, arena, rows) : 0;
}

size_t store_owned_chats(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                         struct chat_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->owned_chats(store, owner, limit, arena, rows) : 0;
}

void store_disown(struct store *store, int64_t owner, int64_t now)
{
    if (store_may_write(store))
        store->backend->disown(store, owner, now);
}

/* --- T7: expiring, operating, pruning ----------------------------------------------------------------------- */

size_t store_expired_runs(struct store *store, int64_t now, size_t limit, struct arena *arena,
                          struct run_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->expired_runs(store, now, limit, arena, rows) : 0;
}

bool store_rearm_run(struct store *store, int64_t run, int64_t now, int64_t expires_at)
{
    return store_may_write(store) && store->backend->rearm_run(store, run, now, expires_at);
}

bool store_rearm_notification(struct store *store, int64_t id)
{
    return store_may_write(store) && store->backend->rearm_notification(store, id);
}

bool store_rearm_entry(struct store *store, int64_t id, int64_t now)
{
    return store_may_write(store) && store->backend->rearm_entry(store, id, now);
}

bool store_drop_notification(struct store *store, int64_t id, struct text reason)
{
    return store_may_write(store) && is_text(store, "the reason", reason) &&
           store->backend->drop_notification(store, id, reason);
}

bool store_drop_entry(struct store *store, int64_t id, struct text reason)
{
    return store_may_write(store) && is_text(store, "the reason", reason) &&
           store->backend->drop_entry(store, id, reason);
}

size_t store_prune(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs)
{
    size_t n = store_may_write(store) ? store->backend->prune(store, keep, limit, runs) : 0;

    return store_failed(store) ? 0 : n;
}

bool store_sweep(struct store *store, int64_t before, int64_t seen_before, size_t limit)
{
    return store_may_write(store) && store->backend->sweep(store, before, seen_before, limit) &&
           !store_failed(store);
}

/* --- rulesets, channels, numbers ---------------------------------------------------------------------------- */

void store_put_ruleset(struct store *store, struct text hash, struct text source, int64_t now)
{
    if (store_may_write(store))
        store->backend->put_ruleset(store, hash, source, now);
}

size_t store_prune_rulesets(struct store *store, struct text keep, int64_t before)
{
    return store_may_write(store) ? store->backend->prune_rulesets(store, keep, before) : 0;
}

bool store_get_ruleset(struct store *store, struct text hash, struct arena *arena, struct text *source)
{
    return store_may_read(store) && store->backend->get_ruleset(store, hash, arena, source);
}

void store_put_channel(struct store *store, const struct channel_row *row)
{
    if (store_may_write(store) && is_text(store, "the channel", row->name) &&
        is_text(store, "the reason", row->paused))
        store->backend->put_channel(store, row);
}

void store_penalize_channel(struct store *store, struct text name, int64_t not_before)
{
    if (store_may_write(store) && is_text(store, "the channel", name))
        store->backend->penalize_channel(store, name, not_before);
}

void store_pause_channel(struct store *store, struct text name, struct text reason)
{
    if (store_may_write(store) && is_text(store, "the channel", name) && is_text(store, "the reason", reason))
        store->backend->pause_channel(store, name, reason);
}

size_t store_channels(struct store *store, struct arena *arena, struct channel_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->channels(store, arena, rows) : 0;
}

void store_count(struct store *store, struct store_counts *counts)
{
    *counts = (struct store_counts){ 0 };
    if (store_may_read(store))
        store->backend->count(store, counts);
}

void store_newest(struct store *store, int64_t *id, int64_t *stored_at)
{
    *id = *stored_at = 0;
    if (store_may_read(store))
        store->backend->newest(store, id, stored_at);
}

int64_t store_next_due(struct store *store, const struct text *channels, size_t n, int64_t *each)
{
    if (each && n)
        memset(each, 0, n * sizeof(*each));
    return store_may_read(store) ? store->backend->next_due(store, channels, n, each) : 0;
}

bool store_changed(struct store *store)
{
    return store_may_read(store) && store->backend->changed(store);
}

int64_t store_clock(struct store *store)
{
    return store->backend->clock ? store->backend->clock(store) : 0;
}

void store_forget_find(struct store *store, struct text channel, struct text user_id)
{
    if (store_may_read(store) && store->backend->forget_find)
        store->backend->forget_find(store, channel, user_id);
}

enum store_forget store_forget_chat(struct store *store, struct text channel, struct text user_id,
                                    struct store_forgotten *counts)
{
    enum store_forget done = STORE_FORGET_BUSY;

    *counts = (struct store_forgotten){ 0 };
    if (!store_may_write(store))
        return done;
    if (store->backend->forget_found)
        done = store->backend->forget_found(store, channel, user_id, counts);
    else if (store->backend->forget_chat(store, channel, user_id, counts))
        done = STORE_FORGOTTEN;
    return store_failed(store) ? STORE_FORGET_BUSY : done;
}

bool store_clear_log(struct store *store)
{
    return store_may_read(store) && !store->open &&
           (!store->backend->clear_log || store->backend->clear_log(store));
}

/* --- looking ------------------------------------------------------------------------------------------------ */

bool store_get_notification(struct store *store, int64_t id, struct arena *arena,
                            struct notification_row *row)
{
    return store_may_read(store) && store->backend->get_notification(store, id, arena, row);
}

size_t store_notification_entries(struct store *store, int64_t notification, struct arena *arena,
                                  struct entry_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->notification_entries(store, notification, arena, rows) : 0;
}

size_t store_entry_runs(struct store *store, int64_t entry, struct arena *arena, struct run_row **rows)
{
    *rows = NULL;
    return store_may_read(store) ? store->backend->entry_runs(store, entry, arena, rows) : 0;
}

size_t store_list_issued(struct store *store, const struct issued_row *after, int64_t now, size_t limit,
                         struct arena *arena, struct issued_row **rows)
{
    const struct issued_row first = { .chat = INT64_MIN };

    *rows = NULL;
    return store_may_read(store)
               ? store->backend->list_issued(store, after ? after : &first, now, limit, arena, rows)
               : 0;
}
