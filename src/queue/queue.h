/* What those who wait in several queues at once need of each. */
#ifndef THRUM_QUEUE_QUEUE_H
#define THRUM_QUEUE_QUEUE_H

#include "queue/store.h"
#include <thrum/condition.h>

struct thrum_queue {
    thrum_lock lock;
    thrum_condition not_empty, not_full, all_done;
    thrum__store store;
    size_t max_size;   /* 0 for no bound */
    size_t unfinished; /* put, and not yet task_done */
    bool closed;
};

/* Takes the item whose turn it is and lets a putter go on. There must be one. Under the lock. */
void thrum__queue_take(thrum_queue *queue, void *ret_item);

#endif
