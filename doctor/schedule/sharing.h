/* Which words of memory threads share without a lock, for memory.c. */
#ifndef DOCTOR_SCHEDULE_SHARING_H
#define DOCTOR_SCHEDULE_SHARING_H

#include <stdbool.h>
#include <stdint.h>

/* Reads the words that earlier runs have found. */
void thrum__sharing_begin(void);

/* The calling thread accesses that address. True if this is a point of the schedule. */
bool thrum__sharing_note(uint64_t address, bool write);

#endif
