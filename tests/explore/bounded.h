/* What the clients of the bounded queue without a lock share: one queue, and threads that put and get. */
#ifndef TESTS_EXPLORE_BOUNDED_H
#define TESTS_EXPLORE_BOUNDED_H

#include "explore.h"
#include <thrum/queue.h>

static thrum_queue *queue;
static int got[3], rc[3];

static inline thrum_queue *bounded(size_t max_size, const char *name)
{
    thrum_queue *made = thrum_queue_new(sizeof(int), &(thrum_queue_options){.max_size = max_size});
    EXPLORE_CHECK(made);
    thrum__explore_name(made, 16, name);
    return made;
}

static inline void new_queue(size_t max_size)
{
    queue = bounded(max_size, "queue.lock");
}

static inline void free_queue(void)
{
    explore_join_all();
    thrum_queue_free(queue);
}

static inline int put(thrum_queue *to, int value, thrum_deadline deadline)
{
    return thrum_queue_put(to, &value, deadline);
}

/* The item, or what went wrong. */
static inline int get(thrum_queue *from, thrum_deadline deadline)
{
    int value = 0;
    int result = thrum_queue_get(from, &value, deadline);
    return result < 0 ? result : value;
}

static inline void put_one(void *item)
{
    EXPLORE_CHECK(put(queue, (int)(intptr_t)item, THRUM_FOREVER) == 0);
}

static inline void get_one(void *argument)
{
    got[(intptr_t)argument] = get(queue, THRUM_FOREVER);
    EXPLORE_CHECK(got[(intptr_t)argument] > 0);
}

static inline void put_pair(void *argument)
{
    int first = (int)(intptr_t)argument;
    EXPLORE_CHECK(thrum_queue_put_many(queue, (int[]){first, first + 1}, 2, NULL, THRUM_FOREVER) ==
                  0);
}

#endif
