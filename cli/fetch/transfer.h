/* One URL from its first attempt to its outcome. */
#ifndef CLI_FETCH_TRANSFER_H
#define CLI_FETCH_TRANSFER_H

#include "body.h"
#include "handle.h"
#include "options.h"
#include "outcome.h"

#include <thrum_curl.h>

/* The state that all transfers of a run share. */
struct transfers {
    const struct fetch_options *options;
    thrum_curl *clients[LANES_MOST]; /* of each lane */
    struct body_place *place;
    thrum_deadline deadline;                /* of the run */
    thrum_rate_limiter limiter;             /* of all; all-zero for no limit */
    thrum_keyed_rate_limiter *host_limiter; /* or NULL */

    thrum_lock lock; /* over what follows */
    struct handle *idle;
};

/* Makes the clients and the limiters. Returns 0 or -ENOMEM. Call transfers_finish in any case. */
int transfers_init(struct transfers *ret_transfers, const struct fetch_options *options, int lanes,
                   struct body_place *place, thrum_deadline deadline);
void transfers_finish(struct transfers *transfers);

/* Fetches the job's URL, with as many attempts as are needed and allowed. Leaves the body in
 * `ret_body`, for body_print and body_finish. The caller frees the path in the outcome. Blocks. */
void transfer(struct transfers *transfers, struct job *job, struct outcome *ret_outcome,
              struct body *ret_body);

#endif
