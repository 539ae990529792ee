/* Reading that the first Ctrl-C or SIGTERM ends. */
#ifndef CLI_COMMON_INPUT_H
#define CLI_COMMON_INPUT_H

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>

/* Opens a file for reading; `folder` and `path` as for openat. Does not wait for the writer of a
 * FIFO: input_read does that. Returns the descriptor or a negative errno. */
int input_open(int folder, const char *path);

/* For openat: opens without waiting. */
#define INPUT_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/* Lets reads of a file that was opened by INPUT_FLAGS wait; a regular file needs no such call.
 * Returns 0 or a negative errno. */
int input_block(int file);

/* Reads as read(2) does. Waits for data, and for the first writer of a FIFO. Returns the number of
 * bytes; 0 at the end; -ECANCELED once a signal has asked for the end or `stop`, a descriptor or
 * -1, has become readable; another negative errno. Blocks the thread. */
ptrdiff_t input_read(int file, int stop, void *buffer, size_t size);

/* A stream that reads `file` by input_read. fclose closes the file, too. After an interrupt reading
 * fails with ECANCELED. NULL, with errno, if memory ran out; the file is then still open. */
FILE *input_stream(int file);

#endif
