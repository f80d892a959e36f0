#include "config.h" /* first: it asks for what is no standard */

#include "app/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

bool confine_memory(struct fault *fault)
{
    const struct rlimit none = { 0, 0 };
    struct rlimit now;

    /* Filters of system calls may forbid changes where there is nothing to change. */
    if (getrlimit(RLIMIT_CORE, &now) == 0 && (now.rlim_max == 0 || setrlimit(RLIMIT_CORE, &none) == 0) &&
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
        return true;
    return fault_set(fault, "core dumps, which would hold secrets, cannot be switched off: %s",
                     strerror(errno));
}

/* Of the capabilities that this thread has it keeps these. */
static bool keep_capabilities(uint32_t low, uint32_t high)
{
    struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct sets[2] = { { 0 }, { 0 } };

    if (syscall(SYS_capget, &head, sets) != 0)
        return false;
    if (!sets[0].permitted && !sets[1].permitted)
        return true;
    sets[0].permitted &= low;
    sets[1].permitted &= high;
    for (int i = 0; i < 2; i++) {
        sets[i].effective = sets[i].permitted;
        sets[i].inheritable = 0;
    }
    return syscall(SYS_capset, &head, sets) == 0;
}

static bool is_only(uid_t uid, gid_t gid)
{
    uid_t users[3];
    gid_t groups[3];

    if (getresuid(&users[0], &users[1], &users[2]) != 0 || getresgid(&groups[0], &groups[1], &groups[2]) != 0)
        return false;
    for (int i = 0; i < 3; i++)
        if (users[i] != uid || groups[i] != gid)
            return false;
    return true;
}

/* Groups first: a user cannot change them any more. Then it is looked at, and tried, that there is no way back. */
static bool change_to(const struct passwd *user)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || initgroups(user->pw_name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0 ||
        !keep_capabilities(UINT32_C(1) << CAP_NET_BIND_SERVICE, 0) || prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
        return false;
    errno = EPERM;
    return is_only(user->pw_uid, user->pw_gid) && setuid(0) != 0 && seteuid(0) != 0;
}

bool confine_become(const char *user, struct fault *fault)
{
    const struct passwd *found;

    if (!user)
        return true;
    errno = 0;
    found = getpwnam(user);
    if (!found)
        return fault_set(fault, "user '%s': %s", user,
                         errno ? strerror(errno) : "there is no such user; 'useradd --system' makes one");
    if (found->pw_uid == 0)
        return fault_set(fault, "user '%s' is root; name one that owns the store and nothing else", user);
    if (geteuid() == found->pw_uid && getuid() == found->pw_uid)
        return true;
    if (!confine_is_root())
        return fault_set(fault,
                         "only root can change to user '%s': start as root or as %s, or take 'user' out",
                         user, user);
    if (!change_to(found))
        return fault_set(fault, "changing to user '%s': %s", user, strerror(errno));
    /* The kernel sets this back when the user changes. */
    return confine_memory(fault);
}

bool confine_is_root(void)
{
    return geteuid() == 0 || getuid() == 0;
}

bool confine_seal(struct fault *fault)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && (confine_is_root() || keep_capabilities(0, 0)))
        return true;
    return fault_set(fault, "giving up rights: %s", strerror(errno));
}
