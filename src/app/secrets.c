#include "app/secrets.h"

#include "base/file.h"
#include "core/secret.h"

#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 65536

static struct text from_file(const char *path, struct fault *fault)
{
    struct buf content = BUF(SECRET_MAX);
    struct text secret = TEXT_NONE;

    if (file_read(path, &content, fault)) {
        struct text value = buf_get(&content);

        while (value.n && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r'))
            value.n--;
        secret = text_make(text_dup(value), value.n);
    }
    if (content.data)
        explicit_bzero(content.data, content.len);
    buf_free(&content);
    return secret;
}

static struct text from_env(const char *name, struct fault *fault)
{
    const char *value = getenv(name);

    if (!value) {
        fault_set(fault, "the environment has no %s", name);
        return TEXT_NONE;
    }
    return text_make(text_dup(text_of(value)), strlen(value));
}

static struct text from_credential(const char *name, struct fault *fault)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    struct text secret = TEXT_NONE;
    struct buf path = BUF(8192);

    if (!folder) {
        fault_set(fault,
                  "$CREDENTIALS_DIRECTORY is not set: systemd sets it for units with LoadCredential=%s:...",
                  name);
        return TEXT_NONE;
    }
    buf_printf(&path, "%s/%s", folder, name);
    if (!path.failed)
        secret = from_file(path.data, fault);
    buf_free(&path);
    return secret;
}

static struct text read_kind(enum secret_kind kind, const char *name, const char *config_path,
                             struct fault *fault)
{
    struct text secret = TEXT_NONE;
    char *path;

    if (kind == SECRET_ENV)
        return from_env(name, fault);
    if (kind == SECRET_CREDENTIAL)
        return from_credential(name, fault);
    path = file_beside(config_path, name);
    if (path)
        secret = from_file(path, fault);
    free(path);
    return secret;
}

struct text secrets_read(const char *reference, const char *config_path, struct fault *fault)
{
    struct text secret, name;
    enum secret_kind kind;
    char *name_string;

    if (!secret_parse(text_of(reference), &kind, &name, fault))
        return TEXT_NONE;
    name_string = text_dup(name);
    if (!name_string) {
        fault_set(fault, "out of memory");
        return TEXT_NONE;
    }
    fault_set(fault, "out of memory");
    secret = read_kind(kind, name_string, config_path, fault);
    free(name_string);
    if (secret.p && secret.n == 0) {
        secrets_free(&secret);
        fault_set(fault, "it is empty");
    }
    if (!secret.p)
        fault_wrap(fault, "secret %s", reference);
    return secret;
}

void secrets_free(struct text *secret)
{
    if (secret->p)
        explicit_bzero((char *)secret->p, secret->n);
    free((char *)secret->p);
    *secret = TEXT_NONE;
}
