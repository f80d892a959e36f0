#include "store/store_mem_table.h"

/* Forgetting a customer: what SQL_FORGET_* say, in the same order. Whose a row is, is asked of the chats, which go last. */

struct customer {
    struct mem *mem;
    struct text channel, user_id;
};

static bool has_chat(const struct customer *who, int64_t id)
{
    const struct chat_row *chat = mem_find(who->mem, MEM_CHAT, MEM_KEY, &(struct chat_row){ .id = id });

    return chat && text_eq(chat->user_id, who->user_id) &&
           (!who->channel.p || text_eq(chat->channel, who->channel));
}

static bool has_run(const struct customer *who, int64_t run)
{
    const struct run_row *row = mem_find(who->mem, MEM_RUN, MEM_KEY, &(struct run_row){ .id = run });

    return row && has_chat(who, row->chat);
}

/* Does the entry of the run stand in the same conversation? */
static bool is_beside(const struct customer *who, const struct run_row *run, const struct entry_row *entry)
{
    const struct mem_entry key = { .row.id = run->entry };
    const struct mem_entry *other = mem_find(who->mem, MEM_ENTRY, MEM_KEY, &key);

    return other && entry->conversation.n && text_eq(other->row.conversation, entry->conversation) &&
           text_eq(other->row.source, entry->source);
}

static bool has_entry(const struct customer *who, const struct entry_row *entry)
{
    for (const struct run_row *run = mem_first(who->mem, MEM_RUN, MEM_KEY, NULL); run;
         run = mem_after(who->mem, MEM_RUN, MEM_KEY, run))
        if (has_chat(who, run->chat) && (run->entry == entry->id || is_beside(who, run, entry)))
            return true;
    return false;
}

/* How many entries of the notification are the customer's, and how many are not. */
static void count_entries(const struct customer *who, int64_t notification, size_t *own, size_t *others)
{
    const struct mem_entry *row, key = { .row = { .notification = notification, .n = INT32_MIN } };

    *own = *others = 0;
    for (row = mem_first(who->mem, MEM_ENTRY, MEM_ENTRY_PLACE, &key);
         row && row->row.notification == notification;
         row = mem_after(who->mem, MEM_ENTRY, MEM_ENTRY_PLACE, row))
        ++*(has_entry(who, &row->row) ? own : others);
}

static void forget_notifications(const struct customer *who, struct store_forgotten *counts)
{
    for (const struct notification_row *row = mem_first(who->mem, MEM_NOTIFICATION, MEM_KEY, NULL); row;
         row = mem_after(who->mem, MEM_NOTIFICATION, MEM_KEY, row)) {
        struct notification_row changed = *row;
        size_t own, others;

        changed.body = text_of("");
        count_entries(who, row->id, &own, &others);
        if (own && !others)
            counts->notifications += mem_delete(who->mem, MEM_NOTIFICATION, row);
        else if (own && row->body.n)
            counts->bodies += mem_replace(who->mem, MEM_NOTIFICATION, row, &changed);
    }
}

/* --- the rest: rows of a table that belong to the customer ---------------------------------------------------------- */

static bool has_run_on(const struct customer *who, int64_t entry)
{
    const struct run_row *run, key = { .entry = entry, .rule = { "", 0 } };

    for (run = mem_first(who->mem, MEM_RUN, MEM_RUN_ENTRY, &key); run && run->entry == entry;
         run = mem_after(who->mem, MEM_RUN, MEM_RUN_ENTRY, run))
        if (has_chat(who, run->chat))
            return true;
    return false;
}

static bool own_entry(const struct customer *who, const void *row)
{
    return has_run_on(who, ((const struct mem_entry *)row)->row.id);
}

/* Found by the entries that have runs, so these stay until then. */
static bool entry_beside(const struct customer *who, const void *row)
{
    return !own_entry(who, row) && has_entry(who, &((const struct mem_entry *)row)->row);
}

static bool own_send(const struct customer *who, const void *row)
{
    return has_run(who, ((const struct send_row *)row)->run);
}

static bool own_button(const struct customer *who, const void *row)
{
    return has_chat(who, ((const struct issued_row *)row)->chat);
}

static bool own_tap(const struct customer *who, const void *row)
{
    return has_chat(who, ((const struct mem_tap *)row)->chat);
}

static bool own_variable(const struct customer *who, const void *row)
{
    return has_chat(who, ((const struct mem_variable *)row)->chat);
}

static bool own_run(const struct customer *who, const void *row)
{
    return has_chat(who, ((const struct run_row *)row)->chat);
}

static bool own_chat(const struct customer *who, const void *row)
{
    return has_chat(who, ((const struct chat_row *)row)->id);
}

static int64_t sweep(const struct customer *who, enum mem_kind kind,
                     bool (*own)(const struct customer *who, const void *row))
{
    int64_t gone = 0;

    for (const void *row = mem_first(who->mem, kind, MEM_KEY, NULL); row;
         row = mem_after(who->mem, kind, MEM_KEY, row))
        if (own(who, row))
            gone += mem_delete(who->mem, kind, row);
    return gone;
}

static bool is_busy(const struct customer *who)
{
    const struct send_row *row;

    for (row = mem_first(who->mem, MEM_SEND, MEM_SEND_SENDING, NULL); row;
         row = mem_after(who->mem, MEM_SEND, MEM_SEND_SENDING, row))
        if (own_send(who, row))
            return true;
    return false;
}

bool mem_forget_chat(struct store *store, struct text channel, struct text user_id,
                     struct store_forgotten *counts)
{
    const struct customer who = { mem_of(store), channel, user_id };

    if (is_busy(&who))
        return false;
    forget_notifications(&who, counts);
    counts->entries = sweep(&who, MEM_ENTRY, entry_beside);
    counts->entries += sweep(&who, MEM_ENTRY, own_entry);
    counts->sends = sweep(&who, MEM_SEND, own_send);
    counts->buttons = sweep(&who, MEM_ISSUED, own_button);
    counts->taps = sweep(&who, MEM_TAP, own_tap);
    counts->variables = sweep(&who, MEM_VARIABLE, own_variable);
    counts->runs = sweep(&who, MEM_RUN, own_run);
    counts->chats = sweep(&who, MEM_CHAT, own_chat);
    return true;
}
