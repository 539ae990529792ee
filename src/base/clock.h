/* The monotonic clock: the only source of time. Virtual in the explorer build. */
#ifndef THRUM_BASE_CLOCK_H
#define THRUM_BASE_CLOCK_H

#include <stdint.h>
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

/* A counter for short times: it costs a fraction of the clock and runs at a constant rate, by which it is
 * known to a factor of two. Counters of two threads do not compare. */
static inline uint64_t thrum__clock_ticks(void);

/* About how many ticks a microsecond has; at least 1. */
static inline uint64_t thrum__clock_ticks_in_us(void);

#if !defined(THRUM_EXPLORE) && defined(__x86_64__)

static inline uint64_t thrum__clock_ticks(void)
{
    return __builtin_ia32_rdtsc();
}

static inline uint64_t thrum__clock_ticks_in_us(void)
{
    return 2500; /* processors run their counter at 1.5 to 5 GHz */
}

#elif !defined(THRUM_EXPLORE) && defined(__aarch64__)

static inline uint64_t thrum__clock_ticks(void)
{
    uint64_t ticks;
    __asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}

static inline uint64_t thrum__clock_ticks_in_us(void)
{
    uint64_t rate;
    __asm__("mrs %0, cntfrq_el0" : "=r"(rate));
    return rate >= 1000000 ? rate / 1000000 : 1;
}

#else

static inline uint64_t thrum__clock_ticks(void)
{
    return (uint64_t)thrum__clock_now();
}

static inline uint64_t thrum__clock_ticks_in_us(void)
{
    return 1000;
}

#endif

#endif
