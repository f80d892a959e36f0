/* `callbackd queue`: opens the store directly, with a daemon on it or not. Short guarded updates, short paged reads. */

#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/show.h"
#include "base/now.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)256 << 20)
#define SEND_WITHIN_MS 900000 /* for what is sent anew by hand */

/* What came of a change: a text about its subject, or why not. */
struct result {
    int code;
    const char *kind, *text;
};

/* What a command changes: the thing with an id of the command line, or (id 0) the channel. */
struct change {
    const char *name;
    int64_t id;
    struct result result;
};

struct queue {
    struct store *store;
    struct arena *arena;
    struct store_filter filter;
    int64_t limit, now;
    bool may_duplicate, json;
    const char *channel, *reason;
    struct change *changes;
    size_t n_changes;
};

/* --- list and show ------------------------------------------------------------------------------------------------------ */

static int list(struct queue *queue, int argc, char **argv)
{
    struct store_item *items;
    size_t n;

    (void)argv;
    if (argc != 0)
        return EXIT_USAGE;
    n = store_list(queue->store, &queue->filter, (size_t)queue->limit, queue->arena, &items);
    show_items(items, n, queue->json);
    if (n == (size_t)queue->limit && !queue->json)
        printf("more behind these: --after %" PRId64 "\n", items[n - 1].id);
    return EXIT_FINE;
}

static bool parse_id(const char *word, int64_t *id)
{
    if (text_i64(text_of(word), id) && *id > 0)
        return true;
    fprintf(stderr, "callbackd: '%s' is no id; 'callbackd queue list' shows ids in its first column\n", word);
    return false;
}

static int not_there(int64_t id)
{
    fprintf(stderr, "callbackd: the store has nothing with the id %" PRId64 "\n", id);
    return EXIT_FINDINGS;
}

static int show(struct queue *queue, int argc, char **argv)
{
    struct notification_row notification;
    struct entry_row entry;
    struct run_row run;
    int64_t id;

    if (argc != 1 || !parse_id(argv[0], &id))
        return EXIT_USAGE;
    if (store_get_run(queue->store, id, queue->arena, &run))
        show_run(queue->store, queue->arena, &run, 0);
    else if (store_get_entry(queue->store, id, queue->arena, &entry))
        show_entry(queue->store, queue->arena, &entry, 0);
    else if (store_get_notification(queue->store, id, queue->arena, &notification))
        show_notification(queue->store, queue->arena, &notification);
    else
        return not_there(id);
    return EXIT_FINE;
}

/* --- changes --------------------------------------------------------------------------------------------------------------- */

static struct result fine(const char *kind, const char *text)
{
    return (struct result){ EXIT_FINE, kind, text };
}

static struct result refused(const char *why)
{
    return (struct result){ EXIT_FINDINGS, "", why };
}

/* By id, and no daemon changes it meanwhile: whoever goes on with a run has its chat. */
static bool get_run(struct queue *queue, int64_t id, struct run_row *run)
{
    struct chat_row chat;

    return store_get_run(queue->store, id, queue->arena, run) &&
           store_get_chat(queue->store, run->chat, queue->arena, &chat) &&
           store_get_run(queue->store, id, queue->arena, run);
}

static bool has_send(struct queue *queue, int64_t run, enum send_state state)
{
    struct send_row *sends;
    size_t n = store_run_sends(queue->store, run, queue->arena, &sends);

    for (size_t i = 0; i < n; i++)
        if (sends[i].state == state)
            return true;
    return false;
}

static struct result retry_run(struct queue *queue, const struct run_row *run)
{
    if (run->state == RUN_DONE)
        return refused("this run is done; there is nothing to send again");
    if (run->state == RUN_READY)
        return refused("this run is waiting already");
    if (has_send(queue, run->id, SEND_SENDING))
        return refused("a request of this run is under way; look again in a moment");
    if (has_send(queue, run->id, SEND_UNKNOWN) && !queue->may_duplicate)
        return refused("a request left and no answer came: the customer may have the message already; "
                       "to send it again all the same, add --may-duplicate");
    if (!store_rearm_run(queue->store, run->id, queue->now, queue->now + SEND_WITHIN_MS))
        return refused("this run cannot be tried again");
    return fine("run ", "waits at the end of its chat");
}

static struct result retry(struct queue *queue, int64_t id)
{
    struct run_row run;

    if (get_run(queue, id, &run))
        return retry_run(queue, &run);
    if (store_rearm_entry(queue->store, id, queue->now) || store_rearm_notification(queue->store, id))
        return fine("", "will be worked on again");
    return refused(
        "there is no run, stuck, expired or unaddressed entry, or stuck notification with this id");
}

static struct result end_run(struct queue *queue, const struct run_row *run, enum run_state state,
                             const char *text)
{
    if (has_send(queue, run->id, SEND_SENDING))
        return refused("a request of this run is under way; look again in a moment");
    if (!store_set_run(queue->store, run->id, state, text_of(queue->reason ? queue->reason : "by hand"),
                       queue->now))
        return refused("this run has ended already");
    return fine("run ", text);
}

static struct result drop(struct queue *queue, int64_t id)
{
    struct text reason = text_of(queue->reason ? queue->reason : "dropped by hand");
    struct run_row run;

    if (get_run(queue, id, &run))
        return end_run(queue, &run, RUN_DROPPED, "is dropped");
    if (store_drop_entry(queue->store, id, reason) || store_drop_notification(queue->store, id, reason))
        return fine("", "is dropped");
    return refused("there is nothing with this id that waits or is stuck");
}

static struct result hold(struct queue *queue, int64_t id)
{
    struct run_row run;

    if (!get_run(queue, id, &run))
        return refused("the store has no run with this id");
    return end_run(queue, &run, RUN_HELD, "is held");
}

static struct result release(struct queue *queue, int64_t id)
{
    struct run_row run;

    if (!get_run(queue, id, &run))
        return refused("the store has no run with this id");
    if (run.state != RUN_HELD)
        return refused("this run is not held");
    return retry_run(queue, &run);
}

static struct result release_channel(struct queue *queue)
{
    struct channel_row *rows;
    size_t n = store_channels(queue->store, queue->arena, &rows);

    for (size_t i = 0; i < n; i++) {
        if (!text_is(rows[i].name, queue->channel) || (!rows[i].paused.p && !rows[i].not_before))
            continue;
        rows[i].paused = TEXT_NONE;
        rows[i].not_before = 0;
        store_put_channel(queue->store, &rows[i]);
        return fine("channel ", "is open");
    }
    return refused("this channel is not paused");
}

static const struct action {
    const char *name;
    int (*look)(struct queue *queue, int argc, char **argv);
    struct result (*change)(struct queue *queue, int64_t id);
} actions[] = { { "list", list, NULL }, { "show", show, NULL }, { "retry", NULL, retry },
                { "drop", NULL, drop }, { "hold", NULL, hold }, { "release", NULL, release } };

/* --- the command ------------------------------------------------------------------------------------------------------------ */

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; name && i < sizeof(actions) / sizeof(*actions); i++)
        if (strcmp(name, actions[i].name) == 0)
            return &actions[i];
    return NULL;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: callbackd queue -c FILE list [--all] [--state NAME] [--channel NAME] [--chat USER-ID] "
            "[--source NAME]\n"
            "                                [--rule NAME] [--after ID] [--limit N] [--format text|json]\n"
            "       callbackd queue -c FILE show ID\n"
            "       callbackd queue -c FILE retry [--may-duplicate] ID...\n"
            "       callbackd queue -c FILE drop|hold [--reason TEXT] ID...\n"
            "       callbackd queue -c FILE release ID... | --channel NAME\n");
    return EXIT_USAGE;
}

/* The daemon's time, as far as the store tells it: the clock may have been set back since. */
static void take_time(struct queue *queue)
{
    int64_t id, at;

    store_newest(queue->store, &id, &at);
    queue->now = now_wall_ms();
    if (queue->now < at)
        queue->now = at;
}

static enum store_status change_once(struct queue *queue, const struct action *action, struct fault *fault)
{
    enum store_status status = store_begin(queue->store, fault);

    if (status != STORE_OK)
        return status;
    take_time(queue);
    for (size_t i = 0; i < queue->n_changes && !store_failed(queue->store); i++) {
        struct change *change = &queue->changes[i];

        arena_reset(queue->arena);
        change->result = change->id ? action->change(queue, change->id) : release_channel(queue);
    }
    return store_commit(queue->store, fault);
}

static int tell(const struct change *changes, size_t n)
{
    int code = EXIT_FINE;

    for (size_t i = 0; i < n; i++) {
        const struct result *result = &changes[i].result;

        if (result->code == EXIT_FINE)
            printf("%s%s %s\n", result->kind, changes[i].name, result->text);
        else
            fprintf(stderr, "callbackd: %s: %s\n", changes[i].name, result->text);
        code = result->code > code ? result->code : code;
    }
    return code;
}

/* Everything of one call is one transaction. Nothing is printed during it: a terminal that is stopped, or a pager, would hold up
   the daemon, which waits for the same lock; and it may have to be done again. */
static enum store_status change(struct queue *queue, const struct action *action, int *code,
                                struct fault *fault)
{
    enum store_status status;
    int tries = 0;

    do
        status = change_once(queue, action, fault);
    while (cmdline_again(status, &tries));
    if (status == STORE_OK)
        *code = tell(queue->changes, queue->n_changes);
    return status;
}

/* Without a transaction, each statement sees the store as it is just then. */
static enum store_status look(struct queue *queue, const struct action *action, int argc, char **argv,
                              int *code, struct fault *fault)
{
    *code = action->look(queue, argc, argv);
    return store_failed(queue->store) ? store_commit(queue->store, fault) : STORE_OK;
}

static int run_action(struct queue *queue, const struct action *action, int argc, char **argv)
{
    struct fault fault = { "" };
    int code = EXIT_TROUBLE;
    enum store_status status =
        action->look ? look(queue, action, argc, argv, &code, &fault) : change(queue, action, &code, &fault);

    if (status != STORE_OK) {
        fprintf(stderr, "callbackd: the store failed, %s: %s\n",
                status == STORE_IN_DOUBT
                    ? "and did not say whether anything was changed; look with 'queue show'"
                    : "nothing was changed",
                fault.text);
        return EXIT_TROUBLE;
    }
    return code;
}

static int with_store(const char *path, struct queue *queue, const struct action *action, int argc,
                      char **argv)
{
    struct config *config;
    int code;

    queue->store = cmdline_store(path, &config, &code);
    if (!queue->store)
        return code;
    queue->arena = arena_new(ARENA_MAX);
    code = queue->arena ? run_action(queue, action, argc, argv) : EXIT_TROUBLE;
    arena_free(queue->arena);
    store_close(queue->store);
    config_free(config);
    return code;
}

/* All of them, before anything is changed. */
static int read_changes(struct queue *queue, const struct action *action, int argc, char **argv)
{
    bool by_channel = action->change == release && queue->channel && argc == 0;

    queue->n_changes = by_channel ? 1 : (size_t)argc;
    if (!queue->n_changes)
        return EXIT_USAGE;
    queue->changes = calloc(queue->n_changes, sizeof(*queue->changes));
    if (!queue->changes) {
        fprintf(stderr, "callbackd: memory is out, nothing was changed: name fewer ids\n");
        return EXIT_TROUBLE;
    }
    for (size_t i = 0; i < queue->n_changes; i++) {
        queue->changes[i].name = by_channel ? queue->channel : argv[i];
        if (!by_channel && !parse_id(argv[i], &queue->changes[i].id))
            return EXIT_USAGE;
    }
    return EXIT_FINE;
}

static bool read_number(const char *word, int64_t least, int64_t *out)
{
    return !word || (text_i64(text_of(word), out) && *out >= least);
}

int cmd_queue(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG, *state = NULL, *chat = NULL, *source = NULL, *rule = NULL,
               *after = NULL, *limit = NULL, *format = "text";
    struct queue queue = { .limit = 50 };
    const struct cmdline_option options[] = { { "c", &path, NULL },
                                              { "all", NULL, &queue.filter.all },
                                              { "state", &state, NULL },
                                              { "channel", &queue.channel, NULL },
                                              { "chat", &chat, NULL },
                                              { "source", &source, NULL },
                                              { "rule", &rule, NULL },
                                              { "after", &after, NULL },
                                              { "limit", &limit, NULL },
                                              { "format", &format, NULL },
                                              { "reason", &queue.reason, NULL },
                                              { "may-duplicate", NULL, &queue.may_duplicate },
                                              { NULL, NULL, NULL } };
    const struct action *action;
    int n, code;

    if (!cmdline_parse(argc, argv, options, &n) || !(action = find_action(n ? argv[1] : NULL)) ||
        !read_number(after, 0, &queue.filter.after) || !read_number(limit, 1, &queue.limit) ||
        (strcmp(format, "text") != 0 && strcmp(format, "json") != 0))
        return usage();
    queue.json = strcmp(format, "json") == 0;
    queue.filter.state = state ? text_of(state) : TEXT_NONE;
    queue.filter.channel = queue.channel ? text_of(queue.channel) : TEXT_NONE;
    queue.filter.user_id = chat ? text_of(chat) : TEXT_NONE;
    queue.filter.source = source ? text_of(source) : TEXT_NONE;
    queue.filter.rule = rule ? text_of(rule) : TEXT_NONE;
    code = action->change ? read_changes(&queue, action, n - 1, argv + 2) : EXIT_FINE;
    if (code == EXIT_FINE)
        code = with_store(path, &queue, action, n - 1, argv + 2);
    free(queue.changes);
    return code == EXIT_USAGE ? usage() : code;
}
