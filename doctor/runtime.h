/* Languages with a runtime of their own. */
#ifndef DOCTOR_RUNTIME_H
#define DOCTOR_RUNTIME_H

#include "process.h"

/* "Go", "Java" or "Python", or NULL. */
const char *runtime_recognise(struct process *process);

#endif
