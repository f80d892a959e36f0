#include "config.h"

#include "store/store_backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const notification_states[] = {
    [NOTIFICATION_NEW] = "new",
    [NOTIFICATION_DONE] = "done",
    [NOTIFICATION_STUCK] = "stuck",
};

static const char *const entry_states[] = {
    [ENTRY_FETCH] = "fetch",     [ENTRY_DONE] = "done",   [ENTRY_UNADDRESSED] = "unaddressed",
    [ENTRY_EXPIRED] = "expired", [ENTRY_STUCK] = "stuck",
};

static const char *const run_states[RUN_STATES] = {
    [RUN_READY] = "ready",       [RUN_HELD] = "held",       [RUN_DONE] = "done",
    [RUN_REJECTED] = "rejected", [RUN_FAILED] = "failed",   [RUN_UNKNOWN] = "unknown",
    [RUN_EXPIRED] = "expired",   [RUN_DROPPED] = "dropped",
};

static const char *const send_states[SEND_STATES] = {
    [SEND_READY] = "ready",       [SEND_SENDING] = "sending", [SEND_OK] = "ok",
    [SEND_REJECTED] = "rejected", [SEND_FAILED] = "failed",   [SEND_UNKNOWN] = "unknown",
    [SEND_EXPIRED] = "expired",   [SEND_DROPPED] = "dropped",
};

static const char *name_in(const char *const *names, size_t n, int state)
{
    return state >= 0 && (size_t)state < n ? names[state] : "?";
}

const char *notification_state_name(enum notification_state state)
{
    return name_in(notification_states, COUNT(notification_states), (int)state);
}

const char *entry_state_name(enum entry_state state)
{
    return name_in(entry_states, COUNT(entry_states), (int)state);
}

const char *run_state_name(enum run_state state)
{
    return name_in(run_states, COUNT(run_states), (int)state);
}

const char *send_state_name(enum send_state state)
{
    return name_in(send_states, COUNT(send_states), (int)state);
}

const char *store_state_name(enum store_kind kind, int state)
{
    switch (kind) {
    case STORE_NOTIFICATION:
        return notification_state_name((enum notification_state)state);
    case STORE_ENTRY:
        return entry_state_name((enum entry_state)state);
    case STORE_RUN:
        break;
    }
    return run_state_name((enum run_state)state);
}

enum send_state store_send_end(enum run_state state)
{
    return state == RUN_EXPIRED ? SEND_EXPIRED : SEND_DROPPED;
}

void store_window(int64_t said_at, int64_t window_ms, int64_t *from, int64_t *to)
{
    if (__builtin_sub_overflow(said_at, window_ms, from))
        *from = INT64_MIN;
    if (__builtin_add_overflow(said_at, window_ms, to))
        *to = INT64_MAX;
}

int64_t store_keep_from(const struct store_keep *keep, struct text source)
{
    for (size_t i = 0; i < keep->n_sources; i++)
        if (text_eq(keep->sources[i].source, source))
            return keep->sources[i].before;
    return keep->before;
}

int64_t store_keep_longest(const struct store_keep *keep)
{
    int64_t before = keep->before;

    for (size_t i = 0; i < keep->n_sources; i++)
        if (keep->sources[i].before < before)
            before = keep->sources[i].before;
    return before;
}

static unsigned states_named(const char *const *names, size_t n, struct text name)
{
    unsigned mask = 0;

    for (size_t i = 0; i < n; i++)
        if (text_is(name, names[i]))
            mask |= 1u << i;
    return mask;
}

/* A state asked for by name counts more than `all`: whoever asks for what is done wants to see it. */
static struct store_masks masks_of(const struct store_filter *filter)
{
    const unsigned any = ~0u;
    struct store_masks masks = { any, any, any };

    if (filter->state.p)
        masks = (struct store_masks){
            states_named(notification_states, COUNT(notification_states), filter->state),
            states_named(entry_states, COUNT(entry_states), filter->state),
            states_named(run_states, COUNT(run_states), filter->state),
        };
    else if (!filter->all)
        masks = (struct store_masks){ any & ~(1u << NOTIFICATION_DONE), any & ~(1u << ENTRY_DONE),
                                      any & ~(1u << RUN_DONE) };
    if (filter->channel.p || filter->user_id.p || filter->rule.p)
        masks.notification = masks.entry = 0;
    return masks;
}

size_t store_list(struct store *store, const struct store_filter *filter, size_t limit, struct arena *arena,
                  struct store_item **items)
{
    struct store_masks masks = masks_of(filter);

    *items = NULL;
    return store_may_read(store) ? store->backend->list(store, filter, &masks, limit, arena, items) : 0;
}

/* --- open and close ------------------------------------------------------------------------------------------- */

#if HAVE_LIBPQ
#define open_pgsql store_pgsql_open
#else
static struct store *open_pgsql(const char *url, enum store_access access, enum store_status *status,
                                struct fault *fault)
{
    (void)url;
    (void)access;
    (void)status;
    fault_set(fault, "store: this callbackd was built without PostgreSQL (configure --with-postgresql)");
    return NULL;
}
#endif

struct store *store_open(const char *url, enum store_access access, enum store_status *status,
                         struct fault *fault)
{
    struct text text = text_of(url);

    *status = STORE_TEMPFAIL;
    if (text_starts(text, "sqlite:") && text.n > strlen("sqlite:"))
        return store_sqlite_open(url + strlen("sqlite:"), access, status, fault);
    if (text_starts(text, "postgresql://") || text_starts(text, "postgres://"))
        return open_pgsql(url, access, status, fault);
    if (text_is(text, "memory:") && access == STORE_SERVE)
        return store_mem_open(status, fault);
    if (text_is(text, "memory:"))
        fault_set(fault, "store memory: lives inside the daemon only");
    else /* not the URL itself: it may hold a password */
        fault_set(fault, "store: only sqlite:PATH and postgresql://... are known");
    return NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_rollback(store);
    store->backend->close(store);
}

/* --- transactions --------------------------------------------------------------------------------------------- */

bool store_fail(struct store *store, enum store_status status, const char *format, ...)
{
    va_list args;

    if (store->status != STORE_OK)
        return false;
    store->status = status;
    va_start(args, format);
    vsnprintf(store->fault.text, sizeof(store->fault.text), format, args);
    va_end(args);
    return false;
}

bool store_failed(const struct store *store)
{
    return store->status != STORE_OK;
}

bool store_may_read(struct store *store)
{
    if (!store_failed(store) && store->backend->before)
        store->backend->before(store, false);
    return !store_failed(store);
}

static enum store_status told(struct store *store, struct fault *fault)
{
    enum store_status status = store->status;

    if (status != STORE_OK)
        *fault = store->fault;
    return status;
}

enum store_status store_begin(struct store *store, struct fault *fault)
{
    store_rollback(store);
    store->open = store_may_read(store) && store->backend->begin(store);
    return told(store, fault);
}

enum store_status store_commit(struct store *store, struct fault *fault)
{
    enum store_status status;

    if (store->open && store->backend->before)
        store->backend->before(store, true);
    if (!store->open)
        store_fail(store, STORE_TEMPFAIL, "there is no transaction to commit");
    else if (!store_failed(store) && store->backend->commit(store))
        store->open = false;
    status = told(store, fault);
    store_rollback(store);
    return status;
}

void store_give_up(struct store *store, const char *why)
{
    store_fail(store, STORE_TEMPFAIL, "%s", why);
}

void store_rollback(struct store *store)
{
    if (store->open)
        store->backend->rollback(store);
    store->open = false;
    store->status = STORE_OK;
}

/* --- for the backends ------------------------------------------------------------------------------------------ */

void *store_rows_add(struct store *store, struct store_rows *rows)
{
    if (rows->n == rows->cap) {
        size_t cap = rows->cap ? 2 * rows->cap : 8;
        void *grown = arena_array(rows->arena, cap, rows->size);

        if (!grown) {
            store_fail(store, STORE_TEMPFAIL, "no memory for the rows of a query");
            return NULL;
        }
        if (rows->n)
            memcpy(grown, rows->rows, rows->n * rows->size);
        rows->rows = grown;
        rows->cap = cap;
    }
    return (char *)rows->rows + rows->n++ * rows->size;
}

struct text store_lend_text(struct store *store, struct arena *arena, struct text text)
{
    struct text copy = TEXT_NONE;

    if (!text.p)
        return copy;
    copy = arena_text(arena, text);
    if (!copy.p)
        store_fail(store, STORE_TEMPFAIL, "no memory for the rows of a query");
    return copy;
}
