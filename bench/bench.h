/* Measuring one thing beside its peers, in the same run.
 *
 * A benchmark is a list of rows; a row has contenders that do the same work. The runner goes round
 * them, ROUNDS times, one after another and never all of one first, so that a machine that slows
 * down slows down all; and reports the median of each, the ratio of ours to it, and the ratio that
 * we want to reach. A single figure moves by a factor of two with the machine; a ratio within one
 * run says something.
 *
 *     static double lock_pair(void) { ... return nanoseconds for one; }
 *     static double mutex_pair(void) { ... }
 *     static const struct bench_row rows[] = {
 *         {"lock + unlock, uncontended", "ns", BENCH_LESS, 1.0,
 *          {{"thrum", lock_pair}, {"pthread", mutex_pair}}},
 *     };
 *     BENCH_SET(lock, rows)
 *
 * A contender is a function here, or a question to a program of its own (external.h), or, where a
 * library was missing at build time, only the reason why there is no figure. Such a reason, also
 * a reason that turns up while measuring, stands in the table in the figure's place.
 *
 *     bench_lock [--rounds N] [--json FILE] [--peers DIR] [--deadline S] [ROW...]
 *
 * A part of a row's name selects it. DIR has the programs of peers, S is how many seconds one may
 * take for an answer.
 *
 * Exit: 0 also when a goal is missed (a figure is not a test), 1 if a contender failed, 2 for wrong
 * options.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "external.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BENCH_CONTENDERS = 12, BENCH_ROUNDS = 7 };

enum bench_better { BENCH_LESS, BENCH_MORE };

/* Runs the work once and gives its figure, in the row's unit; negative if it failed. */
typedef double bench_run(void);

struct bench_contender {
    const char *name;
    bench_run *run;      /* or, if NULL, */
    const char *program; /* the peer that is asked, */
    const char *question;
    const char *missing; /* or why there is neither */
};

struct bench_row {
    const char *name;
    const char *unit;
    enum bench_better better;
    double goal;          /* the ratio to reach; 0 without one */
    const char *absolute; /* what is wished for in absolute terms, for orientation, or NULL */
    struct bench_contender contenders[BENCH_CONTENDERS]; /* ours first */
    bool goal_for_each; /* the goal is for the ratio to each peer, not only to the first */
    double
        memory; /* bytes that it needs, if these are many: where they are not free, it is skipped */
};

/* The rows of a benchmark. Its program and the command `thrum` both have them. */
struct bench_set {
    const char *name;
    const struct bench_row *rows;
    size_t count;
};

/* Gives the rows of a file to programs, as bench_set_NAME. */
#define BENCH_SET(name, rows)                                                                      \
    extern const struct bench_set bench_set_##name;                                                \
    const struct bench_set bench_set_##name = {#name, rows, sizeof(rows) / sizeof(rows)[0]};

/* What is wanted of a run. */
struct bench_settings {
    int rounds;
    double deadline;   /* seconds for an answer of a peer */
    const char *json;  /* a file, or NULL */
    const char *peers; /* the folder of their programs; NULL: beside this program */
    char **names;      /* parts of the names of rows */
    int name_count;    /* 0 for all rows */
};

enum { BENCH_ROUNDS_MOST = 101, BENCH_DEADLINE = 120 };

/* Measures and prints the rows that are wanted. Returns an exit status. */
int bench_measure(const char *program, const struct bench_set *const *sets, size_t count,
                  const struct bench_settings *settings);

/* What was measured of a row: for each contender that was not skipped. */
struct bench_figures {
    double median[BENCH_CONTENDERS];
    double least[BENCH_CONTENDERS];
    double most[BENCH_CONTENDERS];
    char skipped[BENCH_CONTENDERS][EXTERNAL_WHY]; /* why it was; else empty */
};

/* A macro's number, as a part of a question. */
#define BENCH_TEXT(number)  BENCH_TEXT_(number)
#define BENCH_TEXT_(number) #number

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
