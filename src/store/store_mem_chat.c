#include "store/store_mem_table.h"

/* What is kept of a chat: the buttons that it was sent, its variables. */

/* --- the ledger ------------------------------------------------------------------------------------------------- */

const struct issued_row *mem_next_issued(struct mem *mem, int64_t chat, const struct issued_row *after)
{
    const struct issued_row *row, key = { .chat = chat, .run = INT64_MIN, .step = INT32_MIN, .n = INT32_MIN };

    row = after ? mem_after(mem, MEM_ISSUED, MEM_KEY, after) : mem_first(mem, MEM_ISSUED, MEM_KEY, &key);
    return row && row->chat == chat ? row : NULL;
}

void mem_issue(struct store *store, const struct issued_row *row)
{
    struct mem *mem = mem_of(store);
    const struct issued_row *same = mem_find(mem, MEM_ISSUED, MEM_KEY, row);
    struct issued_row changed = *row;

    if (!same) {
        mem_insert(mem, MEM_ISSUED, row);
        return;
    }
    changed.spent_by = same->spent_by;
    mem_replace(mem, MEM_ISSUED, same, &changed);
}

/* A send that was pruned is taken for a good one: pruning takes the buttons of the others with it. */
static bool is_good(struct mem *mem, const struct issued_row *row)
{
    const struct send_row key = { .run = row->run, .step = row->step, .n = row->n };
    const struct send_row *send = mem_find(mem, MEM_SEND, MEM_KEY, &key);

    return !send || send->state == SEND_SENDING || send->state == SEND_OK || send->state == SEND_UNKNOWN;
}

/* Rows come with growing run, step and n: of equal ones the later is better. */
static bool is_better(const struct issued_row *row, const struct issued_row *best)
{
    if (!best || (best->spent_by == 0) != (row->spent_by == 0))
        return !best || row->spent_by == 0;
    return row->at >= best->at;
}

bool mem_find_issued(struct store *store, int64_t chat, struct text token, int64_t now, struct arena *arena,
                     struct issued_row *row)
{
    struct mem *mem = mem_of(store);
    const struct issued_row *found,
        *best = NULL,
        key = { .chat = chat, .token = token, .run = INT64_MIN, .step = INT32_MIN, .n = INT32_MIN };

    for (found = mem_first(mem, MEM_ISSUED, MEM_KEY, &key);
         found && found->chat == chat && text_eq(found->token, token);
         found = mem_after(mem, MEM_ISSUED, MEM_KEY, found))
        if (found->until > now && is_better(found, best) && is_good(mem, found))
            best = found;
    return best && mem_lend(mem, MEM_ISSUED, best, arena, row);
}

size_t mem_list_issued(struct store *store, const struct issued_row *after, int64_t now, size_t limit,
                       struct arena *arena, struct issued_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    size_t n;

    for (const struct issued_row *row = mem_after(mem, MEM_ISSUED, MEM_KEY, after); row && out.n < limit;
         row = mem_after(mem, MEM_ISSUED, MEM_KEY, row))
        if (row->until > now && is_good(mem, row))
            mem_give(mem, MEM_ISSUED, row, &out);
    *rows = mem_given(mem, &out, &n);
    return n;
}

bool mem_spend(struct store *store, const struct issued_row *row, int64_t by)
{
    struct mem *mem = mem_of(store);
    bool spent = false;

    for (const struct issued_row *found = mem_next_issued(mem, row->chat, NULL); found;
         found = mem_next_issued(mem, row->chat, found)) {
        struct issued_row changed = *found;

        changed.spent_by = by;
        if (found->run == row->run && found->step == row->step && found->n == row->n && !found->spent_by)
            spent |= mem_replace(mem, MEM_ISSUED, found, &changed);
    }
    return spent && !store_failed(store);
}

void mem_unspend(struct store *store, int64_t chat, int64_t by)
{
    struct mem *mem = mem_of(store);

    for (const struct issued_row *found = mem_next_issued(mem, chat, NULL); found;
         found = mem_next_issued(mem, chat, found)) {
        struct issued_row changed = *found;

        changed.spent_by = 0;
        if (found->spent_by == by)
            mem_replace(mem, MEM_ISSUED, found, &changed);
    }
}

/* --- variables ---------------------------------------------------------------------------------------------------- */

const struct mem_variable *mem_next_variable(struct mem *mem, int64_t chat, const struct mem_variable *after)
{
    const struct mem_variable *row, key = { .chat = chat };

    row = after ? mem_after(mem, MEM_VARIABLE, MEM_KEY, after) : mem_first(mem, MEM_VARIABLE, MEM_KEY, &key);
    return row && row->chat == chat ? row : NULL;
}

size_t mem_variables(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                     struct variable_row **rows)
{
    struct mem *mem = mem_of(store);
    struct store_rows out = { .arena = arena };
    size_t n;

    for (const struct mem_variable *row = mem_next_variable(mem, chat, NULL); row;
         row = mem_next_variable(mem, chat, row))
        if (row->row.until > now)
            mem_give(mem, MEM_VARIABLE, row, &out);
    *rows = mem_given(mem, &out, &n);
    return n;
}

void mem_set_variable(struct store *store, int64_t chat, const struct variable_row *row)
{
    struct mem *mem = mem_of(store);
    struct mem_variable copy = { *row, chat };
    const void *same = mem_find(mem, MEM_VARIABLE, MEM_KEY, &copy);

    if (!row->value.p)
        copy.row.value = text_of("");
    if (same)
        mem_replace(mem, MEM_VARIABLE, same, &copy);
    else
        mem_insert(mem, MEM_VARIABLE, &copy);
}

void mem_drop_variable(struct store *store, int64_t chat, struct text name)
{
    struct mem *mem = mem_of(store);
    const struct mem_variable key = { .row.name = name, .chat = chat };
    const void *found = mem_find(mem, MEM_VARIABLE, MEM_KEY, &key);

    if (found)
        mem_delete(mem, MEM_VARIABLE, found);
}

void mem_touch_session(struct store *store, int64_t chat, int64_t now, int64_t until)
{
    struct mem *mem = mem_of(store);

    for (const struct mem_variable *row = mem_next_variable(mem, chat, NULL); row;
         row = mem_next_variable(mem, chat, row)) {
        struct mem_variable changed = *row;

        changed.row.until = until;
        if (row->row.session && row->row.until > now)
            mem_replace(mem, MEM_VARIABLE, row, &changed);
    }
}
