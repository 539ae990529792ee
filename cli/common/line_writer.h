/* Lines on a descriptor, each whole: processes that write to one pipe or file do not tear them. */
#ifndef CLI_COMMON_LINE_WRITER_H
#define CLI_COMMON_LINE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct line_writer;

/* Lines for the descriptor, which stays the caller's. NULL if memory is out. */
struct line_writer *line_writer_new(int file);

/* The stream that a line is built on, in memory. */
FILE *line_writer_stream(struct line_writer *writer);

/* What was put on the stream is a line. A terminal gets it at once, anything else with other lines, up to
 * PIPE_BUF bytes at a time. Returns false if this or an earlier write has failed. Blocks. */
bool line_writer_end(struct line_writer *writer);

/* Writes bytes that are no lines, after the lines before them. Returns as line_writer_end. Blocks. */
bool line_writer_bytes(struct line_writer *writer, const void *bytes, size_t size);

/* Writes the lines that wait. Returns as line_writer_end. Blocks. */
bool line_writer_flush(struct line_writer *writer);

/* True if a write has failed: there is no point in going on. */
bool line_writer_failed(const struct line_writer *writer);

/* Writes the lines that wait and frees the object. NULL is accepted. Returns the exit status: `status` if all
 * was written; that of SIGPIPE, without a word, if the reader has gone; else STATUS_FAILED, with a message. */
int line_writer_close(struct line_writer *writer, int status);

/* Writes all bytes to a descriptor, also to one that does not block. Returns 0 or a negative errno. Blocks. */
int write_whole(int file, const void *bytes, size_t size);

#endif
