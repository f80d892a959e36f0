#include "store/store_mem_table.h"

/* Notifications, entries, matching: T1 to T3. */

/* What a column that is never NULL keeps of a text that is. */
static struct text solid(struct text text)
{
    return text.p ? text : text_of("");
}

void mem_add_notification(struct store *store, const struct notification_row *row)
{
    struct notification_row copy = *row;

    copy.source = solid(row->source);
    copy.headers = solid(row->headers);
    copy.body = solid(row->body);
    mem_insert(mem_of(store), MEM_NOTIFICATION, &copy);
}

size_t mem_new_notifications(struct store *store, int64_t after, size_t limit, struct arena *arena,
                             struct notification_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    const struct notification_row *row, key = { .id = after };

    for (row = mem_after(mem, MEM_NOTIFICATION, MEM_NOTIFICATION_NEW, &key); row && out.n < limit;
         row = mem_after(mem, MEM_NOTIFICATION, MEM_NOTIFICATION_NEW, row))
        mem_give(mem, MEM_NOTIFICATION, row, &out);
    *rows = mem_given(mem, &out, &limit);
    return limit;
}

static const struct notification_row *find_notification(struct mem *mem, int64_t id)
{
    return mem_find(mem, MEM_NOTIFICATION, MEM_KEY, &(struct notification_row){ .id = id });
}

/* A notification in one of the states of the mask gets another; the tries stay or begin anew. */
static bool move_notification(struct mem *mem, int64_t id, unsigned from, enum notification_state to,
                              struct text reason, bool anew)
{
    const struct notification_row *row = find_notification(mem, id);
    struct notification_row changed;

    if (!row || !(from >> row->state & 1))
        return false;
    changed = *row;
    changed.state = to;
    changed.reason = reason;
    if (anew)
        changed.tries = 0;
    return mem_replace(mem, MEM_NOTIFICATION, row, &changed);
}

void mem_end_notification(struct store *store, int64_t id, enum notification_state state, struct text reason)
{
    move_notification(mem_of(store), id, 1u << NOTIFICATION_NEW, state, reason, false);
}

bool mem_rearm_notification(struct store *store, int64_t id)
{
    return move_notification(mem_of(store), id, 1u << NOTIFICATION_STUCK, NOTIFICATION_NEW, TEXT_NONE, true);
}

bool mem_drop_notification(struct store *store, int64_t id, struct text reason)
{
    return move_notification(mem_of(store), id, 1u << NOTIFICATION_NEW | 1u << NOTIFICATION_STUCK,
                             NOTIFICATION_DONE, reason, false);
}

void mem_try_notification(struct store *store, int64_t id)
{
    const struct notification_row *row = find_notification(mem_of(store), id);
    struct notification_row changed;

    if (!row)
        return;
    changed = *row;
    changed.tries++;
    mem_replace(mem_of(store), MEM_NOTIFICATION, row, &changed);
}

bool mem_get_notification(struct store *store, int64_t id, struct arena *arena, struct notification_row *row)
{
    const struct notification_row *found = find_notification(mem_of(store), id);

    return found && mem_lend(mem_of(store), MEM_NOTIFICATION, found, arena, row);
}

bool mem_seen(struct store *store, struct text key, int64_t notification, int64_t now)
{
    struct mem_seen row = { key, notification, now };

    return !mem_find(mem_of(store), MEM_SEEN, MEM_KEY, &row) && mem_insert(mem_of(store), MEM_SEEN, &row);
}

/* --- entries ------------------------------------------------------------------------------------------------------ */

void mem_add_entry(struct store *store, const struct entry_row *row)
{
    struct mem_entry copy = { .row = *row };

    copy.row.source = solid(row->source);
    copy.row.conversation = solid(row->conversation);
    copy.row.message = solid(row->message);
    mem_insert(mem_of(store), MEM_ENTRY, &copy);
}

size_t mem_claim_entries(struct store *store, struct text source, int64_t now, int64_t owner, size_t limit,
                         struct arena *arena, struct entry_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    const struct mem_entry *row, key = { .row = { .id = INT64_MAX, .source = source } };

    for (row = mem_first(mem, MEM_ENTRY, MEM_ENTRY_FETCH, &key);
         row && out.n < limit && text_eq(row->row.source, source);
         row = mem_after(mem, MEM_ENTRY, MEM_ENTRY_FETCH, row)) {
        struct mem_entry changed = *row;

        changed.owner = owner;
        changed.row.tries++;
        if (row->row.due_at <= now && mem_replace(mem, MEM_ENTRY, row, &changed))
            mem_give(mem, MEM_ENTRY, &changed, &out);
    }
    *rows = mem_given(mem, &out, &limit);
    return limit;
}

static const struct mem_entry *find_entry(struct mem *mem, int64_t id)
{
    return mem_find(mem, MEM_ENTRY, MEM_KEY, &(struct mem_entry){ .row = { .id = id } });
}

void mem_update_entry(struct store *store, const struct entry_row *row)
{
    const struct mem_entry *found = find_entry(mem_of(store), row->id);
    struct mem_entry changed;

    if (!found || found->row.state != ENTRY_FETCH)
        return;
    changed = *found;
    changed.owner = 0;
    changed.row.state = row->state;
    changed.row.reason = row->reason;
    changed.row.tries = row->tries;
    changed.row.due_at = row->due_at;
    changed.row.said_at = row->said_at;
    changed.row.doc = row->doc;
    mem_replace(mem_of(store), MEM_ENTRY, found, &changed);
}

size_t mem_old_entries(struct store *store, int64_t before, size_t limit, struct arena *arena,
                       struct entry_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    const struct mem_entry *row;

    for (row = mem_first(mem, MEM_ENTRY, MEM_ENTRY_STORED, NULL);
         row && out.n < limit && row->row.stored_at < before;
         row = mem_after(mem, MEM_ENTRY, MEM_ENTRY_STORED, row))
        mem_give(mem, MEM_ENTRY, row, &out);
    *rows = mem_given(mem, &out, &limit);
    return limit;
}

bool mem_get_entry(struct store *store, int64_t id, struct arena *arena, struct entry_row *row)
{
    const struct mem_entry *found = find_entry(mem_of(store), id);

    return found && mem_lend(mem_of(store), MEM_ENTRY, found, arena, row);
}

bool mem_rearm_entry(struct store *store, int64_t id, int64_t now)
{
    const struct mem_entry *found = find_entry(mem_of(store), id);
    struct mem_entry changed;

    if (!found || found->row.state == ENTRY_FETCH || found->row.state == ENTRY_DONE)
        return false;
    changed = *found;
    changed.owner = 0;
    changed.row.state = ENTRY_FETCH;
    changed.row.reason = TEXT_NONE;
    changed.row.tries = 0;
    changed.row.due_at = changed.row.stored_at = now;
    return mem_replace(mem_of(store), MEM_ENTRY, found, &changed);
}

bool mem_drop_entry(struct store *store, int64_t id, struct text reason)
{
    const struct mem_entry *found = find_entry(mem_of(store), id);
    struct mem_entry changed;

    if (!found || found->row.state == ENTRY_DONE || found->row.state == ENTRY_EXPIRED)
        return false;
    changed = *found;
    changed.owner = 0;
    changed.row.state = ENTRY_DONE;
    changed.row.reason = reason;
    return mem_replace(mem_of(store), MEM_ENTRY, found, &changed);
}

size_t mem_notification_entries(struct store *store, int64_t notification, struct arena *arena,
                                struct entry_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    const struct mem_entry *row, key = { .row = { .notification = notification, .n = INT32_MIN } };
    size_t n;

    for (row = mem_first(mem, MEM_ENTRY, MEM_ENTRY_PLACE, &key); row && row->row.notification == notification;
         row = mem_after(mem, MEM_ENTRY, MEM_ENTRY_PLACE, row))
        mem_give(mem, MEM_ENTRY, row, &out);
    *rows = mem_given(mem, &out, &n);
    return n;
}
