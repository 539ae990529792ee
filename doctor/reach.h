/* Fibers that nothing can wake any more. */
#ifndef DOCTOR_REACH_H
#define DOCTOR_REACH_H

#include "process.h"

/* Marks the fibers of the process that are likely leaked. Its threads stand still, their registers are known, and
 * thrum_look has added the fibers. Returns how many there are, or a negative errno; -EOPNOTSUPP: the memory of the
 * process is not understood; -E2BIG: it has too much. */
int reach_find(struct process *process);

#endif
