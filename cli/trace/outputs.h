/* What is made of a trace. Each function returns 0 or a negative errno. */
#ifndef CLI_TRACE_OUTPUTS_H
#define CLI_TRACE_OUTPUTS_H

#include "model.h"

#include <stdio.h>

int trace_chrome(const struct trace *trace, FILE *out);   /* chrome.c */
int trace_perfetto(const struct trace *trace, FILE *out); /* perfetto.c */
int trace_page(const struct trace *trace, FILE *out);     /* page.c */

/* diff.c. *ret_longer: the waits for a lock are shown to be longer in `b`. */
int trace_diff(const struct trace *a, const struct trace *b, bool json, FILE *out,
               bool *ret_longer);

/* The name of a lane of a thread, such as "locks". */
const char *trace_lane_name(unsigned lane);

#endif
