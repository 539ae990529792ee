/* The watch over the output of running jobs: tells when one has written something. */
#ifndef CLI_RUN_OUTPUT_WATCH_H
#define CLI_RUN_OUTPUT_WATCH_H

#include <stdbool.h>

/* Begins to watch. Does nothing if it watches already. */
void output_watch_begin(void);

/* Watches a file of a job until it is closed, if the watch has begun. From any thread. */
void output_watch_add(int file);

/* A descriptor that is readable when a watched file was written to; -1 if the system cannot watch
 * all files. */
int output_watch_descriptor(void);

/* Forgets what was written up to now. */
void output_watch_clear(void);

void output_watch_end(void);

#endif
