/* The bare switch from one stack to another, which is inside the library and which no program can call: nanoseconds. */
#include "base/switch.h"
#include "bench.h"
#include "swap_context.h"

static thrum__switch bare[2];

static void switch_back(void *unused)
{
    (void)unused;
    for (;;)
        thrum__switch_to(&bare[1], &bare[0]);
}

static double switch_bare(void)
{
    enum { SWITCHES = 5000000 };
    static char stack[65536];
    thrum__switch_new(&bare[1], stack, sizeof stack, switch_back, NULL);
    int64_t start = bench_now();
    for (int i = 0; i < SWITCHES; i++)
        thrum__switch_to(&bare[0], &bare[1]);
    return (double)(bench_now() - start) / SWITCHES / 2;
}

static const struct bench_row rows[] = {
    {"context switch",
     "ns",
     BENCH_LESS,
     0.05,
     "5",
     {{"thrum", switch_bare}, {"swapcontext", swap_contexts}}},
};

BENCH_SET(switch, rows)
