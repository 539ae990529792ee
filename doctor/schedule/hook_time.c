/* Sleeps and clocks, in virtual time.
 *
 * A program may read the clock in a loop until some time has come. After some reads without another
 * call the thread sleeps for a moment of virtual time: others go on, and time passes. The moment
 * doubles each time, so that a loop of an hour ends, too.
 */
#include "hooks.h"

#include "preload/real.h"

#include <errno.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { READS_MOST = 32, MOMENT_NS = 1000, MOMENT_MOST_NS = 100000000 };

/* From virtual time to that of the calendar. */
#define REAL_NS (1700000000000000000ll - TURN_FIRST_NS)

static __thread uint32_t reads, reads_at __attribute__((tls_model("initial-exec")));
static __thread int64_t moment __attribute__((tls_model("initial-exec")));

int64_t thrum__turn_clock(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return thrum__turn_now() + REAL_NS;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        return thrum__turn_now();
    default:
        return -1;
    }
}

static int64_t nanoseconds(const struct timespec *time)
{
    if (time->tv_sec < 0)
        return 0;
    return time->tv_sec >= NEVER / 2000000000 ? NEVER / 2
                                              : time->tv_sec * 1000000000 + time->tv_nsec;
}

int64_t thrum__turn_deadline(clockid_t clock, const struct timespec *until)
{
    int64_t at = nanoseconds(until);
    return clock == CLOCK_REALTIME ? at - REAL_NS : at;
}

int64_t thrum__turn_after(const struct timespec *time)
{
    return thrum__turn_now() + nanoseconds(time);
}

static void clock_was_read(const void *place)
{
    if (reads_at != thrum__turn_self->own_steps) {
        reads = 0;
        moment = MOMENT_NS;
    }
    reads_at = thrum__turn_self->own_steps;
    if (++reads < READS_MOST)
        return;
    thrum__turn_sleep(thrum__turn_now() + moment, place);
    moment = moment < MOMENT_MOST_NS / 2 ? moment * 2 : MOMENT_MOST_NS;
    reads = 0;
    reads_at = thrum__turn_self->own_steps;
}

static struct timespec spec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
}

HOOK int clock_gettime(clockid_t clock, struct timespec *time)
{
    int64_t now = thrum__turn_on() ? thrum__turn_clock(clock) : -1;
    if (now < 0)
        return REAL(clock_gettime)(clock, time);
    clock_was_read(PLACE);
    *time = spec(thrum__turn_clock(clock));
    return 0;
}

/* In the C library the next two are not plain functions, so they are made of the first. */
HOOK int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

HOOK time_t time(time_t *ret_seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_seconds)
        *ret_seconds = now.tv_sec;
    return now.tv_sec;
}

HOOK int timespec_get(struct timespec *time, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, time) == 0 ? base : 0;
}

static void sleep_until(int64_t deadline, const void *place)
{
    thrum__turn_cancel_point();
    thrum__turn_sleep(deadline, place);
    thrum__turn_cancel_point();
}

static bool valid(const struct timespec *time)
{
    return time->tv_sec >= 0 && time->tv_nsec >= 0 && time->tv_nsec < 1000000000;
}

HOOK int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                         struct timespec *rest)
{
    if (!thrum__turn_on() || thrum__turn_clock(clock) < 0)
        return REAL(clock_nanosleep)(clock, flags, time, rest);
    if (!valid(time))
        return EINVAL;
    sleep_until(flags & TIMER_ABSTIME ? thrum__turn_deadline(clock, time) : thrum__turn_after(time),
                PLACE);
    return 0;
}

HOOK int nanosleep(const struct timespec *time, struct timespec *rest)
{
    if (!thrum__turn_on()) {
        int rc = REAL(clock_nanosleep)(CLOCK_REALTIME, 0, time, rest);
        errno = rc ? rc : errno;
        return rc ? -1 : 0;
    }
    if (!valid(time)) {
        errno = EINVAL;
        return -1;
    }
    sleep_until(thrum__turn_after(time), PLACE);
    return 0;
}

HOOK int usleep(useconds_t us)
{
    struct timespec time = spec((int64_t)us * 1000);
    if (!thrum__turn_on())
        return nanosleep(&time, NULL);
    sleep_until(thrum__turn_after(&time), PLACE);
    return 0;
}

HOOK unsigned sleep(unsigned seconds)
{
    struct timespec time = {.tv_sec = seconds}, rest = {0};
    if (!thrum__turn_on())
        return nanosleep(&time, &rest) == 0 ? 0 : (unsigned)rest.tv_sec;
    sleep_until(thrum__turn_after(&time), PLACE);
    return 0;
}
