#include "app/cmdline.h"

#include "app/cmd.h"
#include "app/configfile.h"
#include "base/now.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES 10 /* of a transaction: each time somebody else's was stored */

const struct cmd cmd_table[] = {
    { "serve", "serve -c FILE", "run the daemon in the foreground", cmd_serve },
    { "check", "check -c FILE [--strict] [--against OLD] [OPTIONS]", "check configuration and rules, offline",
      cmd_check },
    { "queue", "queue -c FILE list|show|retry|drop|hold|release ...",
      "look at what waits or failed, and act on it", cmd_queue },
    { "explain", "explain -c FILE NOTIFICATION-ID", "what became of a notification, step by step",
      cmd_explain },
    { "forget", "forget -c FILE --chat USER-ID [--channel NAME]", "remove a customer from the store",
      cmd_forget },
    { "try", "try -c FILE [--text] [OPTIONS] DATA", "what this tap, or text, would send", cmd_try },
    { "test", "test -c FILE CASES... [--junit FILE] [--mutate]", "play test cases against the rules; TAP",
      cmd_test },
    { "chat", "chat -c FILE [--contact JSON]", "walk the flow in the terminal", cmd_chat },
    { "graph", "graph -c FILE [--format dot|mermaid|svg]", "draw the flow", cmd_graph },
    { NULL, NULL, NULL, NULL }
};

struct parsing {
    char **argv;
    int argc;
    const struct cmdline_option *options;
    uint64_t given; /* by the option's number */
};

static void say_unknown(const struct parsing *parsing, const char *word, struct text name)
{
    const char *names[CMDLINE_VALUES] = { NULL }, *near;

    for (size_t i = 0; parsing->options[i].name && i + 1 < CMDLINE_VALUES; i++)
        names[i] = parsing->options[i].name;
    near = text_closest(name, names);
    fprintf(stderr, "callbackd: unknown option '%s'", word);
    if (near)
        fprintf(stderr, "; did you mean '%s%s'?", near[1] ? "--" : "-", near);
    fputc('\n', stderr);
}

static bool keep_value(struct parsing *parsing, const struct cmdline_option *option, const char *word,
                       const char *value)
{
    const uint64_t bit = UINT64_C(1) << (option - parsing->options);

    if (option->values && option->values->count < CMDLINE_VALUES) {
        option->values->items[option->values->count++] = value;
        return true;
    }
    if (!option->values && !(parsing->given & bit)) {
        parsing->given |= bit;
        *option->value = value;
        return true;
    }
    fprintf(stderr, "callbackd: '%s' is given %s\n", word, option->values ? "too often" : "twice");
    return false;
}

/* One option at argv[i]; returns how many words it takes, 0 after saying what is wrong. */
static int take_option(struct parsing *parsing, int i)
{
    char *const word = parsing->argv[i];
    struct text name = text_of(word + (word[1] == '-' ? 2 : 1)), value = TEXT_NONE;
    const struct cmdline_option *option = parsing->options;

    text_cut(name, '=', &name, &value);
    while (option->name && !text_is(name, option->name))
        option++;
    if (!option->name) {
        say_unknown(parsing, word, name);
        return 0;
    }
    if (option->flag) {
        if (value.p)
            fprintf(stderr, "callbackd: '--%s' takes no value\n", option->name);
        *option->flag = true;
        return !value.p;
    }
    if (!value.p && i + 1 == parsing->argc) {
        fprintf(stderr, "callbackd: '%s' needs a value\n", word);
        return 0;
    }
    if (!keep_value(parsing, option, word, value.p ? value.p : parsing->argv[i + 1]))
        return 0;
    return value.p ? 1 : 2;
}

bool cmdline_parse(int argc, char **argv, const struct cmdline_option *options, int *n)
{
    struct parsing parsing = { argv, argc, options, 0 };
    bool only_words = false;

    *n = 0;
    for (int i = 1; i < argc;) {
        int used = 1;

        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (!only_words && argv[i][0] == '-' && argv[i][1])
            used = take_option(&parsing, i);
        else
            argv[++*n] = argv[i];
        if (!used)
            return false;
        i += used;
    }
    return true;
}

bool cmdline_no_words(char **argv, int n)
{
    if (n)
        fprintf(stderr, "callbackd: '%s' is a word too many\n", argv[1]);
    return n == 0;
}

void cmdline_findings(struct findings *findings, bool to_stdout)
{
    struct buf out = BUF(64u << 20);

    findings_print(findings, &out);
    fwrite(buf_get(&out).p, 1, out.len, to_stdout ? stdout : stderr);
    buf_free(&out);
}

static struct store *open_store(const struct config *config, int *code)
{
    enum store_status status;
    struct fault fault;
    char *url = configfile_store(config, &fault);
    struct store *store = url ? store_open(url, STORE_OPERATE, &status, &fault) : NULL;

    if (!store) {
        fprintf(stderr, "callbackd: %s\n", fault.text);
        *code = EXIT_TROUBLE;
    }
    configfile_free_store(url);
    return store;
}

struct store *cmdline_store(const char *config_path, struct config **config, int *code)
{
    struct findings *findings = findings_new();
    struct store *store = NULL;

    *code = EXIT_CONFIG;
    *config = findings ? configfile_read(config_path, findings) : NULL;
    if (*config)
        store = open_store(*config, code);
    else if (findings)
        cmdline_findings(findings, false);
    findings_free(findings);
    if (!store) {
        config_free(*config);
        *config = NULL;
    }
    return store;
}

bool cmdline_again(enum store_status status, int *tries)
{
    return status == STORE_AGAIN && ++*tries < TRIES;
}

void cmdline_age(int64_t since_ms, char *out, size_t size)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };
    int64_t age = now_wall_ms() - since_ms;

    for (size_t i = 0; i < 4; i++) {
        if (i < 3 && age < 2 * units[i].ms)
            continue;
        snprintf(out, size, "%" PRId64 "%s", age < 0 ? 0 : age / units[i].ms, units[i].unit);
        return;
    }
}
