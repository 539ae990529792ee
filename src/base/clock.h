/* The monotonic clock: the only source of time. Virtual in the explorer build. */
#ifndef THRUM_BASE_CLOCK_H
#define THRUM_BASE_CLOCK_H

#include <thrum/time.h>

/* A moment that never comes: what THRUM_FOREVER is among deadlines. */
#define THRUM__NEVER INT64_MAX

/* What an option that was not set holds. */
#define THRUM__NO_DEADLINE ((thrum_deadline){0})

/* Nanoseconds; never 0. */
thrum_time thrum__clock_now(void);

/* The deadline `span` nanoseconds after `moment`, or THRUM_FOREVER beyond the clock's range. */
static inline thrum_deadline thrum__deadline_after(thrum_time moment, thrum_time span)
{
    return span < THRUM__NEVER - moment ? thrum_at(moment + span) : THRUM_FOREVER;
}

#endif
