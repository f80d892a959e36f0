#include "store/store_mem_table.h"

/* Pruning, numbers and lists: T7. */

static bool has_sends(struct mem *mem, int64_t run)
{
    const struct send_row *row, key = { .run = run, .step = INT32_MIN, .n = INT32_MIN };

    row = mem_first(mem, MEM_SEND, MEM_KEY, &key);
    return row && row->run == run;
}

static size_t old_sends(struct mem *mem, int64_t before, size_t limit)
{
    const struct run_row *run;
    size_t gone = 0, buttons = 0;

    for (run = mem_first(mem, MEM_RUN, MEM_RUN_ENDED, NULL); run && run->ended_at < before && gone < limit;
         run = mem_after(mem, MEM_RUN, MEM_RUN_ENDED, run))
        gone += mem_prune_sends(mem, run, limit - gone, &buttons);
    return gone + buttons;
}

static bool prune_run(struct mem *mem, const struct run_row *run, int64_t *runs)
{
    if (has_sends(mem, run->id) || !mem_delete(mem, MEM_RUN, run))
        return false;
    runs[run->state]++;
    return true;
}

static size_t old_runs(struct mem *mem, int64_t before, size_t limit, int64_t *runs)
{
    const struct run_row *run;
    size_t gone = 0;

    for (run = mem_first(mem, MEM_RUN, MEM_RUN_ENDED, NULL); run && run->ended_at < before && gone < limit;
         run = mem_after(mem, MEM_RUN, MEM_RUN_ENDED, run))
        gone += prune_run(mem, run, runs);
    return gone;
}

static bool has_runs(struct mem *mem, int64_t entry)
{
    const struct run_row *row, key = { .entry = entry, .rule = { "", 0 } };

    row = mem_first(mem, MEM_RUN, MEM_RUN_ENTRY, &key);
    return row && row->entry == entry;
}

static const struct mem_entry *next_entry(struct mem *mem, int64_t notification,
                                          const struct mem_entry *after)
{
    const struct mem_entry *row, key = { .row = { .notification = notification, .n = INT32_MIN } };

    row = after ? mem_after(mem, MEM_ENTRY, MEM_ENTRY_PLACE, after)
                : mem_first(mem, MEM_ENTRY, MEM_ENTRY_PLACE, &key);
    return row && row->row.notification == notification ? row : NULL;
}

static bool is_over(struct mem *mem, int64_t notification)
{
    for (const struct mem_entry *row = next_entry(mem, notification, NULL); row;
         row = next_entry(mem, notification, row))
        if (row->row.state == ENTRY_FETCH || has_runs(mem, row->row.id))
            return false;
    return true;
}

/* What ended before `before`, of one source, a page of it. */
struct pruning {
    struct mem *mem;
    struct text source;
    int64_t before;
    size_t limit;
};

static const struct notification_row *next_done(const struct pruning *p, const struct notification_row *after)
{
    const struct notification_row *row, key = { .source = p->source, .stored_at = INT64_MIN };

    row = after ? mem_after(p->mem, MEM_NOTIFICATION, MEM_NOTIFICATION_DONE, after)
                : mem_first(p->mem, MEM_NOTIFICATION, MEM_NOTIFICATION_DONE, &key);
    return row && text_eq(row->source, p->source) && row->stored_at < p->before ? row : NULL;
}

static const struct run_row *next_run(struct mem *mem, int64_t entry, const struct run_row *after)
{
    const struct run_row *row, key = { .entry = entry, .rule = { "", 0 } };

    row =
        after ? mem_after(mem, MEM_RUN, MEM_RUN_ENTRY, after) : mem_first(mem, MEM_RUN, MEM_RUN_ENTRY, &key);
    return row && row->entry == entry ? row : NULL;
}

/* The next run behind `run`, which came out of the entry, which stands in the notification; NULL: the first. */
struct place {
    const struct notification_row *notification;
    const struct mem_entry *entry;
    const struct run_row *run;
};

static bool next_place(const struct pruning *p, struct place *at)
{
    if (at->entry && (at->run = next_run(p->mem, at->entry->row.id, at->run)))
        return true;
    do {
        if (at->notification)
            at->entry = next_entry(p->mem, at->notification->id, at->entry);
        if (!at->entry)
            at->notification = next_done(p, at->notification);
        at->run = at->entry ? next_run(p->mem, at->entry->row.id, NULL) : NULL;
    } while (!at->run && at->notification);
    return at->run;
}

static bool has_ended(const struct pruning *p, const struct run_row *run)
{
    return run->state >= RUN_DONE && run->ended_at < p->before;
}

static size_t prune_lives(const struct pruning *p, int64_t *runs)
{
    size_t gone = 0, buttons = 0, n = 0;

    for (struct place at = { 0 }; gone < p->limit && next_place(p, &at);)
        if (has_ended(p, at.run))
            gone += mem_prune_sends(p->mem, at.run, p->limit - gone, &buttons);
    for (struct place at = { 0 }; n < p->limit && next_place(p, &at);)
        if (has_ended(p, at.run))
            n += prune_run(p->mem, at.run, runs);
    return gone + buttons + n;
}

static size_t prune_entries(const struct pruning *p)
{
    size_t gone = 0;

    for (const struct notification_row *n = next_done(p, NULL); n; n = next_done(p, n)) {
        if (!is_over(p->mem, n->id))
            continue;
        for (const struct mem_entry *row = next_entry(p->mem, n->id, NULL); row && gone < p->limit;
             row = next_entry(p->mem, n->id, row))
            gone += mem_delete(p->mem, MEM_ENTRY, row);
    }
    return gone;
}

static size_t prune_notifications(const struct pruning *p)
{
    size_t gone = 0;

    for (const struct notification_row *n = next_done(p, NULL); n && gone < p->limit; n = next_done(p, n))
        if (!next_entry(p->mem, n->id, NULL))
            gone += mem_delete(p->mem, MEM_NOTIFICATION, n);
    return gone;
}

/* The next source that has something done. */
static bool next_source(struct mem *mem, struct text *source)
{
    const struct notification_row key = { .source = *source, .stored_at = INT64_MAX, .id = INT64_MAX };
    const struct notification_row *row = mem_after(mem, MEM_NOTIFICATION, MEM_NOTIFICATION_DONE, &key);

    if (row)
        *source = row->source;
    return row;
}

static size_t prune_variables(struct mem *mem, int64_t before, size_t limit)
{
    const struct mem_variable *row;
    size_t gone = 0;

    for (row = mem_first(mem, MEM_VARIABLE, MEM_VARIABLE_UNTIL, NULL);
         row && row->row.until < before && gone < limit;
         row = mem_after(mem, MEM_VARIABLE, MEM_VARIABLE_UNTIL, row))
        gone += mem_delete(mem, MEM_VARIABLE, row);
    return gone;
}

size_t mem_prune(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs)
{
    const int64_t longest = store_keep_longest(keep);
    struct mem *mem = mem_of(store);
    struct pruning p = { mem, text_of(""), longest, limit };
    size_t gone = old_sends(mem, longest, limit);

    gone += old_runs(mem, longest, limit, runs);
    while (next_source(mem, &p.source)) {
        p.before = store_keep_from(keep, p.source);
        if (p.before > longest) /* else they went already */
            gone += prune_lives(&p, runs);
        gone += prune_entries(&p);
        gone += prune_notifications(&p);
    }
    return gone + prune_variables(mem, keep->before, limit);
}

/* All at once: what is in memory is not much. */
bool mem_sweep(struct store *store, int64_t before, int64_t seen_before, size_t limit)
{
    struct mem *mem = mem_of(store);

    (void)limit;
    for (const struct mem_tap *row = mem_first(mem, MEM_TAP, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_TAP, MEM_KEY, row))
        if (row->stored_at < before)
            mem_delete(mem, MEM_TAP, row);
    for (const struct issued_row *row = mem_first(mem, MEM_ISSUED, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_ISSUED, MEM_KEY, row))
        if (row->until < before)
            mem_delete(mem, MEM_ISSUED, row);
    for (const struct mem_seen *row = mem_first(mem, MEM_SEEN, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_SEEN, MEM_KEY, row))
        if (row->at < seen_before)
            mem_delete(mem, MEM_SEEN, row);
    return true;
}

/* --- rulesets, channels, numbers --------------------------------------------------------------------------------- */

static void see_ruleset(struct mem *mem, const struct mem_ruleset *row, int64_t now)
{
    struct mem_ruleset changed = *row;

    changed.seen_at = now;
    mem_replace(mem, MEM_RULESET, row, &changed);
}

static void see_last_ruleset(struct mem *mem, int64_t now)
{
    const struct mem_ruleset *row =
        mem_first(mem, MEM_RULESET, MEM_KEY, &(struct mem_ruleset){ .hash = text_of("") });
    const struct mem_ruleset *last = row;

    for (; row; row = mem_after(mem, MEM_RULESET, MEM_KEY, row))
        if (row->seen_at > last->seen_at)
            last = row;
    if (last)
        see_ruleset(mem, last, now - 1);
}

void mem_put_ruleset(struct store *store, struct text hash, struct text source, int64_t now)
{
    struct mem *mem = mem_of(store);
    struct mem_ruleset row = { hash, source.p ? source : text_of(""), now };
    const struct mem_ruleset *found;

    see_last_ruleset(mem, now);
    found = mem_find(mem, MEM_RULESET, MEM_KEY, &row);
    if (found)
        see_ruleset(mem, found, now);
    else
        mem_insert(mem, MEM_RULESET, &row);
}

static bool is_used(struct mem *mem, struct text hash)
{
    const struct run_row *run = mem_first(mem, MEM_RUN, MEM_KEY, &(struct run_row){ .id = INT64_MIN });

    for (; run; run = mem_after(mem, MEM_RUN, MEM_KEY, run))
        if (run->state < RUN_DONE && text_eq(run->ruleset, hash))
            return true;
    return false;
}

size_t mem_prune_rulesets(struct store *store, struct text keep, int64_t before)
{
    struct mem *mem = mem_of(store);
    const struct mem_ruleset *row =
        mem_first(mem, MEM_RULESET, MEM_KEY, &(struct mem_ruleset){ .hash = text_of("") });
    size_t gone = 0;

    while (row) {
        const struct mem_ruleset *next = mem_after(mem, MEM_RULESET, MEM_KEY, row);

        if (row->seen_at < before && !text_eq(row->hash, keep) && !is_used(mem, row->hash))
            gone += mem_delete(mem, MEM_RULESET, row);
        row = next;
    }
    return gone;
}

bool mem_get_ruleset(struct store *store, struct text hash, struct arena *arena, struct text *source)
{
    const struct mem_ruleset *found =
        mem_find(mem_of(store), MEM_RULESET, MEM_KEY, &(struct mem_ruleset){ .hash = hash });

    if (!found)
        return false;
    *source = store_lend_text(store, arena, found->source);
    return !store_failed(store);
}

void mem_put_channel(struct store *store, const struct channel_row *row)
{
    const void *found = mem_find(mem_of(store), MEM_CHANNEL, MEM_KEY, row);
    struct channel_row copy = *row;

    if (!row->name.p)
        copy.name = text_of("");
    if (found)
        mem_replace(mem_of(store), MEM_CHANNEL, found, &copy);
    else
        mem_insert(mem_of(store), MEM_CHANNEL, &copy);
}

/* As it is, or as it would be if nothing had been written yet. */
static struct channel_row channel_as_it_is(struct store *store, struct text name)
{
    const struct channel_row made = { .name = name },
                             *found = mem_find(mem_of(store), MEM_CHANNEL, MEM_KEY, &made);

    return found ? *found : made;
}

void mem_penalize_channel(struct store *store, struct text name, int64_t not_before)
{
    struct channel_row row = channel_as_it_is(store, name);

    if (row.not_before < not_before)
        row.not_before = not_before;
    mem_put_channel(store, &row);
}

void mem_pause_channel(struct store *store, struct text name, struct text reason)
{
    struct channel_row row = channel_as_it_is(store, name);

    row.paused = reason;
    mem_put_channel(store, &row);
}

size_t mem_channels(struct store *store, struct arena *arena, struct channel_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    size_t n;

    for (const void *row = mem_first(mem, MEM_CHANNEL, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_CHANNEL, MEM_KEY, row))
        mem_give(mem, MEM_CHANNEL, row, &out);
    *rows = mem_given(mem, &out, &n);
    return n;
}

void mem_count(struct store *store, struct store_counts *counts)
{
    struct mem *mem = mem_of(store);

    for (const struct notification_row *row = mem_first(mem, MEM_NOTIFICATION, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_NOTIFICATION, MEM_KEY, row)) {
        counts->notifications_new += row->state == NOTIFICATION_NEW;
        counts->notifications_stuck += row->state == NOTIFICATION_STUCK;
    }
    for (const struct mem_entry *row = mem_first(mem, MEM_ENTRY, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_ENTRY, MEM_KEY, row)) {
        counts->entries_fetch += row->row.state == ENTRY_FETCH;
        counts->entries_unaddressed += row->row.state == ENTRY_UNADDRESSED;
        counts->entries_stuck += row->row.state == ENTRY_STUCK;
    }
    for (const struct run_row *row = mem_first(mem, MEM_RUN, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_RUN, MEM_KEY, row))
        if (row->state < RUN_STATES)
            counts->runs[row->state]++;
    counts->variables = mem_first(mem, MEM_VARIABLE, MEM_KEY, NULL);
}

static void raise_to(int64_t *newest, int64_t value)
{
    if (*newest < value)
        *newest = value;
}

void mem_newest(struct store *store, int64_t *id, int64_t *stored_at)
{
    struct mem *mem = mem_of(store);

    for (const struct notification_row *row = mem_first(mem, MEM_NOTIFICATION, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_NOTIFICATION, MEM_KEY, row)) {
        raise_to(id, row->id);
        raise_to(stored_at, row->stored_at);
    }
    for (const struct mem_entry *row = mem_first(mem, MEM_ENTRY, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_ENTRY, MEM_KEY, row)) {
        raise_to(id, row->row.id);
        raise_to(stored_at, row->row.stored_at);
    }
    for (const struct chat_row *row = mem_first(mem, MEM_CHAT, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_CHAT, MEM_KEY, row))
        raise_to(id, row->id);
    for (const struct run_row *row = mem_first(mem, MEM_RUN, MEM_KEY, NULL); row;
         row = mem_after(mem, MEM_RUN, MEM_KEY, row)) {
        raise_to(id, row->id);
        raise_to(stored_at, row->stored_at > row->ended_at ? row->stored_at : row->ended_at);
    }
}

int64_t mem_next_due(struct store *store, const struct text *channels, size_t n, int64_t *each)
{
    int64_t due = 0;

    for (size_t i = 0; i < n; i++) {
        const struct chat_row key = { .channel = channels[i], .due_at = INT64_MIN, .id = INT64_MIN };
        const struct chat_row *chat = mem_first(mem_of(store), MEM_CHAT, MEM_CHAT_DUE, &key);
        int64_t at;

        if (!chat || !text_eq(chat->channel, channels[i]))
            continue;
        at = chat->due_at > 0 ? chat->due_at : 1;
        due = store_earlier(due, at);
        if (each)
            each[i] = at;
    }
    return due;
}
