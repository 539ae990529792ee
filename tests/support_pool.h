/* What the tests of thread pools share: one pool, tasks that wait and tasks that count. */
#ifndef TESTS_SUPPORT_POOL_H
#define TESTS_SUPPORT_POOL_H

#include "harness.h"
#include "support.h"

static thrum_executor *pool;
static thrum_event go;
static uint32_t started, ran;

static inline void make(thrum_thread_pool_options options)
{
    pool = thrum_thread_pool_new(&options);
    CHECK(pool != NULL);
}

static inline thrum_executor_stats stats(void)
{
    thrum_executor_stats now;
    thrum_executor_stats_get(pool, &now);
    return now;
}

static inline int wait_for_go(thrum_task *self)
{
    (void)self;
    thrum__add_relaxed(&started, 1);
    return thrum_event_wait(&go, THRUM_FOREVER);
}

static inline int count(thrum_task *self)
{
    uint32_t turn = thrum__add_relaxed(&ran, 1);
    return thrum_return(self, thrum_value(uint32_t, turn));
}

/* Submits so many that wait, and waits until they run. */
static inline void occupy(uint32_t workers)
{
    for (uint32_t i = 0; i < workers; i++)
        thrum_future_free(thrum_submit(pool, wait_for_go, THRUM_NOTHING));
    UNTIL(thrum__load_relaxed(&started) == workers);
}

#endif
