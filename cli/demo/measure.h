/* One measurement: all tasks of a row on one executor. */
#ifndef CLI_DEMO_MEASURE_H
#define CLI_DEMO_MEASURE_H

#include "results.h"

/* Runs the row's tasks once on the column's executor and adds a sample to the cell, or marks it
 * failed or interrupted. Shows its progress. */
void measure_cell(struct cell *cell, const struct row *row, const struct column *column,
                  const struct setting *setting);

#endif
