/* How long a command waited for a core. */
#ifndef CLI_MEASURE_RUN_DELAY_H
#define CLI_MEASURE_RUN_DELAY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A thread, and what the system has counted of it: nanoseconds on a core, nanoseconds ready without one, and how often it
 * came onto one. */
struct scheduled {
    pid_t tid;
    uint64_t ran, delayed, turns;
};

/* All-zero is empty. */
struct run_delay {
    struct scheduled *items;
    size_t count, room;
};

/* Looks at all threads of a process and of its descendants. Does nothing where the system does not tell. */
void run_delay_look(struct run_delay *delay, pid_t pid);

/* Seconds ready without a core for each second on a core, of the threads that compute; 0 if none was seen. */
double run_delay_ratio(const struct run_delay *delay);

void run_delay_finish(struct run_delay *delay);

/* The seconds of a run of `seconds` that are due to other programs, from 0 on. The run had `workers` workers, which took
 * `cpu` seconds of a processor, on a machine of `cores`; `ratio` is its run_delay_ratio. */
double run_delay_lost(double seconds, double cpu, double ratio, int workers, int cores);

#endif
