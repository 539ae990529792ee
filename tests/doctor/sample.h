/* What the sample programs have in common: threads with names, and a meeting before they block.
 *
 * A sample is called with the name of a case. It says "ready" on stdout once each of its threads is
 * about to do what it is there for, and then stays as it is until it is killed, at most an hour.
 */
#ifndef TESTS_DOCTOR_SAMPLE_H
#define TESTS_DOCTOR_SAMPLE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sample {
    const char *name;
    void (*run)(void);
};

static pthread_barrier_t meeting;

/* Starts a thread with that name. */
static inline pthread_t start(const char *name, void *(*run)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) != 0)
        abort();
    pthread_setname_np(thread, name);
    return thread;
}

/* Each of the threads that were announced calls it; then all go on. */
static inline void meet(void)
{
    pthread_barrier_wait(&meeting);
}

static inline void announce(unsigned threads)
{
    pthread_barrier_init(&meeting, NULL, threads);
}

static inline void ready(void)
{
    puts("ready");
    fflush(stdout);
}

/* For threads that are to be seen asleep, not blocked. */
static inline void sleep_on(void)
{
    for (;;)
        sleep(100);
}

static inline int sample_main(int argc, char **argv, const struct sample *samples)
{
    alarm(3600);
    pthread_setname_np(pthread_self(), "main");
    for (; argc == 2 && samples->name; samples++)
        if (strcmp(samples->name, argv[1]) == 0) {
            samples->run();
            return 0;
        }
    return 2;
}

#endif
