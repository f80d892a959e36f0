#include "core/address.h"

#include <string.h>

#define URL_MAX 2048
#define HOST_MAX 253
#define PORT_MAX 65535

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool starts_nocase(struct text text, const char *prefix)
{
    size_t n = strlen(prefix);

    return text.n >= n && text_is_nocase(text_make(text.p, n), prefix);
}

static bool is_plain(struct text url)
{
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7F || url.p[i] == '\\')
            return false;
    return text_utf8_count(url) >= 0;
}

/* What is between "//" and the next '/', '?' or '#'. */
static struct text authority_of(struct text url, size_t scheme)
{
    size_t end = scheme;

    while (end < url.n && !strchr("/?#", url.p[end]))
        end++;
    return text_make(url.p + scheme, end - scheme);
}

/* Names between single dots, none at the ends. `also`: bytes of other scripts may stand in them. */
static bool is_host(struct text host, bool also)
{
    char before = '.';

    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];

        if (c == '.' ? before == '.' : !is_name_char(c) && !(also && (unsigned char)c >= 0x80))
            return false;
        before = c;
    }
    return before != '.' && host.n <= HOST_MAX;
}

/* --- what rules ask --------------------------------------------------------------------------------------------------- */

/* *number stays as it is where there is no port. */
static bool cut_port(struct text *authority, int64_t *number, struct fault *fault)
{
    struct text port;

    if (authority->n && authority->p[0] == '[') { /* IPv6 has colons of its own */
        const char *close = memchr(authority->p, ']', authority->n);
        size_t n = close ? (size_t)(close - authority->p) + 1 : 0;

        if (!close)
            return fault_set(fault, "has a '[' without ']' in its host");
        port = text_make(authority->p + n, authority->n - n);
        *authority = text_make(authority->p, n);
        if (port.n == 0)
            return true;
        if (port.p[0] != ':')
            return fault_set(fault, "has more behind its host than a port");
        port = text_make(port.p + 1, port.n - 1);
    } else if (!text_cut(*authority, ':', authority, &port)) {
        return true;
    }
    if (port.n && port.n <= 5 && text_i64(port, number) && *number >= 1 && *number <= PORT_MAX)
        return true;
    return fault_set(fault, "has no port behind the ':' of its host; ports are 1 to %d", PORT_MAX);
}

static bool is_ipv6(struct text host)
{
    if (host.n < 4 || host.p[0] != '[')
        return false;
    for (size_t i = 1; i + 1 < host.n; i++)
        if (!host.p[i] || !strchr("0123456789abcdefABCDEF:.", host.p[i]))
            return false;
    return true;
}

static size_t scheme_of(struct text url)
{
    return starts_nocase(url, "https://") ? 8 : starts_nocase(url, "http://") ? 7 : 0;
}

bool address_check(struct text url, struct fault *fault)
{
    const size_t scheme = scheme_of(url);
    struct text host;
    int64_t port;
    char shown[101];

    if (!scheme)
        return fault_set(fault, "must begin with https:// or http://");
    if (!is_plain(url))
        return fault_set(fault, "holds a space, a backslash or a control character");
    host = authority_of(url, scheme);
    if (memchr(host.p, '@', host.n))
        return fault_set(fault, "holds a user; secrets belong into 'headers'");
    if (!cut_port(&host, &port, fault))
        return false;
    if (host.n == 0)
        return fault_set(fault, "has no host");
    if (is_host(host, true) || is_ipv6(host))
        return true;
    text_printable(host, shown, sizeof(shown) - 1);
    return fault_set(fault, "has the host '%s', which is none", shown);
}

/* --- what may go out ---------------------------------------------------------------------------------------------------- */

bool address_host_check(struct text host, struct fault *fault)
{
    struct text rest = text_starts(host, "*.") ? text_make(host.p + 2, host.n - 2) : host;

    if (is_host(rest, true) && memchr(rest.p, '.', rest.n))
        return true;
    return fault_set(fault, "this is no host; write www.example.com, or *.example.com for all below it");
}

static bool eq_nocase(struct text a, struct text b)
{
    for (size_t i = 0; i < a.n && a.n == b.n; i++) {
        char x = a.p[i], y = b.p[i];

        x = x >= 'A' && x <= 'Z' ? (char)(x + 32) : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y + 32) : y;
        if (x != y)
            return false;
    }
    return a.n == b.n;
}

/* What stands for the '*' is plain ASCII: some programs take other characters for a '/' or a '.'. */
static bool fits(struct text host, struct text allowed)
{
    size_t tail;

    if (!text_starts(allowed, "*."))
        return eq_nocase(host, allowed);
    tail = allowed.n - 1; /* ".dhl.de" */
    return host.n > tail &&
           eq_nocase(text_make(host.p + host.n - tail, tail), text_make(allowed.p + 1, tail)) &&
           is_host(text_make(host.p, host.n - tail), false);
}

/* Some programs take all up to the first '/' for the authority, beyond a '?' or '#', and what stands in front of an '@' in it for
   a user: to them the host is another. */
static bool has_late_user(struct text url, size_t scheme)
{
    struct text rest = text_make(url.p + scheme, url.n - scheme);
    const char *slash = memchr(rest.p, '/', rest.n);

    return memchr(rest.p, '@', slash ? (size_t)(slash - rest.p) : rest.n) != NULL;
}

bool address_allowed(struct text url, const struct text *hosts, size_t n)
{
    struct text host;

    if (!url.p || url.n > URL_MAX || !starts_nocase(url, "https://") || !is_plain(url))
        return false;
    host = authority_of(url, strlen("https://"));
    if (!host.n || !is_host(host, true) || has_late_user(url, strlen("https://")))
        return false;
    for (size_t i = 0; i < n; i++)
        if (fits(host, hosts[i]))
            return true;
    return false;
}

bool address_same_server(struct text a, struct text b)
{
    const struct text urls[] = { a, b };
    struct text hosts[2];
    int64_t ports[2];
    struct fault fault;

    for (size_t i = 0; i < 2; i++) {
        const size_t scheme = scheme_of(urls[i]);

        if (urls[i].n > URL_MAX || !address_check(urls[i], &fault) || has_late_user(urls[i], scheme))
            return false;
        hosts[i] = authority_of(urls[i], scheme);
        ports[i] = scheme == strlen("https://") ? 443 : 80;
        if (!cut_port(&hosts[i], &ports[i], &fault))
            return false;
    }
    return scheme_of(a) == scheme_of(b) && ports[0] == ports[1] && eq_nocase(hosts[0], hosts[1]);
}
