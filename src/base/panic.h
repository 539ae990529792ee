/* Stopping the program, for a mistake that the program itself made.
 *
 * The message names the object, the thread and the place, in one line on stderr, and the process
 * aborts, so that a debugger or a core file shows the rest:
 *
 *     thrum: lock 0x55..40 released by thread "worker-2", held by thread "worker-1", at ./app(run+0x1c)
 */
#ifndef THRUM_BASE_PANIC_H
#define THRUM_BASE_PANIC_H

#include <thrum/export.h>

/* Prints "thrum: ", the message with the names of the objects whose addresses it has (names.h), and where
 * `place` is, and aborts. `place` is an address of code, as __builtin_return_address(0) gives it in a public
 * function, or NULL. Allocates nothing. */
void thrum__panic(const void *place, const char *format, ...) __attribute__((noreturn, cold))
THRUM_PRINTF(2, 3);

/* The place in the caller's code that a public function was called from. */
#define thrum__caller() __builtin_extract_return_addr(__builtin_return_address(0))

#endif
