/* Configuration files. */

#include "kit_file.h"

#include "core/config.h"

static void check_config(const struct config *config)
{
    const struct config_limits *limits = &config->limits;

    HOLDS(config->listen && config->store && config->n_channels > 0);
    HOLDS(limits->body > 0 && limits->headers > 0 && limits->request_ms > 0 && limits->connections > 0);
    HOLDS(limits->queue_items > 0 && limits->queue_bytes >= limits->body && limits->answer > 0);
    HOLDS(!config->tls_cert == !config->tls_key);
    HOLDS(config->retention_ms >= 0 && config->drain_ms >= 0);
    for (size_t i = 0; i < config->n_channels; i++) {
        const struct config_channel *channel = &config->channels[i];

        HOLDS(config_channel(config, text_of(channel->name)) == channel);
        HOLDS(channel->timeout_ms > 0 && channel->connect_timeout_ms > 0);
        HOLDS(channel->rate.per_second >= 0 && (channel->rate.per_second == 0 || channel->rate.burst > 0));
    }
    for (size_t i = 0; i < config->n_sources; i++) {
        const struct source *source = config->sources[i];

        HOLDS(config_source(config, text_of(source_name(source))) == source);
        HOLDS(config_channel(config, text_of(source_channel(source))));
    }
    (void)config_is_private(config, text_of("https://shop.internal:8443/x"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = fuzz_text(data, size);
    struct findings *findings = fuzz_must(findings_new());
    struct config *config = config_build(kit_path(text), text, findings);

    if (config)
        check_config(config);
    kit_findings(findings, text, config != NULL);
    config_free(config);
    return 0;
}
