/* `callbackd try`: what one tap or text would send. */

#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/sandbox.h"
#include "base/log.h"
#include "base/now.h"
#include "core/doc.h"

#include <stdio.h>

#define USER_ID "1000000001"

struct
try {
    const char *path, *user, *source, *channel, *contact;
    bool text;
    struct text data;
};

static const char usage[] =
    "usage: callbackd try -c FILE [--text] [--chat ID] [--source NAME] [--channel NAME] "
    "[--contact JSON] DATA\n";

static const char *why(struct text how)
{
    return text_is(how, "tap")    ? "its tap pattern takes it"
           : text_is(how, "text") ? "its text pattern takes it"
                                  : "as the default";
}

static void print_matched(const struct sandbox_outcome *outcome)
{
    fprintf(stderr, "rule: %.*s (%s)\n", TEXT_ARG(outcome->rule), why(outcome->how));
    for (size_t i = 1; i < outcome->n_rules; i++)
        fprintf(stderr, "then: %.*s\n", TEXT_ARG(outcome->rules[i]));
    if (!text_is(outcome->captures, "{}"))
        fprintf(stderr, "captures: %.*s\n", TEXT_ARG(outcome->captures));
}

static void print_done(const struct sandbox_outcome *outcome)
{
    for (size_t i = 0; i < outcome->n_asked; i++)
        fprintf(stderr, "lookup: %.*s, answered by its sample: %.*s\n", TEXT_ARG(outcome->asked[i].name),
                TEXT_ARG(outcome->asked[i].url));
    for (size_t i = 0; i < outcome->n_actions; i++)
        fprintf(stderr, "inbox: %.*s%s%.*s\n", TEXT_ARG(outcome->actions[i].action),
                outcome->actions[i].value.p ? ": " : "", TEXT_ARG(outcome->actions[i].value));
    if (outcome->refused.p)
        fprintf(stderr, "refused: %.*s\n", TEXT_ARG(outcome->refused));
}

static int report(const struct sandbox_outcome *outcome)
{
    if (outcome->rule.p)
        print_matched(outcome);
    print_done(outcome);
    for (size_t i = 0; i < outcome->n_sent; i++)
        printf("%.*s\n", TEXT_ARG(outcome->sent[i].body));
    fflush(stdout);
    if (!outcome->rule.p)
        fprintf(stderr, "nothing is sent: %.*s\n", TEXT_ARG(outcome->reason));
    else if (outcome->run_state != RUN_DONE)
        fprintf(stderr, "the run is %s: %.*s\n", run_state_name(outcome->run_state),
                TEXT_ARG(outcome->reason));
    return outcome->rule.p && outcome->run_state == RUN_DONE ? EXIT_FINE : EXIT_FINDINGS;
}

static int try_it(const struct try *try, struct generation *generation)
{
    const struct sandbox_setup setup = {
        .generation = generation, .source = try->source, .channel = try->channel, .start_at = now_wall_ms()
    };
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

int cmd_try(int argc, char **argv)
{
    struct try try = { .path = CMDLINE_CONFIG, .user = USER_ID };
    const struct cmdline_option options[] = { { "c", &try.path, NULL },
                                              { "text", NULL, &try.text },
                                              { "chat", &try.user, NULL },
                                              { "source", &try.source, NULL },
                                              { "channel", &try.channel, NULL },
                                              { "contact", &try.contact, NULL },
                                              { NULL, NULL, NULL } };
    struct findings *findings;
    struct generation *generation;
    int n, code = EXIT_CONFIG;

    if (!cmdline_parse(argc, argv, options, &n) || n != 1) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (try.contact && !is_object(try.contact))
        return EXIT_USAGE;
    try.data = text_of(argv[1]);
    log_setup(LOG_ERROR, false);
    findings = findings_new();
    generation = findings ? generation_load(try.path, SECRETS_NONE, findings) : NULL;
    if (generation)
        code = try_it(&try, generation);
    else if (findings)
        cmdline_findings(findings, false);
    generation_unref(generation);
    findings_free(findings);
    return code;
}
