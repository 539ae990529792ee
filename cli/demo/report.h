/* The forms of the results: a table for a person, a picture, JSON and CSV for programs. */
#ifndef CLI_DEMO_REPORT_H
#define CLI_DEMO_REPORT_H

#include "results.h"

#include <stdio.h>

/* The table is printed row by row, as they come. */
void report_table_begin(FILE *out, const struct setting *setting);
void report_table_row(FILE *out, const struct row_result *result, const struct setting *setting);

/* What needs saying below: the story in words, failures, what the figures mean. `signal` is the one
 * that stopped the run, or 0. */
void report_table_end(FILE *out, const struct row_result *results, size_t count,
                      const struct setting *setting, int signal);

/* All that is known; NULL if memory is out. */
json_t *report_json(const struct row_result *results, size_t count, const struct setting *setting,
                    int signal);

/* These write everything at the end. They return 0 or a negative errno. */
int report_svg(FILE *out, const struct row_result *results, size_t count,
               const struct setting *setting);
int report_csv(FILE *out, const struct row_result *results, size_t count,
               const struct setting *setting);

#endif
