/* The CPU task: the guide's sum of squares. */
#ifndef CLI_DEMO_CPU_SUM_H
#define CLI_DEMO_CPU_SUM_H

#include <stdint.h>

#pragma GCC visibility push(default) /* of thrum-demo-tasks.so: modules.c */

/* 0*0 + 1*1 + ... + (n-1)*(n-1) modulo 2^64, by n multiplications. */
uint64_t sum_of_squares(uint64_t n);

/* The same by formula, to check the result with. */
uint64_t sum_of_squares_formula(uint64_t n);

/* Nanoseconds per multiplication, as calibrated; 0 before. */
double cpu_nanoseconds_per_step(void);

#pragma GCC visibility pop

#endif
