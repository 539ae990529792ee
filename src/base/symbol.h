/* Names of functions and variables, for messages. */
#ifndef THRUM_BASE_SYMBOL_H
#define THRUM_BASE_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the function or variable that the address lies in, by the symbols of its module's file: static ones as
 * well, where the file was not stripped. Copies its name, cut to fit, to `ret_name`, and sets the distance from its
 * beginning. False if there is none. Allocates nothing; reads the file at each call. */
bool thrum__symbol_find(const void *address, char *ret_name, size_t size, size_t *ret_offset);

#endif
