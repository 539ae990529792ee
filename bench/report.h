/* What a benchmark says of its rows: as a table for people, as JSON for programs. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench.h"

#include <stdio.h>

/* How many contenders the row has. */
size_t report_contenders(const struct bench_row *row);

/* A row of the table. */
void report_print(const struct bench_row *row, const struct bench_figures *figures);

/* Below the table: what the programs that were asked were built of. */
void report_versions(void);

/* A row as an element of a JSON array. */
void report_write(FILE *json, const struct bench_row *row, const struct bench_figures *figures,
                  bool first);

#endif
