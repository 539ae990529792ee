/* When the next run is due. */
#ifndef CLI_EVERY_SCHEDULE_H
#define CLI_EVERY_SCHEDULE_H

#include "options.h"

#include <thrum.h>

struct schedule {
    const struct every_options *options;
    thrum_time first;
    uint64_t beat; /* that was given last; the first is 0 */
};

/* The first moment, which is now unless it is to be aligned. `wall` is the present time in
 * nanoseconds since 1970, `now` the same moment as a thrum_time. */
thrum_time schedule_begin(struct schedule *schedule, const struct every_options *options,
                          thrum_time now, int64_t wall);

/* The moment after the one that was given last. If beats have passed at `now` they are left out, and
 * `ret_missed` counts them, unless they are to be made up for. */
thrum_time schedule_next(struct schedule *schedule, thrum_time now, int64_t wall,
                         uint64_t *ret_missed);

#endif
