/* The pools that have not been shut down: the end of the program finishes what they were given. */
#ifndef THRUM_EXECUTOR_POOLS_H
#define THRUM_EXECUTOR_POOLS_H

#include <stdbool.h>
#include <stdint.h>

/* A pool of any kind in the list of all; all but `drain` is the list's. */
typedef struct thrum__listed_pool {
    /* Refuses further tasks, and waits until those that were submitted are done. */
    void (*drain)(struct thrum__listed_pool *listed);
    const void *executor; /* as its workers' contexts have it */
    uint32_t process;     /* thrum__process_generation when it was made */
    bool drained;
    struct thrum__listed_pool *next, *prev;
} thrum__listed_pool;

/* Enters a pool, whose `drain` is set. */
void thrum__pools_enter(thrum__listed_pool *listed, const void *executor);

/* Takes it off. False if the end of the program is draining it, and it must not be freed. */
bool thrum__pools_leave(thrum__listed_pool *listed);

#endif
