#include "store/store_mem_table.h"

/* store_list of the memory backend: each kind's rows by id, merged. */

struct lister {
    struct mem *mem;
    const struct store_filter *filter;
    const struct store_masks *masks;
};

static bool fits(struct text wanted, struct text is)
{
    return !wanted.p || (is.p && text_eq(wanted, is));
}

static bool has_state(unsigned mask, int state)
{
    return mask >> state & 1;
}

/* The first item of the kind with an id above `after`. False if there is none. */
static bool next_notification(const struct lister *l, int64_t after, struct store_item *item)
{
    const struct notification_row *row, key = { .id = after };

    for (row = mem_after(l->mem, MEM_NOTIFICATION, MEM_KEY, &key); row && l->masks->notification;
         row = mem_after(l->mem, MEM_NOTIFICATION, MEM_KEY, row)) {
        if (!has_state(l->masks->notification, (int)row->state) || !fits(l->filter->source, row->source))
            continue;
        *item = (struct store_item){ .kind = STORE_NOTIFICATION,
                                     .id = row->id,
                                     .stored_at = row->stored_at,
                                     .state = notification_state_name(row->state),
                                     .reason = row->reason,
                                     .source = row->source };
        return true;
    }
    return false;
}

static bool next_entry(const struct lister *l, int64_t after, struct store_item *item)
{
    const struct mem_entry *e, key = { .row = { .id = after } };

    for (e = mem_after(l->mem, MEM_ENTRY, MEM_KEY, &key); e && l->masks->entry;
         e = mem_after(l->mem, MEM_ENTRY, MEM_KEY, e)) {
        if (!has_state(l->masks->entry, (int)e->row.state) || !fits(l->filter->source, e->row.source))
            continue;
        *item = (struct store_item){ .kind = STORE_ENTRY,
                                     .id = e->row.id,
                                     .stored_at = e->row.stored_at,
                                     .state = entry_state_name(e->row.state),
                                     .reason = e->row.reason,
                                     .source = e->row.source };
        return true;
    }
    return false;
}

static bool next_run(const struct lister *l, int64_t after, struct store_item *item)
{
    const struct store_filter *f = l->filter;
    const struct run_row *row, key = { .id = after };

    for (row = mem_after(l->mem, MEM_RUN, MEM_KEY, &key); row && l->masks->run;
         row = mem_after(l->mem, MEM_RUN, MEM_KEY, row)) {
        const struct mem_entry *entry =
            mem_find(l->mem, MEM_ENTRY, MEM_KEY, &(struct mem_entry){ .row = { .id = row->entry } });
        const struct chat_row *chat =
            mem_find(l->mem, MEM_CHAT, MEM_KEY, &(struct chat_row){ .id = row->chat });

        *item = (struct store_item){ .kind = STORE_RUN,
                                     .id = row->id,
                                     .stored_at = row->stored_at,
                                     .state = run_state_name(row->state),
                                     .reason = row->reason,
                                     .source = entry ? entry->row.source : TEXT_NONE,
                                     .channel = chat ? chat->channel : TEXT_NONE,
                                     .user_id = chat ? chat->user_id : TEXT_NONE,
                                     .rule = row->rule,
                                     .expires_at = row->expires_at };
        if (has_state(l->masks->run, (int)row->state) && fits(f->source, item->source) &&
            fits(f->channel, item->channel) && fits(f->user_id, item->user_id) && fits(f->rule, item->rule))
            return true;
    }
    return false;
}

static void lend_item(struct store *store, const struct store_item *item, struct store_rows *out)
{
    struct store_item *copy = store_rows_add(store, out);

    if (!copy)
        return;
    *copy = *item;
    copy->reason = store_lend_text(store, out->arena, item->reason);
    copy->source = store_lend_text(store, out->arena, item->source);
    copy->channel = store_lend_text(store, out->arena, item->channel);
    copy->user_id = store_lend_text(store, out->arena, item->user_id);
    copy->rule = store_lend_text(store, out->arena, item->rule);
}

size_t mem_list(struct store *store, const struct store_filter *filter, const struct store_masks *masks,
                size_t limit, struct arena *arena, struct store_item **items)
{
    static bool (*const next[])(const struct lister *l, int64_t after,
                                struct store_item *item) = { next_notification, next_entry, next_run };
    struct lister l = { mem_of(store), filter, masks };
    struct store_rows out = { .arena = arena, .size = sizeof(struct store_item) };
    struct store_item item[3];
    bool is[3];

    for (int i = 0; i < 3; i++)
        is[i] = next[i](&l, filter->after, &item[i]);
    while (out.n < limit && (is[0] || is[1] || is[2]) && !store_failed(store)) {
        int best = -1;

        for (int i = 0; i < 3; i++)
            if (is[i] && (best < 0 || item[i].id < item[best].id))
                best = i;
        lend_item(store, &item[best], &out);
        is[best] = next[best](&l, item[best].id, &item[best]);
    }
    *items = mem_given(mem_of(store), &out, &limit);
    return limit;
}
