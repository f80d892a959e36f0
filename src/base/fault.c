#include "base/fault.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

bool fault_set(struct fault *fault, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fault->text, sizeof(fault->text), format, args);
    va_end(args);
    return false;
}

bool fault_wrap(struct fault *fault, const char *format, ...)
{
    struct fault old = *fault;
    size_t used;
    va_list args;

    va_start(args, format);
    vsnprintf(fault->text, sizeof(fault->text), format, args);
    va_end(args);
    used = strlen(fault->text);
    snprintf(fault->text + used, sizeof(fault->text) - used, ": %.*s",
             (int)(sizeof(fault->text) - used > 3 ? sizeof(fault->text) - used - 3 : 0), old.text);
    return false;
}
