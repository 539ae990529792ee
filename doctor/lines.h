/* Source files and lines of the places in the threads' stacks. */
#ifndef DOCTOR_LINES_H
#define DOCTOR_LINES_H

#include "process.h"

/* Fills them in where debug information is to be had. Needs the library libdw of elfutils; without
 * it nothing is filled in. Returns false then. */
bool lines_find(struct process *process);

#endif
