/* Threads as the operating system has them: start, join, name, number. */
#ifndef THRUM_BASE_OS_THREAD_H
#define THRUM_BASE_OS_THREAD_H

#include <stddef.h>
#include <stdint.h>

/* A handle, good for one join or one detach. */
typedef struct thrum__os_thread {
    uintptr_t id;
} thrum__os_thread;

/* Starts `run(argument)` on a thread of its own, with signals as in the caller. `stack_size` 0 is
 * the system's default; one below the system's least is raised to it. Returns 0, -EAGAIN or
 * -ENOMEM. */
int thrum__os_thread_start(thrum__os_thread *ret_thread, size_t stack_size, void *(*run)(void *),
                           void *argument);

/* Starts `run(NULL)` on a detached thread with a small stack, for the library itself. It blocks all
 * signals, so it takes none from the program, and must not run code of the user. Returns 0 or
 * -EAGAIN. */
int thrum__os_thread_start_helper(void *(*run)(void *));

/* Waits for the thread's end in the kernel; to be called when it is about to end. */
void thrum__os_thread_join(thrum__os_thread thread);

/* Lets the thread end on its own. */
void thrum__os_thread_detach(thrum__os_thread thread);

/* Names the calling thread for the system's tools, which show the first 15 bytes. */
void thrum__os_thread_set_name(const char *name);

/* The kernel's number of the calling thread. */
int32_t thrum__os_thread_number(void);

/* True in the thread in which the program began. */
int thrum__os_thread_is_main(void);

/* Gives the processor away. */
void thrum__os_thread_yield(void);

#endif
