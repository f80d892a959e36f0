/* Loaded into the daemon by LD_PRELOAD, in tests only and never installed: a disk that fails, and clocks that are off, as long
   as the file that TROUBLE names says so. So the program in trouble is the real one.

   The file is mapped: 64-bit numbers of the machine's byte order, see struct trouble. Files that are mapped or read whole are
   not affected: what goes through pread and pwrite is the store's. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct trouble {
    _Atomic int64_t clock_ms;          /* that the wall clock is ahead */
    _Atomic int64_t boot_ms;           /* and the clock of what is scheduled, CLOCK_BOOTTIME */
    _Atomic int64_t write, sync, read; /* errno of these calls; 0: they work */
    _Atomic int64_t failed;            /* how many calls did */
    _Atomic int64_t hold;              /* syncs wait until it is 0 */
};

#define REAL(result, name, ...)         \
    static result (*real)(__VA_ARGS__); \
    if (!real)                          \
        *(void **)&real = dlsym(RTLD_NEXT, #name);

static struct trouble none, *trouble = &none;

static void __attribute__((constructor)) open_trouble(void)
{
    const char *path = getenv("TROUBLE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = fd >= 0 ? mmap(NULL, sizeof(none), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (mapped == MAP_FAILED)
        abort();
    trouble = mapped;
    close(fd);
}

static bool fails(_Atomic int64_t *with)
{
    int64_t code = atomic_load(with);

    if (!code)
        return false;
    atomic_fetch_add(&trouble->failed, 1);
    errno = (int)code;
    return true;
}

static void wait_while_held(void)
{
    const struct timespec moment = { .tv_nsec = 1000000 };

    while (atomic_load(&trouble->hold))
        nanosleep(&moment, NULL);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)
    return fails(&trouble->write) ? -1 : real(fd, bytes, n, offset);
}

ssize_t pread64(int fd, void *bytes, size_t n, off64_t offset)
{
    REAL(ssize_t, pread64, int, void *, size_t, off64_t)
    return fails(&trouble->read) ? -1 : real(fd, bytes, n, offset);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t offset)
{
    REAL(ssize_t, pread, int, void *, size_t, off_t)
    return fails(&trouble->read) ? -1 : real(fd, bytes, n, offset);
}

int fdatasync(int fd)
{
    REAL(int, fdatasync, int)
    wait_while_held();
    return fails(&trouble->sync) ? -1 : real(fd);
}

int fsync(int fd)
{
    REAL(int, fsync, int)
    wait_while_held();
    return fails(&trouble->sync) ? -1 : real(fd);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    REAL(int, clock_gettime, clockid_t, struct timespec *)
    int rc = real(clock, out);

    /* Whole seconds are what tests jump by. */
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        out->tv_sec += atomic_load(&trouble->clock_ms) / 1000;
    else if (clock == CLOCK_BOOTTIME)
        out->tv_sec += atomic_load(&trouble->boot_ms) / 1000;
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
