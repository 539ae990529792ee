/* Two queues, for clients of calls that wait in both: thrum_select and thrum_queue_get_any. */
#ifndef TESTS_EXPLORE_TWO_QUEUES_H
#define TESTS_EXPLORE_TWO_QUEUES_H

#include "explore.h"
#include <thrum/queue.h>

static thrum_queue *queues[2];
static size_t capacity[2]; /* 0 for a queue with a lock, else for one without */

static inline void new_queues(void)
{
    for (int i = 0; i < 2; i++)
        queues[i] = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = capacity[i]});
    EXPLORE_CHECK(queues[0] && queues[1]);
    thrum__explore_name(queues[0], 16, "first.lock");
    thrum__explore_name(queues[1], 16, "second.lock");
}

/* Once all threads of the client have ended. */
static inline void free_queues(void)
{
    explore_join_all();
    thrum_queue_free(queues[0]);
    thrum_queue_free(queues[1]);
}

/* Puts 1 into the first, 2 into the second queue. */
static inline void put_to(void *which)
{
    int value = (int)(intptr_t)which + 1;
    EXPLORE_CHECK(thrum_queue_put(queues[(intptr_t)which], &value, THRUM_FOREVER) == 0);
}

static inline void put_to_both(void *argument)
{
    (void)argument;
    put_to((void *)0);
    put_to((void *)1);
}

#endif
