/* A circuit breaker: refuses calls to a service that has failed too often, for a while.
 *
 *     static thrum_circuit_breaker breaker = THRUM_CIRCUIT_BREAKER(.failures = 5, .open = 30);
 *
 *     uint64_t call;                       // in any thread
 *     int rc = thrum_circuit_breaker_begin(&breaker, &call);
 *     if (rc == 0) {
 *         rc = get(url, &page);
 *         thrum_circuit_breaker_end(&breaker, call, rc);
 *     }
 *     if (rc == -EHOSTDOWN)
 *         page = cached(url);
 *
 * A breaker is closed, open or half-open.
 *
 *  - Closed: every call is allowed, and its outcome is counted. The breaker opens after too many
 *    failures in a row, or when too large a share of the calls of the last seconds has failed.
 *  - Open: calls are refused at once. The caller does not wait in vain, and the service gets time
 *    to recover.
 *  - Half-open: after the open time one call is allowed, the probe. If it succeeds, the breaker
 *    closes; otherwise it opens again.
 *
 * A call that began before the breaker opened and ends afterwards changes nothing. If a probe has
 * not ended within another open time, the next call becomes the probe.
 *
 * Source: Michael Nygard, "Release It!".
 */
#ifndef THRUM_CIRCUIT_BREAKER_H
#define THRUM_CIRCUIT_BREAKER_H

#include <stdint.h>
#include <thrum/export.h>
#include <thrum/lock.h>
#include <thrum/time.h>

THRUM_BEGIN

/* Circuit breaker options. Zero selects the default. */
typedef struct thrum_circuit_breaker_options {
    uint32_t failures; /* failures in a row that open it; 5 by default, UINT32_MAX for never */
    double share;      /* share of failed calls that opens it, up to 1; ignored by default */
    double window;     /* seconds in which `share` is counted; 10 by default */
    uint32_t calls;    /* the least calls in `window` for `share` to count; 10 by default */
    double open;       /* seconds until the probe; 30 by default */
    THRUM__OPTIONS(thrum_circuit_breaker_options)
} thrum_circuit_breaker_options;

typedef enum thrum_circuit_state {
    THRUM_CIRCUIT_CLOSED,
    THRUM_CIRCUIT_OPEN,
    THRUM_CIRCUIT_HALF_OPEN
} thrum_circuit_state;

/* Lives in the caller's memory and must not be copied or moved while in use. It owns nothing, so
 * nothing needs to be finished. All-zero is a closed breaker with default options. Fields other
 * than `options` are private; `options` must not change while the breaker is in use. */
typedef struct thrum_circuit_breaker {
    thrum_circuit_breaker_options options;
    thrum_lock lock_;
    thrum_circuit_state state_;
    uint32_t in_a_row_;
    uint64_t turn_;
    thrum_time until_;
    struct {
        int64_t number;
        uint32_t calls, failures;
    } slices_[8];
} thrum_circuit_breaker;

/* A static initialiser. It takes options as designated initialisers. */
#define THRUM_CIRCUIT_BREAKER(...)                                                                 \
    {                                                                                              \
        .options = { __VA_ARGS__ }                                                                 \
    }

/* Makes `breaker` a closed breaker. `options` may be NULL. An option out of its range stops the
 * program. */
THRUM_API void thrum_circuit_breaker_init(thrum_circuit_breaker *breaker,
                                          const thrum_circuit_breaker_options *options);

/* Asks whether a call is allowed. Does not block.
 *
 * Returns:
 *     0           the call is allowed; make it, then pass `*ret_call` to thrum_circuit_breaker_end
 *     -EHOSTDOWN  the breaker is open; do not make the call
 */
THRUM_API THRUM_MUST_CHECK int thrum_circuit_breaker_begin(thrum_circuit_breaker *breaker,
                                                           uint64_t *ret_call);

/* Reports the outcome of a call, once for each call that was allowed. A `code` other than 0 is a
 * failure, THRUM_FAILED included. -ECANCELED is neither a failure nor a success; if the probe was
 * cancelled, the next call is the probe. Report 0 for an error that is no sign of trouble, such as
 * "not found". Does not block. */
THRUM_API void thrum_circuit_breaker_end(thrum_circuit_breaker *breaker, uint64_t call, int code);

/* The state at this moment; for displays. The breaker is open until a call becomes the probe. Does
 * not block. */
THRUM_API thrum_circuit_state thrum_circuit_breaker_state(thrum_circuit_breaker *breaker);

/* The moment from which a call may be allowed: the end of the open time if the breaker is open, the
 * moment at which the probe is given up if it is half-open, THRUM_NOW if it is closed. Pass it to
 * thrum_retry_not_before. Does not block. */
THRUM_API thrum_deadline thrum_circuit_breaker_until(thrum_circuit_breaker *breaker);

THRUM_END

#endif
