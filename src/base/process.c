#include "base/process.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/auxv.h>

uint32_t thrum__process_generation =
    1; /* changes only in a child with its single thread: section.c */

int thrum__process_on_fork(void (*before)(void), void (*after)(void), void (*child)(void))
{
    return -pthread_atfork(before, after, child);
}

bool thrum__process_is_secure(void)
{
    return getauxval(AT_SECURE) != 0;
}

const char *thrum__process_environment(const char *name)
{
    return thrum__process_is_secure() ? NULL : getenv(name);
}
