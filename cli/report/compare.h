/* Two files of results beside each other. */
#ifndef CLI_REPORT_COMPARE_H
#define CLI_REPORT_COMPARE_H

#include "options.h"
#include "series.h"

#include <stdio.h>

/* Prints a line for each series that both have. Sets `ret_shown` if the condition of the options is shown. Returns the
 * number of lines, or a negative errno. */
int compare_results(FILE *out, const struct results *old, const struct results *new,
                    const struct report_options *options, bool *ret_shown);

#endif
