/* The page over HTTP, for a browser on this machine, while the file of results grows. */
#ifndef CLI_REPORT_SERVE_H
#define CLI_REPORT_SERVE_H

#include "options.h"

/* Serves the page of options->results until a signal comes. Returns an exit status. Blocks. */
int serve_run(const struct report_options *options);

#endif
