/* Memory for the program's own allocations, apart from those of libraries. */
#ifndef DOCTOR_SCHEDULE_ARENA_H
#define DOCTOR_SCHEDULE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARENA_PAGE = 4096, ARENA_PAGES = 1 << 14 };

/* Allocations of the program come from the arena from now on. False if there is no room for it. */
bool thrum__arena_open(void);
void thrum__arena_shut(void); /* new ones do not; what is in the arena stays there */

/* From its first page to behind the last page in use; equal if there is none. */
uintptr_t thrum__arena_start(void);
uintptr_t thrum__arena_end(void);

/* True if the address is in a block that was freed. */
bool thrum__arena_is_freed(uintptr_t address);

#endif
