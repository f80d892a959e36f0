#include "store/store_mem.h"
#include "store/store_mem_table.h"

#include <stdlib.h>

static bool backend_begin(struct store *store)
{
    (void)store;
    return true;
}

static bool backend_commit(struct store *store)
{
    struct mem *mem = mem_of(store);
    bool doubt = mem->doubt_in > 0 && --mem->doubt_in == 0;

    if (!doubt || mem->doubt_keeps)
        mem_keep(mem);
    return !doubt || store_fail(store, STORE_IN_DOUBT, "a doubt that a test asked for");
}

static void backend_rollback(struct store *store)
{
    mem_undo(mem_of(store));
}

static void backend_close(struct store *store)
{
    mem_destroy(mem_of(store));
    free(store);
}

static bool backend_changed(struct store *store)
{
    (void)store;
    return false;
}

static void backend_before(struct store *store, bool commits)
{
    struct mem *mem = mem_of(store);
    bool now = mem->fail_in == 0 ? commits : mem->fail_in > 0 && --mem->fail_in == 0;

    if (now) {
        mem->fail_in = -1;
        store_fail(store, mem->fail_status, "a failure that a test asked for");
    }
}

void store_mem_fail(struct store *store, int nth, enum store_status status)
{
    mem_of(store)->fail_in = nth;
    mem_of(store)->fail_status = status;
}

void store_mem_doubt(struct store *store, int nth, bool kept)
{
    mem_of(store)->doubt_in = nth;
    mem_of(store)->doubt_keeps = kept;
}

static const struct store_backend backend = {
    .begin = backend_begin,
    .commit = backend_commit,
    .rollback = backend_rollback,
    .close = backend_close,
    .before = backend_before,
    .changed = backend_changed,
    .add_notification = mem_add_notification,
    .new_notifications = mem_new_notifications,
    .end_notification = mem_end_notification,
    .try_notification = mem_try_notification,
    .seen = mem_seen,
    .add_entry = mem_add_entry,
    .claim_entries = mem_claim_entries,
    .update_entry = mem_update_entry,
    .old_entries = mem_old_entries,
    .next_seq = mem_next_seq,
    .find_chat = mem_find_chat,
    .tap = mem_tap,
    .add_run = mem_add_run,
    .issue = mem_issue,
    .find_issued = mem_find_issued,
    .list_issued = mem_list_issued,
    .spend = mem_spend,
    .unspend = mem_unspend,
    .variables = mem_variables,
    .set_variable = mem_set_variable,
    .drop_variable = mem_drop_variable,
    .touch_session = mem_touch_session,
    .next_channel = mem_next_channel,
    .claim_chats = mem_claim_chats,
    .get_chat = mem_get_chat,
    .head_run = mem_head_run,
    .get_run = mem_get_run,
    .get_entry = mem_get_entry,
    .begin_run = mem_begin_run,
    .add_send = mem_add_send,
    .step_sends = mem_step_sends,
    .run_sends = mem_run_sends,
    .unsettled = mem_unsettled,
    .start_send = mem_start_send,
    .keep_chat = mem_keep_chat,
    .release_chat = mem_release_chat,
    .hold_chat = mem_hold_chat,
    .settle_send = mem_settle_send,
    .amend_send = mem_amend_send,
    .drop_sends = mem_drop_sends,
    .step_run = mem_step_run,
    .set_run = mem_set_run,
    .next_sending = mem_next_sending,
    .owned_chats = mem_owned_chats,
    .disown = mem_disown,
    .expired_runs = mem_expired_runs,
    .rearm_run = mem_rearm_run,
    .rearm_notification = mem_rearm_notification,
    .rearm_entry = mem_rearm_entry,
    .drop_notification = mem_drop_notification,
    .drop_entry = mem_drop_entry,
    .prune = mem_prune,
    .sweep = mem_sweep,
    .put_ruleset = mem_put_ruleset,
    .prune_rulesets = mem_prune_rulesets,
    .get_ruleset = mem_get_ruleset,
    .put_channel = mem_put_channel,
    .penalize_channel = mem_penalize_channel,
    .pause_channel = mem_pause_channel,
    .channels = mem_channels,
    .count = mem_count,
    .newest = mem_newest,
    .next_due = mem_next_due,
    .forget_chat = mem_forget_chat,
    .list = mem_list,
    .get_notification = mem_get_notification,
    .notification_entries = mem_notification_entries,
    .entry_runs = mem_entry_runs,
};

struct store *store_mem_open(enum store_status *status, struct fault *fault)
{
    struct mem *mem = calloc(1, sizeof(*mem));

    if (!mem) {
        *status = STORE_TEMPFAIL;
        fault_set(fault, "memory: no memory");
        return NULL;
    }
    mem->store.backend = &backend;
    mem->random = 2463534242u;
    mem->fail_in = -1;
    *status = STORE_OK;
    return &mem->store;
}
