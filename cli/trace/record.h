/* Writing the events of programs that run into a file. */
#ifndef CLI_TRACE_RECORD_H
#define CLI_TRACE_RECORD_H

#include "doctor/ring_reader.h"

#include <stdbool.h>
#include <stdio.h>

struct trace_writer;
struct trace_program;

/* Creates the file. `all`: events are taken while the program runs. Returns NULL after a message. */
struct trace_writer *trace_writer_open(const char *path, bool all);

/* Completes the file. Returns false after a message if not all could be written. */
bool trace_writer_close(struct trace_writer *writer);

/* How many events were written, and how many were lost. */
uint64_t trace_writer_count(const struct trace_writer *writer, uint64_t *ret_lost);

/* Whether threads had no room for events. Of a process it is known when it has ended. */
bool trace_writer_unseen(const struct trace_writer *writer);

/* A process has appeared. Returns NULL if the recording has no rings, or if memory ran out, which trace_writer_close tells;
 * the other functions accept that. */
struct trace_program *trace_program_open(struct trace_writer *writer,
                                         const struct recording *recording);

/* Takes what is new. */
void trace_program_drain(struct trace_program *program);

/* The process has ended: takes the rest, adds the names, and frees. `lines`: with source lines. */
void trace_program_close(struct trace_program *program, struct recording *recording, bool lines);

#endif
