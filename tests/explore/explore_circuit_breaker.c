/* The circuit breaker: one probe at a time, and calls of an earlier turn tell nothing. */
#include "explore.h"
#include "flow/circuit_breaker.h"

#include <errno.h>

enum { SECOND = 1000000000 };

struct circuit {
    thrum_circuit_breaker breaker;
    uint64_t early;
    uint32_t probes;
};

static void fail_at_once(struct circuit *circuit)
{
    thrum_circuit_breaker_init(&circuit->breaker,
                               &(thrum_circuit_breaker_options){.failures = 1, .open = 1});
    uint64_t call;
    EXPLORE_CHECK(thrum__circuit_breaker_begin(&circuit->breaker, 1, &circuit->early) == 0);
    EXPLORE_CHECK(thrum__circuit_breaker_begin(&circuit->breaker, 1, &call) == 0);
    thrum__circuit_breaker_end(&circuit->breaker, call, -EIO, 1);
}

static void probe(void *argument)
{
    struct circuit *circuit = argument;
    uint64_t call;
    int rc = thrum__circuit_breaker_begin(&circuit->breaker, 2 * (thrum_time)SECOND, &call);
    EXPLORE_CHECK(rc == 0 || rc == -EHOSTDOWN);
    if (rc == 0)
        thrum__add_relaxed(&circuit->probes, 1);
}

EXPLORE(circuit_breaker_probe, .preemptions = 3, .spurious = 1)
{
    static struct circuit circuit;
    fail_at_once(&circuit);
    explore_spawn("caller", probe, &circuit);
    explore_spawn("caller", probe, &circuit);
    explore_join_all();
    EXPLORE_CHECK(circuit.probes == 1);
    EXPLORE_CHECK(thrum_circuit_breaker_state(&circuit.breaker) == THRUM_CIRCUIT_HALF_OPEN);
}

static void end_early_call(void *argument)
{
    struct circuit *circuit = argument;
    thrum__circuit_breaker_end(&circuit->breaker, circuit->early, 0, 2 * (thrum_time)SECOND);
}

EXPLORE(circuit_breaker_early, .preemptions = 3, .spurious = 1)
{
    static struct circuit circuit;
    fail_at_once(&circuit);
    explore_spawn("prober", probe, &circuit);
    explore_spawn("late comer", end_early_call, &circuit);
    explore_join_all();
    EXPLORE_CHECK(circuit.probes == 1);
    EXPLORE_CHECK(thrum_circuit_breaker_state(&circuit.breaker) == THRUM_CIRCUIT_HALF_OPEN);
}
