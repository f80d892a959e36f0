#pragma once

/* The configuration: one YAML file as a struct. Only read after config_build. */

#include "base/arena.h"
#include "core/finding.h"
#include "core/message.h"
#include "core/source.h"

struct config_rate {
    double per_second; /* 0: no limit */
    int burst;         /* how many may go at once; 0 without a limit */
};

/* What rules may use as ${secret.NAME}. */
struct config_secret {
    const char *name, *ref;
};

struct config_channel {
    const char *name;
    const char *url;     /* base URL without the path: https://api.octopods.io */
    const char *key_ref; /* reference of the API key */
    enum dialect dialect;
    struct config_rate rate, chat_rate;
    int loop_guard; /* follow-ups that a chat may get in a minute; 0: any number */
    int64_t timeout_ms, connect_timeout_ms;
    struct place at;
};

struct config_limits {
    size_t body, headers;            /* bytes of a request */
    int64_t request_ms, idle_ms;     /* time for a whole request, for a quiet connection */
    int64_t store_ms;                /* until a webhook must be stored, or is refused */
    int64_t lease_ms;                /* of a node among several */
    int connections, per_address;    /* in all, from one address */
    size_t queue_items, queue_bytes; /* that may wait between the front door and the store */
    int sends, fetches, lookups;     /* in flight: in all; per source; in all, half of them of one name */
    size_t answer;                   /* bytes of an answer that are read */
};

struct config {
    const char *path;
    const char *listen, *admin;     /* HOST:PORT, [IPv6]:PORT; admin also unix:PATH, or NULL: none */
    const char *user;               /* whom root changes to; NULL: nobody else */
    const char *bound_file;         /* NULL: none */
    const char *public_url;         /* NULL: not said */
    const char *tls_cert, *tls_key; /* NULL: plain */
    const char *admin_token_ref;    /* NULL: none */
    const char *store;
    const char *const *rules; /* folders or files, relative to the configuration file */
    size_t n_rules;
    struct config_limits limits;
    struct source **sources;
    size_t n_sources;
    struct config_channel *channels;
    size_t n_channels;
    const char *const *private_hosts; /* that lookups may ask though their addresses are not public */
    size_t n_private_hosts;
    struct config_secret *secrets;
    size_t n_secrets;
    int64_t retention_ms, drain_ms; /* done things are kept that long; SIGTERM waits that long */
    bool log_json;
    int log_level; /* enum log_level */
};

extern const struct schema config_schema;

/* config_build: from the file's text. NULL after adding errors, all at once. The config owns an arena of its own. */
struct config *config_build(const char *path, struct text text, struct findings *findings) CHECKED;
void config_free(struct config *config);
const struct config_channel *config_channel(const struct config *config, struct text name);
/* config_is_private: is the URL's host one of private_hosts? */
bool config_is_private(const struct config *config, struct text url);
/* config_longest_retention: of any source. */
int64_t config_longest_retention(const struct config *config);
/* config_is_in_clear: does the URL lead over the network without TLS? Not to this machine, nor to one of private_hosts. */
bool config_is_in_clear(const struct config *config, struct text url);
const struct source *config_source(const struct config *config, struct text name);
