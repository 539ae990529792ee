/* Names of objects, for messages: those that the program gave (thrum/name.h), and those of its variables. */
#ifndef THRUM_BASE_NAMES_H
#define THRUM_BASE_NAMES_H

#include <stddef.h>

/* Writes the name of the object that the address is in: its own name, or that of the variable, with the distance
 * from its beginning if there is one. Always terminated; empty if there is none. Allocates nothing. */
void thrum__name_text(char *ret_text, size_t size, const void *address);

/* Adds to a text of a message, behind each address (" 0x55..40"), the name that is known for it, in quotes. What
 * does not fit is left out. */
void thrum__names_add(char *text, size_t size);

#endif
