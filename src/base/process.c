#include "base/process.h"

#include <pthread.h>

uint32_t thrum__process_generation = 1; /* changes only in a child with its single thread */

static void begin_child(void)
{
    thrum__process_generation++;
}

int thrum__process_on_fork(void (*before)(void), void (*after)(void), void (*child)(void))
{
    static int counting; /* two threads may both register it: a generation is then skipped */
    if (!counting) {
        counting = 1;
        int rc = -pthread_atfork(NULL, NULL, begin_child);
        if (rc < 0)
            return rc;
    }
    return -pthread_atfork(before, after, child);
}
