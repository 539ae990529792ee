/* What grows steadily while a program runs: growth.c. */
#ifndef CLI_DOCTOR_GROWTH_H
#define CLI_DOCTOR_GROWTH_H

#include "doctor/recording.h"

#include <stdbool.h>

enum growth_kind { GROWTH_THREADS, GROWTH_LOCKS, GROWTH_TASKS, GROWTH_KINDS };

enum { GROWTH_SAMPLES = 64 };

struct growth {
    uint32_t samples[GROWTH_KINDS][GROWTH_SAMPLES];
    int count;
    double first, last, next, pause; /* seconds */
};

/* Takes a sample if it is time for one. */
void growth_sample(struct growth *growth, const struct recording *recording);

/* Whether it grows; then *ret_from and *ret_to are its first and its last number. */
bool growth_found(const struct growth *growth, enum growth_kind kind, uint32_t *ret_from,
                  uint32_t *ret_to);

/* "threads that live", and the like. */
const char *growth_name(enum growth_kind kind);

#endif
