/* Reading that the first Ctrl-C or SIGTERM ends, whatever it waits for. */
#ifndef CLI_COMMON_INPUT_H
#define CLI_COMMON_INPUT_H

#include <stddef.h>
#include <stdio.h>

/* Opens a file for reading; `folder` and `path` as for openat. Does not wait for the writer of a FIFO:
 * input_read does that. Returns the descriptor or a negative errno. */
int input_open(int folder, const char *path);

/* Reads as read(2) does. Waits for data, and for the first writer of a FIFO. Returns the number of
 * bytes; 0 at the end; -ECANCELED once a signal has asked for the end or `stop`, a descriptor or -1, has
 * become readable; another negative errno. Blocks the thread. */
ptrdiff_t input_read(int file, int stop, void *buffer, size_t size);

/* A stream that reads `file` by input_read, and closes it with itself. After an interrupt it has the error
 * ECANCELED. NULL, with errno, if memory is out; the file is then still open. */
FILE *input_stream(int file);

#endif
