#include "base/process.h"

#include <pthread.h>

uint32_t thrum__process_generation =
    1; /* changes only in a child with its single thread: section.c */

int thrum__process_on_fork(void (*before)(void), void (*after)(void), void (*child)(void))
{
    return -pthread_atfork(before, after, child);
}
