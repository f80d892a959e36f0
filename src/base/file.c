#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(int fd, struct buf *out)
{
    char chunk[16384];
    ssize_t n;

    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        buf_add(out, chunk, (size_t)n);
        if (out->failed) {
            errno = EFBIG;
            return false;
        }
    }
    return true;
}

bool file_read(const char *path, struct buf *out, struct fault *fault)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0)
        return fault_set(fault, "%s: %s", path, strerror(errno));
    ok = read_all(fd, out);
    if (!ok)
        fault_set(fault, "%s: %s", path, strerror(errno));
    close(fd);
    return ok;
}

static bool write_all(int fd, struct text content)
{
    while (content.n) {
        ssize_t n = write(fd, content.p, content.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        content.p += n;
        content.n -= (size_t)n;
    }
    return true;
}

static bool write_to(const char *path, int flags, struct text content)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
    bool ok;

    if (fd < 0)
        return false;
    ok = write_all(fd, content);
    return close(fd) == 0 && ok;
}

/* A device, a pipe or a link must not become a file. */
static bool is_more_than_a_file(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static bool replace(const char *path, const char *beside, struct text content)
{
    int error;

    if (write_to(beside, O_CREAT | O_TRUNC, content) && rename(beside, path) == 0)
        return true;
    error = errno;
    (void)unlink(beside);
    errno = error;
    return false;
}

bool file_write(const char *path, struct text content, struct fault *fault)
{
    struct buf name = BUF(4096);
    bool ok;

    buf_printf(&name, "%s.new", path);
    if (!*path || name.failed) {
        buf_free(&name);
        return *path ? fault_set(fault, "%s: the path is too long", path)
                     : fault_set(fault, "the name of the file is empty");
    }
    ok = is_more_than_a_file(path) ? write_to(path, O_TRUNC, content) : replace(path, name.data, content);
    if (!ok)
        fault_set(fault, "%s: %s", path, strerror(errno));
    buf_free(&name);
    return ok;
}

char *file_beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    struct buf out = BUF(8192);

    if (path[0] != '/' && slash)
        buf_add(&out, file, (size_t)(slash - file) + 1);
    buf_str(&out, path);
    return buf_take(&out);
}
