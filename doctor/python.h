/* The frames of Python code in a process that runs CPython 3.11. */
#ifndef DOCTOR_PYTHON_H
#define DOCTOR_PYTHON_H

#include "process.h"

/* Gives each thread that slept its Python frames, the innermost first. Nothing is done for another
 * version. Returns 0 or -ENOMEM. */
int python_look(struct process *process);

#endif
