#include "store/store_mem_table.h"

/* Sends. */

static const struct send_row *find_send(struct mem *mem, int64_t run, int step, int n)
{
    return mem_find(mem, MEM_SEND, MEM_KEY, &(struct send_row){ .run = run, .step = step, .n = n });
}

void mem_add_send(struct store *store, const struct send_row *row)
{
    struct send_row copy = *row;

    if (!row->channel.p)
        copy.channel = text_of("");
    if (!row->body.p)
        copy.body = text_of("");
    mem_insert(mem_of(store), MEM_SEND, &copy);
}

/* The sends of a run from one step on, up to another. */
static size_t sends_of(struct mem *mem, int64_t run, int from, int to, struct arena *arena,
                       struct send_row **rows)
{
    struct store_rows out = { .arena = arena };
    const struct send_row *row, key = { .run = run, .step = from, .n = INT32_MIN };
    size_t n;

    for (row = mem_first(mem, MEM_SEND, MEM_KEY, &key); row && row->run == run && row->step <= to;
         row = mem_after(mem, MEM_SEND, MEM_KEY, row))
        mem_give(mem, MEM_SEND, row, &out);
    *rows = mem_given(mem, &out, &n);
    return n;
}

size_t mem_step_sends(struct store *store, int64_t run, int step, struct arena *arena, struct send_row **rows)
{
    return sends_of(mem_of(store), run, step, step, arena, rows);
}

size_t mem_run_sends(struct store *store, int64_t run, struct arena *arena, struct send_row **rows)
{
    return sends_of(mem_of(store), run, INT32_MIN, INT32_MAX, arena, rows);
}

void mem_unsettled(struct store *store, int64_t run, int64_t *unknown, int64_t *open)
{
    struct mem *mem = mem_of(store);
    const struct send_row *row, key = { .run = run, .step = INT32_MIN, .n = INT32_MIN };

    for (row = mem_first(mem, MEM_SEND, MEM_KEY, &key); row && row->run == run;
         row = mem_after(mem, MEM_SEND, MEM_KEY, row)) {
        *unknown += row->state == SEND_UNKNOWN;
        *open += row->state < SEND_OK;
    }
}

void mem_start_send(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner,
                    int64_t now)
{
    const struct send_row *found = find_send(mem_of(store), run, step, n);
    struct send_row changed;

    (void)owner; /* a store in memory has one */
    if (!found || found->state != SEND_READY)
        return;
    changed = *found;
    changed.state = SEND_SENDING;
    changed.attempt = attempt;
    changed.sent_at = now;
    mem_replace(mem_of(store), MEM_SEND, found, &changed);
}

static bool answer_send(struct store *store, enum send_state from, const struct send_row *row)
{
    const struct send_row *found = find_send(mem_of(store), row->run, row->step, row->n);
    struct send_row changed;

    if (!found || found->state != from || found->attempt != row->attempt)
        return false;
    changed = *found;
    changed.state = row->state;
    changed.due_at = row->due_at;
    changed.reply_id = row->reply_id;
    changed.status_url = row->status_url;
    changed.reason = row->reason;
    return mem_replace(mem_of(store), MEM_SEND, found, &changed);
}

bool mem_settle_send(struct store *store, const struct send_row *row)
{
    return answer_send(store, SEND_SENDING, row);
}

bool mem_amend_send(struct store *store, const struct send_row *row)
{
    return answer_send(store, SEND_UNKNOWN, row);
}

void mem_end_sends(struct mem *mem, int64_t run, enum send_state state, struct text reason)
{
    const struct send_row *row, key = { .run = run, .step = INT32_MIN, .n = INT32_MIN };

    for (row = mem_first(mem, MEM_SEND, MEM_KEY, &key); row && row->run == run;
         row = mem_after(mem, MEM_SEND, MEM_KEY, row)) {
        struct send_row changed = *row;

        changed.state = state;
        changed.reason = reason;
        if (row->state == SEND_READY)
            mem_replace(mem, MEM_SEND, row, &changed);
    }
}

void mem_drop_sends(struct store *store, int64_t run, struct text reason)
{
    mem_end_sends(mem_of(store), run, SEND_DROPPED, reason);
}

size_t mem_next_sending(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                        struct send_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    const struct send_row *row;

    (void)owner; /* a store in memory has one */
    for (row = mem_first(mem, MEM_SEND, MEM_SEND_SENDING, NULL); row && out.n < limit;
         row = mem_after(mem, MEM_SEND, MEM_SEND_SENDING, row))
        mem_give(mem, MEM_SEND, row, &out);
    *rows = mem_given(mem, &out, &limit);
    return limit;
}

/* --- pruning -------------------------------------------------------------------------------------------------------- */

static size_t delete_buttons(struct mem *mem, int64_t chat, const struct send_row *send)
{
    const struct issued_row *row;
    size_t gone = 0;

    if (send->state == SEND_OK || send->state == SEND_UNKNOWN)
        return 0;
    for (row = mem_next_issued(mem, chat, NULL); row; row = mem_next_issued(mem, chat, row))
        if (row->run == send->run && row->step == send->step && row->n == send->n)
            gone += mem_delete(mem, MEM_ISSUED, row);
    return gone;
}

size_t mem_prune_sends(struct mem *mem, const struct run_row *run, size_t limit, size_t *buttons)
{
    const struct send_row *row, key = { .run = run->id, .step = INT32_MIN, .n = INT32_MIN };
    size_t gone = 0;

    for (row = mem_first(mem, MEM_SEND, MEM_KEY, &key); row && row->run == run->id && gone < limit;
         row = mem_after(mem, MEM_SEND, MEM_KEY, row)) {
        *buttons += delete_buttons(mem, run->chat, row);
        gone += mem_delete(mem, MEM_SEND, row);
    }
    return gone;
}
