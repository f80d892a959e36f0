#include "base/now.h"
#include "netkit.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define H "Host: h\r\n"
#define BYE "Connection: close\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"
#define GET_BYE(path) "GET " path " HTTP/1.1\r\n" H BYE "\r\n"

#define BODY_MAX 65536
static const struct intake_limits easy_limits = { .body = BODY_MAX,
                                                  .headers = 4096,
                                                  .request_ms = 60000,
                                                  .idle_ms = 60000,
                                                  .connections = 1000,
                                                  .per_address = 1000 };

static struct kit *start(void)
{
    return kit_start("127.0.0.1:0", &easy_limits);
}

static bool starts(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    while ((text = strstr(text, part))) {
        text += strlen(part);
        n++;
    }
    return n;
}

/* Serves one plain request: the others' troubles must not be felt. */
static void assert_serves(struct kit *kit)
{
    char out[4096];
    kit_ask(kit, GET_BYE("/ok"), strlen(GET_BYE("/ok")), out, sizeof(out));
    if (!starts(out, "HTTP/1.1 200 OK\r\n") || !strstr(out, "\r\n\r\nGET /ok 0\n"))
        fail_msg("not served: %s", out);
}

static const struct {
    const char *bytes;
    size_t n; /* 0: up to the NUL */
    const char *want;
} shapes[] = {
    { "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0, "400" },
    { "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0, "400" },
    { "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", 0, "400" },
    { "POST / HTTP/1.1\r\n" H "Content-Length : 3\r\n\r\nabc", 0, "400" },
    { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      0, "400" },
    { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 0, "411" },
    { "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0, "411" },
    { "GET / HTTP/1.1\n" H "\n", 0, "400" },
    { "GET / HTTP/1.1\r\n" H "X: a\r\n folded\r\n\r\n", 0, "400" },
    { "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", 35, "400" },
    { "GET http://elsewhere/ HTTP/1.1\r\n" H "\r\n", 0, "400" },
    { "GET /\r\n", 0, "400" },
    { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, "501" },
    { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, "400" },
    { "BREW / HTTP/1.1\r\n" H "\r\n", 0, "501" },
    { "HEAD / HTTP/1.1\r\n" H "Content-Length: 26\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n", 0, "400" },
};

static void shapes_refused(void **state)
{
    struct kit *kit = start();
    char out[4096], want[32];
    (void)state;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        kit_ask(kit, shapes[i].bytes, shapes[i].n ? shapes[i].n : strlen(shapes[i].bytes), out, sizeof(out));
        (void)snprintf(want, sizeof(want), "HTTP/1.1 %s ", shapes[i].want);
        if (!starts(out, want) || !strstr(out, BYE) || count(out, "HTTP/1.1") != 1)
            fail_msg("%s\n=> %s", shapes[i].bytes, out);
    }
    assert_int_equal(kit_on_loop(kit, kit_seen), 0);
    assert_serves(kit);
    kit_until(kit, kit_connections, 0);
    kit_stop(kit);
}

/* Each byte in a segment of its own: evhttp has taken the first lines before the bad one comes. */
static void shapes_refused_byte_by_byte(void **state)
{
    struct kit *kit = start();
    char out[4096];
    const char *bytes = "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc";
    int fd = kit_connect(kit);
    (void)state;
    for (const char *at = bytes; *at; at++) {
        kit_send(fd, at, 1);
        (void)kit_on_loop(kit, kit_seen);
    }
    assert_true(kit_hear(fd, NULL, out, sizeof(out)));
    assert_true(starts(out, "HTTP/1.1 400 "));
    (void)close(fd);
    assert_int_equal(kit_on_loop(kit, kit_seen), 0);
    kit_stop(kit);
}

static void methods_reach_the_handler(void **state)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE" };
    struct kit *kit = start();
    char bytes[256], out[4096], want[64];
    (void)state;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        (void)snprintf(bytes, sizeof(bytes), "%s /m HTTP/1.1\r\n" H BYE "\r\n", methods[i]);
        (void)snprintf(want, sizeof(want), "\r\n\r\n%s /m 0\n", methods[i]);
        kit_ask(kit, bytes, strlen(bytes), out, sizeof(out));
        if (!starts(out, "HTTP/1.1 200 OK\r\n") || !strstr(out, want))
            fail_msg("%s => %s", methods[i], out);
    }
    kit_stop(kit);
}

static void answer_is_well_formed(void **state)
{
    struct kit *kit = start();
    char out[4096];
    const char *head = "HEAD /h HTTP/1.1\r\n" H BYE "\r\n";
    (void)state;
    kit_ask(kit, GET_BYE("/a"), strlen(GET_BYE("/a")), out, sizeof(out));
    assert_int_equal(count(out, "\r\nDate: "), 1);
    assert_int_equal(count(out, "\r\nContent-Length: 9\r\n"), 1);
    assert_int_equal(count(out, "\r\nContent-Type: text/plain\r\n"), 1);
    assert_null(strstr(out, "Server"));
    kit_ask(kit, head, strlen(head), out, sizeof(out));
    assert_true(starts(out, "HTTP/1.1 200 OK\r\n"));
    assert_int_equal(count(out, "Content-Length: 10\r\n"), 1);
    assert_string_equal(strstr(out, "\r\n\r\n"), "\r\n\r\n");
    kit_stop(kit);
}

static void pipelined_in_order(void **state)
{
    struct kit *kit = start();
    char out[8192];
    const char *bytes =
        "POST /1 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET("/2") "GET /bad HTTP/1.1\n\n" GET("/3");
    (void)state;
    kit_ask(kit, bytes, strlen(bytes), out, sizeof(out));
    char *one = strstr(out, "POST /1 3\n"), *two = strstr(out, "GET /2 0\n"),
         *bad = strstr(out, "HTTP/1.1 400 ");
    assert_true(one && two && bad && one < two && two < bad);
    assert_null(strstr(out, "/3"));
    assert_int_equal(kit_on_loop(kit, kit_seen), 2);
    kit_stop(kit);
}

static void keep_alive(void **state)
{
    struct kit *kit = start();
    char out[4096];
    int fd = kit_connect(kit);
    (void)state;
    for (int i = 0; i < 50; i++) {
        kit_say(fd, "POST /again HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n");
        kit_say(fd, "hello");
        assert_true(kit_hear(fd, "POST /again 5\n", out, sizeof(out)));
    }
    assert_int_equal(kit_on_loop(kit, kit_connections), 1);
    (void)close(fd);
    kit_until(kit, kit_connections, 0);
    kit_stop(kit);
}

static void expect_continue(void **state)
{
    struct kit *kit = start();
    char out[4096];
    int fd = kit_connect(kit);
    (void)state;
    for (int i = 0; i < 3; i++) {
        kit_say(fd, "POST /e HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_true(kit_hear(fd, "HTTP/1.1 100 Continue\r\n\r\n", out, sizeof(out)));
        kit_say(fd, "hello");
        assert_true(kit_hear(fd, "POST /e 5\n", out, sizeof(out)));
    }
    (void)close(fd);
    kit_stop(kit);
}

/* A peer that sends its request and shuts its side down still gets the answer. */
static void half_closed(void **state)
{
    struct kit *kit = start();
    char out[4096];
    (void)state;
    for (int i = 0; i < 20; i++) {
        int fd = kit_connect(kit);
        kit_say(fd, i % 2 ? GET("/half") : "GET /bad HTTP/1.1\n\n");
        (void)shutdown(fd, SHUT_WR);
        assert_true(kit_hear(fd, NULL, out, sizeof(out)));
        if (!starts(out, i % 2 ? "HTTP/1.1 200 " : "HTTP/1.1 400 "))
            fail_msg("%d: %s", i, out);
        (void)close(fd);
    }
    kit_until(kit, kit_connections, 0);
    kit_stop(kit);
}

static void big_bodies(void **state)
{
    struct kit *kit = start();
    char *body = calloc(1, BODY_MAX * 4), out[4096];
    (void)state;
    assert_non_null(body);
    memset(body, 'x', BODY_MAX * 4);
    int fd = kit_connect(kit);
    (void)snprintf(out, sizeof(out), "POST /big HTTP/1.1\r\n" H "Content-Length: %d\r\n\r\n", BODY_MAX);
    kit_say(fd, out);
    kit_send(fd, body, BODY_MAX);
    assert_true(kit_hear(fd, "POST /big 65536\n", out, sizeof(out)));
    /* Too big: a client that first sends all and then reads sees the refusal, not a reset. */
    (void)snprintf(out, sizeof(out), "POST /big HTTP/1.1\r\n" H "Content-Length: %d\r\n\r\n", BODY_MAX * 4);
    kit_say(fd, out);
    kit_send(fd, body, BODY_MAX * 4);
    assert_true(kit_hear(fd, NULL, out, sizeof(out)));
    assert_true(starts(out, "HTTP/1.1 413 "));
    (void)close(fd);
    free(body);
    kit_stop(kit);
}

static void header_flood(void **state)
{
    struct kit *kit = start();
    char *flood = calloc(1, 1 << 20), out[4096];
    int fd = kit_connect(kit);
    (void)state;
    assert_non_null(flood);
    memset(flood, 'x', 1 << 20);
    kit_say(fd, "GET / HTTP/1.1\r\n" H "X: ");
    kit_send(fd, flood, 1 << 20);
    assert_true(kit_hear(fd, NULL, out, sizeof(out)));
    assert_true(starts(out, "HTTP/1.1 431 "));
    (void)close(fd);
    free(flood);
    assert_serves(kit);
    kit_stop(kit);
}

static void drip_is_cut_off(void **state)
{
    struct intake_limits limits = easy_limits;
    char out[4096];
    int fd;
    bool cut = false;
    (void)state;
    limits.request_ms = 60;
    struct kit *kit = kit_start("127.0.0.1:0", &limits);
    fd = kit_connect(kit);
    kit_say(fd, "POST / HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n");
    for (int i = 0; i < 900 && !cut; i++) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        kit_say(fd, "x");
        cut = poll(&wait, 1, 10) > 0;
    }
    assert_true(cut);
    assert_true(kit_hear(fd, NULL, out, sizeof(out)));
    (void)close(fd);
    assert_int_equal(kit_on_loop(kit, kit_seen), 0);
    kit_until(kit, kit_connections, 0);
    kit_stop(kit);
}

static void idle_is_closed(void **state)
{
    struct intake_limits limits = easy_limits;
    char out[4096];
    (void)state;
    limits.idle_ms = 40;
    struct kit *kit = kit_start("127.0.0.1:0", &limits);
    for (bool heard = false; !heard;) { /* on a busy machine it may be over before anything was said */
        int fd = kit_connect(kit);
        kit_say(fd, GET("/i"));
        heard = kit_hear(fd, "GET /i 0\n", out, sizeof(out));
        if (heard) {
            assert_true(kit_hear(fd, NULL, out, sizeof(out)));
            assert_string_equal(out, "");
        }
        (void)close(fd);
    }
    kit_stop(kit);
}

/* How many of n connections are served. */
static size_t served(struct kit *kit, int *fds, size_t n)
{
    char out[4096];
    size_t good = 0;
    for (size_t i = 0; i < n; i++) {
        fds[i] = kit_connect(kit);
        kit_say(fds[i], GET("/s"));
        good += kit_hear(fds[i], "GET /s 0\n", out, sizeof(out));
    }
    return good;
}

static void too_many_connections(void **state)
{
    struct intake_limits limits = easy_limits;
    int fds[20];
    char out[4096];
    (void)state;
    for (int per_address = 0; per_address < 2; per_address++) {
        limits.connections = per_address ? 1000 : 8;
        limits.per_address = per_address ? 8 : 0;
        struct kit *kit = kit_start("127.0.0.1:0", &limits);
        assert_int_equal(served(kit, fds, 20), 8);
        assert_int_equal(kit_on_loop(kit, kit_connections), 8);
        kit_say(fds[0], GET("/still"));
        assert_true(kit_hear(fds[0], "GET /still 0\n", out, sizeof(out)));
        for (size_t i = 0; i < 20; i++)
            (void)close(fds[i]);
        kit_until(kit, kit_connections, 0);
        assert_serves(kit);
        kit_stop(kit);
    }
}

static size_t hold(struct kit *kit)
{
    kit->hold = true;
    return 0;
}

/* AddressSanitizer keeps what was freed, so there is nothing to measure then. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define MEASURES_MEMORY 0
#else
#define MEASURES_MEMORY 1
#endif

static size_t resident_kb(void)
{
    char text[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    (void)fclose(f);
    return (size_t)strtol(strchr(text, ' '), NULL, 10) * 4;
}

/* Requests without end and no answer read, whether the handler or the socket is what stops them: what the server does not read stays
   with the sender. */
static void pipelining_without_reading(void **state)
{
    (void)state;
    for (int held = 0; held < 2; held++) {
        struct kit *kit = start();
        size_t before = resident_kb(), sent = 0;
        int fd = kit_connect(kit);
        if (held)
            (void)kit_on_loop(kit, hold);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        for (int stuck = 0; stuck < 20 && sent < (64u << 20);) {
            ssize_t n = send(fd, GET("/p"), strlen(GET("/p")), MSG_NOSIGNAL);
            stuck = n > 0 ? 0 : stuck + 1;
            sent += n > 0 ? (size_t)n : 0;
            if (n <= 0)
                (void)poll(NULL, 0, 5);
        }
        assert_true(sent < (32u << 20));
        assert_true(!MEASURES_MEMORY || resident_kb() < before + 16384);
        if (held)
            kit_until(kit, kit_held, 1);
        (void)close(fd);
        (void)kit_on_loop(kit, kit_answer_held);
        kit_stop(kit);
    }
}

static void reply_after_close(void **state)
{
    struct kit *kit = start();
    (void)state;
    (void)kit_on_loop(kit, hold);
    for (int i = 0; i < 10; i++) {
        int fd = kit_connect(kit);
        struct linger reset = { .l_onoff = i % 2, .l_linger = 0 };
        kit_say(fd, GET("/gone"));
        kit_until(kit, kit_held, (size_t)i + 1);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        (void)close(fd);
    }
    assert_int_equal(kit_on_loop(kit, kit_pending), 10);
    assert_int_equal(kit_on_loop(kit, kit_answer_held), 10);
    assert_int_equal(kit_on_loop(kit, kit_pending), 0);
    kit_until(kit, kit_connections, 0);
    kit_stop(kit);
}

static size_t answer_twice_and_wrongly(struct kit *kit)
{
    struct intake_answer no = { .status = 500 };
    uint64_t id = kit->held[0];
    intake_reply(kit->intake, id + (1 << 20), &no);
    intake_reply(kit->intake, 0, &no);
    intake_reply(kit->intake, UINT64_MAX, &no);
    (void)kit_answer_held(kit);
    intake_reply(kit->intake, id, &no);
    return 0;
}

static void ids_are_used_once(void **state)
{
    struct kit *kit = start();
    char out[4096];
    int fd = kit_connect(kit);
    (void)state;
    (void)kit_on_loop(kit, hold);
    for (int i = 0; i < 2; i++) {
        kit_say(fd, GET("/once"));
        kit_until(kit, kit_held, 1);
        (void)kit_on_loop(kit, answer_twice_and_wrongly);
        assert_true(kit_hear(fd, "held\n", out, sizeof(out)));
        assert_null(strstr(out, "500"));
    }
    (void)close(fd);
    kit_stop(kit);
}

static size_t close_intake(struct kit *kit)
{
    intake_close(kit->intake);
    return 0;
}

static void close_drains(void **state)
{
    struct kit *kit = start();
    char out[4096];
    int idle = kit_connect(kit), pending = kit_connect(kit), partial = kit_connect(kit);
    (void)state;
    kit_until(kit, kit_connections, 3);
    (void)kit_on_loop(kit, hold);
    kit_say(pending, GET("/p"));
    kit_until(kit, kit_held, 1);
    kit_say(partial, "GET /half HT");
    /* Round trips: by the last, the loop has read what was sent before the first. */
    for (int i = 0; i < 10; i++)
        (void)kit_on_loop(kit, kit_seen);
    (void)kit_on_loop(kit, close_intake);
    assert_true(kit_hear(idle, NULL, out, sizeof(out)));
    assert_string_equal(out, "");
    kit_say(partial, "TP/1.1\r\n" H "\r\n");
    kit_until(kit, kit_held, 2);
    (void)kit_on_loop(kit, kit_answer_held);
    assert_true(kit_hear(pending, NULL, out, sizeof(out)));
    assert_true(strstr(out, BYE) && strstr(out, "held\n"));
    assert_true(kit_hear(partial, NULL, out, sizeof(out)));
    assert_true(strstr(out, BYE) && strstr(out, "held\n"));
    kit_until(kit, kit_connections, 0);
    (void)close(idle);
    (void)close(pending);
    (void)close(partial);
    kit_stop(kit);
}

static void freed_with_all_under_way(void **state)
{
    struct kit *kit = start();
    int fds[4];
    (void)state;
    (void)kit_on_loop(kit, hold);
    for (int i = 0; i < 4; i++) {
        fds[i] = kit_connect(kit);
        kit_say(fds[i], i == 0 ? GET("/p") : i == 1 ? "GET /half" : i == 2 ? "GET / HTTP/1.1\n" : "");
    }
    kit_until(kit, kit_connections, 4);
    kit_until(kit, kit_held, 1);
    kit_stop(kit);
    for (int i = 0; i < 4; i++)
        (void)close(fds[i]);
}

static void other_addresses(void **state)
{
    char folder[] = "/tmp/intake.XXXXXX", address[64];
    struct fault fault;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address, sizeof(address), "unix:%s/socket", folder);
    struct kit *kit = kit_start(address, &easy_limits);
    assert_string_equal(intake_address(kit->intake), address);
    assert_serves(kit);
    kit_stop(kit);
    assert_int_equal(rmdir(folder), 0);
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd >= 0 && !access("/proc/net/if_inet6", R_OK)) {
        kit = kit_start("[::1]:0", &easy_limits);
        assert_serves(kit);
        kit_stop(kit);
    }
    (void)close(fd);
    struct loop *loop = loop_new();
    static const char *const bad[] = { "",       "x",     "127.0.0.1:",   "127.0.0.1:99999",
                                       "::1:80", "unix:", "203.0.113.1:1" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fault.text[0] = 0;
        assert_null(intake_new(loop, bad[i], &easy_limits, NULL, NULL, &fault));
        assert_true(fault.text[0]);
    }
    loop_free(loop);
}

/* --- TLS --- */

static char tls_folder[] = "/tmp/intake-tls.XXXXXX";
static char cert_file[64], key_file[64];

static void write_certificate(long serial)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_true(key && cert);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    (void)X509_set_pubkey(cert, key);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                     (const unsigned char *)"h", -1, -1, 0);
    (void)X509_set_issuer_name(cert, X509_get_subject_name(cert));
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    FILE *f = fopen(cert_file, "w");
    assert_true(f && PEM_write_X509(f, cert) == 1);
    (void)fclose(f);
    f = fopen(key_file, "w");
    assert_true(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    (void)fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static size_t load_tls(struct kit *kit)
{
    struct fault fault;
    return intake_tls(kit->intake, cert_file, key_file, &fault);
}

static size_t load_no_tls(struct kit *kit)
{
    struct fault fault;
    return intake_tls(kit->intake, "/nonexistent", key_file, &fault) || !strstr(fault.text, "/nonexistent");
}

/* Two requests in one record, then the end; gives the certificate's number. */
static long ask_tls(struct kit *kit, char *out, size_t size)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    int fd = kit_connect(kit), n;
    size_t got = 0;
    (void)SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_connect(ssl), 1);
    X509 *cert = SSL_get1_peer_certificate(ssl);
    long serial = ASN1_INTEGER_get(X509_get_serialNumber(cert));
    X509_free(cert);
    assert_true(SSL_write(ssl, GET("/1") GET_BYE("/2"), (int)strlen(GET("/1") GET_BYE("/2"))) > 0);
    while (got < size - 1 && (n = SSL_read(ssl, out + got, (int)(size - 1 - got))) > 0)
        got += (size_t)n;
    out[got] = 0;
    /* It says that it ends: nothing was cut off on the way. */
    assert_int_equal(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
    return serial;
}

static void tls(void **state)
{
    struct kit *kit = start();
    char out[4096];
    (void)state;
    assert_non_null(mkdtemp(tls_folder));
    (void)snprintf(cert_file, sizeof(cert_file), "%s/cert", tls_folder);
    (void)snprintf(key_file, sizeof(key_file), "%s/key", tls_folder);
    for (long serial = 1; serial <= 2; serial++) {
        write_certificate(serial);
        assert_int_equal(kit_on_loop(kit, load_tls), 1);
        assert_int_equal(ask_tls(kit, out, sizeof(out)), serial);
        assert_true(strstr(out, "GET /1 0\n") && strstr(out, "GET /2 0\n"));
    }
    assert_int_equal(kit_on_loop(kit, load_no_tls), 0);
    assert_int_equal(ask_tls(kit, out, sizeof(out)), 2);
    /* Plain text to a TLS port. */
    kit_ask(kit, GET("/plain"), strlen(GET("/plain")), out, sizeof(out));
    assert_null(strstr(out, "/plain"));
    kit_until(kit, kit_connections, 0);
    kit_stop(kit);
    (void)unlink(cert_file);
    (void)unlink(key_file);
    (void)rmdir(tls_folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_refused),
        cmocka_unit_test(shapes_refused_byte_by_byte),
        cmocka_unit_test(methods_reach_the_handler),
        cmocka_unit_test(answer_is_well_formed),
        cmocka_unit_test(pipelined_in_order),
        cmocka_unit_test(keep_alive),
        cmocka_unit_test(expect_continue),
        cmocka_unit_test(half_closed),
        cmocka_unit_test(big_bodies),
        cmocka_unit_test(header_flood),
        cmocka_unit_test(drip_is_cut_off),
        cmocka_unit_test(idle_is_closed),
        cmocka_unit_test(too_many_connections),
        cmocka_unit_test(pipelining_without_reading),
        cmocka_unit_test(reply_after_close),
        cmocka_unit_test(ids_are_used_once),
        cmocka_unit_test(close_drains),
        cmocka_unit_test(freed_with_all_under_way),
        cmocka_unit_test(other_addresses),
        cmocka_unit_test(tls),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
