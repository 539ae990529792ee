/* The results of `thrum bench`: for a person, as JSON, as CSV. */
#ifndef CLI_BENCH_REPORT_H
#define CLI_BENCH_REPORT_H

#include "contender.h"
#include "measure/machine.h"

#include <stdio.h>

/* Prints the table and the verdicts. */
void bench_report_text(FILE *out, const struct contenders *all);

/* Everything, each run included; NULL if memory is out. */
json_t *bench_report_json(const struct contenders *all, const struct machine *machine);

/* A line of names, then a line for each run. Returns 0 or -EIO. */
int bench_report_csv(FILE *out, const struct contenders *all);

#endif
