/* A program that uses libthrum: its objects by kind, its fibers, and who holds what. */
#ifndef DOCTOR_THRUM_OBJECTS_H
#define DOCTOR_THRUM_OBJECTS_H

#include "process.h"

/* Adds the fibers of the process to its threads, and fills in waits for thrum's objects. Nothing is
 * done if the process does not use libthrum, or one of another kind than we know. Called when all
 * threads were looked at and their own waits decoded. `buffer` holds STACK_COPY bytes; without it
 * fibers get no frames. Returns 0 or -ENOMEM. */
int thrum_look(struct process *process, uint8_t *buffer);

/* True if the fiber has not moved since it was looked at. */
bool thrum_fiber_unmoved(const struct process *process, const struct thread *fiber);

#endif
