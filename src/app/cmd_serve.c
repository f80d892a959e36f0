#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/daemon.h"

#include <stdio.h>

int cmd_serve(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG;
    const struct cmdline_option options[] = { { "c", &path, NULL }, { NULL, NULL, NULL } };
    struct findings *findings;
    struct generation *generation;
    int n;

    if (!cmdline_parse(argc, argv, options, &n) || n != 0) {
        fprintf(stderr, "usage: callbackd serve -c FILE\n");
        return EXIT_USAGE;
    }
    findings = findings_new();
    generation = findings ? generation_load(path, SECRETS_NEEDED, findings) : NULL;
    if (findings)
        cmdline_findings(findings, false);
    findings_free(findings);
    return generation ? daemon_run(path, generation) : EXIT_CONFIG;
}
