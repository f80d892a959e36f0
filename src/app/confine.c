#include "app/confine.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

bool confine_memory(struct fault *fault)
{
    const struct rlimit none = { 0, 0 };

    if (setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
        return true;
    return fault_set(fault, "core dumps, which would hold secrets, cannot be switched off: %s",
                     strerror(errno));
}
