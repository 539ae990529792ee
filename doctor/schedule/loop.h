/* Finds loops in which the calling thread waits until another one changes memory. memory.c uses it. */
#ifndef DOCTOR_SCHEDULE_LOOP_H
#define DOCTOR_SCHEDULE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* It has read that value there. True if it has read so before. Does not return if it waits for ever. */
bool thrum__loop_read(const ucontext_t *user, uintptr_t place, uintptr_t address, uint64_t value);

/* It is about to execute an atomic instruction, on that value. */
void thrum__loop_atomic(uintptr_t place, uintptr_t address, uint64_t value, size_t size);

/* It accesses memory again: the atomic instruction before has been a read if it has changed nothing, else a write.
 * Returns as for a read. */
bool thrum__loop_settle(const ucontext_t *user);

/* It has written: a loop ends. */
void thrum__loop_ends(void);

#endif
