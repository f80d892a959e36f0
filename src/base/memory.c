#include "base/memory.h"

static _Thread_local unsigned long failures;

void memory_failed(void)
{
    failures++;
}

unsigned long memory_failures(void)
{
    return failures;
}
