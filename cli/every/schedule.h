/* The schedule: the moments at which runs are due. */
#ifndef CLI_EVERY_SCHEDULE_H
#define CLI_EVERY_SCHEDULE_H

#include "options.h"

#include <thrum.h>

struct schedule {
    const struct every_options *options;
    thrum_time first;
    uint64_t beat; /* the number of the last moment given; the first is 0 */
};

/* The first moment: now, or with --align the next multiple of the period. `wall` is the present
 * time in nanoseconds since 1970, `now` the same moment as a thrum_time. */
thrum_time schedule_begin(struct schedule *schedule, const struct every_options *options,
                          thrum_time now, int64_t wall);

/* The next moment. Moments that have passed at `now` are skipped, and `ret_missed` is their number;
 * with OVERLAP_QUEUE none is skipped. */
thrum_time schedule_next(struct schedule *schedule, thrum_time now, int64_t wall,
                         uint64_t *ret_missed);

#endif
