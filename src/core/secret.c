#include "core/secret.h"

#include <string.h>

#define NAME_MAX_BYTES 1024
#define CONCEAL_LEAST 8

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/* Only what is well-formed is ever repeated to the user: anything else may be the secret itself. */
static const struct form {
    const char *prefix;
    enum secret_kind kind;
    const char *more; /* characters beside letters, digits and '_'; NULL: any printable one */
    const char *wrong;
} forms[] = {
    { "env:", SECRET_ENV, "",
      "behind env: stands the name of an environment variable: letters, digits and '_', no digit first" },
    { "file:", SECRET_FILE, NULL, "behind file: stands the path of the file that holds the secret" },
    { "credential:", SECRET_CREDENTIAL, "-.",
      "behind credential: stands the name of a systemd credential: letters, digits, '_', '-' and '.'" },
};

static bool is_allowed(const struct form *form, char c)
{
    if (!form->more)
        return (unsigned char)c > 0x20 || c == ' ';
    return c && (strchr(letters, c) || strchr(form->more, c));
}

static bool fits(const struct form *form, struct text name)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_allowed(form, name.p[i]) || name.p[i] == 0x7F)
            return false;
    if (form->kind == SECRET_ENV)
        return name.p[0] < '0' || name.p[0] > '9';
    if (form->kind == SECRET_CREDENTIAL)
        return name.p[0] != '.';
    return name.p[0] != ' ' && name.p[name.n - 1] != ' ';
}

bool secret_parse(struct text reference, enum secret_kind *kind, struct text *name, struct fault *fault)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        const struct form *form = &forms[i];
        size_t n = strlen(form->prefix);

        if (!text_starts(reference, form->prefix))
            continue;
        *kind = form->kind;
        *name = text_make(reference.p + n, reference.n - n);
        return fits(form, *name) || fault_set(fault, "%s", form->wrong);
    }
    return fault_set(fault, "a secret does not stand in the file; write where it is: env:NAME, file:PATH or "
                            "credential:NAME");
}

bool secret_check(struct text reference, struct fault *fault)
{
    enum secret_kind kind;
    struct text name;

    return secret_parse(reference, &kind, &name, fault);
}

/* --- what others write of it -------------------------------------------------------------------------------------------- */

static bool read_hex(const char *p, size_t n, int *value)
{
    *value = 0;
    for (size_t i = 0; i < n; i++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, p[i] | 0x20);

        if (!digit || !p[i])
            return false;
        *value = *value * 16 + (int)(digit - digits);
    }
    return true;
}

/* How many bytes the character c takes where it is written with an escape; 0: there is none of it. */
static size_t escape_of(char c, const char *p, size_t n)
{
    int value;

    if (n >= 6 && p[0] == '\\' && p[1] == 'u' && read_hex(p + 2, 4, &value))
        return value == (unsigned char)c ? 6 : 0;
    if (n >= 3 && p[0] == '%' && read_hex(p + 1, 2, &value))
        return value == (unsigned char)c ? 3 : 0;
    return n >= 2 && p[0] == '\\' && p[1] == c && strchr("\"\\/", c) ? 2 : 0;
}

/* How many bytes the secret takes from p on, with or without escapes; 0: it does not stand here. */
static size_t stands_at(struct text secret, const char *p, size_t n)
{
    size_t at = 0;

    if (n >= secret.n && memcmp(p, secret.p, secret.n) == 0)
        return secret.n;
    for (size_t i = 0; i < secret.n; i++) {
        size_t taken = at < n ? escape_of(secret.p[i], p + at, n - at) : 0;

        if (!taken && (at == n || p[at] != secret.p[i]))
            return 0;
        at += taken ? taken : 1;
    }
    return at;
}

void secret_conceal(struct text secret, char *bytes, size_t n)
{
    if (!secret.p || secret.n < CONCEAL_LEAST)
        return;
    for (size_t i = 0; i + secret.n <= n; i++) {
        size_t taken = 0;

        if (bytes[i] == secret.p[0] || bytes[i] == '\\' || bytes[i] == '%')
            taken = stands_at(secret, bytes + i, n - i);
        memset(bytes + i, '*', taken);
    }
}
