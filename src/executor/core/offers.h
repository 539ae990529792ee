/* The halves of forks that an executor's tasks may run. parallel/fork.c has the essay and all the code; this is
 * here because it is a part of each executor. */
#ifndef THRUM_EXECUTOR_CORE_OFFERS_H
#define THRUM_EXECUTOR_CORE_OFFERS_H

#include "base/memory.h"

#include <stdint.h>

/* All zero is valid: nothing is on offer. */
typedef struct thrum__offers {
    uint32_t enough __attribute__((aligned(THRUM__CACHE_LINE))); /* no more is to be offered */

    uint32_t guard __attribute__((aligned(THRUM__CACHE_LINE))); /* of these: */
    uint32_t count;                     /* halves on offer; read without the guard, too */
    uint32_t helpers;                   /* tasks that take them, but for those that wait */
    uint32_t called;                    /* of them, those that have not begun */
    struct thrum_part *oldest, *newest; /* the halves on offer, linked both ways */
    struct thrum__forks *blocked;       /* forks of workers that wait inside of a half */
} thrum__offers;

#endif
