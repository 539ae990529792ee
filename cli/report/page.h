/* A page for a browser, made of a file of results. */
#ifndef CLI_REPORT_PAGE_H
#define CLI_REPORT_PAGE_H

#include "measure/report_file.h"
#include "series.h"

/* Writes the page: one file that needs nothing else. Returns 0 or a negative errno. */
int page_write(FILE *out, const struct results *results);

#endif
