#pragma once

/* The durable queue: the only door to it. Backends: store_sqlite.c, store_pgsql.c, store_mem.c.

   One thread at a time. All changes happen between store_begin and store_commit. Errors stick: after the first failing
   call of a transaction the rest do nothing and give nothing back, and store_commit tells. So a stage of the engine
   reads as what it does, and is checked once. A change of which nothing comes back may be found to have failed only by a
   later call; but not so in the transactions that follow one that was STORE_BAD_DATA, so that replaying them shows which it was.

   Times are milliseconds of scheduling time, 0 where there is none. Ids are made by the caller. Texts handed in are
   borrowed for the call; texts handed out live in the arena given. Arrays of rows are taken as they are, in order.

   The states, the transactions T1 to T7 and the schema are in contrib/HACKING. */

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum store_status {
    STORE_OK,
    STORE_TEMPFAIL, /* full, locked, I/O error, server away: nothing of the transaction is stored; try again later */
    STORE_BAD_DATA, /* a row cannot be stored as it is: replay the batch item by item */
    STORE_BROKEN,   /* corrupt, or not a database of ours: nothing was changed; a person must look */
    STORE_FENCED,   /* this node's lease was over and others have what it had: store_join, then go on */
    STORE_AGAIN, /* another node was in the way: nothing of the transaction is stored; the same once more may go well */
    STORE_IN_DOUBT, /* only of store_commit: the server went away before it said whether the transaction is stored */
};

enum notification_state { NOTIFICATION_NEW, NOTIFICATION_DONE, NOTIFICATION_STUCK };
enum entry_state { ENTRY_FETCH, ENTRY_DONE, ENTRY_UNADDRESSED, ENTRY_EXPIRED, ENTRY_STUCK };
enum run_state {
    RUN_READY,
    RUN_HELD,
    RUN_DONE, /* this and all that follow are ends */
    RUN_REJECTED,
    RUN_FAILED,
    RUN_UNKNOWN,
    RUN_EXPIRED,
    RUN_DROPPED,
    RUN_STATES
};
enum send_state {
    SEND_READY,
    SEND_SENDING,
    SEND_OK, /* this and all that follow are ends */
    SEND_REJECTED,
    SEND_FAILED,
    SEND_UNKNOWN,
    SEND_EXPIRED,
    SEND_DROPPED,
    SEND_STATES
};

/* The states' names as logs, metrics and the command line show them. */
const char *notification_state_name(enum notification_state state);
const char *entry_state_name(enum entry_state state);
const char *run_state_name(enum run_state state);
const char *send_state_name(enum send_state state);

/* What a send asks for: a message of Octopods, an answer of the shop, something to be done in the inbox. */
enum send_kind { SEND_MESSAGE, SEND_LOOKUP, SEND_INBOX };

#define STORE_KEY_BYTES \
    16 /* a key of `seen`: the first half of a SHA-256, or a number and its first quarter */
#define STORE_HASH_BYTES 32 /* a ruleset's hash */

struct notification_row {
    int64_t id;
    struct text source;
    enum notification_state state;
    struct text reason;
    int tries;
    int64_t stored_at;
    struct text headers, body;
};

struct entry_row {
    int64_t id, notification;
    int n; /* its place in the notification */
    enum entry_state state;
    struct text reason;
    int tries;
    int64_t due_at; /* of the next fetch */
    int64_t said_at, stored_at;
    struct text source, conversation, message;
    struct text doc; /* JSON */
};

struct chat_row {
    int64_t id;
    struct text channel, user_id;
    int64_t next_seq, due_at, owner, not_before;
    struct text held; /* why the chat is held; p == NULL: it is not */
};

/* Where a chat's next run goes. */
struct chat_place {
    int64_t chat, seq, not_before;
    bool idle; /* nobody has the chat, it is not held, and none of its runs is ready */
};

struct run_row {
    int64_t id, entry;
    struct text rule;
    int64_t chat, seq;
    struct text ruleset; /* STORE_HASH_BYTES bytes */
    enum run_state state;
    struct text reason;
    int step;
    bool begun;      /* was claimed once: stays its chat's head */
    struct text doc; /* JSON */
    int64_t said_at, stored_at, expires_at, ended_at;
};

struct send_row {
    int64_t run;
    int step, n;
    enum send_kind kind;
    struct text channel, body;
    enum send_state state;
    int attempt;
    int64_t due_at, sent_at;
    int64_t owner; /* of one that is added as sending; not read */
    struct text reply_id, status_url, reason;
};

/* A button as it was sent. */
struct issued_button {
    struct text token; /* what comes back when it is pressed; p == NULL: the data */
    struct text data;
};

struct issued_row {
    int64_t chat, run;
    int step, n; /* the send whose message it stood in */
    struct text token, data;
    int64_t at, until;
    int64_t spent_by; /* the run that spent the message's buttons; 0: none */
};

struct variable_row {
    struct text name; /* those that begin with ':' are the engine's own */
    struct text value;
    int64_t until;
    bool session; /* store_touch_session moves its end */
};

struct channel_row {
    struct text name;
    int64_t not_before; /* penalty after 429 */
    struct text paused; /* why it is paused; p == NULL: it is not */
};

/* --- open and close ------------------------------------------------------------------------------------------- */

enum store_access {
    STORE_SERVE,   /* the daemon: alone (flock on DB.lock, or an advisory lock), creates and migrates */
    STORE_OPERATE, /* the command line beside it: must exist at this version; short writes */
};

/* store_open: "sqlite:PATH", "postgresql://..." or "memory:". NULL with a fault that has nothing of the URL in it; *status says why
   (TEMPFAIL: locked by another daemon, no such folder, no server, ...; BROKEN: corrupt or newer than this program). */
struct store *store_open(const char *url, enum store_access access, enum store_status *status,
                         struct fault *fault) CHECKED;
void store_close(struct store *store);

/* --- transactions --------------------------------------------------------------------------------------------- */

enum store_status store_begin(struct store *store, struct fault *fault) CHECKED;
/* store_commit: STORE_OK: all of it is on disk. Else: none of it is, unless STORE_IN_DOUBT (the transaction is over either way).
   Without a transaction: STORE_TEMPFAIL. */
enum store_status store_commit(struct store *store, struct fault *fault) CHECKED;
void store_rollback(struct store *store);
/* store_give_up: the caller cannot go on (memory is out): the transaction fails with STORE_TEMPFAIL. */
void store_give_up(struct store *store, const char *why);
/* store_clock: what the server's clock said when the transaction began, in Unix milliseconds; 0: the store has no clock of its own. */
int64_t store_clock(struct store *store);
/* store_failed: has a call of this transaction failed? For loops that would go on for nothing. */
bool store_failed(const struct store *store);

/* --- what is going to be asked ----------------------------------------------------------------------------------- */

/* An entry that is about to be matched. */
struct store_asked_entry {
    int64_t id, notification;
    /* Its message's, of store_seen: the entry is being made, no run of it is there. NULL: it was made before. */
    const unsigned char *key;
    int64_t said_at;
    struct text channel, user_id; /* user_id.p == NULL: its customer is not known */
    struct text token;            /* of the button that may have been pressed; p == NULL: of none */
};

/* A delivery that is about to be looked for in `seen`. */
struct store_asked_delivery {
    const unsigned char *key;
    int64_t notification;
};

struct store_asked {
    const struct store_asked_delivery *deliveries;
    size_t n_deliveries;
    const struct store_asked_entry *entries;
    size_t n_entries;
    int64_t now;       /* as the calls will have it */
    int64_t window_ms; /* the longest one of taps; 0: there is none */
};

/* store_is_far: is it worth while to tell it what is going to be asked? */
bool store_is_far(const struct store *store);
/* store_prefetch_intake: what comes next asks for these keys, for the chats of these entries, their variables, taps and buttons, and adds
   runs: a store that is far away gets all of it at once, and then answers without being asked. Changes no answer, and nothing: what is
   prefetched and not asked for leaves no trace. */
void store_prefetch_intake(struct store *store, const struct store_asked *asked);

/* --- T1, T2: notifications ------------------------------------------------------------------------------------- */

void store_add_notifications(struct store *store, const struct notification_row *rows, size_t n);
/* store_new_notifications: the oldest of state new with id > after. */
size_t store_new_notifications(struct store *store, int64_t after, size_t limit, struct arena *arena,
                               struct notification_row **rows);
/* store_end_notification: new -> done or stuck; does nothing to one that is not new. */
void store_end_notification(struct store *store, int64_t id, enum notification_state state,
                            struct text reason);
/* store_try_notification: tries + 1. */
void store_try_notification(struct store *store, int64_t id);

/* store_orders_keys: do keys of messages begin with the messages' numbers, where they have some? In a store that has others they go on
   as they are. */
bool store_orders_keys(struct store *store) CHECKED;
/* store_seen: inserts the keys (STORE_KEY_BYTES each, one after the other); fresh[i] says that key i was not there. A
   key that stands twice in `keys` is fresh the first time. */
void store_seen(struct store *store, const unsigned char *keys, size_t n, int64_t notification, int64_t now,
                bool *fresh);

/* --- T2, T3: entries ------------------------------------------------------------------------------------------- */

void store_add_entries(struct store *store, const struct entry_row *rows, size_t n);
/* store_claim_entries: entries of state fetch, due by `now`, without owner, of this source, newest first; they get the
   owner, and tries + 1. */
size_t store_claim_entries(struct store *store, struct text source, int64_t now, int64_t owner, size_t limit,
                           struct arena *arena, struct entry_row **rows);
/* store_update_entry: writes state, reason, tries, due_at, said_at, doc of an entry in state fetch and clears the
   owner. */
void store_update_entry(struct store *store, const struct entry_row *row);
/* store_old_entries: entries of state fetch without owner that were stored before `before`. */
size_t store_old_entries(struct store *store, int64_t before, size_t limit, struct arena *arena,
                         struct entry_row **rows);

/* --- T3: matching ---------------------------------------------------------------------------------------------- */

/* store_next_seq: finds or makes the chat (new_id is used for a new one), and tells its next number, which is taken by
   store_add_run. False when the transaction has failed. */
bool store_next_seq(struct store *store, struct text channel, struct text user_id, int64_t new_id,
                    struct chat_place *place) CHECKED;
/* store_find_chat: its row without taking a number; false if there is none. */
bool store_find_chat(struct store *store, struct text channel, struct text user_id, struct arena *arena,
                     struct chat_row *row) CHECKED;
/* store_tap: the tap window, check and write in one: true if no tap of this chat, rule and data was accepted within
   window_ms of said_at (either side). */
bool store_tap(struct store *store, int64_t chat, struct text rule, struct text data, int64_t said_at,
               int64_t window_ms, int64_t now) CHECKED;
/* store_add_run: inserts; false if a run of this entry and rule is there. The chat's next number is another then, and it
   is due now unless it has an owner. An owner may take a chat that this transaction has seen idle: then it is not due; 0: nobody. */
bool store_add_run(struct store *store, const struct run_row *row, int64_t owner, int64_t now) CHECKED;

/* --- the ledger: every button that was sent, by what comes back when it is pressed ------------------------------ */

/* store_issue: the buttons of one send. Written with each attempt: `at` and `until` become the latest, what is spent
   stays spent. */
void store_issue(struct store *store, int64_t chat, int64_t run, int step, int n,
                 const struct issued_button *buttons, size_t count, int64_t now, int64_t until);
/* store_find_issued: the valid button of this token: until > now, and its send is sending, ok or unknown. Of several
   one that is not spent, else the one issued last. False if there is none. */
bool store_find_issued(struct store *store, int64_t chat, struct text token, int64_t now, struct arena *arena,
                       struct issued_row *row) CHECKED;
/* store_spend: all buttons of the row's message are spent by the run `by`. False: they were spent already (or are gone),
   nothing was changed. */
bool store_spend(struct store *store, const struct issued_row *row, int64_t by) CHECKED;
/* store_unspend: what the run spent is good again. */
void store_unspend(struct store *store, int64_t chat, int64_t by);

/* --- chat variables ---------------------------------------------------------------------------------------------- */

/* store_variables: those of the chat with until > now, by name. The others are as good as gone, until they are pruned. */
size_t store_variables(struct store *store, int64_t chat, int64_t now, struct arena *arena,
                       struct variable_row **rows);
/* store_set_variable: instead of the one of that name. */
void store_set_variable(struct store *store, int64_t chat, const struct variable_row *row);
void store_drop_variable(struct store *store, int64_t chat, struct text name);
/* store_touch_session: the session's variables live until `until`; those that ended by `now` stay ended. */
void store_touch_session(struct store *store, int64_t chat, int64_t now, int64_t until);

/* --- T4: claiming ---------------------------------------------------------------------------------------------- */

enum store_order {
    STORE_LONGEST_DUE, /* the longest due first */
    STORE_LATEST_DUE /* only chats with no run that has begun, the latest due first; of more than 1000 due ones it
                          looks at the latest */
};
#define STORE_LATEST_MOST 1000

/* store_claim_chats: chats of the channel that are due by `now`, without owner and not held, in this order; they get the
   owner. */
size_t store_claim_chats(struct store *store, struct text channel, int64_t now, int64_t owner,
                         enum store_order order, size_t limit, struct arena *arena, struct chat_row **rows);
/* store_next_channel: the first channel behind `after`, in the order of the names, that has chats which are due at some time, without
   owner and not held; false if there is none. */
bool store_next_channel(struct store *store, struct text after, struct arena *arena,
                        struct text *channel) CHECKED;
/* store_prefetch_chats: what comes next asks for these chats, their ready runs and the sends of those: a store that is far away fetches
   them all at once, and keeps them until the end of the transaction. (For chats that it has just given to a claim it does so itself.) */
void store_prefetch_chats(struct store *store, const int64_t *chats, size_t n);
/* store_get_chat: by id; false if it is not there. */
bool store_get_chat(struct store *store, int64_t id, struct arena *arena, struct chat_row *row) CHECKED;
/* store_head_run: the chat's head: the ready run already begun, else the lowest ready one by (said_at, seq). False if
   none. */
bool store_head_run(struct store *store, int64_t chat, struct arena *arena, struct run_row *row) CHECKED;
bool store_get_run(struct store *store, int64_t id, struct arena *arena, struct run_row *row) CHECKED;
bool store_get_entry(struct store *store, int64_t id, struct arena *arena, struct entry_row *row) CHECKED;
/* store_get_entries: rows[i] is that of ids[i]; its id is 0 where there is none. */
void store_get_entries(struct store *store, const int64_t *ids, size_t n, struct arena *arena,
                       struct entry_row *rows);
/* store_begin_run: marks it begun. */
void store_begin_run(struct store *store, int64_t run);
void store_add_sends(struct store *store, const struct send_row *rows, size_t n);
/* store_step_sends: the sends of one step, by n. */
size_t store_step_sends(struct store *store, int64_t run, int step, struct arena *arena,
                        struct send_row **rows);
/* store_run_sends: all sends of a run, by step and n. */
size_t store_run_sends(struct store *store, int64_t run, struct arena *arena, struct send_row **rows);
/* store_unsettled: how many of a run's sends are unknown, and how many are neither settled nor ended. */
void store_unsettled(struct store *store, int64_t run, int64_t *unknown, int64_t *open);
/* store_start_send: ready -> sending with this attempt number, owner and time. */
void store_start_send(struct store *store, int64_t run, int step, int n, int attempt, int64_t owner,
                      int64_t now);
/* store_keep_chat: writes not_before of a chat that stays with its owner. */
void store_keep_chat(struct store *store, int64_t chat, int64_t not_before);
/* store_release_chat: clears the owner, sets due_at (0: nothing waits) and not_before. */
void store_release_chat(struct store *store, int64_t chat, int64_t due_at, int64_t not_before);
/* store_hold_chat: held with this reason, or not held any more (p == NULL), then due now. */
void store_hold_chat(struct store *store, int64_t chat, struct text reason, int64_t now);

/* --- T5: settling ---------------------------------------------------------------------------------------------- */

/* store_settle_send: guarded by (run, step, n), attempt and state sending; writes state, due_at, reply_id, status_url and
   reason of the row. False: the guard did not hold; nothing was changed. */
bool store_settle_send(struct store *store, const struct send_row *row) CHECKED;
/* store_amend_send: what is known now of one that is unknown: the same, but guarded by (run, step, n), attempt and state unknown. */
bool store_amend_send(struct store *store, const struct send_row *row) CHECKED;
/* store_drop_sends: what of the run is still ready never leaves: it went another way. */
void store_drop_sends(struct store *store, int64_t run, struct text reason);
/* store_step_run: the run goes on at `step` with this doc. */
void store_step_run(struct store *store, int64_t run, int step, struct text doc);
/* store_set_run: ready <-> held, or an end state (ended_at = now); guarded: an ended run stays as it is. Returns
   whether it was changed. Its sends that are still ready end with it, unless it is done: they are expired if the run is,
   else dropped, for the same reason. If nobody owns the chat it is due, so that what is behind the run goes on; a run is
   done in its owner's hands only. */
bool store_set_run(struct store *store, int64_t run, enum run_state state, struct text reason, int64_t now);

/* --- T6: taking over -------------------------------------------------------------------------------------------- */

/* store_next_sending: sends that are `sending`, and the owner's (0: whoever owns them). */
size_t store_next_sending(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                          struct send_row **rows);
/* store_owned_chats: the owner's, by id. Only PostgreSQL has an index for it. */
size_t store_owned_chats(struct store *store, int64_t owner, size_t limit, struct arena *arena,
                         struct chat_row **rows);
/* store_disown: no chat and no entry is the owner's any more (0: anybody's); chats with ready runs are due now. */
void store_disown(struct store *store, int64_t owner, int64_t now);

/* --- nodes: several programs that work on one store --------------------------------------------------------------- */

#define STORE_NODES 1024

struct node_row {
    int64_t id; /* the owner of what it claims; its number, below STORE_NODES, stands in bits 12 to 21 */
    struct text name, rules; /* rules: the hash of those that it works with */
    int64_t lease_until;
};

/* store_is_shared: may others be at work on it? If not, a node is alone: it has no row, and none of these finds anybody. */
bool store_is_shared(const struct store *store);
/* Leases are told by store_clock, which is one for all nodes.

   store_join: a node of this name, with a number that no other one has. From then on each transaction begins with the node's row
   locked, so that nobody takes over from a node that is in the middle of one, and with STORE_FENCED where there is no row.
   STORE_TEMPFAIL: all numbers are taken, for one. A transaction by itself. */
enum store_status store_join(struct store *store, struct text name, int64_t lease_ms, int64_t *node,
                             struct fault *fault) CHECKED;
/* store_beat: the node's lease lasts until then, and it works with these rules. */
void store_beat(struct store *store, int64_t node, struct text rules, int64_t lease_until);
/* store_lapsed: a node whose lease was over by `now` and that is in no transaction, locked; 0 if there is none. */
int64_t store_lapsed(struct store *store, int64_t now);
/* store_leave: the node's row goes: what it owned was taken over. */
void store_leave(struct store *store, int64_t node);
/* store_nodes: those with a lease, by id. */
size_t store_nodes(struct store *store, int64_t now, struct arena *arena, struct node_row **rows);
/* store_call: when this transaction is stored, nodes that sleep look for work. store_called: has another node called? */
void store_call(struct store *store);
bool store_called(struct store *store);
/* store_renewed: is this another connection than at the last call? Another server may have taken over, which does not have what was
   committed last. */
bool store_renewed(struct store *store);
/* store_disown_fetches: no entry but these is the owner's any more. */
void store_disown_fetches(struct store *store, int64_t owner, const int64_t *but, size_t n);
/* store_fd: can be read when a call or news may have come; -1: there is no such thing, or no connection. For poll(2) between
   transactions. */
int store_fd(struct store *store);

/* --- T7: expiring, operating, pruning --------------------------------------------------------------------------- */

/* store_expired_runs: runs, ready or held, with expires_at <= now and no send in state sending. */
size_t store_expired_runs(struct store *store, int64_t now, size_t limit, struct arena *arena,
                          struct run_row **rows);
/* store_rearm_run: puts an ended or held run back to ready at its chat's tail: a new seq and said_at = now, expires_at;
   its sends that are not ok become ready with attempt kept, and it goes back to the step of the first of them; the chat
   is due now. False if it is neither or is sending. */
bool store_rearm_run(struct store *store, int64_t run, int64_t now, int64_t expires_at) CHECKED;
/* store_rearm_notification, store_rearm_entry: stuck (or unaddressed, expired) -> new / fetch with tries 0. */
bool store_rearm_notification(struct store *store, int64_t id) CHECKED;
bool store_rearm_entry(struct store *store, int64_t id, int64_t now) CHECKED;
/* store_drop_entry, store_drop_notification: a waiting or stuck one becomes done with the reason. */
bool store_drop_notification(struct store *store, int64_t id, struct text reason) CHECKED;
bool store_drop_entry(struct store *store, int64_t id, struct text reason) CHECKED;

/* How long what has ended is kept: what ended before `before` may go, but for the things of these sources. */
struct store_source_keep {
    struct text source;
    int64_t before;
};

struct store_keep {
    int64_t before;
    const struct store_source_keep *sources;
    size_t n_sources;
};

/* store_prune: deletes at most `limit` rows of each kind, and source, that are not kept any longer (notifications done with no
   entry in state fetch, their entries, runs with their sends; variables past their time). A run is its notification's source's; one
   whose notification is gone is kept as long as anything is. Returns how many rows went; runs (RUN_STATES numbers) counts up the
   runs that went, by state. */
size_t store_prune(struct store *store, const struct store_keep *keep, size_t limit, int64_t *runs);
/* store_sweep: deletes what no other row would take along: taps stored before `before`, ledger rows past their time then,
   keys of `seen` from before `seen_before`. Goes through those of `limit` chats and through `limit` keys, whatever their
   age, and the next call goes on from there: so none of these tables, of which every tap writes rows, needs an index by
   time. True when a round is complete. */
bool store_sweep(struct store *store, int64_t before, int64_t seen_before, size_t limit) CHECKED;

/* --- rulesets, channels, numbers --------------------------------------------------------------------------------- */

/* store_put_ruleset: seen now. The one that was seen last was in use until just before. */
void store_put_ruleset(struct store *store, struct text hash, struct text source, int64_t now);
/* store_prune_rulesets: those seen last before `before`, but for this one and those that runs began with which have not ended. Returns
   how many went. Looks at every such run: for once in a while. */
size_t store_prune_rulesets(struct store *store, struct text keep, int64_t before);
/* store_get_ruleset: the canonical source; false if the store has none of this hash. */
bool store_get_ruleset(struct store *store, struct text hash, struct arena *arena,
                       struct text *source) CHECKED;
/* store_put_channel: as the row says, and nothing else. For nodes beside each other, each of which knows only what it has seen:
   store_penalize_channel: nothing before this time, or a later one that is there already; store_pause_channel: paused for this reason,
   p == NULL: no longer. Each leaves the other column as it is. */
void store_put_channel(struct store *store, const struct channel_row *row);
void store_penalize_channel(struct store *store, struct text name, int64_t not_before);
void store_pause_channel(struct store *store, struct text name, struct text reason);
size_t store_channels(struct store *store, struct arena *arena, struct channel_row **rows);

struct store_counts {
    int64_t notifications_new, notifications_stuck;
    int64_t entries_fetch, entries_unaddressed, entries_stuck;
    int64_t runs[RUN_STATES];
    bool variables; /* some chat has some */
};

/* store_count: what there is. May take long with many rows; for the start and the command line. */
void store_count(struct store *store, struct store_counts *counts);
/* store_newest: the newest id and stored_at of anything, 0 if empty. */
void store_newest(struct store *store, int64_t *id, int64_t *stored_at);
/* store_next_due: when the first chat of these channels is due that has no owner and is not held; 0 if there is none. each (NULL: not
   wanted) gets the same of each channel. */
int64_t store_next_due(struct store *store, const struct text *channels, size_t n, int64_t *each);
/* store_changed: has the command line committed a change since the last call? (SQLite: any other process.) */
bool store_changed(struct store *store);

/* --- forgetting a customer ----------------------------------------------------------------------------------------- */

struct store_forgotten {
    int64_t chats, runs, sends, buttons, taps, variables, entries;
    int64_t notifications; /* whole rows */
    int64_t bodies;        /* of notifications that have entries of others, too: only the body went */
};

enum store_forget {
    STORE_FORGOTTEN,
    STORE_FORGET_BUSY, /* a send of the customer is on its way, or the store failed: try again when its result is there */
    STORE_FORGET_AGAIN, /* the customer said something since store_forget_find: from there once more */
};

/* store_forget_chat: removes all that is kept of the customer: the chats of the user id (channel.p == NULL: of all channels),
   what hangs on them, the entries behind their runs, and all entries of the same conversations, which no rule may have
   taken. A notification goes with its last entry; one that has others', too, loses its body, which nothing needs once it
   is extracted. What stays: keys of `seen` (hashes; a webhook that comes again would else bring the customer back),
   notifications that are not extracted yet, entries of conversations that never had a run. All goes, or nothing; STORE_AGAIN of the
   commit is to be expected where others are at work. */
enum store_forget store_forget_chat(struct store *store, struct text channel, struct text user_id,
                                    struct store_forgotten *counts) CHECKED;
/* store_forget_find: reads whole tables, for the command line, which others write to meanwhile; then the next store_forget_chat of
   the same customer takes no longer than what it removes. Without it that reads them while others wait. */
void store_forget_find(struct store *store, struct text channel, struct text user_id);
/* store_clear_log: what was removed is gone from the tables' file with the commit; this takes it out of the write-ahead log, too.
   Outside of a transaction. False: the log is in use; what it holds is written over in time. */
bool store_clear_log(struct store *store) CHECKED;

/* --- looking: pages, for the command line ------------------------------------------------------------------------ */

enum store_kind { STORE_NOTIFICATION, STORE_ENTRY, STORE_RUN };

struct store_filter {
    bool all;          /* else only what waits, is held, stuck, unaddressed or ended without success */
    struct text state; /* only this state's name; p == NULL: any */
    struct text channel, user_id, source, rule; /* p == NULL: any */
    int64_t after;                              /* ids above this one */
};

struct store_item {
    enum store_kind kind;
    int64_t id, stored_at;
    const char *state;
    struct text reason, source, channel, user_id, rule;
    int64_t expires_at;
};

/* store_list: at most `limit` items in order of id. */
size_t store_list(struct store *store, const struct store_filter *filter, size_t limit, struct arena *arena,
                  struct store_item **items);
bool store_get_notification(struct store *store, int64_t id, struct arena *arena,
                            struct notification_row *row) CHECKED;
size_t store_notification_entries(struct store *store, int64_t notification, struct arena *arena,
                                  struct entry_row **rows);
size_t store_entry_runs(struct store *store, int64_t entry, struct arena *arena, struct run_row **rows);

/* store_list_issued: valid buttons behind `after` (NULL: from the first on), those of a chat one behind the other. */
size_t store_list_issued(struct store *store, const struct issued_row *after, int64_t now, size_t limit,
                         struct arena *arena, struct issued_row **rows);
