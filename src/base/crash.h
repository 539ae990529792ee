/* SIGSEGV: to say what it was, and to leave everything else to other handlers.
 */
#ifndef THRUM_BASE_CRASH_H
#define THRUM_BASE_CRASH_H

#include <stddef.h>

/* Has `look(address)` called, on the stack for signals, when a touch of `address` is refused. After
 * it the handler that the program had installed before is called, or the process dies as it would
 * have. Once; a later call changes `look`. A program that installs a handler of its own later
 * replaces this. */
void thrum__crash_watch(void (*look)(const void *address));

/* Gives the calling thread a stack for signals of at least `size` bytes, unless it has one; to be
 * freed by thrum__crash_stack_free on the same thread. NULL where it has one, or memory is out. */
void *thrum__crash_stack_new(size_t size);
void thrum__crash_stack_free(void *stack);

/* Writes a line to stderr. May be called by a handler of signals. */
void thrum__crash_say(const char *const *pieces);

#endif
