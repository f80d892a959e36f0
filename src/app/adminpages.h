#pragma once

/* The admin listener: /healthz, /readyz, /metrics, POST /-/reload. */

#include "app/generation.h"
#include "app/health.h"
#include "app/metrics.h"
#include "net/intake.h"
#include "net/loop.h"

struct adminpages;

struct adminpages_setup {
    struct generation *generation; /* takes a reference */
    struct metrics *metrics;
    struct health *health;
    void (*reload)(void *arg);
    void *arg;
};

/* adminpages_new: listens on the configuration's admin address. */
struct adminpages *adminpages_new(struct loop *loop, const struct adminpages_setup *setup,
                                  struct fault *fault) CHECKED;
const char *adminpages_address(const struct adminpages *pages);
void adminpages_adopt(struct adminpages *pages, struct generation *generation);
void adminpages_free(struct adminpages *pages);
