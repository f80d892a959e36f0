#include "app/cmd.h"
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

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, EXIT_USAGE);
    if (strcmp(argv[1], "--version") == 0) {
        printf("callbackd %s\n", PACKAGE_VERSION);
        return finish(EXIT_FINE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return finish(usage(stdout, EXIT_FINE));
    for (const struct cmd *cmd = cmd_table; cmd->name; cmd++)
        if (strcmp(argv[1], cmd->name) == 0)
            return finish(cmd->run(argc - 1, argv + 1));
    fprintf(stderr, "callbackd: there is no subcommand '%s'\n", argv[1]);
    return usage(stderr, EXIT_USAGE);
}
