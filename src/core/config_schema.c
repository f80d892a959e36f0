/* What a configuration file may say. */

#include "core/config.h"
#include "core/config_forms.h"
#include "core/schema.h"
#include "core/secret.h"

#define MINUTE ((int64_t)60000)
#define DAY (1440 * MINUTE)
#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)

static const struct schema listen_address = { SCHEMA_CUSTOM, .check = config_check_listen };
static const struct schema admin_address = { SCHEMA_CUSTOM, .what = "an address such as 127.0.0.1:9090",
                                             .check = config_check_admin };
static const struct schema url = { SCHEMA_CUSTOM, .check = config_check_url };
static const struct schema path = { SCHEMA_CUSTOM, .what = "a path", .check = config_check_path };
static const struct schema store = { SCHEMA_CUSTOM, .check = config_check_store };
static const struct schema secret = { SCHEMA_CUSTOM, .what = "where a secret is, such as env:NAME",
                                      .check = secret_check };

/* --- rates ------------------------------------------------------------------------------------------------------ */

static const struct schema rate_text = { SCHEMA_CUSTOM, .what = "a rate such as 25/s",
                                         .check = config_check_rate };
static const struct schema burst = { SCHEMA_INT, .least = 1, .most = 100000 };
static const struct schema_key rate_keys[] = {
    { "rate", &rate_text, true, .help = "N/s, N/m or off" },
    { "burst", &burst, .help = "how many may go at once" },
    { NULL },
};
static const struct schema rate_map = { SCHEMA_MAP, .what = "{ rate, burst }", .keys = rate_keys };
static const struct schema *const rate_options[] = { &rate_text, &rate_map, NULL };
static const struct schema rate = { SCHEMA_ANY_OF, .options = rate_options };

/* --- channels --------------------------------------------------------------------------------------------------- */

static const char *const dialect_words[] = { "flat", "markup", NULL };
static const struct schema dialect = { SCHEMA_WORD, .words = dialect_words };
static const struct schema loop_guard = { SCHEMA_INT, .least = 0, .most = 100000 };
static const struct schema timeout = { SCHEMA_DURATION, .least = 100, .most = MINUTE };
static const struct schema_key channel_keys[] = {
    { "url", &url, .help = "base URL of the Octopods API; https://api.octopods.io by default" },
    { "key", &secret, true, .help = "where the channel's API key is: env:NAME, file:PATH, credential:NAME" },
    { "dialect", &dialect, .help = "shape of the payload: flat (default) or markup" },
    { "rate", &rate, .help = "messages of the whole channel; 25/s by default" },
    { "chat_rate", &rate, .help = "messages of one chat; 1/s, 3 at once, by default" },
    { "loop_guard", &loop_guard,
      .help = "follow-ups of one chat in a minute, the next is held; 30 by default, 0: any number" },
    { "timeout", &timeout, .help = "for a whole request; 10s by default" },
    { "connect_timeout", &timeout, .help = "for the connection; 5s by default" },
    { NULL },
};
static const struct schema channel = { SCHEMA_MAP, .what = "a channel: { key: env:NAME, ... }",
                                       .keys = channel_keys };
static const struct schema channels = { SCHEMA_DICT, .what = "a map of channels", .item = &channel,
                                        .least = 1 };

/* --- limits ----------------------------------------------------------------------------------------------------- */

static const struct schema body = { SCHEMA_SIZE, .least = KIB, .most = 64 * MIB };
static const struct schema headers = { SCHEMA_SIZE, .least = KIB, .most = MIB };
static const struct schema while_reading = { SCHEMA_DURATION, .least = 100, .most = 60 * MINUTE };
static const struct schema storing = { SCHEMA_DURATION, .least = 100, .most = MINUTE };
static const struct schema lease = { SCHEMA_DURATION, .least = 1000, .most = 10 * MINUTE };
static const struct schema number = { SCHEMA_INT, .least = 1, .most = 1000000 };
static const struct schema small_number = { SCHEMA_INT, .least = 1, .most = 1000 };
static const struct schema bytes = { SCHEMA_SIZE, .least = 64 * KIB, .most = 16384 * MIB };
static const struct schema_key limit_keys[] = {
    { "body", &body, .help = "of a webhook; 1MiB by default" },
    { "headers", &headers, .help = "of a webhook; 16KiB by default" },
    { "request_time", &while_reading, .help = "for a whole request; 10s by default" },
    { "idle_time", &while_reading, .help = "for a quiet connection; 60s by default" },
    { "store_time", &storing, .help = "for a webhook to be stored, else it is refused; 400ms by default" },
    { "lease", &lease, .help = "how long a node that is gone keeps what it had; 30s by default" },
    { "connections", &number, .help = "in all; 1024 by default" },
    { "per_address", &number, .help = "connections from one address; 256 by default" },
    { "queue_items", &number, .help = "webhooks that wait to be stored; 4096 by default" },
    { "queue_bytes", &bytes, .help = "of webhooks that wait to be stored; 64MiB by default" },
    { "sends", &small_number, .help = "requests to Octopods at a time; 128 by default" },
    { "fetches", &small_number, .help = "requests to one helpdesk at a time; 8 by default" },
    { "lookups", &small_number,
      .help = "requests to shops at a time, half of them of one lookup; 64 by default" },
    { "answer", &body, .help = "bytes of an answer that are read; 256KiB by default" },
    { NULL },
};
static const struct schema limits = { SCHEMA_MAP, .what = "a map of limits", .keys = limit_keys };

/* --- the top ---------------------------------------------------------------------------------------------------- */

static const struct schema_key admin_keys[] = {
    { "listen", &admin_address, true, .help = "HOST:PORT or unix:PATH" },
    { "token", &secret, .help = "where the token is that requests must carry" },
    { NULL },
};
static const struct schema admin_map = { SCHEMA_MAP, .what = "{ listen, token }", .keys = admin_keys };
static const struct schema *const admin_options[] = { &admin_address, &admin_map, NULL };
static const struct schema admin = { SCHEMA_ANY_OF, .options = admin_options };

static const struct schema user = { SCHEMA_CUSTOM, .what = "a user's name", .check = config_check_user };
static const struct schema_key tls_keys[] = {
    { "cert", &path, true, .help = "file of the certificate and its chain, PEM" },
    { "key", &path, true, .help = "file of the private key, PEM" },
    { NULL },
};
static const struct schema tls = { SCHEMA_MAP, .what = "{ cert, key }", .keys = tls_keys };

static const struct schema path_list = { SCHEMA_LIST, .what = "a list of paths", .item = &path, .least = 1,
                                         .most = 1000 };
static const struct schema *const rules_options[] = { &path_list, &path, NULL };
static const struct schema rules = { SCHEMA_ANY_OF, .options = rules_options };
static const struct schema sources = { SCHEMA_LIST, .what = "a list of sources", .item = &source_schema,
                                       .least = 1, .most = 1000 };
static const struct schema private_host = { SCHEMA_CUSTOM, .what = "a host such as shop.internal",
                                            .check = config_check_host };
static const struct schema private_hosts = { SCHEMA_LIST, .what = "a list of hosts", .item = &private_host,
                                             .most = 1000 };
static const struct schema secrets = { SCHEMA_DICT, .what = "a map of secrets", .item = &secret };
static const struct schema retention = { SCHEMA_DURATION, .least = 60 * MINUTE, .most = 3650 * DAY };
static const struct schema drain = { SCHEMA_DURATION, .least = 0, .most = 10 * MINUTE };
static const char *const log_words[] = { "text", "json", NULL };
static const struct schema log_form = { SCHEMA_WORD, .words = log_words };
static const struct schema log_level = { SCHEMA_WORD, .words = config_levels };

static const struct schema_key keys[] = {
    { "listen", &listen_address, .help = "where webhooks come in; 127.0.0.1:8080 by default; port 0: any" },
    { "admin", &admin, .help = "where /healthz, /metrics and the operator's page are; none by default" },
    { "user", &user, .help = "whom serve changes to when root starts it" },
    { "bound_file", &path, .help = "file that gets the addresses in use" },
    { "public_url", &url, .help = "this server's address as the helpdesks know it; HubSpot signs it" },
    { "tls", &tls, .help = "certificate and key of the intake; plain HTTP without" },
    { "store", &store,
      .help = "sqlite:PATH, postgresql://USER@HOST/DATABASE, or where that is: env:NAME, file:PATH, "
              "credential:NAME; sqlite:callbackd.db by default" },
    { "rules", &rules, .help = "folders and files of rules; rules/ by default" },
    { "limits", &limits, .help = "of memory, time and connections" },
    { "sources", &sources, true, .help = "a list of where webhooks come from" },
    { "channels", &channels, true, .help = "a map of the Octopods channels that answers go to" },
    { "secrets", &secrets, .help = "secrets that rules may use as ${secret.NAME}" },
    { "private_hosts", &private_hosts,
      .help = "hosts inside of your network that lookups may ask; by default only public addresses" },
    { "retention", &retention, .help = "how long done things are kept; 30d by default" },
    { "drain", &drain, .help = "how long a stop waits for running sends; 10s by default" },
    { "log", &log_form, .help = "text (default) or json" },
    { "log_level", &log_level, .help = "debug, info (default), warn or error" },
    { NULL },
};

const struct schema config_schema = { SCHEMA_MAP, .what = "a map of settings", .keys = keys };
