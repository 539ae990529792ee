/* The memory of plain accesses: see race.c. */
#ifndef THRUM_BASE_EXPLORE_RACE_H
#define THRUM_BASE_EXPLORE_RACE_H

#include <stddef.h>
#include <stdint.h>

void thrum__explore_race_reset(void);

/* Forgets the accesses to memory that becomes another object. */
void thrum__explore_race_forget(const void *address, size_t size);

/* The memory ends: counts as a write to every marked place in it. */
void thrum__explore_race_end(const void *address, size_t size);

/* Visits what is remembered: the place, the kind of access, which thread made it, and its step (0 for none). */
void thrum__explore_race_each(void (*visit)(uintptr_t place, unsigned kind, unsigned thread,
                                            uint32_t epoch));

#endif
