/* One URL from its first attempt to its outcome. */
#ifndef CLI_FETCH_TRANSFER_H
#define CLI_FETCH_TRANSFER_H

#include "body.h"
#include "handle.h"
#include "options.h"
#include "outcome.h"

#include <thrum_curl.h>

/* What all transfers of a run share. */
struct transfers {
    const struct fetch_options *options;
    thrum_curl *client;
    struct body_place *place;
    thrum_deadline deadline;                /* of the run */
    thrum_rate_limiter limiter;             /* of all; all-zero for no limit */
    thrum_keyed_rate_limiter *host_limiter; /* or NULL */

    thrum_lock lock; /* over what follows */
    struct handle *idle;
};

/* Makes the client and the limiters. Returns 0 or -ENOMEM; transfers_finish is due in any case. */
int transfers_init(struct transfers *ret_transfers, const struct fetch_options *options,
                   struct body_place *place, thrum_deadline deadline);
void transfers_finish(struct transfers *transfers);

/* Fetches the job's URL, with as many attempts as it takes and as are allowed. A body that was kept is
 * left in `ret_body`, for body_print and body_finish; the path in the outcome is the caller's to free.
 * Blocks. */
void transfer(struct transfers *transfers, struct job *job, struct outcome *ret_outcome,
              struct body *ret_body);

#endif
