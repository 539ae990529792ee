/* The memory of plain accesses: see explore_race.c. */
#ifndef THRUM_BASE_EXPLORE_RACE_H
#define THRUM_BASE_EXPLORE_RACE_H

#include <stddef.h>

void thrum__explore_race_reset(void);

/* Forgets the accesses to memory that becomes another object. */
void thrum__explore_race_forget(const void *address, size_t size);

/* The memory ends: counts as a write to every marked place in it. */
void thrum__explore_race_end(const void *address, size_t size);

#endif
