/* The file that `thrum trace` writes.
 *
 * A header, then chunks: each has a kind, the process that it belongs to, and a size. A reader skips
 * kinds that it does not know. All numbers are little endian; a chunk begins at a multiple of 8. Events are as in the rings
 * (doctor/preload/ring.h), in the order of each ring. With --all they are appended while the program
 * runs; names follow when a process has ended. So a file whose writer was killed has all events up to
 * then, without names. A text is an offset into the text chunk of the same process, in front of which none
 * of the other chunks with texts stands; 0 is no text.
 *
 * The file may come from anywhere. load.c believes nothing in it.
 */
#ifndef CLI_TRACE_TRACE_FILE_H
#define CLI_TRACE_TRACE_FILE_H

#include <stdint.h>

#define TRACE_MAGIC "THRUMTRC"

enum { TRACE_VERSION = 1, TRACE_PROCESSES_MOST = 4096 };

struct trace_header {
    char magic[8];
    uint32_t version, flags;
    uint64_t unused[2];
};

enum { TRACE_ALL = 1 }; /* flags: all events, not only the last of each thread */

enum trace_chunk_kind {
    TRACE_PROCESS = 1,
    TRACE_EVENTS,
    TRACE_CLOCK, /* of all processes: pairs */
    TRACE_TEXT,
    TRACE_THREADS,
    TRACE_PLACES,
    TRACE_OBJECTS,
    TRACE_END, /* the process has ended, and all of it is in the file; no payload */
};

struct trace_chunk {
    uint32_t kind, process;
    uint64_t size; /* of the payload, without the bytes up to a multiple of 8 */
};

struct trace_process {
    uint32_t pid, parent, clock, ring_bits; /* clock: enum ring_clock */
    uint64_t began;                         /* on the monotonic clock, ns */
    char program[256];
};

struct trace_events {
    uint32_t slot, owner; /* the thread that had the slot when the events were read */
    uint64_t lost;        /* events in front of these */
    /* struct ring_event; the rest of the chunk */
};

struct trace_clock {
    uint64_t counter, monotonic;
};

struct trace_thread_row {
    uint32_t index, tid, parent, flags;
    char name[16];
    uint32_t start, unused; /* text: the function that it runs */
};

struct trace_place_row {
    uint32_t index, kind, mode; /* enum lock_kind, MODE_ of doctor/preload/region.h */
    uint32_t place, stack;      /* texts; stack: a line for each frame, the innermost first */
    uint32_t unused;
};

struct trace_object_row {
    uint64_t object;
    uint32_t kind, name; /* name: text, the same in each run if it can be */
};

#endif
