#pragma once

/* The memory backend's inside: tables of rows, ordered by indexes, whose changes can be undone. For store_mem*.c only.

   A row is never changed in place: a changed copy takes its place, and the old one waits for the end of the
   transaction. So a row may be used as a key and as a place to go on from after it was replaced. */

#include "store/store_backend.h"

#include <stdalign.h>
#include <stdint.h>

#define MEM_INDEXES 5

enum mem_kind {
    MEM_NOTIFICATION,
    MEM_SEEN,
    MEM_ENTRY,
    MEM_CHAT,
    MEM_RUN,
    MEM_SEND,
    MEM_TAP,
    MEM_ISSUED,
    MEM_VARIABLE,
    MEM_RULESET,
    MEM_CHANNEL,
    MEM_ASKED, /* of an image only: see store_pgsql_asked.c */
    MEM_LONG,  /* the same: see store_pgsql_image.c */
    MEM_KINDS
};

struct mem_index {
    int (*compare)(const void *a, const void *b);
    bool (*holds)(const void *row); /* NULL: every row */
};

struct mem_shape {
    size_t size;         /* of a row */
    size_t lent;         /* of its part that store.h shows */
    const size_t *texts; /* where a row has its texts */
    size_t n_texts;
    size_t n_unique, n_indexes; /* the unique ones first; the first is the key and holds every row */
    struct mem_index indexes[MEM_INDEXES];
};

/* A row in the trees of its table's indexes: treaps, whose shape follows from a random priority. */
struct mem_node {
    struct mem_node *left[MEM_INDEXES], *right[MEM_INDEXES];
    uint32_t priority;
    alignas(max_align_t) char row[];
};

struct mem_change {
    enum mem_kind kind;
    struct mem_node *before, *after; /* NULL: inserted, deleted */
};

struct mem {
    struct store store; /* first: a struct store * of this backend is a struct mem * */
    struct mem_node *roots[MEM_KINDS][MEM_INDEXES];
    struct mem_change *log;
    size_t n_log, cap_log;
    uint32_t random;
    int doubt_in; /* commits until one is in doubt; 0: none */
    bool doubt_keeps;
    int fail_in; /* calls until one fails; 0: at the commit; below: never */
    enum store_status fail_status;
};

extern const struct mem_shape mem_shapes[MEM_KINDS];

static inline struct mem *mem_of(struct store *store)
{
    return (struct mem *)store;
}

/* mem_first: the first row of the index that is not before the key; NULL as key: the very first. NULL if none. */
const void *mem_first(struct mem *mem, enum mem_kind kind, int index, const void *key);
/* mem_after: the first row behind the key. mem_before: the last one before it. */
const void *mem_after(struct mem *mem, enum mem_kind kind, int index, const void *key);
const void *mem_before(struct mem *mem, enum mem_kind kind, int index, const void *key);
/* mem_find: the row that is equal to the key in this index. */
const void *mem_find(struct mem *mem, enum mem_kind kind, int index, const void *key);
/* mem_insert: a copy of the row. False: the store has failed, with STORE_BAD_DATA where a unique row is there. */
bool mem_insert(struct mem *mem, enum mem_kind kind, const void *row);
/* mem_replace: `row`, copied, instead of `old`, which mem_first and its like gave. */
bool mem_replace(struct mem *mem, enum mem_kind kind, const void *old, const void *row);
bool mem_delete(struct mem *mem, enum mem_kind kind, const void *old);

/* mem_lend: a copy for the caller of store.h, its texts in the arena. */
bool mem_lend(struct mem *mem, enum mem_kind kind, const void *row, struct arena *arena, void *out);
/* mem_give: the same, at the end of an array; mem_given: the array, NULL and n == 0 when the store has failed. */
void mem_give(struct mem *mem, enum mem_kind kind, const void *row, struct store_rows *out);
void *mem_given(struct mem *mem, const struct store_rows *out, size_t *n);

void mem_keep(struct mem *mem);    /* the transaction's changes stay */
void mem_undo(struct mem *mem);    /* they go */
void mem_destroy(struct mem *mem); /* all rows go */

/* Rows that are no rows of store.h, or more than those. */
struct mem_entry {
    struct entry_row row;
    int64_t owner;
};

struct mem_seen {
    struct text key;
    int64_t notification, at;
};

struct mem_tap {
    int64_t chat;
    struct text rule, data;
    int64_t said_at, stored_at;
};

struct mem_variable {
    struct variable_row row;
    int64_t chat;
};

/* What an image knows of a customer beyond the rows of the chat. */
struct mem_asked {
    struct text channel, user_id;
    int64_t chat;               /* 0: there was none */
    int64_t taps_from, taps_to; /* all taps said between these are in the image */
};

/* A chat that may have more ready runs than are in the image: they come behind this one. As long as it is ready itself, the head is known. */
struct mem_long {
    int64_t chat, last_run;
};

struct mem_ruleset {
    struct text hash, source;
    int64_t seen_at;
};

/* The indexes. Index 0 is every table's key. */
enum { MEM_KEY };
enum { MEM_NOTIFICATION_NEW = 1, MEM_NOTIFICATION_DONE };
enum { MEM_ENTRY_PLACE = 1, MEM_ENTRY_FETCH, MEM_ENTRY_STORED };
enum { MEM_CHAT_USER = 1, MEM_CHAT_DUE };
enum { MEM_RUN_ENTRY = 1, MEM_RUN_HEAD, MEM_RUN_EXPIRES, MEM_RUN_ENDED };
enum { MEM_SEND_SENDING = 1 };
enum { MEM_VARIABLE_UNTIL = 1 };

/* mem_is_sending: is a send of the run on its way? */
bool mem_is_sending(struct mem *mem, int64_t run);
/* mem_end_sends: the sends of the run that are still ready end with it. */
void mem_end_sends(struct mem *mem, int64_t run, enum send_state state, struct text reason);
/* mem_next_issued, mem_next_variable: the row behind `after`, of the same chat; NULL as `after`: the chat's first. */
const struct issued_row *mem_next_issued(struct mem *mem, int64_t chat, const struct issued_row *after);
const struct mem_variable *mem_next_variable(struct mem *mem, int64_t chat, const struct mem_variable *after);
/* mem_prune_sends: the run's sends, at most `limit`. *buttons grows by the ledger rows that went with those that did not go
   well. */
size_t mem_prune_sends(struct mem *mem, const struct run_row *run, size_t limit, size_t *buttons);

/* The functions of the backend, by topic. */
void mem_add_notification(struct store *store, const struct notification_row *row);
size_t mem_new_notifications(struct store *store, int64_t after, size_t limit, struct arena *arena,
                             struct notification_row **rows);
void mem_end_notification(struct store *store, int64_t id, enum notification_state state, struct text reason);
void mem_try_notification(struct store *store, int64_t id);
bool mem_seen(struct store *store, struct text key, int64_t notification, int64_t now);
void mem_add_entry(struct store *store, const struct entry_row *row);
size_t mem_claim_entries(struct store *store, struct text source, int64_t now, int64_t owner, size_t limit,
                         struct arena *arena, struct entry_row **rows);
void mem_update_entry(struct store *store, const struct entry_row *row);
size_t mem_old_entries(struct store *store, int64_t before, size_t limit, struct arena *arena,
                       struct entry_row **rows);
bool mem_next_seq(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                  struct chat_place *place);
bool mem_find_chat(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                   struct chat_row *row);
bool mem_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
             int64_t window_ms, int64_t now);
bool mem_add_run(struct store *store, const struct run_row *row, int64_t owner, int64_t now);
void mem_issue(struct store *store, const struct issued_row *row);
bool mem_find_issued(struct store *store, int64_t chat, struct text token, int64_t now, struct arena *arena,
                     struct issued_row *row);
size_t mem_list_issued(struct store *store, const struct issued_row *after, int64_t now, size_t limit,
                       struct arena *arena, struct issued_row **rows);
bool mem_spend(struct store *store, const struct issued_row *row, int64_t by);
void mem_unspend(struct store *store, int64_t chat, int64_t by);
size_t mem_variables(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                     struct variable_row **rows);
void mem_set_variable(struct store *store, int64_t chat, const struct variable_row *row);
void mem_drop_variable(struct store *store, int64_t chat, struct text name);
void mem_touch_session(struct store *store, int64_t chat, int64_t now, int64_t until);
bool mem_next_channel(struct store *store, struct text after, struct arena *arena, struct text *channel);
size_t mem_claim_chats(struct store *store, struct text channel, int64_t now, int64_t owner,
                       enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows);
bool mem_get_chat(struct store *store, int64_t id, struct arena *arena, struct chat_row *row);
bool mem_head_run(struct store *store, int64_t chat, struct arena *arena, struct run_row *row);
bool mem_get_run(struct store *store, int64_t id, struct arena *arena, struct run_row *row);
bool mem_get_entry(struct store *store, int64_t id, struct arena *arena, struct entry_row *row);
void mem_begin_run(struct store *store, int64_t run);
void mem_add_send(struct store *store, const struct send_row *row);
size_t mem_step_sends(struct store *store, int64_t run, int step, struct arena *arena,
                      struct send_row **rows);
size_t mem_run_sends(struct store *store, int64_t run, struct arena *arena, struct send_row **rows);
void mem_unsettled(struct store *store, int64_t run, int64_t *unknown, int64_t *open);
void mem_start_send(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner,
                    int64_t now);
void mem_keep_chat(struct store *store, int64_t chat, int64_t not_before);
void mem_release_chat(struct store *store, int64_t chat, int64_t due_at, int64_t not_before);
void mem_hold_chat(struct store *store, int64_t chat, struct text reason, int64_t now);
bool mem_settle_send(struct store *store, const struct send_row *row);
bool mem_amend_send(struct store *store, const struct send_row *row);
void mem_drop_sends(struct store *store, int64_t run, struct text reason);
void mem_step_run(struct store *store, int64_t run, int step, struct text doc);
bool mem_set_run(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now);
size_t mem_next_sending(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                        struct send_row **rows);
size_t mem_owned_chats(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                       struct chat_row **rows);
void mem_disown(struct store *store, int64_t owner, int64_t now);
size_t mem_expired_runs(struct store *store, int64_t now, size_t limit, struct arena *arena,
                        struct run_row **rows);
bool mem_rearm_run(struct store *store, int64_t run, int64_t now, int64_t expires_at);
bool mem_rearm_notification(struct store *store, int64_t id);
bool mem_rearm_entry(struct store *store, int64_t id, int64_t now);
bool mem_drop_notification(struct store *store, int64_t id, struct text reason);
bool mem_drop_entry(struct store *store, int64_t id, struct text reason);
size_t mem_prune(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs);
bool mem_sweep(struct store *store, int64_t before, int64_t seen_before, size_t limit);
void mem_put_ruleset(struct store *store, struct text hash, struct text source, int64_t now);
size_t mem_prune_rulesets(struct store *store, struct text keep, int64_t before);
bool mem_get_ruleset(struct store *store, struct text hash, struct arena *arena, struct text *source);
void mem_put_channel(struct store *store, const struct channel_row *row);
void mem_penalize_channel(struct store *store, struct text name, int64_t not_before);
void mem_pause_channel(struct store *store, struct text name, struct text reason);
size_t mem_channels(struct store *store, struct arena *arena, struct channel_row **rows);
void mem_count(struct store *store, struct store_counts *counts);
void mem_newest(struct store *store, int64_t *id, int64_t *stored_at);
int64_t mem_next_due(struct store *store, const struct text *channels, size_t n, int64_t *each);
bool mem_forget_chat(struct store *store, struct text channel, struct text user_id,
                     struct store_forgotten *counts);
size_t mem_list(struct store *store, const struct store_filter *filter, const struct store_masks *masks,
                size_t limit, struct arena *arena, struct store_item **items);
bool mem_get_notification(struct store *store, int64_t id, struct arena *arena, struct notification_row *row);
size_t mem_notification_entries(struct store *store, int64_t notification, struct arena *arena,
                                struct entry_row **rows);
size_t mem_entry_runs(struct store *store, int64_t entry, struct arena *arena, struct run_row **rows);
