#include "hub.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct hub {
    EVP_MAC *mac;
    EVP_MAC_CTX *context; /* with the key */
};

struct hub *hub_new(const char *variable, struct fault *fault)
{
    OSSL_PARAM parameters[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA1" },
                                                                 0),
                                OSSL_PARAM_construct_end() };
    const char *secret = getenv(variable);
    struct hub *hub = calloc(1, sizeof(*hub));

    if (!secret || !*secret) {
        fault_set(fault, "the environment has no %s", variable);
    } else if (!hub || !(hub->mac = EVP_MAC_fetch(NULL, "HMAC", NULL)) ||
               !(hub->context = EVP_MAC_CTX_new(hub->mac)) ||
               !EVP_MAC_init(hub->context, (const unsigned char *)secret, strlen(secret), parameters)) {
        fault_set(fault, "OpenSSL has no HMAC-SHA1");
    } else {
        return hub;
    }
    hub_free(hub);
    return NULL;
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    EVP_MAC_CTX_free(hub->context);
    EVP_MAC_free(hub->mac);
    free(hub);
}

bool hub_sign(struct hub *hub, struct text body, char *out)
{
    unsigned char digest[20];
    size_t n = 0;

    /* Without a key EVP_MAC_init begins anew with the one that is there. */
    if (!EVP_MAC_init(hub->context, NULL, 0, NULL) ||
        !EVP_MAC_update(hub->context, (const unsigned char *)body.p, body.n) ||
        !EVP_MAC_final(hub->context, digest, &n, sizeof(digest)))
        return false;
    memcpy(out, "sha1=", 5);
    text_hex(digest, sizeof(digest), out + 5);
    return true;
}

bool hub_verify(struct hub *hub, struct text body, const char *given)
{
    char expected[HUB_SIZE];

    return given && strlen(given) == HUB_SIZE - 1 && hub_sign(hub, body, expected) &&
           !CRYPTO_memcmp(given, expected, HUB_SIZE - 1);
}
