#pragma once

/* A generation: configuration, secrets and rules that belong together, loaded as a whole and then only read. Counted
   references: the engine, the loop and mails under way each hold one. */

#include "base/log.h"
#include "core/config.h"
#include "core/finding.h"
#include "core/ruleset.h"

struct generation {
    const struct config *config;
    const struct ruleset *ruleset;
};

enum secrets_need {
    SECRETS_NONE,     /* check, explain, queue: read none, need none */
    SECRETS_OF_RULES, /* try --live: those that rules may use */
    SECRETS_NEEDED,   /* serve: an empty or missing one refuses */
};

/* generation_load: reads the configuration file, its rules and secrets. NULL after adding errors to findings (which may hold
   warnings also when it works). The caller holds the one reference. */
struct generation *generation_load(const char *path, enum secrets_need secrets,
                                   struct findings *findings) CHECKED;
/* generation_build: the same of a configuration that was read, which it takes. NULL: it could not be, and findings say why. */
struct generation *generation_build(struct config *config, enum secrets_need secrets,
                                    struct findings *findings) CHECKED;
/* generation_with: the same configuration with other rules, which it takes; without secrets. NULL when memory is out: the rules
   are freed. */
struct generation *generation_with(struct generation *generation, struct ruleset *ruleset) CHECKED;
/* generation_log_finding: as one line of the log. */
void generation_log_finding(enum log_level level, const char *message, const struct finding *finding);
struct generation *generation_ref(struct generation *generation);
void generation_unref(struct generation *generation);

/* generation_secrets: the active secrets of a source; lends. */
const struct text *generation_secrets(const struct generation *generation, const struct source *source,
                                      size_t *n);
/* generation_token: of a source's REST API; p == NULL: none configured. */
struct text generation_token(const struct generation *generation, const struct source *source);
struct text generation_channel_key(const struct generation *generation, const struct config_channel *channel);
/* generation_secret: of the configuration's `secrets`; p == NULL: there is none. "-" where no secrets were read: in the sandbox, which
   asks nobody who would want them. */
struct text generation_secret(const struct generation *generation, const char *name);
struct text generation_admin_token(const struct generation *generation);
/* generation_conceal: secret_conceal for every secret. */
void generation_conceal(const struct generation *generation, char *bytes, size_t n);
