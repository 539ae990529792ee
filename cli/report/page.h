/* A page for a browser, made of a file of results. */
#ifndef CLI_REPORT_PAGE_H
#define CLI_REPORT_PAGE_H

#include "measure/report_file.h"
#include "series.h"

#include <stdbool.h>

/* Writes the page: one file that needs nothing else. One that is `live` asks its server for new results. `results->json`
 * may be NULL: there are none yet. Returns 0 or a negative errno. */
int page_write(FILE *out, const struct results *results, bool live);

#endif
