/* Loaded into the daemon by LD_PRELOAD, in tests only and never installed: counts the calls by which the store and the
   network change, and ends the process by SIGKILL at one of them. So the program that is killed is the real one.

   TORTURE_KILL=CLASS:SIDE:N    at the N-th call of the class, counted from the start of the process
       class   store   sqlite3_step, and what SQLite does to its files by it: pwrite, ftruncate, unlink, fdatasync, fsync
               disk    the latter alone
               net     send, writev: requests to Octopods, answers to webhooks
       side    before  the call
               half    in the middle: of what is written only the first half is (else: before)
               after   the call
   TORTURE_LOG=FILE             gets a line that tells where that was
   TORTURE_POWER=1              as if the power was cut: half of what was written since the file's last sync, drawn by N, is
                                undone before the end. (Directories, truncation and the index in shared memory are left out)
   TORTURE_PLANT=no-sync        a fault: the log is not synced
   TORTURE_PLANT=late-commit    a fault: each COMMIT is only done by the next BEGIN, so that what follows from a commit
                                (a 200, a request) happens before it. A harness that takes this for right proves nothing */

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum side { BEFORE, HALF, AFTER };
enum class { STEP = 1, DISK = 2, NET = 4 };

static const char *const sides[] = { "before", "half", "after" };
static const struct {
    const char *name;
    unsigned classes;
} plans[] = { { "store", STEP | DISK }, { "disk", DISK }, { "net", NET } };

static unsigned wanted; /* classes that count */
static enum side wanted_side;
static unsigned long wanted_call;
static const char *log_path;
static bool late_commit, no_sync, power_cut;
static atomic_ulong calls;

static void __attribute__((constructor)) read_plan(void)
{
    const char *plan = getenv("TORTURE_KILL"), *plant = getenv("TORTURE_PLANT");
    char class[16], side[16];

    log_path = getenv("TORTURE_LOG");
    late_commit = plant && strcmp(plant, "late-commit") == 0;
    no_sync = plant && strcmp(plant, "no-sync") == 0;
    power_cut = getenv("TORTURE_POWER") != NULL;
    if (!plan)
        return;
    if (sscanf(plan, "%15[a-z]:%15[a-z]:%lu", class, side, &wanted_call) == 3)
        for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
            if (strcmp(class, plans[i].name) == 0)
                wanted = plans[i].classes;
    for (int i = BEFORE; i <= AFTER; i++)
        if (wanted && strcmp(side, sides[i]) == 0) {
            wanted_side = (enum side)i;
            return;
        }
    fprintf(stderr, "killpoint: TORTURE_KILL=%s: must be CLASS:SIDE:N\n", plan);
    _exit(2);
}

/* The function that is stood in front of. A union, since C has no way from an object's address to a function's. */
#define REAL(result, name, ...)      \
    static union {                   \
        void *address;               \
        result (*call)(__VA_ARGS__); \
    } real;                          \
    if (!real.address)               \
        real.address = dlsym(RTLD_NEXT, #name);

/* Is this the call? */
static bool due(enum class class)
{
    return (wanted & class) && atomic_fetch_add(&calls, 1) + 1 == wanted_call;
}

/* --- names of open files -------------------------------------------------------------------------------------------------- */

#define FILES_MAX 1024

/* Not asked of /proc: a daemon that may not be dumped cannot look there. */
static char names[FILES_MAX][64];

int open64(const char *path, int flags, ...)
{
    REAL(int, open64, const char *, int, ...)
    const char *slash = strrchr(path, '/');
    va_list more;
    mode_t mode;
    int fd;

    va_start(more, flags);
    mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    fd = real.call(path, flags, mode);
    if (fd >= 0 && fd < FILES_MAX)
        snprintf(names[fd], sizeof(names[fd]), "%s", slash ? slash + 1 : path);
    return fd;
}

static const char *name_of(int fd)
{
    return fd >= 0 && fd < FILES_MAX ? names[fd] : "";
}

static bool is_file(int fd, const char *end)
{
    size_t n = strlen(name_of(fd)), m = strlen(end);

    return n >= m && strcmp(name_of(fd) + n - m, end) == 0;
}

/* --- what a power cut undoes ---------------------------------------------------------------------------------------------- */

struct write {
    struct write *before;
    int fd;
    off64_t offset;
    size_t n, old_n; /* bytes written; bytes that were there */
    char old[];
};

static struct write *unsynced; /* latest first */

/* Held while a file changes, and from the power cut on: so the thread of the network can cut the store's. */
static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;

static ssize_t real_pwrite(int fd, const void *bytes, size_t n, off64_t offset)
{
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t)
    return real.call(fd, bytes, n, offset);
}

static void remember(int fd, size_t n, off64_t offset)
{
    struct write *write = power_cut && !is_file(fd, "-shm") ? calloc(1, sizeof(*write) + n) : NULL;
    ssize_t old_n;

    if (!write)
        return;
    old_n = pread64(fd, write->old, n, offset);
    write->fd = fd;
    write->offset = offset;
    write->n = n;
    write->old_n = old_n > 0 ? (size_t)old_n : 0;
    write->before = unsynced;
    unsynced = write;
}

static void forget(int fd)
{
    struct write **at = &unsynced;

    while (*at) {
        struct write *write = *at;

        if (write->fd != fd) {
            at = &write->before;
            continue;
        }
        *at = write->before;
        free(write);
    }
}

/* What made the file longer becomes zeros, unless it is the end. */
static void undo(const struct write *write)
{
    off64_t end = lseek64(write->fd, 0, SEEK_END);

    (void)!real_pwrite(write->fd, write->old, write->n, write->offset);
    if (end == write->offset + (off64_t)write->n && write->old_n < write->n)
        (void)!ftruncate(write->fd, write->offset + (off64_t)write->old_n);
}

static void cut_power(void)
{
    unsigned draw = (unsigned)wanted_call;

    pthread_mutex_lock(&disk);
    for (struct write *write = unsynced; write; write = write->before)
        if (no_sync || rand_r(&draw) % 2)
            undo(write);
}

/* --- the end ----------------------------------------------------------------------------------------------------------------- */

static void __attribute__((noreturn)) die(enum side side, const char *call, const char *what)
{
    int fd = log_path ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

    if (fd >= 0)
        dprintf(fd, "%s%s %s %.60s\n", power_cut ? "power cut " : "", sides[side], call, what);
    if (power_cut)
        cut_power();
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void die_at_file(enum side side, const char *call, int fd)
{
    die(side, call, name_of(fd));
}

/* --- the store ---------------------------------------------------------------------------------------------------------- */

static int real_step(sqlite3_stmt *statement)
{
    REAL(int, sqlite3_step, sqlite3_stmt *)
    return real.call(statement);
}

static int step_late(sqlite3_stmt *statement)
{
    static sqlite3 *open_still;
    static bool committing; /* a store is opened by one thread and then used by another, never by two */
    const char *sql = late_commit && !committing ? sqlite3_sql(statement) : NULL;

    if (sql && strncmp(sql, "COMMIT", 6) == 0) {
        open_still = sqlite3_db_handle(statement);
        return SQLITE_DONE;
    }
    if (sql && strncmp(sql, "BEGIN", 5) == 0 && open_still) {
        committing = true;
        sqlite3_exec(open_still, "COMMIT", NULL, NULL, NULL);
        committing = false;
        open_still = NULL;
    }
    return real_step(statement);
}

int sqlite3_step(sqlite3_stmt *statement)
{
    bool here = due(STEP);
    int code;

    if (here && wanted_side != AFTER)
        die(wanted_side, "step", sqlite3_sql(statement));
    code = step_late(statement);
    if (here)
        die(AFTER, "step", sqlite3_sql(statement));
    return code;
}

static int sync_file(const char *call, int (*real_sync)(int), int fd)
{
    bool here = due(DISK);
    int code;

    if (here && wanted_side != AFTER)
        die_at_file(wanted_side, call, fd);
    if (no_sync && is_file(fd, "-wal"))
        return 0;
    pthread_mutex_lock(&disk);
    code = real_sync(fd);
    if (code == 0)
        forget(fd);
    pthread_mutex_unlock(&disk);
    if (here)
        die_at_file(AFTER, call, fd);
    return code;
}

int fdatasync(int fd)
{
    REAL(int, fdatasync, int)
    return sync_file("fdatasync", real.call, fd);
}

int fsync(int fd)
{
    REAL(int, fsync, int)
    return sync_file("fsync", real.call, fd);
}

/* The number may be another file's next. */
int close(int fd)
{
    REAL(int, close, int)

    if (power_cut) {
        pthread_mutex_lock(&disk);
        forget(fd);
        pthread_mutex_unlock(&disk);
    }
    return real.call(fd);
}

int ftruncate64(int fd, off64_t size)
{
    REAL(int, ftruncate64, int, off64_t)
    bool here = due(DISK);
    int code;

    if (here && wanted_side != AFTER)
        die_at_file(wanted_side, "ftruncate64", fd);
    code = real.call(fd, size);
    if (here)
        die_at_file(AFTER, "ftruncate64", fd);
    return code;
}

int unlink(const char *path)
{
    REAL(int, unlink, const char *)
    bool here = due(DISK);
    int code;

    if (here && wanted_side != AFTER)
        die(wanted_side, "unlink", path);
    code = real.call(path);
    if (here)
        die(AFTER, "unlink", path);
    return code;
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    bool here = due(DISK);
    ssize_t done = -1;

    pthread_mutex_lock(&disk);
    remember(fd, n, offset);
    if (!here || wanted_side != BEFORE)
        done = real_pwrite(fd, bytes, here && wanted_side == HALF ? n / 2 : n, offset);
    pthread_mutex_unlock(&disk);
    if (here)
        die_at_file(wanted_side, "pwrite64", fd);
    return done;
}

/* --- the network --------------------------------------------------------------------------------------------------------- */

ssize_t send(int fd, const void *bytes, size_t n, int flags)
{
    REAL(ssize_t, send, int, const void *, size_t, int)
    bool here = due(NET);
    ssize_t done = -1;

    if (!here || wanted_side != BEFORE)
        done = real.call(fd, bytes, here && wanted_side == HALF ? n / 2 : n, flags);
    if (here)
        die(wanted_side, "send", "");
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    REAL(ssize_t, writev, int, const struct iovec *, int)
    bool here = due(NET);
    ssize_t done = -1;

    if (here && wanted_side == HALF)
        done = write(fd, parts[0].iov_base, parts[0].iov_len / 2);
    else if (!here || wanted_side == AFTER)
        done = real.call(fd, parts, n);
    if (here)
        die(wanted_side, "writev", "");
    return done;
}
