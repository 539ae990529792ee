/* The memory of futures. */
#ifndef THRUM_FUTURE_STOCK_H
#define THRUM_FUTURE_STOCK_H

#include "future/future.h"

/* Memory for a future, with anything in it; NULL if there is none. */
thrum_future *thrum__stock_take(void);

/* Gives it back. By any thread. */
void thrum__stock_give(thrum_future *future);

#endif
