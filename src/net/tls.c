#include "net/tls.h"

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509err.h>
#include <stdlib.h>

struct tls {
    SSL_CTX *ctx;
};

void tls_without_files(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
}

static bool tls_fault(struct fault *fault, const char *file)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(error);

    if (ERR_GET_LIB(error) == ERR_LIB_X509 && ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH)
        reason = "is the key of another certificate";
    ERR_clear_error();
    return fault_set(fault, "%s: %s", file, reason ? reason : "cannot be used");
}

/* A session ticket would outlive the certificate's replacement, and deliveries come minutes apart: none. */
static void settings(SSL_CTX *ctx)
{
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
}

/* A key under a passphrase cannot be used: nobody is there to type it. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static bool load(SSL_CTX *ctx, const char *cert_file, const char *key_file, struct fault *fault)
{
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
        return tls_fault(fault, cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
        return tls_fault(fault, key_file);
    return SSL_CTX_check_private_key(ctx) == 1 || tls_fault(fault, key_file);
}

struct tls *tls_new(const char *cert_file, const char *key_file, struct fault *fault)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    if (tls)
        tls->ctx = SSL_CTX_new(TLS_server_method());
    if (!tls || !tls->ctx) {
        (void)fault_set(fault, "TLS: out of memory");
        tls_free(tls);
        return NULL;
    }
    settings(tls->ctx);
    if (!load(tls->ctx, cert_file, key_file, fault)) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

struct bufferevent *tls_accept(struct tls *tls, struct event_base *base)
{
    SSL *ssl = SSL_new(tls->ctx);
    if (!ssl)
        return NULL;
    /* On failure it frees ssl itself. */
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev)
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

void tls_bye(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (!ssl || !SSL_is_init_finished(ssl))
        return;
    (void)SSL_shutdown(ssl);
    ERR_clear_error();
}
