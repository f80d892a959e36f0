#include "app/health.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct health {
    pthread_mutex_t lock;
    char lines[HEALTH_TOPICS][512];
};

static const struct {
    const char *name;
    bool serves;
} topics[HEALTH_TOPICS] = {
    [HEALTH_START] = { "start", false },    [HEALTH_STORE] = { "store", false },
    [HEALTH_RELOAD] = { "reload", true },   [HEALTH_PAUSED] = { "paused", true },
    [HEALTH_BREAKER] = { "breaker", true }, [HEALTH_RULES] = { "rules", true },
    [HEALTH_STOP] = { "stop", false },
};

struct health *health_new(void)
{
    struct health *health = calloc(1, sizeof(*health));

    if (health)
        pthread_mutex_init(&health->lock, NULL);
    return health;
}

void health_free(struct health *health)
{
    if (!health)
        return;
    pthread_mutex_destroy(&health->lock);
    free(health);
}

void health_set(struct health *health, enum health_topic topic, const char *text)
{
    pthread_mutex_lock(&health->lock);
    text_printable(text_of(text), health->lines[topic], sizeof(health->lines[topic]) - 1);
    pthread_mutex_unlock(&health->lock);
}

bool health_print(struct health *health, struct buf *out)
{
    bool serves = true;

    pthread_mutex_lock(&health->lock);
    for (int i = 0; i < HEALTH_TOPICS; i++) {
        if (!health->lines[i][0])
            continue;
        serves = serves && topics[i].serves;
        buf_printf(out, "%s: %s\n", topics[i].name, health->lines[i]);
    }
    pthread_mutex_unlock(&health->lock);
    return serves;
}
