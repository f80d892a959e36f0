#include "app/cmd.h"
#include "app/cmdline.h"
#include "app/configfile.h"
#include "app/confine.h"
#include "app/daemon.h"
#include "net/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/* What a reload will do has to be possible now. */
static bool can_reload(const char *path, struct fault *fault)
{
    return access(path, R_OK) == 0 ||
           fault_set(fault, "%s: %s: the user of the configuration reads it at each reload", path,
                     strerror(errno));
}

/* Before rules and secrets are read, or anything is made: files must be the user's. A configuration that could not be read is told of
   later. */
static bool confine(const char *path, const struct config *config, struct fault *fault)
{
    return !config || (confine_become(config->user, fault) && can_reload(path, fault));
}

/* Its own certificate, or one for PostgreSQL. */
static bool may_read_pem_files(const struct config *config)
{
    return config->tls_cert || strncmp(config->store, "sqlite:", 7) != 0;
}

static struct generation *load(const char *path, struct findings *findings, struct fault *fault)
{
    struct config *config = configfile_read(path, findings);
    struct generation *generation;

    if (!confine(path, config, fault)) {
        config_free(config);
        return NULL;
    }
    if (config && !may_read_pem_files(config))
        tls_without_files();
    generation = generation_build(config, SECRETS_NEEDED, findings);
    tell(generation, findings);
    return generation;
}

int cmd_serve(int argc, char **argv)
{
    const char *path = CMDLINE_CONFIG;
    const struct cmdline_option options[] = { { "c", &path, NULL }, { NULL, NULL, NULL } };
    struct findings *findings;
    struct generation *generation = NULL;
    struct fault fault = { "" };
    int n;

    if (!cmdline_parse(argc, argv, options, &n) || n != 0) {
        fprintf(stderr, "usage: callbackd serve -c FILE\n");
        return EXIT_USAGE;
    }
    findings = findings_new();
    if (findings && confine_memory(&fault))
        generation = load(path, findings, &fault);
    if (*fault.text)
        fprintf(stderr, "callbackd: %s\n", fault.text);
    findings_free(findings);
    return generation ? daemon_run(path, generation) : EXIT_CONFIG;
}
