/* The benchmarks whose rows any program over the library can measure. */
#ifndef BENCH_SETS_H
#define BENCH_SETS_H

#include "bench.h"

/* In the order in which they are measured, ended by NULL. */
extern const struct bench_set *const bench_sets[];

#endif
