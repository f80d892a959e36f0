#include "core/sign.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <threads.h>

static const struct {
    const char *name;
    size_t size;
} hashes[] = {
    [SIGN_SHA1] = { "SHA1", 20 },
    [SIGN_SHA256] = { "SHA256", 32 },
};

size_t sign_hash_size(enum sign_hash hash)
{
    return hashes[hash].size;
}

/* The library takes NULL for "the key set before", so an empty text must not be NULL. */
static const unsigned char *bytes_of(struct text text)
{
    return (const unsigned char *)(text.p ? text.p : "");
}

/* Looking up an algorithm costs as much as hashing a kilobyte, so it is done once; only read afterwards, by both threads. All of
   them or none: the first use is the hash of the rules, without which nothing starts. */
static struct {
    EVP_MD *md[2];
    EVP_MAC_CTX *hmac[2]; /* without a key; copied for each use */
    bool all;
} found;
static once_flag once = ONCE_FLAG_INIT;

static EVP_MAC_CTX *find_hmac(EVP_MAC *mac, const char *name)
{
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    OSSL_PARAM params[2];
    char digest[8];

    memcpy(digest, name, strlen(name) + 1);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
    params[1] = OSSL_PARAM_construct_end();
    if (ctx && EVP_MAC_CTX_set_params(ctx, params))
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static void find_all(void)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

    found.all = true;
    for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++) {
        found.md[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL);
        found.hmac[i] = find_hmac(mac, hashes[i].name);
        found.all = found.all && found.md[i] && found.hmac[i];
    }
    EVP_MAC_free(mac);
}

static bool mac_run(EVP_MAC_CTX *ctx, struct text key, const struct text *parts, size_t n, unsigned char *out)
{
    size_t size;

    if (!EVP_MAC_init(ctx, bytes_of(key), key.n, NULL))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!EVP_MAC_update(ctx, bytes_of(parts[i]), parts[i].n))
            return false;
    return EVP_MAC_final(ctx, out, &size, SIGN_MAX);
}

bool sign_hmac(enum sign_hash hash, struct text key, const struct text *parts, size_t n, unsigned char *out)
{
    EVP_MAC_CTX *ctx;
    bool ok;

    call_once(&once, find_all);
    ctx = found.all ? EVP_MAC_CTX_dup(found.hmac[hash]) : NULL;
    ok = ctx && mac_run(ctx, key, parts, n, out);
    EVP_MAC_CTX_free(ctx);
    return ok;
}

static bool digest_run(EVP_MD_CTX *ctx, const EVP_MD *md, const struct text *parts, size_t n,
                       unsigned char *out)
{
    if (!EVP_DigestInit_ex2(ctx, md, NULL))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!EVP_DigestUpdate(ctx, bytes_of(parts[i]), parts[i].n))
            return false;
    return EVP_DigestFinal_ex(ctx, out, NULL);
}

bool sign_digest(enum sign_hash hash, const struct text *parts, size_t n, unsigned char *out)
{
    EVP_MD_CTX *ctx;
    bool ok;

    call_once(&once, find_all);
    ctx = found.all ? EVP_MD_CTX_new() : NULL;
    ok = ctx && digest_run(ctx, found.md[hash], parts, n, out);
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool sign_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

bool sign_equal_text(struct text a, struct text b)
{
    return a.n == b.n && (!a.n || sign_equal(a.p, b.p, a.n));
}

void sign_base64(const unsigned char *bytes, size_t n, char *out, size_t size)
{
    if (!size)
        return;
    if (n > (size - 1) / 4 * 3)
        out[0] = '\0';
    else
        EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
}

static int base64_value(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c == ' ' ? '+' : c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

bool sign_unbase64(struct text base64, unsigned char *out, size_t n)
{
    size_t digits = (n * 8 + 5) / 6, used = 0;
    unsigned bits = 0, held = 0;

    if (base64.n != (n + 2) / 3 * 4)
        return false;
    for (size_t i = 0; i < base64.n; i++) {
        int value = base64_value(base64.p[i]);

        if (i >= digits ? base64.p[i] != '=' : value < 0)
            return false;
        if (i >= digits)
            continue;
        bits = (bits << 6 | (unsigned)value) & 0xFFFF;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[used++] = (unsigned char)(bits >> held);
        }
    }
    return used == n && !(bits & ((1u << held) - 1)); /* one spelling only */
}
