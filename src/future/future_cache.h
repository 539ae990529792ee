/* The memory of futures. */
#ifndef THRUM_FUTURE_FUTURE_CACHE_H
#define THRUM_FUTURE_FUTURE_CACHE_H

#include "future/future.h"

/* Memory for a future, with anything in it; NULL if there is none. */
thrum_future *thrum__future_cache_take(void);

/* Its task has failed, and it is about to be done. For memory that was taken here. May wait. */
void thrum__future_cache_failed(thrum_future *future);

/* Gives it back. By any thread. */
void thrum__future_cache_give(thrum_future *future);

#endif
