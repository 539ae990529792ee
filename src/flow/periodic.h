/* The beat of a periodic task, apart from all clocks and threads. */
#ifndef THRUM_FLOW_PERIODIC_H
#define THRUM_FLOW_PERIODIC_H

#include <thrum/periodic.h>

/* A period in seconds as whole nanoseconds, at least 1. */
thrum_time thrum__periodic_ns(double seconds);

/* When the next tick is due after one that was due at `due` and ended at `now`; and how many
 * moments are missed in between. */
thrum_time thrum__periodic_next(thrum_periodic_beat beat, thrum_time period, thrum_time due,
                                thrum_time now, uint64_t *ret_missed);

#endif
