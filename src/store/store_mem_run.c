#include "store/store_mem_table.h"

/* Chats and runs: matching, claiming, ends. */

static const struct chat_row *find_chat(struct mem *mem, int64_t id)
{
    return mem_find(mem, MEM_CHAT, MEM_KEY, &(struct chat_row){ .id = id });
}

static const struct run_row *find_run(struct mem *mem, int64_t id)
{
    return mem_find(mem, MEM_RUN, MEM_KEY, &(struct run_row){ .id = id });
}

static const struct run_row *find_head(struct mem *mem, int64_t chat)
{
    const struct run_row *row, key = { .chat = chat, .begun = true, .said_at = INT64_MIN, .seq = INT64_MIN };

    row = mem_first(mem, MEM_RUN, MEM_RUN_HEAD, &key);
    return row && row->chat == chat ? row : NULL;
}

static void make_due(struct mem *mem, int64_t id, int64_t now)
{
    const struct chat_row *chat = find_chat(mem, id);
    struct chat_row changed;

    if (!chat || chat->owner || (chat->due_at && chat->due_at <= now))
        return;
    changed = *chat;
    changed.due_at = now;
    mem_replace(mem, MEM_CHAT, chat, &changed);
}

/* The owner comes with it, if there is one. */
static void take_seq(struct mem *mem, int64_t id, int64_t seq, int64_t owner)
{
    const struct chat_row *chat = find_chat(mem, id);
    struct chat_row changed;

    if (!chat || chat->next_seq > seq)
        return;
    changed = *chat;
    changed.next_seq = seq + 1;
    if (owner)
        changed.owner = owner;
    mem_replace(mem, MEM_CHAT, chat, &changed);
}

/* --- matching ------------------------------------------------------------------------------------------------------ */

bool mem_next_seq(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                  struct chat_place *place)
{
    struct chat_row row = { .id = new_id, .channel = channel, .user_id = user_id, .next_seq = 1 };
    const struct chat_row *found = mem_find(mem_of(store), MEM_CHAT, MEM_CHAT_USER, &row);

    if (found)
        row = *found;
    *place = (struct chat_place){ .chat = row.id,
                                  .seq = row.next_seq,
                                  .not_before = row.not_before,
                                  .idle = !row.due_at && !row.owner && !row.held.p };
    return found || mem_insert(mem_of(store), MEM_CHAT, &row);
}

bool mem_find_chat(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                   struct chat_row *row)
{
    struct chat_row key = { .channel = channel, .user_id = user_id };
    const struct chat_row *found = mem_find(mem_of(store), MEM_CHAT, MEM_CHAT_USER, &key);

    return found && mem_lend(mem_of(store), MEM_CHAT, found, arena, row);
}

bool mem_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
             int64_t window_ms, int64_t now)
{
    struct mem *mem = mem_of(store);
    struct mem_tap row = { chat, rule, data, said_at, now }, key = row;
    const struct mem_tap *near, *same = mem_find(mem, MEM_TAP, MEM_KEY, &row);
    int64_t end;

    store_window(said_at, window_ms, &key.said_at, &end);
    near = mem_after(mem, MEM_TAP, MEM_KEY, &key);
    if (near && near->chat == chat && text_eq(near->rule, rule) && text_eq(near->data, data) &&
        near->said_at < end)
        return false;
    return same ? mem_replace(mem, MEM_TAP, same, &row) : mem_insert(mem, MEM_TAP, &row);
}

bool mem_add_run(struct store *store, const struct run_row *row, int64_t owner, int64_t now)
{
    struct mem *mem = mem_of(store);
    struct run_row copy = *row;

    if (!row->rule.p)
        copy.rule = text_of("");
    if (!row->ruleset.p)
        copy.ruleset = text_of("");
    if (row->state < RUN_DONE)
        copy.ended_at = 0;
    if (mem_find(mem, MEM_RUN, MEM_RUN_ENTRY, &copy) || !mem_insert(mem, MEM_RUN, &copy))
        return false;
    take_seq(mem, row->chat, row->seq, owner);
    make_due(mem, row->chat, now);
    return !store_failed(store);
}

/* --- chats --------------------------------------------------------------------------------------------------------- */

bool mem_next_channel(struct store *store, struct text after, struct arena *arena, struct text *channel)
{
    struct mem *mem = mem_of(store);
    const struct chat_row *row, key = { .channel = after, .due_at = INT64_MAX, .id = INT64_MAX };
    struct chat_row lent;

    row = mem_after(mem, MEM_CHAT, MEM_CHAT_DUE, &key);
    if (!row || !mem_lend(mem, MEM_CHAT, row, arena, &lent))
        return false;
    *channel = lent.channel;
    return true;
}

/* The next of the channel's chats that are due: from the longest due on, or back from the latest. */
static const struct chat_row *next_due(struct mem *mem, struct text channel, int64_t now,
                                       enum store_order order, const struct chat_row *last)
{
    const struct chat_row first = { .channel = channel, .due_at = INT64_MIN, .id = INT64_MIN },
                          end = { .channel = channel, .due_at = now, .id = INT64_MAX }, *row;

    if (order == STORE_LATEST_DUE)
        row = mem_before(mem, MEM_CHAT, MEM_CHAT_DUE, last ? last : &end);
    else
        row = mem_after(mem, MEM_CHAT, MEM_CHAT_DUE, last ? last : &first);
    return row && text_eq(row->channel, channel) && row->due_at <= now ? row : NULL;
}

static bool has_begun(struct mem *mem, int64_t chat)
{
    const struct run_row *head = find_head(mem, chat);

    return head && head->begun;
}

size_t mem_claim_chats(struct store *store, struct text channel, int64_t now, int64_t owner,
                       enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    const size_t most = order == STORE_LATEST_DUE ? STORE_LATEST_MOST : SIZE_MAX;
    const struct chat_row *row = next_due(mem, channel, now, order, NULL);

    for (size_t i = 0; row && out.n < limit && i < most; i++) {
        struct chat_row changed = *row;

        changed.owner = owner;
        if ((order != STORE_LATEST_DUE || !has_begun(mem, row->id)) &&
            mem_replace(mem, MEM_CHAT, row, &changed))
            mem_give(mem, MEM_CHAT, &changed, &out);
        row = next_due(mem, channel, now, order, row);
    }
    *rows = mem_given(mem, &out, &limit);
    return limit;
}

bool mem_get_chat(struct store *store, int64_t id, struct arena *arena, struct chat_row *row)
{
    const struct chat_row *found = find_chat(mem_of(store), id);

    return found && mem_lend(mem_of(store), MEM_CHAT, found, arena, row);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void mem_keep_chat(struct store *store, int64_t chat, int64_t not_before)
{
    const struct chat_row *found = find_chat(mem_of(store), chat);
    struct chat_row changed;

    if (!found)
        return;
    changed = *found;
    changed.not_before = not_before;
    mem_replace(mem_of(store), MEM_CHAT, found, &changed);
}

/* A run may have come while the chat was owned: then the chat has been due since that was stored. */
void mem_release_chat(struct store *store, int64_t chat, int64_t due_at, int64_t not_before)
{
    struct mem *mem = mem_of(store);
    const struct chat_row *found = find_chat(mem, chat);
    const struct run_row *head = find_head(mem, chat);
    struct chat_row changed;

    if (!found)
        return;
    changed = *found;
    changed.owner = 0;
    changed.not_before = not_before;
    changed.due_at = due_at;
    if (!due_at && head)
        changed.due_at = later(1, later(head->stored_at, not_before));
    mem_replace(mem, MEM_CHAT, found, &changed);
}

void mem_hold_chat(struct store *store, int64_t chat, struct text reason, int64_t now)
{
    const struct chat_row *found = find_chat(mem_of(store), chat);
    struct chat_row changed;

    if (!found)
        return;
    changed = *found;
    changed.held = reason;
    if (!reason.p)
        changed.due_at = now;
    mem_replace(mem_of(store), MEM_CHAT, found, &changed);
}

size_t mem_owned_chats(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                       struct chat_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };

    for (const struct chat_row *row = mem_first(mem, MEM_CHAT, MEM_KEY, NULL); row && out.n < limit;
         row = mem_after(mem, MEM_CHAT, MEM_KEY, row))
        if (row->owner == owner)
            mem_give(mem, MEM_CHAT, row, &out);
    *rows = mem_given(mem, &out, &limit);
    return limit;
}

static void disown_chats(struct mem *mem, int64_t owner, int64_t now)
{
    for (const struct chat_row *row = mem_first(mem, MEM_CHAT, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_CHAT, MEM_KEY, row)) {
        struct chat_row changed = *row;

        if (owner && row->owner != owner)
            continue;
        changed.owner = 0;
        if (find_head(mem, row->id) && (!row->due_at || row->due_at > now))
            changed.due_at = now;
        if (row->owner || changed.due_at != row->due_at)
            mem_replace(mem, MEM_CHAT, row, &changed);
    }
}

void mem_disown(struct store *store, int64_t owner, int64_t now)
{
    struct mem *mem = mem_of(store);

    disown_chats(mem, owner, now);
    for (const struct mem_entry *row = mem_first(mem, MEM_ENTRY, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_ENTRY, MEM_KEY, row)) {
        struct mem_entry changed = *row;

        changed.owner = 0;
        if (row->owner && (!owner || row->owner == owner) && row->row.state == ENTRY_FETCH)
            mem_replace(mem, MEM_ENTRY, row, &changed);
    }
}

/* --- runs ---------------------------------------------------------------------------------------------------------- */

bool mem_head_run(struct store *store, int64_t chat, struct arena *arena, struct run_row *row)
{
    const struct run_row *found = find_head(mem_of(store), chat);

    return found && mem_lend(mem_of(store), MEM_RUN, found, arena, row);
}

bool mem_get_run(struct store *store, int64_t id, struct arena *arena, struct run_row *row)
{
    const struct run_row *found = find_run(mem_of(store), id);

    return found && mem_lend(mem_of(store), MEM_RUN, found, arena, row);
}

void mem_begin_run(struct store *store, int64_t run)
{
    const struct run_row *found = find_run(mem_of(store), run);
    struct run_row changed;

    if (!found)
        return;
    changed = *found;
    changed.begun = true;
    mem_replace(mem_of(store), MEM_RUN, found, &changed);
}

void mem_step_run(struct store *store, int64_t run, int step, struct text doc)
{
    const struct run_row *found = find_run(mem_of(store), run);
    struct run_row changed;

    if (!found || found->state >= RUN_DONE)
        return;
    changed = *found;
    changed.step = step;
    changed.doc = doc;
    mem_replace(mem_of(store), MEM_RUN, found, &changed);
}

/* A run that is ready again, of a chat that nobody owns, would never be looked at if the chat were not due. */
bool mem_set_run(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now)
{
    struct mem *mem = mem_of(store);
    const struct run_row *found = find_run(mem, run);
    struct run_row changed;

    if (!found || found->state >= RUN_DONE)
        return false;
    changed = *found;
    changed.state = state;
    changed.reason = reason;
    changed.ended_at = state >= RUN_DONE ? now : 0;
    if (!mem_replace(mem, MEM_RUN, found, &changed))
        return false;
    if (state != RUN_DONE)
        make_due(mem, changed.chat, now);
    if (state > RUN_DONE)
        mem_end_sends(mem, run, store_send_end(state), reason);
    return !store_failed(store);
}

bool mem_is_sending(struct mem *mem, int64_t run)
{
    const struct send_row *row, key = { .run = run, .step = INT32_MIN, .n = INT32_MIN };

    row = mem_first(mem, MEM_SEND, MEM_SEND_SENDING, &key);
    return row && row->run == run;
}

static bool is_asked_about(struct mem *mem, const struct run_row *run)
{
    const struct send_row *row, key = { .run = run->id, .step = INT32_MIN, .n = INT32_MIN };

    for (row = mem_first(mem, MEM_SEND, MEM_KEY, &key); row && row->run == run->id;
         row = mem_after(mem, MEM_SEND, MEM_KEY, row))
        if (row->state == SEND_UNKNOWN && row->due_at > 0)
            return run->state == RUN_READY;
    return false;
}

size_t mem_expired_runs(struct store *store, int64_t now, size_t limit, struct arena *arena,
                        struct run_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    const struct run_row *row;

    for (row = mem_first(mem, MEM_RUN, MEM_RUN_EXPIRES, NULL); row && out.n < limit && row->expires_at <= now;
         row = mem_after(mem, MEM_RUN, MEM_RUN_EXPIRES, row))
        if (!mem_is_sending(mem, row->id) && !is_asked_about(mem, row))
            mem_give(mem, MEM_RUN, row, &out);
    *rows = mem_given(mem, &out, &limit);
    return limit;
}

/* Gives the step of the first of them, else `step`. */
static int rearm_sends(struct mem *mem, int64_t run, int step)
{
    const struct send_row *row, key = { .run = run, .step = INT32_MIN, .n = INT32_MIN };
    bool found = false;

    for (row = mem_first(mem, MEM_SEND, MEM_KEY, &key); row && row->run == run;
         row = mem_after(mem, MEM_SEND, MEM_KEY, row)) {
        struct send_row changed = *row;

        changed.state = SEND_READY;
        changed.reason = TEXT_NONE;
        changed.due_at = 0;
        if (row->state == SEND_OK)
            continue;
        step = found ? step : row->step;
        found = true;
        mem_replace(mem, MEM_SEND, row, &changed);
    }
    return step;
}

bool mem_rearm_run(struct store *store, int64_t run, int64_t now, int64_t expires_at)
{
    struct mem *mem = mem_of(store);
    const struct run_row *found = find_run(mem, run);
    const struct chat_row *chat = found ? find_chat(mem, found->chat) : NULL;
    struct chat_row taken;
    struct run_row changed;

    if (!chat || found->state == RUN_READY || mem_is_sending(mem, run))
        return false;
    taken = *chat;
    changed = *found;
    changed.seq = taken.next_seq++;
    changed.state = RUN_READY;
    changed.reason = TEXT_NONE;
    changed.begun = false;
    changed.said_at = now;
    changed.expires_at = expires_at;
    changed.ended_at = 0;
    changed.step = rearm_sends(mem, run, found->step);
    if (!mem_replace(mem, MEM_CHAT, chat, &taken) || !mem_replace(mem, MEM_RUN, found, &changed))
        return false;
    make_due(mem, changed.chat, now);
    return !store_failed(store);
}

size_t mem_entry_runs(struct store *store, int64_t entry, struct arena *arena, struct run_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    const struct run_row *row, key = { .entry = entry, .rule = { "", 0 } };
    size_t n;

    for (row = mem_first(mem, MEM_RUN, MEM_RUN_ENTRY, &key); row && row->entry == entry;
         row = mem_after(mem, MEM_RUN, MEM_RUN_ENTRY, row))
        mem_give(mem, MEM_RUN, row, &out);
    *rows = mem_given(mem, &out, &n);
    return n;
}
