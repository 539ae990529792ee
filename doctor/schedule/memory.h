/* Memory points: accesses of an unmodified program to memory that threads share. */
#ifndef DOCTOR_SCHEDULE_MEMORY_H
#define DOCTOR_SCHEDULE_MEMORY_H

#include "turns.h"

#include <signal.h>

/* Where the code of this library is: its system calls are never watched. Before the first run. */
void thrum__memory_code(uintptr_t start, uintptr_t end);

/* A run begins: reads the plan. */
void thrum__memory_begin(void);

/* So many threads live. Called by the thread that has the turn. */
void thrum__memory_threads(uint32_t live);

/* In a thread: it takes part from now on, or no longer. */
void thrum__memory_join(void);
void thrum__memory_part(void);

/* No memory points in this process from now on. All memory is as the program made it. */
void thrum__memory_leave(void);

/* For the handlers of SIGSEGV, SIGTRAP and SIGSYS. True if the signal belongs to memory points. */
bool thrum__memory_signal(int number, const siginfo_t *info, void *context);

/* True if the interrupted code is not this library's, and executes no instruction alone. */
bool thrum__memory_calm(const void *context);

/* True while a thread executes one instruction with its memory open. */
bool thrum__memory_steps(void);

/* True for code of the program itself, and for code that allocates for it. */
bool thrum__memory_is_text(const void *place);

/* Installs a handler that may return while system calls are watched. `mask`: what it blocks, as bits. Returns 0 or a negative
 * errno. */
long thrum__memory_handler(int number, void (*handler)(int, siginfo_t *, void *), int flags,
                           uint64_t mask);

#endif
