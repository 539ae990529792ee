/* Run n is due at first + n * period. The product, in place of a sum, keeps lateness and rounding
 * from growing.
 *
 * With --align, the moments are multiples of the period on the wall clock. Each is computed anew
 * from that clock, so if it is set or slewed, the moments follow.
 */
#include "schedule.h"

static int64_t period_of(const struct schedule *schedule)
{
    double nanoseconds = schedule->options->period * 1e9;
    return nanoseconds < 1 ? 1 : nanoseconds > 9e18 ? INT64_MAX : (int64_t)nanoseconds;
}

/* The next multiple of the period on the wall clock; the present moment if it is one. */
static thrum_time aligned(const struct schedule *schedule, thrum_time now, int64_t wall)
{
    int64_t period = period_of(schedule), past = wall % period;
    int64_t ahead = past == 0 ? 0 : period - past;
    return ahead > INT64_MAX - now ? INT64_MAX : now + ahead;
}

thrum_time schedule_begin(struct schedule *schedule, const struct every_options *options,
                          thrum_time now, int64_t wall)
{
    *schedule = (struct schedule){.options = options, .first = now};
    if (options->align)
        schedule->first = aligned(schedule, now, wall);
    return schedule->first;
}

/* The moment of run `beat`; INT64_MAX if the clock does not reach so far. */
static thrum_time moment_of(const struct schedule *schedule, uint64_t beat)
{
    int64_t offset;
    thrum_time moment;
    if (__builtin_mul_overflow(period_of(schedule), beat, &offset) ||
        __builtin_add_overflow(schedule->first, offset, &moment))
        return INT64_MAX;
    return moment;
}

thrum_time schedule_next(struct schedule *schedule, thrum_time now, int64_t wall,
                         uint64_t *ret_missed)
{
    int64_t period = period_of(schedule);
    thrum_time next = moment_of(schedule, ++schedule->beat);
    *ret_missed = 0;
    if (schedule->options->overlap != OVERLAP_QUEUE && next < now) {
        *ret_missed = (uint64_t)((now - next) / period) + ((now - next) % period != 0);
        schedule->beat += *ret_missed;
        next = moment_of(schedule, schedule->beat);
    }
    if (schedule->options->align) {
        /* The nearest multiple: the clock may have been set or slewed since the last. */
        int64_t past = (wall + (next - now)) % period;
        int64_t shift = past > period / 2 ? period - past : -past;
        schedule->first += shift;
        next += shift;
    }
    return next;
}
