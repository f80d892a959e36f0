#include "app/generation.h"

#include "app/configfile.h"
#include "app/rulefiles.h"
#include "app/secrets.h"
#include "core/secret.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct source_secrets {
    struct text *secrets;
    size_t count;
    struct text token;
};

/* What the public struct points to, and what must go with it. */
struct whole {
    struct generation public;
    atomic_int references;
    struct config *config;
    struct ruleset *ruleset;
    struct source_secrets *sources; /* by index of the configuration */
    struct text *keys;              /* of the channels */
    struct text *values;            /* of what rules may use as ${secret.NAME} */
    struct text admin_token;
    struct generation *base; /* of generation_with: whose configuration this is; else NULL */
};

static struct whole *whole_of(const struct generation *generation)
{
    return (struct whole *)generation;
}

static void free_sources(struct whole *whole, const struct config *config)
{
    for (size_t i = 0; whole->sources && i < config->n_sources; i++) {
        struct source_secrets *source = &whole->sources[i];

        for (size_t j = 0; j < source->count; j++)
            secrets_free(&source->secrets[j]);
        free(source->secrets);
        secrets_free(&source->token);
    }
    free(whole->sources);
}

/* As many as the configuration names. */
static void free_secrets(struct whole *whole, const struct config *config)
{
    free_sources(whole, config);
    for (size_t i = 0; whole->keys && i < config->n_channels; i++)
        secrets_free(&whole->keys[i]);
    free(whole->keys);
    for (size_t i = 0; whole->values && i < config->n_secrets; i++)
        secrets_free(&whole->values[i]);
    free(whole->values);
    secrets_free(&whole->admin_token);
}

static void whole_free(struct whole *whole)
{
    if (whole->config)
        free_secrets(whole, whole->config);
    ruleset_free(whole->ruleset);
    if (whole->base)
        generation_unref(whole->base);
    else
        config_free(whole->config);
    free(whole);
}

/* A missing secret is one finding among the others: all of them show at once. */
static bool read_secret(const struct whole *whole, const char *reference, struct text *out,
                        struct findings *findings)
{
    struct fault fault;

    *out = secrets_read(reference, whole->config->path, &fault);
    if (!out->p)
        finding_error(findings, (struct place){ 0 }, "%s: %s", whole->config->path, fault.text);
    return out->p != NULL;
}

static bool read_source(struct whole *whole, size_t i, struct findings *findings)
{
    const struct source *source = whole->config->sources[i];
    const char *token = source_token_ref(source);
    const char *const *refs;
    size_t n = source_secret_refs(source, &refs);
    bool ok = true;

    whole->sources[i].secrets = calloc(n ? n : 1, sizeof(struct text));
    if (!whole->sources[i].secrets)
        return false;
    whole->sources[i].count = n;
    for (size_t j = 0; j < n; j++)
        ok = read_secret(whole, refs[j], &whole->sources[i].secrets[j], findings) && ok;
    if (token)
        ok = read_secret(whole, token, &whole->sources[i].token, findings) && ok;
    return ok;
}

static bool read_lookup_secrets(struct whole *whole, struct findings *findings)
{
    const struct config *config = whole->config;
    bool ok = true;

    whole->values = calloc(config->n_secrets + 1, sizeof(*whole->values));
    if (!whole->values)
        return false;
    for (size_t i = 0; i < config->n_secrets; i++)
        ok = read_secret(whole, config->secrets[i].ref, &whole->values[i], findings) && ok;
    return ok;
}

static bool read_secrets(struct whole *whole, struct findings *findings)
{
    const struct config *config = whole->config;
    bool ok = true;

    whole->sources = calloc(config->n_sources + 1, sizeof(*whole->sources));
    whole->keys = calloc(config->n_channels + 1, sizeof(*whole->keys));
    if (!whole->sources || !whole->keys)
        return false;
    for (size_t i = 0; i < config->n_sources; i++)
        ok = read_source(whole, i, findings) && ok;
    for (size_t i = 0; i < config->n_channels; i++)
        ok = read_secret(whole, config->channels[i].key_ref, &whole->keys[i], findings) && ok;
    if (config->admin_token_ref)
        ok = read_secret(whole, config->admin_token_ref, &whole->admin_token, findings) && ok;
    return read_lookup_secrets(whole, findings) && ok;
}

static bool check_secrets(const struct whole *whole, struct findings *findings)
{
    const struct config *config = whole->config;
    const size_t errors = findings_count(findings, FINDING_ERROR);
    const char **names = calloc(config->n_secrets + 1, sizeof(*names));

    if (!names)
        return false;
    for (size_t i = 0; i < config->n_secrets; i++)
        names[i] = config->secrets[i].name;
    ruleset_check_secrets(whole->ruleset, names, findings);
    free(names);
    return findings_count(findings, FINDING_ERROR) == errors;
}

static bool acts_in_inbox(const struct ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset_count(ruleset); i++) {
        const struct rule *rule = ruleset_rule(ruleset, i);

        for (size_t k = 0; k < rule->n_steps; k++)
            if (rule->steps[k].kind == STEP_INBOX)
                return true;
    }
    return false;
}

/* What rules do in the helpdesk is done in a teammate's name, with the source's token. */
static void check_inbox(const struct whole *whole, struct findings *findings)
{
    const struct config *config = whole->config;

    if (!acts_in_inbox(whole->ruleset))
        return;
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct source *source = config->sources[i];
        bool intercom = strcmp(source_kind(source), "intercom") == 0;
        const char *lacks = !source_token_ref(source)              ? "token"
                            : !source_admin_id(source) && intercom ? "admin_id"
                                                                   : NULL;

        if (!lacks || strcmp(source_kind(source), "generic") == 0)
            continue;
        finding_add(findings, FINDING_WARNING, (struct place){ NULL },
                    "rules act in the inbox, and source '%s' has no %s: there they will fail",
                    source_name(source), lacks);
        finding_hint(findings, "add it to the source in the configuration");
    }
}

static void warn_of_clear(struct findings *findings, struct place at, const char *what, const char *name)
{
    finding_add(findings, FINDING_WARNING, at,
                "%s '%s' is asked without TLS: whoever is on the way reads its key and everything else", what,
                name);
    finding_hint(findings, "write https://; a host inside of your network is named under private_hosts");
}

/* There is no way to go without checking certificates; this would be one. */
static void check_tls(const struct whole *whole, struct findings *findings)
{
    const struct config *config = whole->config;

    for (size_t i = 0; i < config->n_channels; i++)
        if (config_is_in_clear(config, text_of(config->channels[i].url)))
            warn_of_clear(findings, config->channels[i].at, "channel", config->channels[i].name);
    for (size_t i = 0; i < config->n_sources; i++)
        if (source_api(config->sources[i]) &&
            config_is_in_clear(config, text_of(source_api(config->sources[i]))))
            warn_of_clear(findings, (struct place){ NULL }, "the api of source",
                          source_name(config->sources[i]));
}

static bool read_rules(struct whole *whole, struct findings *findings)
{
    const struct config *config = whole->config;
    struct ruleset_channel *channels = calloc(config->n_channels + 1, sizeof(*channels));
    struct rulefiles files = { 0 };

    if (!channels)
        return false;
    for (size_t i = 0; i < config->n_channels; i++)
        channels[i] = (struct ruleset_channel){ config->channels[i].name, config->channels[i].dialect };
    if (rulefiles_read(config, &files, findings))
        whole->ruleset = ruleset_build_zoned(files.files, files.count, channels, config->n_channels,
                                             rulefiles_zone, findings);
    rulefiles_free(&files);
    free(channels);
    whole->public.ruleset = whole->ruleset;
    if (whole->ruleset)
        check_inbox(whole, findings);
    return whole->ruleset && check_secrets(whole, findings);
}

struct generation *generation_load(const char *path, enum secrets_need secrets, struct findings *findings)
{
    return generation_build(configfile_read(path, findings), secrets, findings);
}

struct generation *generation_build(struct config *config, enum secrets_need secrets,
                                    struct findings *findings)
{
    struct whole *whole = calloc(1, sizeof(*whole));
    bool ok;

    if (!whole) {
        config_free(config);
        finding_error(findings, (struct place){ 0 }, "out of memory");
        return NULL;
    }
    atomic_init(&whole->references, 1);
    whole->public.config = whole->config = config;
    ok = config != NULL;
    if (ok) {
        check_tls(whole, findings);
        ok = read_rules(whole, findings);
        if (secrets == SECRETS_NEEDED)
            ok = read_secrets(whole, findings) && ok;
        else if (secrets == SECRETS_OF_RULES)
            ok = read_lookup_secrets(whole, findings) && ok;
    }
    if (!ok) {
        if (findings_count(findings, FINDING_ERROR) == 0)
            finding_error(findings, (struct place){ 0 }, "out of memory");
        whole_free(whole);
        return NULL;
    }
    return &whole->public;
}

void generation_log_finding(enum log_level level, const char *message, const struct finding *finding)
{
    struct buf place = BUF(1024);

    if (finding->at.document)
        buf_printf(&place, "%s:%d:%d", finding->at.document->path, finding->at.line, finding->at.column);
    log_write(level, message,
              (struct log_field[]){ log_str("at", place.len ? place.data : "-"),
                                    log_str(level == LOG_ERROR ? "error" : "text", finding->text),
                                    log_str("hint", finding->hint),
                                    { NULL } });
    buf_free(&place);
}

struct generation *generation_with(struct generation *generation, struct ruleset *ruleset)
{
    struct whole *whole = calloc(1, sizeof(*whole));

    if (!whole) {
        ruleset_free(ruleset);
        return NULL;
    }
    atomic_init(&whole->references, 1);
    whole->base = generation_ref(generation);
    whole->public.config = whole->config = whole_of(generation)->config;
    whole->public.ruleset = whole->ruleset = ruleset;
    return &whole->public;
}

struct generation *generation_ref(struct generation *generation)
{
    atomic_fetch_add(&whole_of(generation)->references, 1);
    return generation;
}

void generation_unref(struct generation *generation)
{
    if (generation && atomic_fetch_sub(&whole_of(generation)->references, 1) == 1)
        whole_free(whole_of(generation));
}

static const struct source_secrets *secrets_of(const struct whole *whole, const struct source *source)
{
    for (size_t i = 0; whole->sources && i < whole->config->n_sources; i++)
        if (whole->config->sources[i] == source)
            return &whole->sources[i];
    return NULL;
}

const struct text *generation_secrets(const struct generation *generation, const struct source *source,
                                      size_t *n)
{
    const struct source_secrets *secrets = secrets_of(whole_of(generation), source);

    *n = secrets ? secrets->count : 0;
    return secrets ? secrets->secrets : NULL;
}

struct text generation_token(const struct generation *generation, const struct source *source)
{
    const struct source_secrets *secrets = secrets_of(whole_of(generation), source);

    return secrets ? secrets->token : TEXT_NONE;
}

struct text generation_channel_key(const struct generation *generation, const struct config_channel *channel)
{
    const struct whole *whole = whole_of(generation);

    return whole->keys ? whole->keys[channel - whole->config->channels] : TEXT_NONE;
}

struct text generation_secret(const struct generation *generation, const char *name)
{
    const struct whole *whole = whole_of(generation);

    if (!whole->values)
        return text_of("-");
    for (size_t i = 0; i < whole->config->n_secrets; i++)
        if (strcmp(whole->config->secrets[i].name, name) == 0)
            return whole->values[i];
    return TEXT_NONE;
}

void generation_conceal(const struct generation *generation, char *bytes, size_t n)
{
    const struct whole *whole = whole_of(generation);

    for (size_t i = 0; whole->sources && i < whole->config->n_sources; i++) {
        for (size_t j = 0; j < whole->sources[i].count; j++)
            secret_conceal(whole->sources[i].secrets[j], bytes, n);
        secret_conceal(whole->sources[i].token, bytes, n);
    }
    for (size_t i = 0; whole->keys && i < whole->config->n_channels; i++)
        secret_conceal(whole->keys[i], bytes, n);
    for (size_t i = 0; whole->values && i < whole->config->n_secrets; i++)
        secret_conceal(whole->values[i], bytes, n);
    secret_conceal(whole->admin_token, bytes, n);
}

struct text generation_admin_token(const struct generation *generation)
{
    return whole_of(generation)->admin_token;
}
