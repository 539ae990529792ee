/* A program of named cases: `PROGRAM NAME` runs one, `PROGRAM NAME COUNT` runs it so often and counts the failures, `PROGRAM`
 * lists all. The file defines `cases`. */
#ifndef TESTS_SCHEDULE_CASES_H
#define TESTS_SCHEDULE_CASES_H

#include "native.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STARTED = 128 };

static pthread_t started[MOST_STARTED];
static int started_count;

/* Starts a thread. join_all joins all that were started. */
static inline void go(void *(*run)(void *), void *argument)
{
    if (pthread_create(&started[started_count++], NULL, run, argument) != 0)
        exit(3);
}

static inline void join_all(void)
{
    while (started_count > 0)
        pthread_join(started[--started_count], NULL);
}

struct case_row {
    const char *name;
    void (*run)(void);
};

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static int run_cases(const struct case_row *cases, size_t count, int argc, char **argv)
{
    for (size_t i = 0; i < count; i++)
        if (argc < 2)
            puts(cases[i].name);
        else if (strcmp(argv[1], cases[i].name) == 0) {
            if (argc > 2)
                return native_runs(cases[i].run, strtol(argv[2], NULL, 10));
            cases[i].run();
            return 0;
        }
    return argc < 2 ? 0 : 2;
}

#endif
