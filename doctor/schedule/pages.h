/* The pages of the program's data and code, which memory.c closes and opens. */
#ifndef DOCTOR_SCHEDULE_PAGES_H
#define DOCTOR_SCHEDULE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the program, and opens its memory for peek and poke. False if there is none to be closed. */
bool thrum__pages_begin(void);

bool thrum__pages_is_text(uintptr_t address); /* code of the program */
bool thrum__pages_is_cxx(uintptr_t address);  /* code that allocates for the program */
bool thrum__pages_is_table(
    uintptr_t address);                       /* an address of a function, which the loader wrote */
bool thrum__pages_is_data(uintptr_t address); /* on a page that may be closed */
bool thrum__pages_is_closed(uintptr_t address); /* and is, while data is closed */

/* False if the system refuses it. */
bool thrum__pages_close(void);
bool thrum__pages_open(void);
bool thrum__pages_text(bool executable);

/* One page. */
void thrum__pages_open_one(uintptr_t address);
void thrum__pages_close_one(uintptr_t address);

/* Counts a fault there. True if the page stays open from now on. */
bool thrum__pages_wear(uintptr_t address);

/* Reads and writes closed pages. */
bool thrum__pages_peek(uintptr_t address, void *into, size_t size);
void thrum__pages_poke(uintptr_t address, const void *from, size_t size);

/* Reads up to the end of what is mapped. Returns how many bytes there were. */
size_t thrum__pages_peek_some(uintptr_t address, void *into, size_t size);

#endif
