/* The moment at which shared state breaks: the steps of a failing schedule that matter. */
#ifndef CLI_EXPLORE_MOMENT_H
#define CLI_EXPLORE_MOMENT_H

#include "runner.h"

enum moment_kind {
    MOMENT_NONE,
    MOMENT_TORN,  /* two accesses of a thread to memory, and one of another thread between them */
    MOMENT_TWICE, /* two critical sections of a thread, and one of another between them */
    MOMENT_DESTROYED, /* the end of an object, and its use */
    MOMENT_RACE,      /* the two accesses that nothing orders */
};

struct moment {
    enum moment_kind kind;
    uint32_t count;    /* of `steps` */
    uint32_t steps[3]; /* in order; from 0 */
};

/* Looks into the steps that were kept of a run with this outcome. */
struct moment moment_find(const struct schedule_region *region, enum outcome_kind outcome);

/* True if the step is one of them. */
bool moment_has(const struct moment *moment, uint32_t step);

#endif
