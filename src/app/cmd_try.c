/* `callbackd try`: what one tap or text would send. */

#include "app/answers.h"
#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/live.h"
#include "app/told.h"
#include "base/log.h"
#include "base/now.h"
#include "core/doc.h"

#include <stdio.h>

#define USER_ID "1000000001"

struct
try {
    const char *path, *user, *source, *channel, *contact;
    struct cmdline_values lookups;
    bool text, ask;
    struct text data;
    struct answers answers;
    struct live *live; /* NULL: nobody is asked */
};

static const char usage[] =
    "usage: callbackd try -c FILE [--text] [--chat ID] [--source NAME] [--channel NAME] "
    "[--contact JSON] "
    "[--lookup NAME=JSON|not_found|error|sample]... [--live] DATA\n";

/* The bodies alone on standard output: a program may want them. */
static int report(const struct sandbox_outcome *outcome)
{
    told_print(outcome, stderr);
    for (size_t i = 0; i < outcome->n_sent; i++)
        printf("%.*s\n", TEXT_ARG(outcome->sent[i].body));
    fflush(stdout);
    told_end(outcome, stderr);
    return outcome->rule.p && outcome->run_state == RUN_DONE ? EXIT_FINE : EXIT_FINDINGS;
}

/* What was given comes first. */
static enum sandbox_by answer_lookup(void *context, const struct request_mail *request,
                                     struct result_mail *result)
{
    const struct try *try = context;
    const struct given *answer = answers_find(&try->answers, request->job.owner, 0);

    if (answer || !try->live)
        return answers_give(answer, result);
    live_ask(try->live, request, result);
    return SANDBOX_LIVE;
}

static bool lookup_fails(void *context, const char *name)
{
    const struct try *try = context;

    return answers_fails(answers_find(&try->answers, name, 0));
}

static int try_it(struct try *try, struct generation *generation)
{
    const struct sandbox_setup setup = { .generation = generation,
                                         .source = try->source,
                                         .channel = try->channel,
                                         .start_at = now_wall_ms(),
                                         .lookup = answer_lookup,
                                         .lookup_fails = lookup_fails,
                                         .context = try };
    const struct sandbox_entry entry = { .kind = try->text ? ENTRY_TEXT : ENTRY_TAP,
                                         .data = try->data,
                                         .user_id = text_of(try->user),
                                         .contact = try->contact ? text_of(try->contact) : TEXT_NONE };
    struct sandbox_outcome outcome;
    struct fault fault;
    struct sandbox *sandbox = sandbox_new(&setup, &fault);
    int code = EXIT_USAGE;

    if (sandbox && sandbox_enter(sandbox, &entry, &outcome, &fault)) {
        code = report(&outcome);
    } else {
        fprintf(stderr, "callbackd: %s\n", fault.text);
        if (sandbox)
            code = EXIT_TROUBLE;
    }
    sandbox_free(sandbox);
    return code;
}

static bool is_object(const char *json)
{
    struct fault fault;
    struct json_object *doc = doc_parse(text_of(json), &fault);
    bool ok = json_object_is_type(doc, json_type_object);

    if (!doc)
        fprintf(stderr, "callbackd: --contact: %s\n", fault.text);
    else if (!ok)
        fprintf(stderr, "callbackd: --contact: no JSON object\n");
    json_object_put(doc);
    return ok;
}

/* EXIT_FINE, or the exit code after saying what is wrong. */
static int prepare(struct try *try, const struct generation *generation)
{
    struct fault fault;

    for (size_t i = 0; i < try->lookups.count; i++)
        if (!answers_set(&try->answers, generation->ruleset, text_of(try->lookups.items[i]), 0, &fault)) {
            fprintf(stderr, "callbackd: --lookup: %s\n", fault.text);
            return EXIT_USAGE;
        }
    if (try->ask)
        try->live = live_new(&fault);
    if (!try->ask || try->live)
        return EXIT_FINE;
    fprintf(stderr, "callbackd: --live: %s\n", fault.text);
    return EXIT_TROUBLE;
}

static int load_and_try(struct try *try)
{
    struct findings *findings = findings_new();
    struct generation *generation =
        findings ? generation_load(try->path, try->ask ? SECRETS_OF_RULES : SECRETS_NONE, findings) : NULL;
    int code = EXIT_CONFIG;

    if (generation) {
        code = prepare(try, generation);
        if (code == EXIT_FINE)
            code = try_it(try, generation);
    } else if (findings) {
        cmdline_findings(findings, false);
    }
    live_free(try->live);
    answers_clear(&try->answers);
    generation_unref(generation);
    findings_free(findings);
    return code;
}

/* is_one, is_fit: false after saying what is wrong. */
static bool is_one(char **argv, int n)
{
    if (n > 1)
        fprintf(stderr, "callbackd: '%s' is a word too many; words that belong together stand in quotes\n",
                argv[2]);
    return n == 1;
}

static bool is_fit(const struct try *try)
{
    int64_t id;

    if (text_utf8_count(try->data) < 0)
        fprintf(stderr, "callbackd: the data is not UTF-8\n");
    else if (!text_i64(text_of(try->user), &id))
        fprintf(stderr, "callbackd: --chat: '%s' is no user id of Telegram, which is a number\n", try->user);
    else
        return !try->contact || is_object(try->contact);
    return false;
}

int cmd_try(int argc, char **argv)
{
    struct try try = { .path = CMDLINE_CONFIG, .user = USER_ID };
    const struct cmdline_option options[] = { { "c", &try.path },
                                              { "text", .flag = &try.text },
                                              { "chat", &try.user },
                                              { "source", &try.source },
                                              { "channel", &try.channel },
                                              { "contact", &try.contact },
                                              { "lookup", .values = &try.lookups },
                                              { "live", .flag = &try.ask },
                                              { NULL } };
    int n;

    if (!cmdline_parse(argc, argv, options, &n) || !is_one(argv, n)) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    try.data = text_of(argv[1]);
    if (!is_fit(&try))
        return EXIT_USAGE;
    log_setup(LOG_ERROR, false);
    return load_and_try(&try);
}
