/* The changes between two looks at a process. */
#ifndef CLI_DOCTOR_WATCH_H
#define CLI_DOCTOR_WATCH_H

#include "doctor/look.h"

#include <stdio.h>

/* Prints a line with the time of day and the verdict, and one for each thread that began, ended or
 * does something else than before. A thread that has run, but does the same as before, is only
 * counted. */
void watch_print_changes(const struct look *before, const struct look *after, FILE *out);

#endif
