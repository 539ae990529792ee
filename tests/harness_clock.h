/* A test's own time: what its deadline is measured in. The essay is in harness_clock.c. */
#ifndef TESTS_HARNESS_CLOCK_H
#define TESTS_HARNESS_CLOCK_H

#include <stdio.h>
#include <sys/types.h>

/* All times are in seconds. */
struct test_clock {
    double interval;  /* between two samples, at least */
    double began;     /* of the monotonic clock */
    double last;      /* the same: the last sample */
    double cost;      /* of the last sample */
    double asleep;    /* wall time in which no thread of the test could run */
    double held;      /* wall time in which none could, but the kernel held one */
    double runnable;  /* wall time in which one could, or several */
    double demand;    /* processor time that it would have got in `runnable` on an idle machine */
    double used;      /* processor time that it has got */
    double used_base; /* by children of the runner that had ended before the start */
    int threads;      /* of the last sample */
};

/* Begins to measure all descendants of the calling process. `deadline` sets how often it samples. */
void test_clock_start(struct test_clock *clock, double deadline);

/* Takes a sample if it is time for one. Returns the test's own time so far. */
double test_clock_read(struct test_clock *clock);

/* How many seconds a caller may wait until it reads again. */
double test_clock_pause(const struct test_clock *clock);

/* What the time was spent on, for a report: "21 s by the wall, ...". */
void test_clock_describe(const struct test_clock *clock, char *text, size_t size);

/* Calls `visit` for each living descendant of the calling process. */
void test_descendants(void (*visit)(pid_t process, void *context), void *context);

/* The monotonic clock. */
double test_now(void);

#endif
