#include "base/clock.h"

#include <time.h>

#ifdef THRUM_EXPLORE
#include "base/explore.h"

thrum_time thrum__clock_now(void)
{
    return thrum__explore_now();
}

#else

thrum_time thrum__clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock and a valid pointer */
    return (thrum_time)now.tv_sec * 1000000000 + now.tv_nsec + 1;
}

#endif

thrum_time thrum_now(void)
{
    return thrum__clock_now();
}

thrum_deadline thrum_in(double seconds)
{
    thrum_time now = thrum__clock_now();
    if (!(seconds > 0)) /* also catches NaN */
        return thrum_at(now);
    double ahead = seconds * 1e9;
    if (ahead >= (double)(THRUM__NEVER - now))
        return THRUM_FOREVER;
    return thrum_at(now + (thrum_time)ahead);
}
