#include "core/config.h"
#include "core/config_forms.h"
#include "core/schema.h"
#include "core/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* --- a source that knows its name only ---------------------------------------------------------------------------- */

struct source {
    const char *name;
    int64_t retention_ms;
};

static const struct schema any = { SCHEMA_TEXT };
static const struct schema duration = { SCHEMA_DURATION, .most = INT64_MAX };
static const struct schema some = { SCHEMA_LIST, .item = &any };
static const struct schema_key stub_keys[] = {
    { "name", &any, true },
    { "kind", &any, true },
    { "path", &any, true },
    { "channel", &any, true },
    { "secrets", &some },
    { "retention", &duration },
    { NULL },
};
const struct schema source_schema = { SCHEMA_MAP, .what = "a source", .keys = stub_keys };
static int sources_alive;

struct source *source_build(const struct node *node, const char *public_url, struct arena *arena,
                            struct findings *findings)
{
    struct source *source = arena_alloc(arena, sizeof(*source));

    (void)public_url;
    (void)findings;
    source->name = arena_str(arena, schema_text(node, "name", NULL));
    source->retention_ms = schema_duration(node, "retention", 0);
    sources_alive++;
    return source;
}

void source_free(struct source *source)
{
    if (source)
        sources_alive--;
}

const char *source_name(const struct source *source)
{
    return source->name;
}

int64_t source_retention_ms(const struct source *source)
{
    return source->retention_ms;
}

/* --- helpers ------------------------------------------------------------------------------------------------------ */

#define SOURCES "sources: [ { name: inbox, kind: intercom, path: /in, channel: shop } ]\n"
#define CHANNELS "channels: { shop: { key: env:KEY } }\n"
#define LEAST SOURCES CHANNELS

static struct config *build(const char *source, struct findings *findings)
{
    return config_build("c.yaml", text_of(source), findings);
}

/* What is printed about it; "" if it is fine. For free(3). */
static char *printed(const char *source)
{
    struct findings *findings = findings_new();
    struct buf out = BUF(100000);
    struct config *config = build(source, findings);

    assert_true((config != NULL) == (findings_count(findings, FINDING_ERROR) == 0));
    config_free(config);
    assert_int_equal(sources_alive, 0);
    findings_print(findings, &out);
    findings_free(findings);
    return buf_take(&out);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

/* Each key with values that are taken and values that are not; "%s" stands where the error's text must appear. */
static void test_every_key(void **state)
{
    static const struct {
        const char *line, *error; /* NULL: fine */
    } rows[] = {
        { "listen: 127.0.0.1:8080", NULL },
        { "listen: '[::1]:0'", NULL },
        { "listen: localhost:80", NULL },
        { "listen: 8080", "an address and a port are expected here" },
        { "listen: 127.0.0.1:65536", "an address and a port" },
        { "listen: '::1:80'", "an address and a port" },
        { "listen: ':80'", "an address and a port" },
        { "listen: a:b", "an address and a port" },
        { "listen: [ a ]", "a text is expected here, not a list" },
        { "listen:", "nothing stands here" },
        { "admin: 127.0.0.1:9090", NULL },
        { "admin: '[::1]:9090'", NULL },
        { "admin: unix:run/admin.sock", NULL },
        { "admin: { listen: 127.0.0.1:9090 }", NULL },
        { "admin: { listen: 0.0.0.0:9090, token: env:T }", NULL },
        { "admin: 0.0.0.0:9090", "admin can be reached from other machines and has no token" },
        { "admin: { listen: 10.1.2.3:9090 }", "has no token" },
        { "admin: 127.example.com:80", "has no token" },
        { "admin: { token: env:T }", "'listen' is missing here" },
        { "admin: nowhere", "an address and a port are expected here" },
        { "admin: [ ]",
          "an address such as 127.0.0.1:9090 or { listen, token } is expected here, not a list" },
        { "bound_file: run/addr", NULL },
        { "bound_file: ''", "the path of a file is expected here" },
        { "public_url: https://hooks.example.com/x", NULL },
        { "public_url: hooks.example.com", "http or https" },
        { "tls: { cert: a.pem, key: b.pem }", NULL },
        { "tls: { cert: a.pem }", "'key' is missing here" },
        { "tls: { key: a.pem }", "'cert' is missing here" },
        { "store: sqlite:var/x.db", NULL },
        { "store: postgresql://db/x", NULL },
        { "store: postgres://u@db:5433,other/x?sslmode=verify-full", NULL },
        { "store: postgresql://u@[::1]:5432,db2:5433/x?target_session_attrs=read-write&sslmode=verify-full"
          "&sslrootcert=/etc/ssl/ca.pem",
          NULL },
        { "store: env:STORE_URL", NULL },
        { "store: file:store.url", NULL },
        { "store: credential:store", NULL },
        { "store: 'env:'", "behind env:" },
        { "store: postgresql://u:hidden@db/x", "a password does not stand in the file" },
        { "store: postgresql://db/x?user=u&password=hidden", "a password does not stand in the file" },
        { "store: var/x.db", "sqlite:PATH" },
        { "store: 'sqlite:'", "sqlite:PATH" },
        { "rules: [ rules/, more.yaml ]", NULL },
        { "rules: rules/", NULL },
        { "rules: []", "this list is empty" },
        { "rules: { a: b }", "a list of paths or a path is expected here, not a map" },
        { "limits: { body: 2MiB, headers: 8KiB, request_time: 5s, idle_time: 1m, connections: 10 }", NULL },
        { "limits: { per_address: 5, queue_items: 7, queue_bytes: 1MiB, sends: 3, fetches: 2, answer: 1KiB }",
          NULL },
        { "limits: { lookups: 2 }", NULL },
        { "limits: { store_time: 2s }", NULL },
        { "limits: { store_time: 2m }", "a duration such as 15m from 100ms to 1m" },
        { "limits: { lease: 10s }", NULL },
        { "limits: { lease: 10ms }", "a duration such as 15m from 1s to 10m" },
        { "private_hosts: [ shop.internal, 10.1.2.3, '[fd00::1]' ]", NULL },
        { "private_hosts: []", NULL },
        { "private_hosts: shop.internal", "a list of hosts is expected here" },
        { "private_hosts: [ shop.internal:80 ]", "a host without a port is expected here" },
        { "private_hosts: [ https://shop ]", "a host without a port" },
        { "private_hosts: [ '*.internal' ]", "a host without a port" },
        { "limits: { body: 1 }", "a size such as 64KiB from 1KiB to 64MiB is expected here" },
        { "limits: { headers: 2MiB }", "from 1KiB to 1MiB" },
        { "limits: { request_time: 10 }", "the unit is missing: 10s are seconds" },
        { "limits: { idle_time: 2d }", "a duration such as 15m from 100ms to 1h" },
        { "limits: { connections: 0 }", "a whole number from 1 to 1000000 is expected here" },
        { "limits: { per_address: many }", "a whole number from" },
        { "limits: { queue_items: '4' }", "write it without quotes" },
        { "limits: { queue_bytes: 1 }", "from 64KiB to 16GiB" },
        { "limits: { sends: 0 }", "a whole number from 1 to 1000" },
        { "limits: { fetches: -1 }", "a whole number from 1 to 1000" },
        { "limits: { answer: x }", "a size such as" },
        { "limits: { boddy: 1MiB }", "unknown key 'boddy'; did you mean 'body'?" },
        { "secrets: { SHOP_TOKEN: env:SHOP_TOKEN, B: 'file:b c' }", NULL },
        { "secrets: { shop: env:X }", "'shop' is no name of a secret" },
        { "secrets: { SHOP: hunter2hunter2 }", "a secret does not stand in the file" },
        { "user: callbackd", NULL },
        { "user: _call-back.d2", NULL },
        { "user: 'root '", "the name of a user" },
        { "user: '1000'", "the name of a user" },
        { "user: -x", "the name of a user" },
        { "user: ''", "the name of a user" },
        { "user: abcdefghijklmnopqrstuvwxyzabcdefg", "the name of a user" },
        { "retention: 7d", NULL },
        { "retention: 1s", "from 1h to 3650d" },
        { "drain: 0s", NULL },
        { "drain: 1h", "from 0s to 10m" },
        { "log: json", NULL },
        { "log: text", NULL },
        { "log: jsn", "'jsn' is not known here; did you mean 'json'?" },
        { "log_level: debug", NULL },
        { "log_level: loud", "it must be debug, info, warn or error" },
        { "listne: x", "unknown key 'listne'; did you mean 'listen'?" },
        { "xyz: x", "unknown key 'xyz'" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char source[1000], *text;

        snprintf(source, sizeof(source), LEAST "%s\n", rows[i].line);
        text = printed(source);
        if (rows[i].error ? !strstr(text, rows[i].error) : text[0] != '\0')
            fail_msg("%s: %s", rows[i].line, text);
        free(text);
    }
}

static void test_every_key_of_a_channel(void **state)
{
    static const struct {
        const char *keys, *error;
    } rows[] = {
        { "key: env:K", NULL },
        { "key: file:k.txt, url: 'https://api.octopods.io/x/', dialect: markup", NULL },
        { "key: credential:octopods-shop, rate: 100/m, chat_rate: off, timeout: 5s, connect_timeout: 1s",
          NULL },
        { "key: env:K, rate: { rate: 5/s, burst: 10 }, chat_rate: { rate: 20/m }", NULL },
        { "key: env:K, url: 'http://127.0.0.1:8000'", NULL },
        { "key: env:K, url: 'http://[::1]:8000/v1'", NULL },
        { "url: 'https://a.b'", "'key' is missing here" },
        { "key: 'env:1K'", "behind env: stands" },
        { "key: 'env:'", "behind env: stands" },
        { "key: 'file:'", "behind file: stands" },
        { "key: 'credential:../x'", "behind credential: stands" },
        { "key: env:K, url: api.octopods.io", "http or https" },
        { "key: env:K, url: 'https://'", "http or https" },
        { "key: env:K, url: 'https://a.b?x=1'", "nothing behind" },
        { "key: env:K, url: 'https://a.b/#x'", "nothing behind" },
        { "key: env:K, url: 'https://u:p@a.b'", "nothing behind" },
        { "key: env:K, url: 'https://a.b:0'", "nothing behind" },
        { "key: env:K, url: 'ftp://a.b'", "http or https" },
        { "key: env:K, dialect: mark", "did you mean 'markup'?" },
        { "key: env:K, rate: 25", "a rate such as 25/s or 100/m is expected here" },
        { "key: env:K, rate: 0/s", "a rate such as" },
        { "key: env:K, rate: -1/s", "a rate such as" },
        { "key: env:K, rate: 1/h", "a rate such as" },
        { "key: env:K, rate: []", "a rate such as 25/s or { rate, burst } is expected here, not a list" },
        { "key: env:K, chat_rate: { burst: 3 }", "'rate' is missing here" },
        { "key: env:K, chat_rate: { rate: 1/s, burst: 0 }", "a whole number from 1" },
        { "key: env:K, loop_guard: -1", "a whole number from 0" },
        { "key: env:K, loop_guard: off", "a whole number from 0" },
        { "key: env:K, timeout: 10", "the unit is missing" },
        { "key: env:K, connect_timeout: 0s", "from 100ms to 1m" },
        { "key: env:K, ratte: 1/s", "did you mean 'rate'?" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char source[1000], *text;

        snprintf(source, sizeof(source), SOURCES "channels: { shop: { %s } }\n", rows[i].keys);
        text = printed(source);
        if (rows[i].error ? !strstr(text, rows[i].error) : text[0] != '\0')
            fail_msg("%s: %s", rows[i].keys, text);
        free(text);
    }
}

static void test_defaults(void **state)
{
    struct findings *findings = findings_new();
    struct config *config = build(LEAST, findings);
    const struct config_channel *channel;

    (void)state;
    assert_non_null(config);
    assert_string_equal(config->path, "c.yaml");
    assert_string_equal(config->listen, "127.0.0.1:8080");
    assert_null(config->admin);
    assert_null(config->admin_token_ref);
    assert_null(config->bound_file);
    assert_null(config->public_url);
    assert_null(config->tls_cert);
    assert_null(config->tls_key);
    assert_string_equal(config->store, "sqlite:callbackd.db");
    assert_int_equal(config->n_rules, 1);
    assert_string_equal(config->rules[0], "rules/");
    assert_int_equal(config->limits.body, 1 << 20);
    assert_int_equal(config->limits.headers, 16384);
    assert_int_equal(config->limits.request_ms, 10000);
    assert_int_equal(config->limits.idle_ms, 60000);
    assert_int_equal(config->limits.store_ms, 400);
    assert_int_equal(config->limits.lease_ms, 30000);
    assert_int_equal(config->limits.connections, 1024);
    assert_int_equal(config->limits.per_address, 256);
    assert_int_equal(config->limits.queue_items, 4096);
    assert_int_equal(config->limits.queue_bytes, 64 << 20);
    assert_int_equal(config->limits.sends, 128);
    assert_int_equal(config->limits.fetches, 8);
    assert_int_equal(config->limits.answer, 256 << 10);
    assert_int_equal(config->n_secrets, 0);
    assert_int_equal(config->retention_ms, 30LL * 86400 * 1000);
    assert_int_equal(config->drain_ms, 10000);
    assert_false(config->log_json);
    assert_int_equal(config->log_level, 1);
    channel = config_channel(config, text_of("shop"));
    assert_non_null(channel);
    assert_string_equal(channel->url, "https://api.octopods.io");
    assert_string_equal(channel->key_ref, "env:KEY");
    assert_int_equal(channel->dialect, DIALECT_FLAT);
    assert_true(channel->rate.per_second == 25 && channel->rate.burst == 25);
    assert_true(channel->chat_rate.per_second == 1 && channel->chat_rate.burst == 3);
    assert_int_equal(channel->loop_guard, 30);
    assert_int_equal(channel->timeout_ms, 10000);
    assert_int_equal(channel->connect_timeout_ms, 5000);
    assert_null(config_channel(config, text_of("sho")));
    assert_non_null(config_source(config, text_of("inbox")));
    assert_null(config_source(config, text_of("shop")));
    config_free(config);
    findings_free(findings);
}

static void test_values(void **state)
{
    static const char source[] =
        "listen: 0.0.0.0:443\nadmin: { listen: 0.0.0.0:9090, token: env:ADMIN }\nbound_file: run/a\n"
        "public_url: https://h.example.com/\ntls: { cert: c.pem, key: k.pem }\nstore: sqlite:x.db\n"
        "rules: [ a, b.yaml ]\nlimits: { body: 2MiB, sends: 3 }\n"
        "sources: [ { name: inbox, kind: intercom, path: /in, channel: shop, retention: 1h },\n"
        "  { name: b, kind: intercom, path: /b, channel: shop, retention: 3d } ]\n"
        "channels:\n  shop: { key: env:K, url: 'http://127.0.0.1:1/v1/', dialect: markup, rate: 90/m,\n"
        "    chat_rate: { rate: 2/s, burst: 7 }, loop_guard: 0, timeout: 3s, connect_timeout: 500ms }\n"
        "  other: { key: file:x, rate: off, chat_rate: 20/m }\n"
        "secrets: { A: env:A, B_2: file:b }\nretention: 2d\ndrain: 1s\nlog: json\nlog_level: error\n";
    struct findings *findings = findings_new();
    struct config *config = build(source, findings);
    const struct config_channel *channel;

    (void)state;
    assert_non_null(config);
    assert_string_equal(config->listen, "0.0.0.0:443");
    assert_string_equal(config->admin, "0.0.0.0:9090");
    assert_string_equal(config->admin_token_ref, "env:ADMIN");
    assert_string_equal(config->bound_file, "run/a");
    assert_string_equal(config->public_url, "https://h.example.com");
    assert_string_equal(config->tls_cert, "c.pem");
    assert_string_equal(config->tls_key, "k.pem");
    assert_string_equal(config->store, "sqlite:x.db");
    assert_int_equal(config->n_rules, 2);
    assert_string_equal(config->rules[1], "b.yaml");
    assert_int_equal(config->limits.body, 2 << 20);
    assert_int_equal(config->limits.sends, 3);
    assert_int_equal(config->limits.fetches, 8);
    channel = config_channel(config, text_of("shop"));
    assert_string_equal(channel->url, "http://127.0.0.1:1/v1");
    assert_int_equal(channel->dialect, DIALECT_MARKUP);
    assert_true(channel->rate.per_second == 1.5 && channel->rate.burst == 1);
    assert_true(channel->chat_rate.per_second == 2 && channel->chat_rate.burst == 7);
    assert_int_equal(channel->loop_guard, 0);
    assert_int_equal(channel->timeout_ms, 3000);
    assert_int_equal(channel->connect_timeout_ms, 500);
    assert_int_equal(channel->at.line, 12);
    channel = config_channel(config, text_of("other"));
    assert_true(channel->rate.per_second == 0 && channel->rate.burst == 0);
    assert_true(channel->chat_rate.per_second > 0.33 && channel->chat_rate.burst == 3);
    assert_int_equal(config->n_secrets, 2);
    assert_string_equal(config->secrets[1].name, "B_2");
    assert_string_equal(config->secrets[1].ref, "file:b");
    assert_int_equal(config->retention_ms, 2 * 86400 * 1000);
    assert_int_equal(config_longest_retention(config), 3 * 86400 * 1000);
    assert_int_equal(config->drain_ms, 1000);
    assert_true(config->log_json);
    assert_int_equal(config->log_level, 3);
    config_free(config);
    findings_free(findings);
}

/* All at once, each with its place and the way out. */
static void test_whole_file(void **state)
{
    static const struct {
        const char *source, *expected;
    } rows[] = {
        { "", "c.yaml: error: the file is empty\n     = it needs sources: and channels: at least\n" },
        { "[]\n", "c.yaml:1:1: error: a map of settings is expected here, not a list\n"
                  "   1 | []\n"
                  "     | ^\n"
                  "     = a map is written { key: value }, or one 'key: value' line for each key\n" },
        { "log: text\n", "c.yaml:1:1: error: 'sources' is missing here\n"
                         "   1 | log: text\n"
                         "     | ^\n"
                         "     = sources: a list of where webhooks come from\n"
                         "c.yaml:1:1: error: 'channels' is missing here\n"
                         "   1 | log: text\n"
                         "     | ^\n"
                         "     = channels: a map of the Octopods channels that answers go to\n" },
        { "sources: []\nchannels: {}\n", "c.yaml:1:10: error: this list is empty\n"
                                         "   1 | sources: []\n"
                                         "     |          ^\n"
                                         "     = put something into it\n"
                                         "c.yaml:2:11: error: this map is empty\n"
                                         "   2 | channels: {}\n"
                                         "     |           ^\n"
                                         "     = put something into it\n" },
        { "sources:\n"
          "  - { name: a, kind: intercom, path: /a, channel: shpo }\n"
          "  - { name: a, kind: hubspot, path: /a, channel: shop }\n"
          "channels: { shop: { key: env:K }, Big: { key: env:K } }\n"
          "store: postgres://u:hid@x/y\n",
          "c.yaml:2:51: error: no channel is called 'shpo'; did you mean 'shop'?\n"
          "   2 |   - { name: a, kind: intercom, path: /a, channel: shpo }\n"
          "     |                                                   ^~~~\n"
          "     = channels are named under channels:, line 4\n"
          "c.yaml:3:13: error: two sources have the name 'a'\n"
          "   3 |   - { name: a, kind: hubspot, path: /a, channel: shop }\n"
          "     |             ^\n"
          "     = the other one stands in line 2; each source needs its own\n"
          "c.yaml:3:22: error: a hubspot source needs public_url: HubSpot signs the address that it posts "
          "to\n"
          "   3 |   - { name: a, kind: hubspot, path: /a, channel: shop }\n"
          "     |                      ^~~~~~~\n"
          "     = write at the top: public_url: https://hooks.example.com\n"
          "c.yaml:3:37: error: two sources have the path '/a'\n"
          "   3 |   - { name: a, kind: hubspot, path: /a, channel: shop }\n"
          "     |                                     ^~\n"
          "     = the other one stands in line 2; each source needs its own\n"
          "c.yaml:4:35: error: 'Big' is no name of a channel\n"
          "   4 | channels: { shop: { key: env:K }, Big: { key: env:K } }\n"
          "     |                                   ^~~\n"
          "     = small letters, digits and '-', at most 64\n"
          "c.yaml:5:8: error: a password does not stand in the file; write where the whole URL is: env:NAME, "
          "file:PATH or credential:NAME\n"
          "   5 | store: ********************\n"
          "     |        ^~~~~~~~~~~~~~~~~~~~\n" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = printed(rows[i].source);

        assert_string_equal(text, rows[i].expected);
        free(text);
    }
}

/* Whoever writes a secret into the file does not find it in the log. */
static void test_secrets_stay_unseen(void **state)
{
    static const char *const rows[] = {
        SOURCES "channels: { shop: { key: hunter2hunter2 } }\n",
        SOURCES "channels: { shop: { key: 'hunter2hunter2', url: x } }\n",
        SOURCES "channels: { shop: { key: env:hunter2-hunter2 } }\n",
        SOURCES "channels: { shop: { api_key: hunter2hunter2 } }\n",
        SOURCES "channels: { shop: { key: hunter2hunter2, url: a, url: b } }\n",
        SOURCES "channels:\n  shop: { key: [ x ], token: hunter2hunter2 }\n",
        SOURCES "channels: { shop: { key: [ hunter2hunter2 } }\n",
        SOURCES "channels: { shop: { key: [ hunter2hunter2 ] } }\n",
        SOURCES "channels: { shop: { key: { x: hunter2hunter2 } } }\n",
        SOURCES "channels: { shop: { key: 'hunter2hunter2 } }\n",
        SOURCES "channels:\n  shop:\n    key: *hunter2hunter2\n",
        SOURCES "channels:\n  shop:\n    key: !hunter2hunter2\n",
        SOURCES "channels:\n  shop:\n    key: &hunter2hunter2 x: y\n",
        SOURCES "channels:\n  shop:\n    key: @hunter2hunter2\n",
        SOURCES "channels:\n  shop:\n    key: %hunter2hunter2\n",
        SOURCES "channels:\n  shop:\n    key: x hunter2hunter2: y\n",
        SOURCES "channels:\n  shop:\n    key: hunter2 #hunter2hunter2\n",
        SOURCES "channels:\n  shop: { api_key: x #hunter2hunter2\n",
        "{\"channels\": {\"shop\": {\"key\": [\"hunter2hunter2\" \"}}}\n",
        LEAST "secrets: [ *hunter2hunter2 ]\n",
        LEAST "secrets:\n  SHOP: *hunter2hunter2\n",
        LEAST "secrets: { SHOP: hunter2hunter2 }\n",
        LEAST "secrets: { SHOP_TOKEN: hunter2hunter2, 'x y': env:X }\n",
        LEAST "admin: { listen: 0.0.0.0:1, token: hunter2hunter2 }\n",
    };
    struct fault fault;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = printed(rows[i]);

        assert_true(strstr(text, "error: ") != NULL);
        if (strstr(text, "hunter2"))
            fail_msg("%s", text);
        free(text);
    }
    assert_false(secret_check(text_of("hunter2"), &fault));
    assert_null(strstr(fault.text, "hunter2"));
}

static void test_secret_forms(void **state)
{
    static const struct {
        const char *reference, *name; /* NULL: refused */
        enum secret_kind kind;
    } rows[] = {
        { "env:A_1", "A_1", SECRET_ENV },
        { "env:_a", "_a", SECRET_ENV },
        { "file:/run/x y", "/run/x y", SECRET_FILE },
        { "file:a:b", "a:b", SECRET_FILE },
        { "credential:octopods-shop.1", "octopods-shop.1", SECRET_CREDENTIAL },
        { "env:", NULL, SECRET_ENV },
        { "env:A-B", NULL, SECRET_ENV },
        { "env:9", NULL, SECRET_ENV },
        { "file: x", NULL, SECRET_ENV },
        { "file:a\nb", NULL, SECRET_ENV },
        { "credential:a/b", NULL, SECRET_ENV },
        { "credential:..", NULL, SECRET_ENV },
        { "ENV:A", NULL, SECRET_ENV },
        { "abc", NULL, SECRET_ENV },
        { "", NULL, SECRET_ENV },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text name = TEXT_NONE;
        enum secret_kind kind = SECRET_ENV;
        struct fault fault = { "" };
        bool good = secret_parse(text_of(rows[i].reference), &kind, &name, &fault);

        assert_true(good == (rows[i].name != NULL));
        assert_true(good || fault.text[0]);
        if (good) {
            assert_true(text_is(name, rows[i].name));
            assert_int_equal(kind, rows[i].kind);
        }
    }
}

/* Which URLs may lead inside: whatever is not plain may not. */
static void test_private_hosts(void **state)
{
    static const struct {
        const char *url;
        bool private;
    } rows[] = {
        { "https://shop.internal/a", true },
        { "http://SHOP.internal:8080/a?b", true },
        { "http://shop.internal?b", true },
        { "http://[fd00::1]:80/", true },
        { "http://10.1.2.3", true },
        { "http://shop.internal.example.com/", false },
        { "http://x.shop.internal/", false },
        { "http://shop.internal@example.com/", false },
        { "http://example.com@shop.internal/", false },
        { "http://example.com/?http://shop.internal/", false },
        { "http://example.com#@shop.internal/", false },
        { "http://example.com\\@shop.internal/", false },
        { "http://shop.internal\\.example.com/", false },
        { "http://shop%2einternal/", false },
        { "http://shop.internal./", false },
        { "http://shop.internal:x/", false },
        { "ftp://shop.internal/", false },
        { "shop.internal", false },
        { "", false },
    };
    struct findings *findings = findings_new();
    struct config *config =
        build(LEAST "private_hosts: [ shop.internal, 10.1.2.3, '[fd00::1]' ]\n", findings);

    (void)state;
    assert_non_null(config);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (config_is_private(config, text_of(rows[i].url)) != rows[i].private)
            fail_msg("%s", rows[i].url);
    config_free(config);
    findings_free(findings);
}

static void test_json_is_taken(void **state)
{
    static const char source[] =
        "{\"sources\":[{\"name\":\"a\",\"kind\":\"intercom\",\"path\":\"/a\",\"channel\":\"s\"}],"
        "\n\t\"channels\":{\"s\":{\"key\":\"env:K\"}},\"drain\":\"1s\"}";
    struct findings *findings = findings_new();
    struct config *config = config_build("c.json", text_of(source), findings);

    (void)state;
    assert_non_null(config);
    assert_int_equal(config->drain_ms, 1000);
    config_free(config);
    findings_free(findings);
}

/* Damaged files give findings, never a crash. */
static void test_damage(void **state)
{
    static const char sample[] = "listen: 127.0.0.1:1\nadmin: { listen: '127.0.0.1:2', token: env:A } # "
                                 "x\ntls: { cert: &c a, key: *c }\n"
                                 "rules:\n  - a\n  - \"b\\u00e9\"\nlimits: { body: 1MiB }\n" LEAST
                                 "secrets: { A: env:B }\nlog: >-\n  json\n";
    char bytes[sizeof(sample)];

    (void)state;
    for (size_t n = 0; n < sizeof(sample); n++)
        for (unsigned change = 0; change < 12; change++) {
            static const char put[] = "\0{}[]:#'\"\t\xE2*";
            struct findings *findings = findings_new();
            struct buf out = BUF(1000000);
            struct config *config;

            memcpy(bytes, sample, sizeof(sample));
            bytes[n] = put[change];
            config = config_build(change ? "c.yaml" : "c.json",
                                  text_make(bytes, change ? sizeof(sample) - 1 : n), findings);
            assert_true((config != NULL) == (findings_count(findings, FINDING_ERROR) == 0));
            findings_print(findings, &out);
            findings_json(findings, &out);
            assert_false(out.failed);
            buf_free(&out);
            config_free(config);
            findings_free(findings);
        }
    assert_int_equal(sources_alive, 0);
}

static void test_conceal(void **state)
{
    static const char secret[] = "k/y+\"12\\%41";
    static const struct {
        const char *text, *concealed;
    } rows[] = {
        { "", "" },
        { "nothing of it", "nothing of it" },
        { "key k/y+\"12\\%41.", "key ***********." },
        { "k/y+\"12\\%41k/y+\"12\\%41", "**********************" },
        { "{\"error\":\"k\\/y+\\\"12\\\\%41\"}", "{\"error\":\"**************\"}" },
        { "k\\u002fy\\u002B\\u002212\\u005C%41!", "*******************************!" },
        { "?key=k%2Fy%2b%2212%5c%2541&", "?key=*********************&" },
        { "k/y+\"12\\%4", "k/y+\"12\\%4" },
        { "k\\/y+\\\"12\\", "k\\/y+\\\"12\\" },
        { "\\u002", "\\u002" },
        { "k%2", "k%2" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = text_dup(text_of(rows[i].text));

        assert_non_null(text);
        secret_conceal(text_of(secret), text, strlen(text));
        assert_string_equal(text, rows[i].concealed);
        secret_conceal(text_of("short"), text, strlen(text));
        secret_conceal(TEXT_NONE, text, strlen(text));
        assert_string_equal(text, rows[i].concealed);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key),    cmocka_unit_test(test_every_key_of_a_channel),
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_values),
        cmocka_unit_test(test_whole_file),   cmocka_unit_test(test_secrets_stay_unseen),
        cmocka_unit_test(test_secret_forms), cmocka_unit_test(test_json_is_taken),
        cmocka_unit_test(test_damage),       cmocka_unit_test(test_private_hosts),
        cmocka_unit_test(test_conceal),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
