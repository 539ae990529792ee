/* A writer of whole lines: lines of several processes on one pipe or file are not mixed. */
#ifndef CLI_COMMON_LINE_WRITER_H
#define CLI_COMMON_LINE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct line_writer;

/* Makes a writer for the descriptor, which stays the caller's. NULL if memory ran out. */
struct line_writer *line_writer_new(int file);

/* The stream in memory on which the caller builds a line. */
FILE *line_writer_stream(struct line_writer *writer);

/* Ends the line on the stream. A terminal gets it at once; anything else gets several lines at a
 * time, up to PIPE_BUF bytes. Returns false if this or an earlier write has failed. Blocks. */
bool line_writer_end(struct line_writer *writer);

/* Writes the lines that wait, and then bytes that are no lines. Returns as line_writer_end.
 * Blocks. */
bool line_writer_bytes(struct line_writer *writer, const void *bytes, size_t size);

/* Writes the lines that wait. Returns as line_writer_end. Blocks. */
bool line_writer_flush(struct line_writer *writer);

/* True if a write has failed. */
bool line_writer_failed(const struct line_writer *writer);

/* Writes the lines that wait and frees the writer. NULL is accepted. Returns the exit status:
 * `status` if all was written; that of SIGPIPE, without a message, if the reader has gone; else
 * STATUS_FAILED, with a message. */
int line_writer_close(struct line_writer *writer, int status);

/* Writes all bytes to a descriptor, even a non-blocking one. Returns 0 or a negative errno.
 * Blocks. */
int write_whole(int file, const void *bytes, size_t size);

#endif
