/* Places in the code, for messages. */
#ifndef THRUM_BASE_PLACE_H
#define THRUM_BASE_PLACE_H

#include <stddef.h>

/* Writes what is known of the address into `text`: "./app(run+0x1c)", "./app(run)" for the beginning of a function,
 * "./app(+0x11f0)" in a program without symbols (addr2line takes the number), or "0x7f.." as a last
 * resort. Always terminated. Gives the length. Does not allocate. */
size_t thrum__place_text(char *text, size_t size, const void *address);

#endif
