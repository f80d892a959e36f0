/* The configuration out of a tree that holds to config_schema (config_schema.c). */

#include "core/config.h"

#include "base/log.h"
#include "core/config_forms.h"
#include "core/schema.h"
#include "core/secret.h"
#include "core/tree.h"
#include "core/yaml.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_MAX ((size_t)64 << 20)
#define NAMES_MAX 256 /* channels, among which "did you mean" looks */

/* The arena stays with the configuration that is built in it. */
struct whole {
    struct config config;
    struct arena *arena;
};

struct build {
    struct config *config;
    struct arena *arena;
    struct findings *findings;
    const struct node *root;
    bool failed; /* memory was out */
};

static void *room(struct build *build, size_t count, size_t size)
{
    void *bytes = arena_array(build->arena, count ? count : 1, size);

    build->failed |= !bytes;
    return bytes;
}

static const char *keep(struct build *build, struct text text)
{
    const char *copy = text.p ? arena_str(build->arena, text) : NULL;

    build->failed |= text.p && !copy;
    return copy;
}

static const char *keep_key(struct build *build, const struct node *map, const char *key,
                            const char *otherwise)
{
    return keep(build, schema_text(map, key, otherwise));
}

/* --- what a table cannot say ------------------------------------------------------------------------------------ */

/* These look at the tree before it is known to be right, so that all errors come at once. */

static bool is_scalar(const struct node *node)
{
    return node && node->kind == NODE_SCALAR;
}

static struct text shown(const struct node *node, char out[65])
{
    text_printable(node->text, out, 64);
    return text_of(out);
}

/* A value of this key that an earlier source has already. */
static void check_twice(struct build *build, const struct node *sources, size_t i, const char *key)
{
    const struct node *value = node_get(sources->items[i], key);
    char name[65];

    for (size_t j = 0; j < i && is_scalar(value); j++) {
        const struct node *other = node_get(sources->items[j], key);

        if (!is_scalar(other) || !text_eq(other->text, value->text))
            continue;
        finding_error(build->findings, value->at, "two sources have the %s '%s'", key, shown(value, name).p);
        finding_hint(build->findings, "the other one stands in line %d; each source needs its own",
                     other->at.line);
        return;
    }
}

static void check_channel_name(struct build *build, const struct node *value)
{
    const struct node *channels = node_get(build->root, "channels");
    const char *names[NAMES_MAX + 1] = { NULL }, *near;
    char name[65];

    if (!is_scalar(value) || !channels || channels->kind != NODE_MAP || !channels->count)
        return;
    for (size_t i = 0; i < channels->count; i++) {
        if (text_eq(channels->keys[i]->text, value->text))
            return;
        if (i < NAMES_MAX)
            names[i] = keep(build, channels->keys[i]->text);
    }
    near = build->failed ? NULL : text_closest(value->text, names);
    if (near)
        finding_error(build->findings, value->at, "no channel is called '%s'; did you mean '%s'?",
                      shown(value, name).p, near);
    else
        finding_error(build->findings, value->at, "no channel is called '%s'", shown(value, name).p);
    finding_hint(build->findings, "channels are named under channels:, line %d", channels->at.line);
}

static void check_public_url(struct build *build, const struct node *source)
{
    const struct node *kind = node_get(source, "kind");

    if (!is_scalar(kind) || !node_is(kind, "hubspot") || node_get(build->root, "public_url"))
        return;
    finding_error(build->findings, kind->at,
                  "a hubspot source needs public_url: HubSpot signs the address that it posts to");
    finding_hint(build->findings, "write at the top: public_url: https://hooks.example.com");
}

static void check_sources(struct build *build)
{
    const struct node *sources = node_get(build->root, "sources");

    if (!sources || sources->kind != NODE_LIST)
        return;
    for (size_t i = 0; i < sources->count; i++) {
        check_twice(build, sources, i, "name");
        check_twice(build, sources, i, "path");
        check_channel_name(build, node_get(sources->items[i], "channel"));
        check_public_url(build, sources->items[i]);
    }
}

static void check_channels(struct build *build)
{
    const struct node *channels = node_get(build->root, "channels");
    char name[65];

    for (size_t i = 0; channels && channels->kind == NODE_MAP && i < channels->count; i++)
        if (!config_is_name(channels->keys[i]->text)) {
            finding_error(build->findings, channels->keys[i]->at, "'%s' is no name of a channel",
                          shown(channels->keys[i], name).p);
            finding_hint(build->findings, "small letters, digits and '-', at most 64");
        }
}

static void check_secrets(struct build *build)
{
    const struct node *secrets = node_get(build->root, "secrets");
    char name[65];

    for (size_t i = 0; secrets && secrets->kind == NODE_MAP && i < secrets->count; i++)
        if (!config_is_secret_name(secrets->keys[i]->text)) {
            finding_error(build->findings, secrets->keys[i]->at, "'%s' is no name of a secret",
                          shown(secrets->keys[i], name).p);
            finding_hint(build->findings, "capital letters, digits and '_', such as SHOP_TOKEN");
        }
}

/* Whoever reaches the operator's page can change the queue. */
static void check_admin(struct build *build)
{
    const struct node *admin = node_get(build->root, "admin"), *listen = admin;
    struct fault fault;

    if (admin && admin->kind == NODE_MAP)
        listen = node_get(admin, "listen");
    if (!is_scalar(listen) || !config_check_admin(listen->text, &fault) || config_is_local(listen->text) ||
        node_get(admin, "token"))
        return;
    finding_error(build->findings, listen->at, "admin can be reached from other machines and has no token");
    finding_hint(build->findings,
                 "write 127.0.0.1:9090, or admin: { listen: '%.*s', token: env:ADMIN_TOKEN }",
                 TEXT_ARG(listen->text));
}

/* --- building --------------------------------------------------------------------------------------------------- */

static struct config_rate build_rate(const struct node *channel, const char *key, const char *otherwise,
                                     int burst)
{
    const struct node *node = node_get(channel, key);
    struct text text = text_of(otherwise);
    struct config_rate rate = { 0, 0 };

    if (node)
        text = node->kind == NODE_MAP ? schema_text(node, "rate", otherwise) : node->text;
    config_read_rate(text, &rate.per_second);
    if (rate.per_second <= 0)
        return rate;
    /* a second's worth where nothing else is usual */
    rate.burst = burst ? burst : rate.per_second < 1 ? 1 : (int)rate.per_second;
    if (node)
        rate.burst = (int)schema_int(node, "burst", rate.burst);
    return rate;
}

/* An address without '/' at its end, so that a path can follow. */
static const char *keep_url(struct build *build, const struct node *map, const char *key,
                            const char *otherwise)
{
    struct text text = schema_text(map, key, otherwise);

    while (text.n && text.p[text.n - 1] == '/')
        text.n--;
    return keep(build, text);
}

static void build_channel(struct build *build, const struct node *key, const struct node *node,
                          struct config_channel *channel)
{
    *channel = (struct config_channel){
        .name = keep(build, key->text),
        .url = keep_url(build, node, "url", "https://api.octopods.io"),
        .key_ref = keep_key(build, node, "key", NULL),
        .dialect = text_is(schema_text(node, "dialect", "flat"), "markup") ? DIALECT_MARKUP : DIALECT_FLAT,
        .rate = build_rate(node, "rate", "25/s", 0),
        .chat_rate = build_rate(node, "chat_rate", "1/s", 3),
        .loop_guard = (int)schema_int(node, "loop_guard", 30),
        .timeout_ms = schema_duration(node, "timeout", 10000),
        .connect_timeout_ms = schema_duration(node, "connect_timeout", 5000),
        .at = key->at,
    };
}

static void build_channels(struct build *build)
{
    const struct node *channels = node_get(build->root, "channels");
    struct config *config = build->config;

    config->channels = room(build, channels->count, sizeof(*config->channels));
    for (size_t i = 0; config->channels && i < channels->count; i++)
        build_channel(build, channels->keys[i], channels->items[i], &config->channels[config->n_channels++]);
}

static void build_secrets(struct build *build)
{
    const struct node *secrets = node_get(build->root, "secrets");
    struct config *config = build->config;
    size_t n = secrets ? secrets->count : 0;

    config->secrets = room(build, n, sizeof(*config->secrets));
    for (size_t i = 0; config->secrets && i < n; i++)
        config->secrets[config->n_secrets++] = (struct config_secret){ keep(build, secrets->keys[i]->text),
                                                                       keep(build, secrets->items[i]->text) };
}

static void build_private_hosts(struct build *build)
{
    const struct node *node = node_get(build->root, "private_hosts");
    size_t n = node ? node->count : 0;
    const char **hosts = room(build, n, sizeof(*hosts));

    for (size_t i = 0; hosts && i < n; i++)
        hosts[i] = keep(build, node->items[i]->text);
    build->config->private_hosts = hosts;
    build->config->n_private_hosts = hosts ? n : 0;
}

static void build_sources(struct build *build)
{
    const struct node *sources = node_get(build->root, "sources");
    struct config *config = build->config;

    config->sources = room(build, sources->count, sizeof(struct source *));
    for (size_t i = 0; config->sources && i < sources->count; i++) {
        struct source *source =
            source_build(sources->items[i], config->public_url, build->arena, build->findings);

        if (source)
            config->sources[config->n_sources++] = source;
    }
}

static void build_rules(struct build *build)
{
    const struct node *node = node_get(build->root, "rules");
    size_t n = node && node->kind == NODE_LIST ? node->count : 1;
    const char **rules = room(build, n, sizeof(*rules));

    for (size_t i = 0; rules && i < n; i++)
        rules[i] = node && node->kind == NODE_LIST ? keep(build, node->items[i]->text)
                                                   : keep_key(build, build->root, "rules", "rules/");
    build->config->rules = rules;
    build->config->n_rules = rules ? n : 0;
}

static void build_limits(struct build *build)
{
    const struct node *node = node_get(build->root, "limits");

    build->config->limits = (struct config_limits){
        .body = schema_size(node, "body", 1 << 20),
        .headers = schema_size(node, "headers", 16 << 10),
        .request_ms = schema_duration(node, "request_time", 10000),
        .idle_ms = schema_duration(node, "idle_time", 60000),
        .store_ms =
            schema_duration(node, "store_time", 400), /* senders count an answer after 500 ms as slow */
        .lease_ms = schema_duration(node, "lease", 30000),
        .connections = (int)schema_int(node, "connections", 1024),
        .per_address = (int)schema_int(node, "per_address", 256),
        .queue_items = (size_t)schema_int(node, "queue_items", 4096),
        .queue_bytes = schema_size(node, "queue_bytes", 64 << 20),
        .sends = (int)schema_int(node, "sends", 128),
        .fetches = (int)schema_int(node, "fetches", 8),
        .lookups = (int)schema_int(node, "lookups", 64),
        .answer = schema_size(node, "answer", 256 << 10),
    };
}

static int build_level(const struct node *root)
{
    struct text text = schema_text(root, "log_level", "info");

    for (int i = 0; config_levels[i]; i++)
        if (text_is(text, config_levels[i]))
            return i;
    return LOG_INFO;
}

static void build_admin(struct build *build)
{
    const struct node *admin = node_get(build->root, "admin");

    if (admin && admin->kind == NODE_MAP) {
        build->config->admin = keep_key(build, admin, "listen", NULL);
        build->config->admin_token_ref = keep_key(build, admin, "token", NULL);
    } else {
        build->config->admin = keep_key(build, build->root, "admin", NULL);
    }
}

static void build_all(struct build *build)
{
    struct config *config = build->config;
    const struct node *root = build->root, *tls = node_get(root, "tls");

    config->listen = keep_key(build, root, "listen", "127.0.0.1:8080");
    config->bound_file = keep_key(build, root, "bound_file", NULL);
    config->public_url = keep_url(build, root, "public_url", NULL);
    config->tls_cert = keep_key(build, tls, "cert", NULL);
    config->tls_key = keep_key(build, tls, "key", NULL);
    config->store = keep_key(build, root, "store", "sqlite:callbackd.db");
    config->user = keep_key(build, root, "user", NULL);
    config->retention_ms = schema_duration(root, "retention", (int64_t)30 * 86400 * 1000);
    config->drain_ms = schema_duration(root, "drain", 10000);
    config->log_json = text_is(schema_text(root, "log", "text"), "json");
    config->log_level = build_level(root);
    build_admin(build);
    build_limits(build);
    build_rules(build);
    build_channels(build);
    build_secrets(build);
    build_private_hosts(build);
    build_sources(build);
}

/* --- the whole -------------------------------------------------------------------------------------------------- */

/* The key whose value begins behind the colon at byte i. */
static struct text key_before(struct text line, size_t i)
{
    size_t end;

    while (i > 0 && strchr(" \"'", line.p[i - 1]))
        i--;
    for (end = i; i > 0 && !strchr(" \"'{,[", line.p[i - 1]); i--)
        ;
    return text_make(line.p + i, end - i);
}

/* Where the value of a key that has a secret begins, or a URL with a password; SIZE_MAX: there is none. */
static size_t secret_from(struct text line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] == ':' && tree_is_secret(key_before(line, i)))
            return i + 1;
    return tree_password_from(line);
}

static size_t indent_of(struct text line)
{
    size_t n = 0;

    while (n < line.n && line.p[n] == ' ')
        n++;
    return n;
}

static int column_of(struct text line, size_t byte)
{
    int column = 1;

    for (size_t i = 0; i < byte; i++)
        column += ((unsigned char)line.p[i] & 0xC0) != 0x80;
    return column;
}

static bool is_blank_from(struct text line, size_t byte)
{
    return text_trim(text_make(line.p + byte, line.n - byte)).n == 0;
}

/* In a file that cannot be read nobody knows what is a secret in the place of its reference. It may be what cannot be read. A value may
   stand on lines of its own, further in than its key. */
static void conceal_lines(struct findings *findings, const char *path, struct text rest)
{
    const struct document document = { .path = path };
    struct place at = { &document, 1, 0, 1 << 20 };
    size_t block = SIZE_MAX; /* the indent of such a key */
    bool more = true;

    for (struct text line; more; at.line++) {
        more = text_cut(rest, '\n', &line, &rest);
        if (!more)
            line = rest;
        size_t indent = indent_of(line), from = secret_from(line);
        if (block != SIZE_MAX && indent < line.n && indent <= block && line.p[indent] != '-')
            block = SIZE_MAX;
        if (block != SIZE_MAX)
            from = indent;
        else if (from != SIZE_MAX && is_blank_from(line, from))
            block = indent;
        at.column = column_of(line, from < line.n ? from : line.n);
        if (from < line.n)
            findings_conceal(findings, at);
    }
}

static const struct document *read_document(struct build *build, const char *path, struct text text)
{
    const struct document *document = text_ends(text_of(path), ".json")
                                          ? json_read(build->arena, path, text, build->findings)
                                          : yaml_read(build->arena, path, text, build->findings);

    if (!document) {
        conceal_lines(build->findings, path, text);
        return NULL;
    }
    build->root = document->root;
    if (build->root)
        return document;
    finding_error(build->findings, ((struct place){ document, 0, 0, 0 }), "the file is empty");
    finding_hint(build->findings, "it needs sources: and channels: at least");
    return NULL;
}

static bool load(struct build *build, const char *path, struct text text)
{
    size_t errors = findings_count(build->findings, FINDING_ERROR);

    if (!read_document(build, path, text))
        return false;
    /* adds what it finds; so do the others */
    if (!schema_check(&config_schema, build->root, build->findings) && build->root->kind != NODE_MAP)
        return false;
    check_channels(build);
    check_secrets(build);
    check_sources(build);
    check_admin(build);
    if (findings_count(build->findings, FINDING_ERROR) > errors)
        return false;
    build->config->path = keep(build, text_of(path));
    build_all(build);
    if (build->failed)
        finding_error(build->findings, (struct place){ 0 }, "%s: it takes more memory than it may", path);
    return findings_count(build->findings, FINDING_ERROR) == errors;
}

struct config *config_build(const char *path, struct text text, struct findings *findings)
{
    struct arena *arena = arena_new(ARENA_MAX);
    struct whole *whole = arena ? arena_alloc(arena, sizeof(*whole)) : NULL;
    struct build build = { whole ? &whole->config : NULL, arena, findings, NULL, false };

    if (!whole) {
        arena_free(arena);
        finding_error(findings, (struct place){ 0 }, "%s: memory is out", path);
        return NULL;
    }
    whole->arena = arena;
    if (load(&build, path, text))
        return &whole->config;
    config_free(&whole->config);
    return NULL;
}

void config_free(struct config *config)
{
    /* the first member, so the same address */
    struct whole *whole = (struct whole *)config;

    if (!whole)
        return;
    for (size_t i = 0; i < config->n_sources; i++)
        source_free(config->sources[i]);
    arena_free(whole->arena);
}

bool config_is_private(const struct config *config, struct text url)
{
    struct text host = config_url_host(url);

    for (size_t i = 0; host.p && i < config->n_private_hosts; i++)
        if (text_is_nocase(host, config->private_hosts[i]))
            return true;
    return false;
}

bool config_is_in_clear(const struct config *config, struct text url)
{
    struct text host = config_url_host(url);

    return text_starts(url, "http://") && host.p && !config_is_loopback(host) &&
           !config_is_private(config, url);
}

const struct config_channel *config_channel(const struct config *config, struct text name)
{
    for (size_t i = 0; i < config->n_channels; i++)
        if (text_is(name, config->channels[i].name))
            return &config->channels[i];
    return NULL;
}

int64_t config_longest_retention(const struct config *config)
{
    int64_t longest = config->retention_ms;

    for (size_t i = 0; i < config->n_sources; i++)
        if (source_retention_ms(config->sources[i]) > longest)
            longest = source_retention_ms(config->sources[i]);
    return longest;
}

const struct source *config_source(const struct config *config, struct text name)
{
    for (size_t i = 0; i < config->n_sources; i++)
        if (text_is(name, source_name(config->sources[i])))
            return config->sources[i];
    return NULL;
}
