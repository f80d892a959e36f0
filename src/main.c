#include "app/cmd.h"
#include "base/text.h"
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int usage(FILE *out, int code)
{
    fprintf(out, "usage:\n");
    for (const struct cmd *cmd = cmd_table; cmd->name; cmd++)
        fprintf(out, "  callbackd %-58s %s\n", cmd->usage, cmd->what);
    fprintf(out, "  callbackd --version\nmanual: callbackd(8), callbackd.yaml(5), callbackd-rules(5)\n");
    return code;
}

/* A full disk must not look like an answer. */
static int finish(int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "callbackd: standard output: %s\n", errno ? strerror(errno) : "it cannot be written");
    return EXIT_TROUBLE;
}

static const struct cmd *find(const char *name)
{
    const struct cmd *cmd = cmd_table;

    while (cmd->name && strcmp(cmd->name, name) != 0)
        cmd++;
    return cmd->name ? cmd : NULL;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int unknown(const char *name)
{
    const char *names[32] = { NULL }, *near;

    for (size_t i = 0; i < 31 && cmd_table[i].name; i++)
        names[i] = cmd_table[i].name;
    near = text_closest(text_of(name), names);
    fprintf(stderr, "callbackd: there is no subcommand '%s'", name);
    if (near)
        fprintf(stderr, "; did you mean '%s'?", near);
    fputc('\n', stderr);
    return usage(stderr, EXIT_USAGE);
}

static int run(int argc, char **argv)
{
    const struct cmd *cmd;

    if (argc < 2)
        return usage(stderr, EXIT_USAGE);
    if (strcmp(argv[1], "--version") == 0) {
        printf("callbackd %s\n", PACKAGE_VERSION);
        return EXIT_FINE;
    }
    if (asks_for_help(argv[1]) || strcmp(argv[1], "help") == 0)
        return usage(stdout, EXIT_FINE);
    cmd = find(argv[1]);
    if (!cmd)
        return unknown(argv[1]);
    if (argc == 3 && asks_for_help(argv[2])) {
        printf("usage: callbackd %s\n  %s; callbackd(8) has all options\n", cmd->usage, cmd->what);
        return EXIT_FINE;
    }
    return cmd->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    return finish(run(argc, argv));
}
