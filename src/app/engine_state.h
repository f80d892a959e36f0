#pragma once

/* What the engine's stages share. Private to app/engine*.c, app/stage_*.c and app/sandbox.c; one
   thread.

   Everything that a batch decides is held back until its transaction is committed: rows in the store, mails in `outbox`, numbers in
   `delta`. A failed transaction leaves nothing of it behind but what only helps to decide: caches, `said`, `answered`, which chats the
   loop guard holds. */

#include "app/breaker.h"
#include "app/cache.h"
#include "app/engine.h"
#include "app/loopguard.h"
#include "app/mail.h"
#include "app/schedule.h"
#include "core/entry.h"
#include "core/outcome.h"

#include <pthread.h>

#define NAME_BYTES 65
#define REASON_BYTES 256
#define OLD_RULESETS 8
#define TRIES_MAX 3 /* of a notification, of an entry, that the program did not outlive */
#define CHANNEL_IS_GONE "its channel is not in the configuration any more: put it back, then 'queue retry'"
#define ENGINE_STORE_RETRY_MS 1000
#define ENGINE_PROBE_MS 60000
#define ENGINE_LOOK_MS 250 /* how often the command line's changes are looked for */

#define ENGINE_BURST 17 /* so many notifications in one batch are a burst */

struct channel_state {
    char name[NAME_BYTES];
    struct pace pace;
    int64_t not_before;        /* the penalty after a 429 */
    int64_t penalty_ms;        /* how long it was, when nobody said how long; 0: the last answer was no 429 */
    int64_t penalized_at;      /* when that was set */
    char paused[REASON_BYTES]; /* "": it is not */
    int64_t probe_at;          /* while paused: when one send is let through */
    struct breaker breaker;
    char broken[REASON_BYTES]; /* why the breaker is not closed */
    int64_t forbidden[3];      /* chats that got a 403 since the last success */
    int n_forbidden;
    int in_flight;
    /* Among the longest due some had begun before: what has not begun may stand behind many such. */
    bool behind;
    bool crowded;                /* more chats may be due than there are places */
    bool latest_first;           /* of an odd number of places the latest get one more, next time */
    bool new_penalty, new_pause; /* not_before, paused: to be written with the next transaction */
    bool saved;                  /* this transaction has changed it */
};

/* A channel as it was when the transaction began. */
struct saved_channel {
    size_t place;
    struct channel_state state;
};

struct source_state {
    char name[NAME_BYTES];
    char paused[REASON_BYTES];
    int64_t not_before; /* after a 429, or while paused */
    int in_flight;
};

struct old_ruleset {
    struct ruleset *ruleset;
    int64_t used_at;
};

struct outbox {
    struct mail *head, **tail;
};

/* What a metric will have more of once the transaction is committed. */
struct tally {
    struct tally *next;
    enum metric metric;
    const char *a, *b;
    double seconds; /* of a histogram; else below 0 */
};

/* An entry that came without a notification; source NULL: none. */
struct entered {
    const struct source *source;
    struct entry *entry;
    int64_t id;
};

/* One transaction's worth of mails. */
struct batch {
    struct accept_mail **accepts;
    size_t n_accepts;
    size_t first_result, n_results; /* of the engine's, which may move when a request is made */
    bool at_once; /* new notifications are extracted and matched in the transaction that stores them */
};

/* Whose data the store is given; for the case that it refuses them. */
enum work_kind { WORK_NONE, WORK_NOTIFICATION, WORK_ENTRY, WORK_RUN };
struct work {
    enum work_kind kind;
    int64_t id;
};

/* A text that was sent: it may come back from the inbox as a teammate's message. */
struct said {
    int64_t chat, at;
    uint64_t hash;
};
#define LOOKUP_KINDS 64 /* places that count lookups under way, by name */
#define SAID 4096       /* a power of two; a newer one takes the place of an older */

struct engine {
    struct engine_setup setup;
    struct store *store;
    struct generation *generation;
    struct pattern_scratch *scratch;
    struct arena *arena; /* of the batch */
    struct schedule schedule;
    struct cache *contacts; /* bodies, by source and id */
    pthread_t thread;
    bool started;

    struct node_state {
        bool joined;         /* other nodes may be at work on the store */
        int count;           /* of nodes, this one too */
        int64_t lease_until; /* in now_boot_ms */
        int64_t began;       /* this transaction, in now_boot_ms */
        int64_t beat_until;  /* the same, when this transaction is stored; 0: as before */
        int64_t counted_at;  /* from then on all others divide the rates by us, too; 0: not known yet */
        int64_t beat_at, share_at, call_at, count_at;
        bool look_back;   /* the store may be on a server that lacks what was committed last */
        bool looked_back; /* this transaction has dealt with what was lost */
    } node;
    int64_t now, owner, first_id; /* first_id: what is older was stored by an earlier process */
    struct channel_state *channels;
    struct saved_channel *saved_channels; /* room for all */
    size_t n_channels, n_saved_channels;
    struct source_state *sources;
    size_t n_sources;
    struct old_ruleset old[OLD_RULESETS];

    struct accept_mail **accepts; /* taken from the mailbox, not answered yet */
    size_t n_accepts;
    struct result_mail **results;                /* taken from the mailbox, not settled yet */
    struct job *under_way;                       /* requests without a result yet, in no order */
    size_t n_results, n_under_way, room_results; /* room: of each */
    struct entered entered;                      /* handed in by engine_enter */
    struct outbox outbox;
    /* What was not handed over because nobody knows whether the transaction that decided on it is stored. */
    struct job *doubts;
    size_t n_doubts;
    struct tally *tallies;
    uint64_t runs_made; /* since the start, of transactions that were undone, too */
    size_t resumed;     /* how many runs went on that had begun before */
    int sends_in_flight, lookups_in_flight, lookups_of[LOOKUP_KINDS];
    int64_t lookup_turn;   /* when the last of those looks again that wait for a place */
    struct cache *answers; /* of lookups */
    struct store_counts counts, delta;
    int64_t shown[RUN_STATES]; /* the counts that the metrics have */

    int64_t wake_at, look_at, expire_at, prune_at, prune_rules_at, sweep_at, complain_at;
    const void *stored_hash,
        *storing_hash; /* the ruleset that is in the store; the one this transaction puts there */
    struct work work;
    bool careful;      /* only what is in the batch, and nothing that may follow from it */
    bool recovered;    /* what an earlier process left as new is worked off */
    int64_t tried_to;  /* until then: of what it left, up to this notification the tries are counted */
    bool more;         /* work was left over: do not sleep */
    bool burst;        /* so much came with the last batch that it was only stored */
    int64_t worked_us; /* when work on what waits ended last (now_mono_us) */
    bool look_for_new, look_for_fetches; /* the store may have some */
    bool look_for_strays;                /* it may have runs of channels that are gone */
    double answered;                     /* how much of what was worked on lately is answered, 0 to 1 */
    bool has_variables;                  /* so may some chat */
    bool ordered_keys;                   /* messages' keys begin with their numbers */
    struct loopguard loopguard;
    struct said said[SAID];   /* texts that were sent lately, by hash */
    bool store_down, recount; /* recount: the counts may be off */
    bool recounted;           /* this transaction made them good: if it is stored */
    int last_tries;           /* of a store that fails while stopping */
    bool stopping, ended;
};

/* --- engine_state.c --------------------------------------------------------------------------------------------------- */

/* engine_pace_channels: each channel's rate, divided by the number of nodes. */
void engine_pace_channels(struct engine *engine);
/* engine_keep_time: the store's clock is the time, where it has one. */
void engine_keep_time(struct engine *engine);
/* engine_ruleset: what the run began with; NULL: it cannot be had. */
const struct ruleset *engine_ruleset(struct engine *engine, const struct run_row *run);
/* engine_channel: NULL: there is none. Whoever changes it does so by engine_change_channel, which keeps how it was: a transaction that
   fails puts that back (engine_restore_channels); engine_save_channels: from here on, nothing is kept yet. */
const struct channel_state *engine_channel(const struct engine *engine, struct text name);
struct channel_state *engine_change_channel(struct engine *engine, const struct channel_state *channel);
void engine_save_channels(struct engine *engine);
void engine_restore_channels(struct engine *engine);
/* engine_chat_channel: where the chats of a source's customers are. */
struct text engine_chat_channel(const struct engine *engine, const struct source *source);
struct source_state *engine_source(struct engine *engine, struct text name);
/* engine_rule: the rule of a run, in the version that the run began with; NULL: its ruleset cannot be had. */
const struct rule *engine_rule(struct engine *engine, const struct run_row *run);
/* engine_request: a request with a place for its result; NULL when memory is out. For engine_post. */
struct request_mail *engine_request(struct engine *engine, const struct job *job) CHECKED;
/* engine_post: hands a mail to the loop after the commit; a request is under way from now on. */
void engine_post(struct engine *engine, struct mail *mail);
/* engine_forget: the request is under way no longer. False: it was not. engine_awaited: what is under way for this send, of several
   attempts the latest, NULL: nothing; engine_awaits_chat: is anything for this chat? */
bool engine_forget(struct engine *engine, const struct job *job) CHECKED;
const struct job *engine_awaited(const struct engine *engine, const struct send_row *send);
bool engine_awaits_chat(const struct engine *engine, int64_t chat);
/* engine_tally: one more of a metric, engine_tally_seconds: of a histogram, after the commit; a and b, the labels' values, are lent
   until then. engine_tally_end: the transaction is over. */
void engine_tally(struct engine *engine, enum metric metric, const char *a, const char *b);
void engine_tally_seconds(struct engine *engine, enum metric metric, double seconds);
void engine_tally_end(struct engine *engine, bool committed);
/* engine_is_asked: most of what comes in is to be answered: then working on it as it comes costs least, and somebody waits. */
bool engine_is_asked(const struct engine *engine);
/* engine_work_on: the data from here on are of this one; without effect once the transaction has failed. */
void engine_work_on(struct engine *engine, enum work_kind kind, int64_t id);
/* engine_wake: do not sleep past this time. */
void engine_wake(struct engine *engine, int64_t at);
/* engine_set_run: store_set_run with the counts. */
void engine_set_run(struct engine *engine, const struct run_row *run, enum run_state state,
                    struct text reason);
/* engine_pause: the channel waits for a person; engine_open ends that. */
void engine_pause(struct engine *engine, struct channel_state *channel, struct text reason);
void engine_open(struct engine *engine, struct channel_state *channel);
/* engine_show_paused: tells health which channels and sources are paused; engine_show_breakers: of which channels the circuit
   breaker is not closed. */
void engine_show_paused(struct engine *engine);
void engine_show_breakers(struct engine *engine);
/* engine_count_send: one more request is under way to the channel, or less. */
void engine_count_send(struct engine *engine, struct text channel, int by);

/* --- engine_batch.c ----------------------------------------------------------------------------------------------- */

/* engine_batch_run: what was taken from the mailbox, and what waits, in one transaction; answers the accepted, forgets what is
   settled. A store that fails keeps the results for the next time. */
void engine_batch_run(struct engine *engine);
/* engine_batch_refuse: the store failed: says so, and answers 503. */
void engine_batch_refuse(struct engine *engine, const struct fault *fault);
void engine_batch_store_works(struct engine *engine);
void engine_batch_show_counts(struct engine *engine);
void engine_batch_forget(struct engine *engine);

/* --- engine_generation.c ----------------------------------------------------------------------------------------- */

/* engine_adopt: works with this generation (takes the reference). False when memory is out: the old one stays. */
bool engine_adopt(struct engine *engine, struct generation *generation) CHECKED;
/* engine_reload: adopts what was loaded, or logs, counts and shows why not. */
void engine_reload(struct engine *engine, struct reload_mail *mail);
/* engine_load_channels: what the store knows of them. */
void engine_load_channels(struct engine *engine);

/* --- the stages, in the order of an entry's way ------------------------------------------------------------------- */

/* stage_accept (T1, and T2, T3 if at_once): stores the batch's notifications. */
void stage_accept(struct engine *engine, const struct batch *batch);
/* stage_extract (T2): works on notifications that wait in the store, until the time given (now_mono_us). */
void stage_extract(struct engine *engine, int64_t until_us);
/* stage_extract_recover: before the first try of what an earlier process left: counts the try, gives up after the third. In
   a transaction of its own. */
enum store_status stage_extract_recover(struct engine *engine, struct fault *fault) CHECKED;
/* extract_notifications: reads the entries of each and works on them; sets the reasons to keep with the rows. */
void extract_notifications(struct engine *engine, struct notification_row *rows, size_t n);
/* extract_entered: stores and matches what engine_enter handed in. */
void extract_entered(struct engine *engine);
/* stage_fetch: claims entries that need a GET; fetch_settle applies the answers that are in the batch. */
void stage_fetch(struct engine *engine);
void fetch_settle(struct engine *engine, const struct batch *batch);
/* fetch_prepare: headers, times and bounds of a request to the source's API. False when memory is out (or there is no url). */
bool fetch_prepare(struct engine *engine, const struct source *source, struct request_mail *request) CHECKED;
/* fetch_refused: the API refuses the token: the source is paused; fetch_works: it does no longer. */
void fetch_refused(struct engine *engine, struct source_state *state, int status);
void fetch_works(struct engine *engine, struct source_state *state);
/* fetch_advance: does all that needs no network. True: the entry is complete, or ignored (row->state is set then); false: `next` is
   the GET to make. */
bool fetch_advance(struct engine *engine, const struct source *source, struct entry_row *row,
                   struct entry *entry, struct fetch *next);
/* --- stage_guard.c: what is kept of a chat -------------------------------------------------------------------------- */

#define TOKEN_SIGN "t."
#define TOKEN_DIGITS 22 /* of 6 random bits each */

enum refusal { REFUSED_NOT, REFUSED_NOT_ISSUED, REFUSED_USED, REFUSED_EXPIRED };
const char *refusal_name(enum refusal refusal); /* "not_issued", "used", "expired" */
/* guard_reason: kept with an entry that nobody takes; guard_refused: the name that belongs to it, p == NULL: it is no such reason. */
const char *guard_reason(enum refusal refusal);
struct text guard_refused(struct text reason);

/* What the store knows of the chat that an entry is from. */
struct known {
    bool found; /* the chat is there, and something of it may matter */
    int64_t chat;
    struct text token; /* what was pressed, where that stands for other data; p == NULL: the data itself */
};

/* guard_open: puts the chat's variables into the question's scope, a token's data or a key's in place of what came, and says whether
   a person has the chat. False when memory is out. */
bool guard_open(struct engine *engine, const struct source *source, const struct entry *entry,
                struct ruleset_question *question, struct known *known) CHECKED;
/* guard_check: may this press reach the rule? *row is the button then. */
enum refusal guard_check(struct engine *engine, const struct rule *rule, const struct known *known,
                         const struct ruleset_question *question, struct issued_row *row);
/* guard_add_variables: scope.chat. False when memory is out. */
bool guard_add_variables(struct engine *engine, int64_t chat, struct json_object *scope) CHECKED;
/* guard_look: the rules' own variables in the arena, as store_variables; until when it is quiet, 0: it is not. */
size_t guard_look(struct engine *engine, int64_t chat, struct variable_row **rows, int64_t *quiet_until);
/* guard_set_quiet: for so long presses only; 0: no longer. */
void guard_set_quiet(struct engine *engine, int64_t chat, int64_t ms);
/* guard_note_sent: the keyboard that the customer has now, and the text, which may come back as a teammate's. */
void guard_note_sent(struct engine *engine, int64_t chat, const struct rendered *message);
/* guard_teammate: a teammate wrote, or the conversation was closed; the reason to keep with the entry. */
const char *guard_teammate(struct engine *engine, const struct source *source, const struct entry *entry);

/* A run as it was made, of a chat that was taken for it: what the store would say of them, and the documents it would be read into. */
struct made_run {
    struct chat_row chat;
    struct run_row run;                         /* id 0: there is none */
    struct json_object *doc, *scope, *captures; /* the captures are not in the scope yet */
};

/* stage_match (T3): finds the rule, makes the run; sets row->state and reason. `made`: where the run may be begun in this
   transaction, by run_begin once the entry is stored; NULL: it waits for its turn. */
void stage_match(struct engine *engine, const struct source *source, struct entry_row *row,
                 struct entry *entry, struct made_run *made);
/* match_asks: what stage_match is going to ask the store about this entry, for store_prefetch_intake. */
void match_asks(struct engine *engine, const struct source *source, const struct entry_row *row,
                const struct entry *entry, struct store_asked_entry *asked);
/* run_begin: works on it as run_work does, if there is one; lets go of it. */
void run_begin(struct engine *engine, struct made_run *made);
/* run_work: goes on with a chat that is ours: its head run's steps up to the next request, or releases it. */
void run_work(struct engine *engine, struct chat_row *chat);
/* run_failed: a request of the run's step was refused for good. True: it goes on with its on_error steps; else it has ended. */
bool run_failed(struct engine *engine, struct run_row *run, struct text reason);
/* lookup_settle (T5): what a lookup was answered; lookup_count: one more, or less, is under way. */
void lookup_settle(struct engine *engine, const struct result_mail *result);
void lookup_count(struct engine *engine, const struct job *job, int by);
/* lookup_sample_of: what the rules give as an example of the answer; for the sandbox, inside of a transaction. */
struct json_object *lookup_sample_of(struct engine *engine, const struct job *job);
/* inbox_settle (T5): how an inbox action ended. */
void inbox_settle(struct engine *engine, const struct result_mail *result);
/* stage_send (T4): claims due chats and starts their next send. */
void stage_send(struct engine *engine);
/* stage_send_at_once: may a chat of the channel send before those that are due are claimed? Not where there is trouble, or nobody knows
   that none of them waits longer. */
bool stage_send_at_once(struct engine *engine, struct text channel);
/* stage_send_room: how many sends of the channel may begin now; if it lets none through, wakes the engine when it does. */
int stage_send_room(struct engine *engine, const struct channel_state *state);
/* doubts_keep: the transaction is in doubt: notes what it would have handed over. stage_doubts, in the next one: what the store says
   is under way, and is not, is ready again. doubts_end: that is stored. */
void doubts_keep(struct engine *engine);
void stage_doubts(struct engine *engine);
void doubts_end(struct engine *engine);
/* stage_settle (T5): the results of sends and fetches. */
void stage_settle(struct engine *engine, const struct batch *batch);
/* settle_go_on: the chat's next step, if the chat is ours. */
void settle_go_on(struct engine *engine, int64_t chat);
/* settle_unknown: what the rule wants when the answer is not known; for T5 and T6. `row` is the send, which is `sending`, with what the
   answer said. */
void settle_unknown(struct engine *engine, const struct run_row *run, struct send_row *row);
/* What a person does about it. */
#define UNKNOWN_HELD "see whether the customer got it, then 'queue retry --may-duplicate' or 'queue drop'"
/* settle_answer: as core/outcome.h takes it; lends. settle_channel: what it means for the channel. settle_end: for the run, if its
   send is rejected or failed. */
struct answer settle_answer(const struct result_mail *result);
void settle_channel(struct engine *engine, const struct result_mail *result, const struct verdict *verdict);
void settle_end(struct engine *engine, struct run_row *run, enum outcome outcome, struct text reason);
/* poll_settle (T5): the answer to what poll_ask asked. */
void poll_settle(struct engine *engine, const struct result_mail *result);
/* stage_take_over (T6): at start, before anything is claimed. Transactions of its own. */
enum store_status stage_take_over(struct engine *engine, struct fault *fault) CHECKED;
/* upkeep_settle_left: what the owner (0: anybody) was sending when it ended; how many sends. */
int64_t upkeep_settle_left(struct engine *engine, int64_t owner);
/* upkeep_settle_lost: what the store says is under way here, and is not. Once all results that came are settled. False: there may be
   more. */
bool upkeep_settle_lost(struct engine *engine) CHECKED;
/* --- stage_node.c: several nodes on one store. Without others all of it does nothing. ----------------------------------------- */

/* node_insist: does something in a transaction of its own, and does it again, a few times at most, where another node was in the way, or had
   taken over: then it joins before. Without others it is done once. */
typedef enum store_status node_work(struct engine *engine, const void *what, struct fault *fault);
enum store_status node_insist(struct engine *engine, node_work *work, const void *what,
                              struct fault *fault) CHECKED;
/* node_begin: store_begin, inside of node_insist. */
enum store_status node_begin(struct engine *engine, struct fault *fault) CHECKED;
/* stage_node: keeps the lease; takes over (T6) from nodes whose lease is over; reads what the others wrote for all. */
void stage_node(struct engine *engine);
/* node_look_back: once what has come is settled: what the store lost when another server took over. */
void node_look_back(struct engine *engine);
/* node_ended: the transaction is over; its beat counts if it is stored. */
void node_ended(struct engine *engine, bool stored);
/* node_start_before: until when a request may begin, in now_boot_ms; 0: at any time. node_may_send: it is not too late. */
int64_t node_start_before(const struct engine *engine);
bool node_may_send(const struct engine *engine);
/* node_rates_from: before this time a channel with a rate sends nothing from here. */
int64_t node_rates_from(const struct engine *engine);
/* node_call: work is left that others may do. */
void node_call(struct engine *engine, bool work_left);
/* node_leave: at the end. A transaction by itself. */
void node_leave(struct engine *engine);
/* stage_upkeep (T7): expires, prunes, looks for changes by the command line; each at its time. */
void stage_upkeep(struct engine *engine);

#define REASON(string) text_of(string)
