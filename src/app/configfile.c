#include "app/configfile.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX (4u << 20)

struct config *configfile_read(const char *path, struct findings *findings)
{
    struct buf text = BUF(CONFIG_MAX);
    struct config *config = NULL;
    struct fault fault;

    if (file_read(path, &text, &fault))
        config = config_build(path, buf_get(&text), findings);
    else
        finding_error(findings, (struct place){ 0 }, "%s", fault.text);
    buf_free(&text);
    return config;
}

char *configfile_path(const struct config *config, const char *path)
{
    return file_beside(config->path, path);
}

char *configfile_store(const struct config *config)
{
    static const char scheme[] = "sqlite:";
    struct buf out = BUF(8192);
    char *path;

    if (!text_starts(text_of(config->store), scheme))
        return text_dup(text_of(config->store));
    path = configfile_path(config, config->store + strlen(scheme));
    buf_printf(&out, "%s%s", scheme, path ? path : "");
    if (!path)
        out.failed = true;
    free(path);
    return buf_take(&out);
}
