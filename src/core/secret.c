#include "core/secret.h"

#include <string.h>

/* Letters of an environment variable's name and of a credential's. */
static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

static bool made_of(struct text text, const char *more)
{
    for (size_t i = 0; i < text.n; i++)
        if (!text.p[i] || (!strchr(letters, text.p[i]) && !strchr(more, text.p[i])))
            return false;
    return text.n > 0 && text.n <= 255;
}

static bool is_env(struct text name)
{
    return made_of(name, "") && !(name.p[0] >= '0' && name.p[0] <= '9');
}

static bool is_file(struct text name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ')
            return false;
    return name.n > 0 && name.n <= 4096;
}

static bool is_credential(struct text name)
{
    return made_of(name, ".-") && name.p[0] != '.';
}

static const struct {
    const char *prefix;
    bool (*good)(struct text name);
    const char *wrong;
} kinds[] = {
    [SECRET_ENV] = { "env:", is_env, "behind env: the name of an environment variable is expected" },
    [SECRET_FILE] = { "file:", is_file, "behind file: a path is expected" },
    [SECRET_CREDENTIAL] = { "credential:", is_credential,
                            "behind credential: a systemd credential's name is expected" },
};

bool secret_parse(struct text reference, enum secret_kind *kind, struct text *name, struct fault *fault)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t n = strlen(kinds[i].prefix);

        if (!text_starts(reference, kinds[i].prefix))
            continue;
        *kind = (enum secret_kind)i;
        *name = text_make(reference.p + n, reference.n - n);
        return kinds[i].good(*name) || fault_set(fault, "%s", kinds[i].wrong);
    }
    /* It may be the secret itself, so it is not repeated. */
    return fault_set(fault,
                     "a reference to a secret is expected here: env:NAME, file:PATH or credential:NAME");
}

bool secret_check(struct text reference, struct fault *fault)
{
    enum secret_kind kind;
    struct text name;

    return secret_parse(reference, &kind, &name, fault);
}
