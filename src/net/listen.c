#include "net/listen.h"

#include "base/buf.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define UNIX_PREFIX "unix:"

static int fail(int fd, const char *address, int error, struct fault *fault)
{
    if (fd >= 0)
        (void)close(fd);
    (void)fault_set(fault, "cannot listen on %s: %s", address, strerror(error));
    return -1;
}

/* A file left by a process that is gone; one that still answers is left alone. */
static void remove_dead(const struct sockaddr_un *name)
{
    struct stat st;
    if (lstat(name->sun_path, &st) || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) && errno == ECONNREFUSED)
        (void)unlink(name->sun_path);
    (void)close(fd);
}

static int open_unix(const char *address, struct fault *fault)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t n = strlen(address) - strlen(UNIX_PREFIX);
    if (!n || n >= sizeof(name.sun_path)) {
        (void)fault_set(fault, "%s: the path of a socket has 1 to %zu bytes", address,
                        sizeof(name.sun_path) - 1);
        return -1;
    }
    memcpy(name.sun_path, address + strlen(UNIX_PREFIX), n + 1);
    remove_dead(&name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The mode is set before listen(), so that nobody connects by an earlier one. */
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) || chmod(name.sun_path, 0660) ||
        listen(fd, BACKLOG))
        return fail(fd, address, errno, fault);
    return fd;
}

/* Host and port of "HOST:PORT", brackets taken off. */
static bool split(const char *address, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(address, ':');
    int64_t number = 0;
    if (!colon || !text_i64(text_of(colon + 1), &number) || number < 0 || number > 65535)
        return false;
    struct text name = text_make(address, (size_t)(colon - address));
    bool brackets = name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';
    if (brackets)
        name = text_make(name.p + 1, name.n - 2);
    else if (memchr(name.p, ':', name.n))
        return false;
    if (!name.n || name.n >= size)
        return false;
    memcpy(host, name.p, name.n);
    host[name.n] = 0;
    *port = colon + 1;
    return true;
}

static int open_one(const struct addrinfo *info)
{
    static const int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (!bind(fd, info->ai_addr, info->ai_addrlen) && !listen(fd, BACKLOG))
        return fd;
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

static int open_tcp(const char *address, struct fault *fault)
{
    char host[256];
    const char *port;
    if (!split(address, host, sizeof(host), &port)) {
        (void)fault_set(fault, "%s: expected HOST:PORT, [IPV6]:PORT or unix:PATH", address);
        return -1;
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error) {
        (void)fault_set(fault, "cannot listen on %s: %s", address, gai_strerror(error));
        return -1;
    }
    int fd = open_one(found);
    error = errno;
    freeaddrinfo(found);
    return fd >= 0 ? fd : fail(-1, address, error, fault);
}

int listen_open(const char *address, struct fault *fault)
{
    if (text_starts(text_of(address), UNIX_PREFIX))
        return open_unix(address, fault);
    return open_tcp(address, fault);
}

char *listen_name(int fd)
{
    struct sockaddr_storage name = { 0 };
    socklen_t n = sizeof(name);
    char host[INET6_ADDRSTRLEN], port[8];
    struct buf out = BUF(512);
    if (getsockname(fd, (struct sockaddr *)&name, &n))
        return NULL;
    if (name.ss_family == AF_UNIX)
        buf_printf(&out, UNIX_PREFIX "%s", ((struct sockaddr_un *)&name)->sun_path);
    else if (getnameinfo((struct sockaddr *)&name, n, host, sizeof(host), port, sizeof(port),
                         NI_NUMERICHOST | NI_NUMERICSERV))
        return NULL;
    else
        buf_printf(&out, name.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return buf_take(&out);
}

void listen_forget(const char *address)
{
    if (text_starts(text_of(address), UNIX_PREFIX))
        (void)unlink(address + strlen(UNIX_PREFIX));
}
