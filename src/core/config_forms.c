#include "core/config_forms.h"

#include "core/secret.h"
#include "core/tree.h"

#include <string.h>

#define DIGITS "0123456789"
#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define CAPITAL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define RATE_MAX 100000

const char *const config_levels[] = { "debug", "info", "warn", "error", NULL };

/* One character at least, at most `most`, all out of the set. */
static bool consists(struct text text, const char *set, size_t most)
{
    for (size_t i = 0; i < text.n; i++)
        if (!text.p[i] || !strchr(set, text.p[i]))
            return false;
    return text.n > 0 && text.n <= most;
}

bool config_is_name(struct text text)
{
    return consists(text, SMALL DIGITS "-", 64);
}

bool config_is_secret_name(struct text text)
{
    return consists(text, CAPITAL DIGITS "_", 64);
}

static bool is_printable(struct text text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7F)
            return false;
    return text.n > 0 && text.n <= 4096;
}

static bool is_port(struct text text, int64_t least)
{
    int64_t port;

    return text.n <= 5 && consists(text, DIGITS, 5) && text_i64(text, &port) && port >= least &&
           port <= 65535;
}

/* A name or an IPv4 address, or an IPv6 address in brackets. */
static bool is_host(struct text text)
{
    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        return consists(text_make(text.p + 1, text.n - 2), "abcdefABCDEF" DIGITS ":.", 45);
    return consists(text, SMALL CAPITAL DIGITS "-.", 255) && text.p[0] != '-' && text.p[0] != '.';
}

/* Splits at the last ':' that is not inside of brackets. */
static bool split_port(struct text text, struct text *host, struct text *port)
{
    size_t i = text.n;

    while (i > 0 && text.p[i - 1] != ':' && text.p[i - 1] != ']')
        i--;
    if (i == 0 || text.p[i - 1] == ']')
        return false;
    *host = text_make(text.p, i - 1);
    *port = text_make(text.p + i, text.n - i);
    return true;
}

static bool is_address(struct text text, struct text *host)
{
    struct text port;

    return split_port(text, host, &port) && is_host(*host) && is_port(port, 0);
}

bool config_check_listen(struct text text, struct fault *fault)
{
    struct text host;

    return is_address(text, &host) ||
           fault_set(fault, "an address and a port are expected here, such as 127.0.0.1:8080 or [::1]:8080");
}

bool config_check_admin(struct text text, struct fault *fault)
{
    struct text host;

    if (text_starts(text, "unix:") && is_printable(text_make(text.p + 5, text.n - 5)))
        return true;
    return is_address(text, &host) ||
           fault_set(fault, "an address and a port are expected here, such as 127.0.0.1:9090, or unix:PATH");
}

bool config_check_user(struct text text, struct fault *fault)
{
    if (consists(text, SMALL CAPITAL DIGITS "_-.", 32) && !strchr(DIGITS "-.", text.p[0]))
        return true;
    return fault_set(fault, "the name of a user of this system is expected here, such as callbackd");
}

bool config_is_loopback(struct text host)
{
    return text_is(host, "localhost") || text_is(host, "[::1]") ||
           (text_starts(host, "127.") && consists(host, DIGITS ".", 15));
}

bool config_is_local(struct text text)
{
    struct text host;

    if (text_starts(text, "unix:"))
        return true;
    return is_address(text, &host) && config_is_loopback(host);
}

bool config_check_url(struct text text, struct fault *fault)
{
    size_t scheme = text_starts(text, "https://") ? 8 : text_starts(text, "http://") ? 7 : 0;
    struct text rest = text_make(text.p + scheme, text.n - scheme), host, path = text_of("/"),
                port = text_of("1");

    if (!text_cut(rest, '/', &host, &path))
        host = rest;
    split_port(host, &host, &port);
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] <= ' ' || path.p[i] > '~' || strchr("?#\\\"<>^`{|}", path.p[i]))
            scheme = 0;
    if (scheme && text.n <= 1024 && is_host(host) && is_port(port, 1))
        return true;
    return fault_set(fault,
                     "an address such as https://api.example.com is expected here: http or https, host, "
                     "perhaps port and path, nothing behind");
}

bool config_check_host(struct text text, struct fault *fault)
{
    return is_host(text) || fault_set(fault, "a host without a port is expected here, such as shop.internal, "
                                             "10.1.2.3 or [fd00::1]");
}

struct text config_url_host(struct text url)
{
    size_t scheme = text_starts(url, "https://") ? 8 : text_starts(url, "http://") ? 7 : 0;
    struct text host = text_make(url.p + scheme, url.n - scheme), port = text_of("1");

    for (size_t i = 0; i < host.n; i++)
        if (strchr("/?#", host.p[i])) {
            host.n = i;
            break;
        }
    split_port(host, &host, &port);
    return scheme && is_host(host) && is_port(port, 1) ? host : TEXT_NONE;
}

static bool check_postgresql(struct text url, struct fault *fault)
{
    if (tree_password_from(url) != SIZE_MAX)
        return fault_set(
            fault,
            "a password does not stand in the file; write where the whole URL is: env:NAME, file:PATH or "
            "credential:NAME");
    return is_printable(url) || fault_set(fault, "postgresql://USER@HOST/DATABASE is expected here");
}

bool config_check_store(struct text text, struct fault *fault)
{
    static const char *const references[] = { "env:", "file:", "credential:" };

    if (text_starts(text, "sqlite:") && is_printable(text_make(text.p + 7, text.n - 7)))
        return true;
    if (text_starts(text, "postgresql://") || text_starts(text, "postgres://"))
        return check_postgresql(text, fault);
    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++)
        if (text_starts(text, references[i]))
            return secret_check(text, fault);
    return fault_set(
        fault,
        "a store is expected here: sqlite:PATH, such as sqlite:var/callbackd.db, "
        "postgresql://USER@HOST/DATABASE, or where such a URL is: env:NAME, file:PATH or credential:NAME");
}

bool config_check_path(struct text text, struct fault *fault)
{
    return is_printable(text) || fault_set(fault, "the path of a file is expected here");
}

bool config_read_rate(struct text text, double *per_second)
{
    struct text number, unit;
    int64_t n;

    *per_second = 0;
    if (text_is(text, "off"))
        return true;
    if (!text_cut(text, '/', &number, &unit) || !text_i64(number, &n) || n < 1 || n > RATE_MAX)
        return false;
    if (!text_is(unit, "s") && !text_is(unit, "m"))
        return false;
    *per_second = text_is(unit, "s") ? (double)n : (double)n / 60;
    return true;
}

bool config_check_rate(struct text text, struct fault *fault)
{
    double per_second;

    return config_read_rate(text, &per_second) ||
           fault_set(fault, "a rate such as 25/s or 100/m is expected here, or off for no limit");
}
