/* Address space in pages: reserved at once, backed by memory as it is touched.
 *
 * A reservation counts as no memory (MAP_NORESERVE) and is kept to small pages: a huge one would
 * back half a megabyte of stacks because one of them was touched.
 */
#ifndef THRUM_BASE_PAGES_H
#define THRUM_BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* The size of a page. */
size_t thrum__pages_size(void);

/* Reserves `size` bytes, zeroed, a whole number of pages; NULL if the system refuses. */
void *thrum__pages_reserve(size_t size);

/* Gives a whole reservation back. */
void thrum__pages_release(void *pages, size_t size);

/* Makes the page at `page` one that faults when touched. Returns 0 or -ENOMEM. Where the kernel has
 * guards (Linux 6.13) this costs no mapping; else each guarded page splits one. */
int thrum__pages_guard(void *page);

/* Whether guards split mappings here, of which a process may have some 65 000 (vm.max_map_count).
 * Known once there was a guard; false before. */
bool thrum__pages_guards_split(void);

/* Gives the memory behind the pages back at once, and keeps the address space and its guards. */
void thrum__pages_drop(void *pages, size_t size);

#endif
