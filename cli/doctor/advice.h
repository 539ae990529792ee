/* How many workers the pools of a program should have: advice.c. */
#ifndef CLI_DOCTOR_ADVICE_H
#define CLI_DOCTOR_ADVICE_H

#include "doctor/recording.h"

#include <stdio.h>

enum { ADVICE_THREADS = 256, ADVICE_LOCKS = 64 };

struct advice_thread {
    uint32_t thread;                 /* its record, 0: free */
    uint64_t first_cpu, cpu;         /* ns, at the first and the last sample */
    uint64_t first_delay, delay;     /* likewise: it was ready, and no processor was free */
    uint64_t samples, idle, blocked; /* of them: waited for work; waited for a lock */
};

struct advice_lock {
    uint64_t address;
    uint32_t kind;
    uint64_t samples; /* in which it was held */
};

struct advice {
    struct advice_thread threads[ADVICE_THREADS];
    struct advice_lock locks[ADVICE_LOCKS];
    uint64_t samples, in_flight; /* in_flight: sum over the samples */
    uint64_t blocked;            /* sum of tasks that waited for a lock */
    uint64_t first_ended, ended; /* tasks */
    double began, last, next_cpu;
};

/* Takes a sample: what each thread does, and which locks are held. */
void advice_sample(struct advice *advice, const struct recording *recording);

/* `rate` is how many tasks a second are wanted, 0 for none. */
void advice_text(const struct advice *advice, struct recording *recording, int rate, FILE *out);
void advice_json(const struct advice *advice, struct recording *recording, int rate, FILE *out);

#endif
