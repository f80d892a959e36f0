/* `callbackd forget`: removes a customer from the store, with a daemon on it or not. */

#include "app/cmd.h"
#include "app/cmdline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_MAX ((size_t)64 << 20)
/* A customer who says something each time is forgotten in one piece, while the daemon waits. */
#define FINDS_MAX 10

struct forget {
    struct store *store;
    const char *chat, *channel;
    struct store_forgotten gone;
};

static void show_count(const char *what, int64_t count)
{
    printf("%-14s %" PRId64 "\n", what, count);
}

static void show(const struct store_forgotten *gone)
{
    show_count("notifications", gone->notifications);
    show_count("bodies", gone->bodies);
    show_count("entries", gone->entries);
    show_count("runs", gone->runs);
    show_count("sends", gone->sends);
    show_count("buttons", gone->buttons);
    show_count("taps", gone->taps);
    show_count("variables", gone->variables);
    show_count("chats", gone->chats);
}

static int unknown(const struct forget *forget)
{
    fprintf(stderr, "callbackd: the store has no chat '%s'%s%s%s; ", forget->chat,
            forget->channel ? " of channel '" : "", forget->channel ? forget->channel : "",
            forget->channel ? "'" : "");
    fprintf(stderr, "'callbackd queue list --all' shows chats as they are stored, in the column CHAT\n");
    return EXIT_FINDINGS;
}

static int busy(const struct forget *forget)
{
    fprintf(
        stderr,
        "callbackd: a request for chat '%s' is under way, nothing was removed: try again when it has ended, "
        "within the channel's or the lookup's timeout; one that a crash left ends when callbackd serve "
        "starts\n",
        forget->chat);
    return EXIT_FINDINGS;
}

/* What is not looked into yet may hold words of the customer, and nobody knows. */
static void note_waiting(const struct forget *forget)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct notification_row *rows;

    if (arena && store_new_notifications(forget->store, 0, 1, arena, &rows) > 0)
        printf("notifications wait that are not looked into yet and may be of this chat: forget it once more "
               "when "
               "they are done\n");
    arena_free(arena);
}

/* Nothing is printed during the transaction: a terminal that is stopped would hold up the daemon. */
static enum store_status remove_once(struct forget *forget, bool find, enum store_forget *done,
                                     struct fault *fault)
{
    struct text channel = forget->channel ? text_of(forget->channel) : TEXT_NONE;
    enum store_status status;

    if (find)
        store_forget_find(forget->store, channel, text_of(forget->chat));
    if (store_failed(forget->store))
        return store_commit(forget->store, fault);
    status = store_begin(forget->store, fault);
    if (status != STORE_OK)
        return status;
    *done = store_forget_chat(forget->store, channel, text_of(forget->chat), &forget->gone);
    return store_commit(forget->store, fault);
}

static enum store_status remove_chat(struct forget *forget, enum store_forget *done, struct fault *fault)
{
    enum store_status status;
    int finds = 0, tries = 0;

    do
        status = remove_once(forget, finds++ < FINDS_MAX, done, fault);
    while ((status == STORE_OK && *done == STORE_FORGET_AGAIN) || cmdline_again(status, &tries));
    return status;
}

static int failed(enum store_status status, const struct fault *fault)
{
    fprintf(stderr, "callbackd: the store failed, %s: %s\n",
            status == STORE_IN_DOUBT ? "and did not say whether anything was removed; try again"
                                     : "nothing was removed",
            fault->text);
    return EXIT_TROUBLE;
}

static int run(struct forget *forget)
{
    enum store_forget done = STORE_FORGET_BUSY;
    struct fault fault = { "" };
    enum store_status status = remove_chat(forget, &done, &fault);

    if (status != STORE_OK)
        return failed(status, &fault);
    if (done == STORE_FORGET_BUSY)
        return busy(forget);
    if (!forget->gone.chats)
        return unknown(forget);
    show(&forget->gone);
    note_waiting(forget);
    if (!store_clear_log(forget->store))
        printf("the store's log is in use and still holds what was removed, until as much again is written "
               "or the "
               "daemon stops\n");
    return EXIT_FINE;
}

int cmd_forget(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG;
    struct forget forget = { 0 };
    const struct cmdline_option options[] = { { "c", &path, NULL },
                                              { "chat", &forget.chat, NULL },
                                              { "channel", &forget.channel, NULL },
                                              { NULL, NULL, NULL } };
    struct config *config;
    int n, code;

    if (!cmdline_parse(argc, argv, options, &n) || !cmdline_no_words(argv, n) || !forget.chat ||
        !*forget.chat) {
        fprintf(stderr, "usage: callbackd forget -c FILE --chat USER-ID [--channel NAME]\n");
        return EXIT_USAGE;
    }
    forget.store = cmdline_store(path, &config, &code);
    if (!forget.store)
        return code;
    code = run(&forget);
    store_close(forget.store);
    config_free(config);
    return code;
}
