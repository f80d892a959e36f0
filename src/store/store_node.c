/* Nodes: see store.h. */

#include "store/store_backend.h"

bool store_is_shared(const struct store *store)
{
    return store->backend->join;
}

enum store_status store_join(struct store *store, struct text name, int64_t lease_ms, int64_t *node,
                             struct fault *fault)
{
    enum store_status status = store_begin(store, fault);
    int64_t now;

    if (status != STORE_OK)
        return status;
    now = store_clock(store);
    *node = store->backend->join(store, name, now, now + lease_ms);
    if (!*node)
        store_fail(store, STORE_TEMPFAIL, "all %d numbers of nodes are taken", STORE_NODES);
    return store_commit(store, fault);
}

void store_beat(struct store *store, int64_t node, struct text rules, int64_t lease_until)
{
    if (store_is_shared(store) && store_may_write(store))
        store->backend->beat(store, node, rules, lease_until);
}

int64_t store_lapsed(struct store *store, int64_t now)
{
    return store_is_shared(store) && store_may_write(store) ? store->backend->lapsed(store, now) : 0;
}

void store_leave(struct store *store, int64_t node)
{
    if (store_is_shared(store) && store_may_write(store))
        store->backend->leave(store, node);
}

size_t store_nodes(struct store *store, int64_t now, struct arena *arena, struct node_row **rows)
{
    *rows = NULL;
    return store_is_shared(store) && store_may_read(store) ? store->backend->nodes(store, now, arena, rows)
                                                           : 0;
}

void store_call(struct store *store)
{
    if (store_is_shared(store) && store_may_write(store))
        store->backend->call(store);
}

bool store_called(struct store *store)
{
    return store_is_shared(store) && store->backend->called(store);
}

bool store_renewed(struct store *store)
{
    return store_is_shared(store) && store->backend->renewed(store);
}

void store_disown_fetches(struct store *store, int64_t owner, const int64_t *but, size_t n)
{
    if (store_is_shared(store) && store_may_write(store))
        store->backend->disown_fetches(store, owner, but, n);
}

int store_fd(struct store *store)
{
    return store_is_shared(store) ? store->backend->fd(store) : -1;
}
