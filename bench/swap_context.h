/* What the C library has for a switch between two stacks: the yardstick for ours. */
#ifndef BENCH_SWAP_CONTEXT_H
#define BENCH_SWAP_CONTEXT_H

#include "bench.h"

#include <ucontext.h>

enum { CONTEXT_SWITCHES = 200000 };

static ucontext_t here, there;

static void swap_back(void)
{
    for (;;)
        swapcontext(&there, &here);
}

static double swap_contexts(void)
{
    static char stack[65536];
    bench_require(getcontext(&there) == 0, "getcontext");
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = sizeof stack;
    makecontext(&there, swap_back, 0);
    int64_t start = bench_now();
    for (int i = 0; i < CONTEXT_SWITCHES; i++)
        swapcontext(&here, &there);
    return (double)(bench_now() - start) / CONTEXT_SWITCHES / 2;
}

#endif
