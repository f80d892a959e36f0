#pragma once

/* What a backend of the store gives, and what it may use of store.c. For the files of store/ only.

   The dispatcher has done before each call: no call of this transaction failed yet; a change happens inside a
   transaction; texts that go into text columns are UTF-8 without NUL. A backend reports by store_fail and gives nothing
   back then. */

#include "store/store.h"

/* Which states store_list wants of each kind, a bit per state. */
struct store_masks {
    unsigned notification, entry, run;
};

struct store_backend {
    bool (*begin)(struct store *store);
    bool (*commit)(struct store *store);
    void (*rollback)(struct store *store);
    void (*close)(struct store *store);
    /* May be NULL. Called before every other call; fails it by store_fail. */
    void (*before)(struct store *store, bool commits);

    void (*prefetch_intake)(struct store *store, const struct store_asked *asked); /* NULL: it is near */

    void (*add_notification)(struct store *store, const struct notification_row *row);
    size_t (*new_notifications)(struct store *store, int64_t after, size_t limit, struct arena *arena,
                                struct notification_row **rows);
    void (*end_notification)(struct store *store, int64_t id, enum notification_state state,
                             struct text reason);
    void (*try_notification)(struct store *store, int64_t id);
    bool (*orders_keys)(struct store *store); /* NULL: yes */
    bool (*seen)(struct store *store, struct text key, int64_t notification, int64_t now);

    void (*add_entry)(struct store *store, const struct entry_row *row);
    size_t (*claim_entries)(struct store *store, struct text source, int64_t now, int64_t owner, size_t limit,
                            struct arena *arena, struct entry_row **rows);
    void (*update_entry)(struct store *store, const struct entry_row *row);
    size_t (*old_entries)(struct store *store, int64_t before, size_t limit, struct arena *arena,
                          struct entry_row **rows);

    bool (*next_seq)(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                     struct chat_place *place);
    bool (*find_chat)(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                      struct chat_row *row);
    bool (*tap)(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
                int64_t window_ms, int64_t now);
    bool (*add_run)(struct store *store, const struct run_row *row, int64_t owner, int64_t now);

    void (*issue)(struct store *store, const struct issued_row *row);
    bool (*find_issued)(struct store *store, int64_t chat, struct text token, int64_t now,
                        struct arena *arena, struct issued_row *row);
    size_t (*list_issued)(struct store *store, const struct issued_row *after, int64_t now, size_t limit,
                          struct arena *arena, struct issued_row **rows);
    bool (*spend)(struct store *store, const struct issued_row *row, int64_t by);
    void (*unspend)(struct store *store, int64_t chat, int64_t by);

    size_t (*variables)(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                        struct variable_row **rows);
    void (*set_variable)(struct store *store, int64_t chat, const struct variable_row *row);
    void (*drop_variable)(struct store *store, int64_t chat, struct text name);
    void (*touch_session)(struct store *store, int64_t chat, int64_t now, int64_t until);

    bool (*next_channel)(struct store *store, struct text after, struct arena *arena, struct text *channel);
    size_t (*claim_chats)(struct store *store, struct text channel, int64_t now, int64_t owner,
                          enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows);
    void (*prefetch_chats)(struct store *store, const int64_t *chats, size_t n); /* NULL: it is near */
    bool (*get_chat)(struct store *store, int64_t id, struct arena *arena, struct chat_row *row);
    bool (*head_run)(struct store *store, int64_t chat, struct arena *arena, struct run_row *row);
    bool (*get_run)(struct store *store, int64_t id, struct arena *arena, struct run_row *row);
    bool (*get_entry)(struct store *store, int64_t id, struct arena *arena, struct entry_row *row);
    void (*get_entries)(struct store *store, const int64_t *ids, size_t n, struct arena *arena,
                        struct entry_row *rows); /* NULL: it is near; the rows are zeroed before */
    void (*begin_run)(struct store *store, int64_t run);
    void (*add_send)(struct store *store, const struct send_row *row);
    size_t (*step_sends)(struct store *store, int64_t run, int step, struct arena *arena,
                         struct send_row **rows);
    size_t (*run_sends)(struct store *store, int64_t run, struct arena *arena, struct send_row **rows);
    void (*unsettled)(struct store *store, int64_t run, int64_t *unknown, int64_t *open);
    void (*start_send)(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner,
                       int64_t now);
    void (*keep_chat)(struct store *store, int64_t chat, int64_t not_before);
    void (*release_chat)(struct store *store, int64_t chat, int64_t due_at, int64_t not_before);
    void (*hold_chat)(struct store *store, int64_t chat, struct text reason, int64_t now);

    bool (*settle_send)(struct store *store, const struct send_row *row);
    bool (*amend_send)(struct store *store, const struct send_row *row);
    void (*drop_sends)(struct store *store, int64_t run, struct text reason);
    void (*step_run)(struct store *store, int64_t run, int step, struct text doc);
    bool (*set_run)(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now);

    size_t (*next_sending)(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                           struct send_row **rows);
    size_t (*owned_chats)(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                          struct chat_row **rows);
    void (*disown)(struct store *store, int64_t owner, int64_t now);

    /* NULL, all of them, where no other program works on the store. */
    int64_t (*join)(struct store *store, struct text name, int64_t now, int64_t lease_until);
    void (*beat)(struct store *store, int64_t node, struct text rules, int64_t lease_until);
    int64_t (*lapsed)(struct store *store, int64_t now);
    void (*leave)(struct store *store, int64_t node);
    size_t (*nodes)(struct store *store, int64_t now, struct arena *arena, struct node_row **rows);
    void (*call)(struct store *store);
    bool (*called)(struct store *store);
    bool (*renewed)(struct store *store);
    void (*disown_fetches)(struct store *store, int64_t owner, const int64_t *but, size_t n);
    int (*fd)(struct store *store);

    size_t (*expired_runs)(struct store *store, int64_t now, size_t limit, struct arena *arena,
                           struct run_row **rows);
    bool (*rearm_run)(struct store *store, int64_t run, int64_t now, int64_t expires_at);
    bool (*rearm_notification)(struct store *store, int64_t id);
    bool (*rearm_entry)(struct store *store, int64_t id, int64_t now);
    bool (*drop_notification)(struct store *store, int64_t id, struct text reason);
    bool (*drop_entry)(struct store *store, int64_t id, struct text reason);
    size_t (*prune)(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs);
    bool (*sweep)(struct store *store, int64_t before, int64_t seen_before, size_t limit);

    void (*put_ruleset)(struct store *store, struct text hash, struct text source, int64_t now);
    size_t (*prune_rulesets)(struct store *store, struct text keep, int64_t before);
    bool (*get_ruleset)(struct store *store, struct text hash, struct arena *arena, struct text *source);
    void (*put_channel)(struct store *store, const struct channel_row *row);
    void (*penalize_channel)(struct store *store, struct text name, int64_t not_before);
    void (*pause_channel)(struct store *store, struct text name, struct text reason);
    size_t (*channels)(struct store *store, struct arena *arena, struct channel_row **rows);
    void (*count)(struct store *store, struct store_counts *counts);
    void (*newest)(struct store *store, int64_t *id, int64_t *stored_at);
    int64_t (*next_due)(struct store *store, const struct text *channels, size_t n, int64_t *each);
    bool (*changed)(struct store *store);
    int64_t (*clock)(struct store *store); /* NULL: it has none */

    bool (*clear_log)(struct store *store); /* NULL: there is none */
    bool (*forget_chat)(struct store *store, struct text channel, struct text user_id,
                        struct store_forgotten *counts);
    /* Both NULL: there is nothing to gain. forget_found is called instead of forget_chat. */
    void (*forget_find)(struct store *store, struct text channel, struct text user_id);
    enum store_forget (*forget_found)(struct store *store, struct text channel, struct text user_id,
                                      struct store_forgotten *counts);

    size_t (*list)(struct store *store, const struct store_filter *filter, const struct store_masks *masks,
                   size_t limit, struct arena *arena, struct store_item **items);
    bool (*get_notification)(struct store *store, int64_t id, struct arena *arena,
                             struct notification_row *row);
    size_t (*notification_entries)(struct store *store, int64_t notification, struct arena *arena,
                                   struct entry_row **rows);
    size_t (*entry_runs)(struct store *store, int64_t entry, struct arena *arena, struct run_row **rows);
};

/* Every backend's own struct begins with this. */
struct store {
    const struct store_backend *backend;
    bool open;                /* between begin and commit */
    enum store_status status; /* of the first call that failed since the last begin, commit or rollback */
    struct fault fault;
};

/* store_fail: the first failure of a transaction is kept, later ones are not. Returns false. */
bool store_fail(struct store *store, enum store_status status, const char *format, ...) PRINTF(3, 4);

/* store_is_text: may it stand in a text column? */
bool store_is_text(struct text text);
/* store_may_read: may a call go on? Asks the backend's `before`. */
bool store_may_read(struct store *store) CHECKED;
/* store_may_write: the same for a change. */
bool store_may_write(struct store *store) CHECKED;

/* The rows of a query while they come in: an array in an arena that doubles. */
struct store_rows {
    struct arena *arena;
    size_t size; /* of one row */
    void *rows;
    size_t n, cap;
};

/* store_rows_add: a zeroed row at the end; NULL (and the store failed) when the arena has no room. */
void *store_rows_add(struct store *store, struct store_rows *rows) CHECKED;
/* store_lend_text: a copy in the arena; p == NULL stays. Fails the store when there is no room. */
struct text store_lend_text(struct store *store, struct arena *arena, struct text text);
/* store_window: taps between these, but not at them, are within window_ms of this one. */
void store_window(int64_t said_at, int64_t window_ms, int64_t *from, int64_t *to);
/* store_keep_from: what of the source ended before this may go; store_keep_longest: of any source. */
int64_t store_keep_from(const struct store_keep *keep, struct text source);
int64_t store_keep_longest(const struct store_keep *keep);
/* store_earlier: of two times, of which 0 is none. */
static inline int64_t store_earlier(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}
/* store_send_end: what becomes of a send that is still ready when its run ends so. */
enum send_state store_send_end(enum run_state state);
/* store_state_name: of a listed item. */
const char *store_state_name(enum store_kind kind, int state);

/* The backends' constructors. */
struct store *store_sqlite_open(const char *path, enum store_access access, enum store_status *status,
                                struct fault *fault) CHECKED;
/* Only with libpq (HAVE_LIBPQ). */
struct store *store_pgsql_open(const char *url, enum store_access access, enum store_status *status,
                               struct fault *fault) CHECKED;
struct store *store_mem_open(enum store_status *status, struct fault *fault) CHECKED;
