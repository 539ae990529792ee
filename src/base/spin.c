#include "base/spin.h"

#include <sched.h>

enum { PAUSING_TURNS = 5 };    /* 1 + 2 + 4 + 8 + 16 pauses, about a microsecond, then yield */
enum { LONGEST_BACK_OFF = 6 }; /* 64 pauses, about as long */

void thrum__spin(uint32_t *turn)
{
#ifdef THRUM_EXPLORE
    (void)turn;
    thrum__pause();
#else
    if (*turn < PAUSING_TURNS) {
        for (uint32_t i = 0; i < UINT32_C(1) << *turn; i++)
            thrum__pause();
        (*turn)++;
    } else {
        sched_yield();
    }
#endif
}

void thrum__back_off(uint32_t *turn)
{
#ifdef THRUM_EXPLORE
    (void)turn;
#else
    for (uint32_t i = 0; i < UINT32_C(1) << *turn; i++)
        thrum__pause();
    if (*turn < LONGEST_BACK_OFF)
        (*turn)++;
#endif
}

void thrum__yield(void)
{
#ifndef THRUM_EXPLORE
    sched_yield();
#endif
}
