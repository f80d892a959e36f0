#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/configfile.h"
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

/* Before anything else is read or made: what a reload can do later must be possible now, and files must be the user's. A configuration
   that cannot be read is told of by generation_load. */
static bool confine(const char *path, struct fault *fault)
{
    struct findings *findings = findings_new();
    struct config *config = findings ? configfile_read(path, findings) : NULL;
    bool ok = confine_memory(fault) && (!config || confine_become(config->user, fault));

    config_free(config);
    findings_free(findings);
    return ok;
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
    if (!confine(path, &fault)) {
        fprintf(stderr, "callbackd: %s\n", fault.text);
        return EXIT_CONFIG;
    }
    findings = findings_new();
    generation = findings ? generation_load(path, SECRETS_NEEDED, findings) : NULL;
    if (findings)
        tell(generation, findings);
    findings_free(findings);
    return generation ? daemon_run(path, generation) : EXIT_CONFIG;
}
