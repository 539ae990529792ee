/* Processes of our own: the program started once more, or forked, and what such a child does first.
 *
 * A start by exec is safe in a program with threads: nothing of the parent's memory is used after
 * it. A start by fork leaves the child with a copy of everything but the other threads; what these
 * held at that moment is held for ever. */
#ifndef THRUM_BASE_SPAWN_H
#define THRUM_BASE_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts the program that runs here anew, whatever became of its file: its only argument is `name`,
 * its environment ours and `variable` ("NAME=value"). It has standard input, output and error, and
 * the `count` descriptors, under their numbers; signals are not blocked. Returns 0 or a negative
 * errno. */
int thrum__spawn_self(const char *name, char *variable, const int *descriptors, size_t count,
                      int32_t *ret_pid);

/* Forks: gives 0 to the child, its number to the parent, or a negative errno. */
int32_t thrum__spawn_fork(void);

/* The number of this process. */
int32_t thrum__process_number(void);

/* Has this process killed when its parent's thread that started it ends. False if `parent` is not
 * the parent any more. */
bool thrum__process_follow(int32_t parent);

/* Whether `parent` is still the parent. */
bool thrum__process_has_parent(int32_t parent);

/* The name in the system's lists. */
void thrum__process_set_name(const char *name);

/* Closes all descriptors above standard error but these `count`; the array is sorted. */
void thrum__process_close_others(int *descriptors, size_t count);

/* Bounds the process, 0 for not at all. Returns 0 or a negative errno. */
int thrum__process_limit(uint64_t memory_bytes, uint64_t cpu_seconds);

/* Takes a variable out of the environment and copies as much of it as fits. False if it is not
 * there, or the program is not to obey its environment (base/process.h). */
bool thrum__process_take_variable(const char *name, char *text, size_t size);

/* Drops what a child of fork has of its parent's unwritten output. */
void thrum__process_forget_output(void);

/* Ends the process: with what `exit` does, or, `bare`, only after output was written. */
void thrum__process_end(int status, bool bare) __attribute__((noreturn));

#endif
