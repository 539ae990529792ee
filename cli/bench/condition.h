/* The condition of --fail-if. */
#ifndef CLI_BENCH_CONDITION_H
#define CLI_BENCH_CONDITION_H

#include "measure/statistics.h"

#include <stdbool.h>
#include <stddef.h>

enum condition_field { FIELD_RATIO, FIELD_CPU_RATIO, FIELD_TIME, FIELD_CPU, FIELD_MEMORY };

struct condition {
    const char *text; /* as the user wrote it */
    enum condition_field field;
    bool above; /* it holds above the bound; otherwise below */
    double bound;
};

/* Reads "ratio > 1.05", "time < 200ms", "cpu > 1s" or "memory > 100M". False, with the reason, if it makes no
 * sense. */
bool condition_parse(const char *text, struct condition *ret_condition, char *message, size_t size);

/* True if the condition holds for the whole interval, and so is shown. */
bool condition_is_shown(const struct condition *condition, const struct interval *interval);

#endif
