/* Standard output and its reader. */
#ifndef CLI_COMMON_OUTPUT_H
#define CLI_COMMON_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* True if standard output is a pipe or a socket whose reader has gone, as with `| head`. */
bool output_reader_gone(void);

/* A new descriptor that is readable once the reader of standard output has gone; -1 if standard
 * output is a file, or there is no room. */
int output_reader_descriptor(void);

/* Writes all of the text. Returns 0 or a negative errno. */
int output_write(int file, const char *text, size_t length);

/* Flushes stdout. If output could not be written, for example to a full disk, prints a message and
 * turns STATUS_OK into STATUS_FAILED. If the reader has gone, prints nothing; the status is then
 * that of a program which SIGPIPE has ended. Returns the exit status. */
int output_finish(int status);

#endif
