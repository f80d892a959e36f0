#include "config.h"

#include "app/configfile.h"

#include "app/secrets.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX (4u << 20)

static bool is_url(struct text text)
{
    return text_starts(text, "postgresql://") || text_starts(text, "postgres://");
}

/* What the layer below cannot know: what this program was built with. */
static struct config *can_store(struct config *config, struct findings *findings)
{
    if (HAVE_LIBPQ || !config || !is_url(text_of(config->store)))
        return config;
    finding_error(findings, (struct place){ 0 },
                  "store: this callbackd was built without PostgreSQL (configure --with-postgresql)");
    config_free(config);
    return NULL;
}

struct config *configfile_read(const char *path, struct findings *findings)
{
    struct buf text = BUF(CONFIG_MAX);
    struct config *config = NULL;
    struct fault fault;

    if (file_read(path, &text, &fault))
        config = can_store(config_build(path, buf_get(&text), findings), findings);
    else
        finding_error(findings, (struct place){ 0 }, "%s", fault.text);
    buf_free(&text);
    return config;
}

char *configfile_path(const struct config *config, const char *path)
{
    return file_beside(config->path, path);
}

/* Only such a URL has something to hide. */
static char *read_url(const struct config *config, struct fault *fault)
{
    struct text url = secrets_read(config->store, config->path, fault);
    char *copy = NULL;

    if (!url.p)
        fault_wrap(fault, "store");
    else if (!is_url(url))
        fault_set(fault, "store: what %s has is not postgresql://...", config->store);
    else
        copy = text_dup(url);
    secrets_free(&url);
    return copy;
}

char *configfile_store(const struct config *config, struct fault *fault)
{
    static const char sqlite[] = "sqlite:";
    const struct text store = text_of(config->store);
    struct buf out = BUF(8192);
    char *path;

    fault_set(fault, "out of memory");
    if (text_starts(store, "env:") || text_starts(store, "file:") || text_starts(store, "credential:"))
        return read_url(config, fault);
    if (!text_starts(store, sqlite))
        return text_dup(store);
    path = configfile_path(config, config->store + strlen(sqlite));
    buf_printf(&out, "%s%s", sqlite, path ? path : "");
    if (!path)
        out.failed = true;
    free(path);
    return buf_take(&out);
}

void configfile_free_store(char *url)
{
    struct text text = url ? text_of(url) : TEXT_NONE;

    secrets_free(&text);
}
