/* A circuit breaker: what has failed too often is left alone for a while.
 *
 *     static thrum_circuit_breaker breaker = THRUM_CIRCUIT_BREAKER(.failures = 5, .open = 30);
 *     ...                                                            // any thread:
 *     uint64_t call;
 *     int rc = thrum_circuit_breaker_begin(&breaker, &call);
 *     if (rc == 0) {
 *         rc = get(url, &page);
 *         thrum_circuit_breaker_end(&breaker, call, rc);
 *     }
 *     if (rc == -EHOSTDOWN)
 *         page = cached(url);
 *
 * Closed, it lets every call through and counts how they end. Too many failures in a row, or too
 * great a share of them in the last seconds, open it: calls are refused at once, which spares those
 * who would wait in vain, and the server that is in trouble. After its open time it is half-open:
 * one call, the probe, is let through. If it succeeds the breaker closes, else it opens again.
 *
 * A call that began before the breaker opened and ends afterwards changes nothing: it tells of an
 * earlier time. A probe that has not ended within another open time is given up, and the next call is
 * the probe.
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

/* When it opens and for how long; zero means the default. */
typedef struct thrum_circuit_breaker_options {
    uint32_t failures; /* as many in a row open it; 5 by default; UINT32_MAX: never */
    double share;   /* failed calls / all calls that opens it, up to 1; not looked at by default */
    double window;  /* seconds over which that is counted; 10 by default */
    uint32_t calls; /* below so many calls in them the share tells nothing; 10 by default */
    double open;    /* seconds; 30 by default */
} thrum_circuit_breaker_options;

typedef enum thrum_circuit_state {
    THRUM_CIRCUIT_CLOSED,
    THRUM_CIRCUIT_OPEN,
    THRUM_CIRCUIT_HALF_OPEN
} thrum_circuit_state;

/* Lives in the caller's memory and must not be copied or moved while in use; owns nothing, so that
 * there is nothing to finish. All-zero is a closed one of default options. All but `options`, which
 * must not change while it is in use, is private. */
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

/* The initialiser: takes options as designated initialisers. */
#define THRUM_CIRCUIT_BREAKER(...)                                                                 \
    {                                                                                              \
        .options = { __VA_ARGS__ }                                                                 \
    }

/* Makes `breaker` a closed one. Options may be NULL; those out of their range stop the program. */
THRUM_API void thrum_circuit_breaker_init(thrum_circuit_breaker *breaker,
                                          const thrum_circuit_breaker_options *options);

/* Asks for a call. Returns 0, and then the call is made and its end told with the number in
 * `ret_call`; or -EHOSTDOWN: the call is not to be made. Waits for nothing. */
THRUM_API int thrum_circuit_breaker_begin(thrum_circuit_breaker *breaker, uint64_t *ret_call);

/* Tells how a call ended, once for each that was begun: a negative `code` is a failure, other than
 * -ECANCELED, which says nothing of the one who was called (a cancelled probe is made anew). For an
 * error that is no sign of trouble, such as "not found", tell 0. Waits for nothing. */
THRUM_API void thrum_circuit_breaker_end(thrum_circuit_breaker *breaker, uint64_t call, int code);

/* Its state at this moment, for displays: open until a call becomes the probe. */
THRUM_API thrum_circuit_state thrum_circuit_breaker_state(thrum_circuit_breaker *breaker);

/* The moment from which a call may be let through: when it is open, the end of its open time; when
 * half-open, when the probe is given up; when closed, THRUM_NOW. A retry's thrum_retry_not_before
 * takes it. */
THRUM_API thrum_deadline thrum_circuit_breaker_until(thrum_circuit_breaker *breaker);

THRUM_END

#endif
