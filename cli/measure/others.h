/* How much of the cores other programs took meanwhile. */
#ifndef CLI_MEASURE_OTHERS_H
#define CLI_MEASURE_OTHERS_H

/* Processor time used up to a moment, in seconds. */
struct cpu_use {
    double all;  /* by everything on this machine, and what its host kept back */
    double idle; /* by nothing */
    double own;  /* by this process */
};

/* Reads it from the system; all zero where the system does not tell. */
struct cpu_use cpu_use_now(void);

/* Reads the first line of /proc/stat, given as text, into `all` and `idle`. `ticks` is how many
 * make a second. Leaves zeros if it makes no sense. */
struct cpu_use cpu_use_parse(const char *text, double ticks);

/* The share of all cores' time, from 0 to 1, that others took between two moments. */
double others_share(const struct cpu_use *before, const struct cpu_use *after);

#endif
