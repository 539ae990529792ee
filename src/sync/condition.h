/* What a queue needs of a condition beyond the public interface. */
#ifndef THRUM_SYNC_CONDITION_H
#define THRUM_SYNC_CONDITION_H

#include "park/waiter.h"
#include <thrum/condition.h>

/* Whether anyone waits for the condition. Under its lock. */
static inline bool thrum__condition_waited(const thrum_condition *condition)
{
    return !thrum__waiters_empty(&condition->waiters_);
}

#endif
