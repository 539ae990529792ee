/* Measuring one thing beside its peers, in the same run.
 *
 * A benchmark is a list of rows; a row has contenders that do the same work. The runner goes round
 * them, ROUNDS times, one after another and never all of one first, so that a machine that slows
 * down slows down all; and reports the median of each, its ratio to the first peer, and the figure
 * that we want to reach. A single figure moves by a factor of two with the machine; a ratio within
 * one run says something.
 *
 *     static double lock_pair(void) { ... return nanoseconds for one; }
 *     static double mutex_pair(void) { ... }
 *     static const struct bench_row rows[] = {
 *         {"lock + unlock, uncontended", "ns", BENCH_LESS, 1.0,
 *          {{"thrum", lock_pair}, {"pthread", mutex_pair}}},
 *     };
 *     int main(int argc, char **argv) { return bench_main(argc, argv, rows, ...); }
 *
 *     bench_lock [--rounds N] [--json FILE] [ROW...]     a part of a row's name selects it
 *
 * Exit: 0 also when a goal is missed (a figure is not a test), 1 if a contender failed, 2 for wrong
 * options.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

enum { BENCH_CONTENDERS = 6, BENCH_ROUNDS = 7 };

enum bench_better { BENCH_LESS, BENCH_MORE };

/* Runs the work once and gives its figure, in the row's unit; negative if it failed. */
typedef double bench_run(void);

struct bench_contender {
    const char *name;
    bench_run *run;
};

struct bench_row {
    const char *name;
    const char *unit;
    enum bench_better better;
    double goal;          /* the ratio to the first peer to reach; 0 without one */
    const char *absolute; /* what is wished for in absolute terms, for orientation, or NULL */
    struct bench_contender contenders[BENCH_CONTENDERS]; /* ours first */
};

int bench_main(int argc, char **argv, const struct bench_row *rows, size_t count);

/* Nanoseconds on the monotonic clock. */
int64_t bench_now(void);

/* Keeps the compiler from moving or dropping work around it. */
static inline void bench_keep(const void *value)
{
    __asm__ __volatile__("" : : "r"(value) : "memory");
}

/* Ends the program with a message when a peer's call failed. */
void bench_require(int condition, const char *what);

#endif
