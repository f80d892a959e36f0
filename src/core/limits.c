#include "core/limits.h"

#include <stdint.h>
#include <string.h>

#define TEXT_CHARACTERS 4096
#define TEXT_BYTES 32768
#define TOKEN_DATA_BYTES 1024
#define DATA_BYTES 64
#define PLACEHOLDER_CHARACTERS 64

static unsigned decode(const unsigned char *p, size_t *step)
{
    unsigned c = p[0];

    *step = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (*step == 1)
        return c;
    c &= 0xFFu >> (*step + 1);
    for (size_t i = 1; i < *step; i++)
        c = c << 6 | (p[i] & 0x3F);
    return c;
}

/* Code points that are left after Telegram's cleaning (TDLib, clean_input_string) and cutting the ends; -1: not UTF-8. */
static int64_t cleaned(struct text text)
{
    int64_t at = 0, first = -1, last = -1;
    size_t step;

    if (text_utf8_count(text) < 0)
        return -1;
    for (size_t i = 0; i < text.n; i += step) {
        unsigned c = decode((const unsigned char *)text.p + i, &step);

        if (c == '\r' || (c >= 0x2028 && c <= 0x202E) || c == 0x30A || c == 0x333 || c == 0x33F)
            continue;
        if (c > ' ' && c != 0xA0) {
            first = first < 0 ? at : first;
            last = at;
        }
        at++;
    }
    return first < 0 ? 0 : last - first + 1;
}

bool limits_text(struct text text, struct fault *fault)
{
    int64_t n = cleaned(text);

    if (n < 0)
        return fault_set(fault, "is not UTF-8");
    if (n == 0)
        return fault_set(fault, "is empty; Telegram refuses the message");
    if (n > TEXT_CHARACTERS)
        return fault_set(fault, "has %lld characters; Telegram takes %d and refuses the whole message",
                         (long long)n, TEXT_CHARACTERS);
    if (text.n > TEXT_BYTES)
        return fault_set(fault, "is %zu bytes; Telegram takes %d and refuses the whole message", text.n,
                         TEXT_BYTES);
    return true;
}

bool limits_label(struct text label, struct fault *fault)
{
    int64_t n = cleaned(label);

    if (n < 0)
        return fault_set(fault, "is not UTF-8");
    if (n == 0)
        return fault_set(fault, "is empty; Telegram shows no button without a label");
    if (n > TEXT_CHARACTERS)
        return fault_set(fault, "has %lld characters; %d are the outer bound", (long long)n, TEXT_CHARACTERS);
    return true;
}

bool limits_data(struct text data, struct fault *fault)
{
    if (text_utf8_count(data) < 0)
        return fault_set(fault, "is not UTF-8");
    if (data.n == 0)
        return fault_set(fault, "is empty; Telegram refuses the whole message");
    if (data.n > DATA_BYTES)
        return fault_set(fault, "is %zu bytes; Telegram takes %d and refuses the whole message", data.n,
                         DATA_BYTES);
    return true;
}

bool limits_token_data(struct text data, struct fault *fault)
{
    if (text_utf8_count(data) < 0)
        return fault_set(fault, "is not UTF-8");
    return (data.n > 0 && data.n <= TOKEN_DATA_BYTES) ||
           fault_set(fault, "is %zu bytes; behind a token stand 1 to %d", data.n, TOKEN_DATA_BYTES);
}

bool limits_placeholder(struct text placeholder, struct fault *fault)
{
    int64_t n = text_utf8_count(placeholder);

    if (n < 0)
        return fault_set(fault, "is not UTF-8");
    if (n < 1 || n > PLACEHOLDER_CHARACTERS)
        return fault_set(fault, "has %lld characters; Telegram takes 1 to %d", (long long)n,
                         PLACEHOLDER_CHARACTERS);
    return true;
}

/* --- addresses ---------------------------------------------------------------------------------------------------- */

static bool starts_nocase(struct text text, const char *prefix)
{
    size_t n = strlen(prefix);

    return text.n >= n && text_is_nocase(text_make(text.p, n), prefix);
}

static struct text host_of(struct text authority)
{
    for (size_t i = authority.n; i > 0; i--)
        if (authority.p[i - 1] == '@') {
            authority = text_make(authority.p + i, authority.n - i);
            break;
        }
    for (size_t i = authority.n; i > 0; i--) {
        if (authority.p[i - 1] == ':')
            return text_make(authority.p, i - 1);
        if (authority.p[i - 1] < '0' || authority.p[i - 1] > '9')
            break;
    }
    return authority;
}

static bool check_web_host(struct text host, struct fault *fault)
{
    char shown[101];

    if (host.n == 0)
        return fault_set(fault, "has no host");
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return true;
    if (host.n <= 253 && memchr(host.p, '.', host.n) && host.p[0] != '.' && !memchr(host.p, ':', host.n))
        return true;
    text_printable(host, shown, sizeof(shown) - 1);
    return fault_set(fault, "has the host '%s'; Telegram takes only public ones, with a dot inside", shown);
}

static bool check_tg_host(struct text host, struct fault *fault)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '-'))
            return fault_set(fault, "is no tg: address that Telegram knows");
    }
    return host.n > 0 || fault_set(fault, "has nothing behind tg:");
}

bool limits_url(struct text url, struct fault *fault)
{
    bool tg = starts_nocase(url, "tg:");
    size_t skip = starts_nocase(url, "https://")  ? 8
                  : starts_nocase(url, "http://") ? 7
                  : starts_nocase(url, "tg://")   ? 5
                                                  : 3;
    struct text rest, authority;

    if (text_utf8_count(url) < 0)
        return fault_set(fault, "is not UTF-8");
    for (size_t i = 0; i < url.n; i++)
        if ((unsigned char)url.p[i] <= ' ' || url.p[i] == 0x7F || url.p[i] == '\\')
            return fault_set(fault, "holds a space, a backslash or a control character");
    if (skip == 3 && !tg)
        return fault_set(fault, "must begin with https://, http:// or tg://");
    rest = text_make(url.p + skip, url.n - skip);
    authority = rest;
    for (size_t i = 0; i < rest.n; i++)
        if (strchr("/?#", rest.p[i])) {
            authority.n = i;
            break;
        }
    return tg ? check_tg_host(authority, fault) : check_web_host(host_of(authority), fault);
}
