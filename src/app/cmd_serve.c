#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/confine.h"
#include "app/daemon.h"

#include <stdio.h>

/* For the program that reads the log, once it is known that there is one; a person reads them as `check` prints them. */
static void tell(const struct generation *generation, struct findings *findings)
{
    const struct finding *finding;

    if (!generation || !generation->config->log_json) {
        cmdline_findings(findings, false);
        return;
    }
    log_setup((enum log_level)generation->config->log_level, true);
    for (size_t i = 0; (finding = findings_get(findings, i)); i++)
        generation_log_finding(finding->level == FINDING_NOTE ? LOG_INFO : LOG_WARN, "rules", finding);
}

int cmd_serve(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG;
    const struct cmdline_option options[] = { { "c", &path, NULL }, { NULL, NULL, NULL } };
    struct findings *findings;
    struct generation *generation;
    struct fault fault;
    int n;

    if (!cmdline_parse(argc, argv, options, &n) || n != 0) {
        fprintf(stderr, "usage: callbackd serve -c FILE\n");
        return EXIT_USAGE;
    }
    if (!confine_memory(&fault)) {
        fprintf(stderr, "callbackd: %s\n", fault.text);
        return EXIT_TROUBLE;
    }
    findings = findings_new();
    generation = findings ? generation_load(path, SECRETS_NEEDED, findings) : NULL;
    if (findings)
        tell(generation, findings);
    findings_free(findings);
    return generation ? daemon_run(path, generation) : EXIT_CONFIG;
}
