/* The circuit breaker at a moment that is given, for tests without waiting. */
#ifndef THRUM_FLOW_CIRCUIT_BREAKER_H
#define THRUM_FLOW_CIRCUIT_BREAKER_H

#include <thrum/circuit_breaker.h>

/* As the public functions, at `now`. */
int thrum__circuit_breaker_begin(thrum_circuit_breaker *breaker, thrum_time now,
                                 uint64_t *ret_call);
void thrum__circuit_breaker_end(thrum_circuit_breaker *breaker, uint64_t call, int code,
                                thrum_time now);

#endif
