/* The monotonic clock: the only source of time. Virtual in the explorer build. */
#ifndef THRUM_BASE_CLOCK_H
#define THRUM_BASE_CLOCK_H

#include <thrum/time.h>

/* Nanoseconds; never 0. */
thrum_time thrum__clock_now(void);

#endif
