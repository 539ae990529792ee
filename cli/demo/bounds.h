/* The time that no executor can beat. */
#ifndef CLI_DEMO_BOUNDS_H
#define CLI_DEMO_BOUNDS_H

/* What a row amounts to. */
struct load {
    int waits;           /* tasks that wait */
    double wait_seconds; /* how long each of them waits */
    double cpu_seconds;  /* how long all computing tasks together compute */
};

/* The least number of seconds in which `workers` workers can do the load on `cores` cores. Both
 * are at least 1. */
double bound_seconds(const struct load *load, int workers, int cores);

#endif
